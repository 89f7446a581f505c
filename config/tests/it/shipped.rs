//! The files that this directory ships can be read, and say each thing once.

use std::path::Path;

use config::Properties;

#[track_caller]
fn load(name: &str) -> Properties {
    let properties = Properties::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    assert_eq!(properties.duplicates(), [], "{name}");
    properties
}

#[test]
fn every_shipped_file_is_read() {
    let mut names: Vec<_> = std::fs::read_dir(env!("CARGO_MANIFEST_DIR"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".properties"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "connect-distributed.properties",
            "connect-file-sink.properties",
            "connect-file-source.properties",
            "connect-standalone.properties",
            "schema-registry.properties",
            "server.properties",
        ]
    );
    for name in names {
        assert!(!load(&name).is_empty(), "{name}");
    }
}

#[test]
fn shipped_addresses_and_topics_agree() {
    let worker = load("connect-standalone.properties");
    let broker = load("server.properties");
    let registry = load("schema-registry.properties");
    let bootstrap = worker.get("bootstrap.servers").unwrap();
    assert_eq!(broker.get("listeners"), Some(format!("PLAINTEXT://{bootstrap}").as_str()));
    assert_eq!(
        registry.get("kafkastore.bootstrap.servers"),
        Some(format!("PLAINTEXT://{bootstrap}").as_str())
    );
    assert_eq!(registry.get("listeners"), worker.get("schema.registry.url"));
    let topic = load("connect-file-source.properties");
    assert_eq!(topic.get("topic"), load("connect-file-sink.properties").get("topics"));
}

#[test]
fn shipped_sample_is_there_and_holds_more_than_ascii() {
    let file = load("connect-file-source.properties").get("file").unwrap().to_owned();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sample = std::fs::read_to_string(root.join(file)).unwrap();
    assert!(sample.lines().count() >= 20 && !sample.is_ascii() && sample.ends_with('\n'));
}
