//! `docs/config.md` and `docs/api-versions.md` say what the programs accept, and the shipped files
//! are among it.
//!
//! Both documents are made of the definitions that the programs read their settings by. A test
//! compares them with the files; `cargo xtask docs` writes the files anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use config::{ConfigDef, Key, Properties};
use connect::config::{
    DISTRIBUTED, PASSED_ON, STANDALONE, WORKER, WorkerConfig, check_distributed,
};
use connect::connector_config::{SINK, SOURCE};
use connect::plugin::builtin;
use connect::plugin::registry::{Factory, Plugin};

const HEAD: &str = "<!-- Made by `cargo xtask docs`. Changes made here are lost. -->\n\n";

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies in the workspace").to_owned()
}

/// Compares a document with its file, or writes the file when asked to.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = root().join("docs").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(root().join("docs")).expect("make the folder of the documents");
        std::fs::write(&path, text).expect("write the document");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = text.lines().zip(found.lines()).position(|(ours, theirs)| ours != theirs);
    let line = line.unwrap_or_else(|| text.lines().count().min(found.lines().count())) + 1;
    assert!(
        found == text,
        "docs/{name} is out of date from line {line} on; `cargo xtask docs` writes it anew\n\
         expected: {:?}\n   found: {:?}",
        text.lines().nth(line - 1),
        found.lines().nth(line - 1)
    );
}

#[test]
fn api_versions_are_those_that_the_broker_serves() {
    let mut text = format!(
        "# Kafka APIs\n\n{HEAD}The requests that the broker answers, with the versions of Kafka's \
         protocol that it takes. `ApiVersions`\ntells clients the same. A request that is not in \
         the table closes the connection, as in Kafka.\n\n\
         | API | key | lowest version | highest version |\n|---|---|---|---|\n"
    );
    for (name, key, lowest, highest) in broker::api_versions_table() {
        writeln!(text, "| {name} | {key} | {lowest} | {highest} |").unwrap();
    }
    check("api-versions.md", &text);
}

/// One headed table, or a sentence where there is nothing to set.
struct Section {
    title: String,
    intro: String,
    definition: ConfigDef,
}

fn section(title: &str, intro: &str, definition: &ConfigDef) -> Section {
    Section { title: title.into(), intro: intro.into(), definition: definition.clone() }
}

/// The keys of a definition that another one lacks.
fn beyond(definition: &ConfigDef, base: &ConfigDef) -> ConfigDef {
    let is_own = |key: &&Key| base.key(&key.name).is_none();
    ConfigDef::new(definition.keys().filter(is_own).cloned())
}

fn servers() -> Vec<Section> {
    vec![
        section(
            "Broker",
            "`config/server.properties`. A worker with `embedded=true` takes the same keys, each \
             with `embedded.broker.`\nbefore it.",
            broker::definitions(),
        ),
        section(
            "Topics",
            "Settings of one topic, given when it is created; the broker's key of the same \
             meaning stands in for one\nthat is not given.",
            broker::topic_definitions(),
        ),
        section(
            "Schema registry",
            "`config/schema-registry.properties`. A worker with `embedded=true` takes the same \
             keys, each with\n`embedded.registry.` before it.",
            schema_registry::definitions(),
        ),
    ]
}

fn workers() -> Vec<Section> {
    let prefixes: Vec<String> = PASSED_ON.iter().map(|prefix| format!("`{prefix}`")).collect();
    let (last, others) = prefixes.split_last().expect("there are prefixes");
    vec![
        section(
            "Connect worker",
            &format!(
                "Every worker's keys. Keys with one of the prefixes {} and {last} are handed on \
                 without the prefix.",
                others.join(", ")
            ),
            &WORKER,
        ),
        section(
            "Standalone worker",
            "Further keys of `config/connect-standalone.properties`.",
            &beyond(&STANDALONE, &WORKER),
        ),
        section(
            "Distributed worker",
            "Further keys of `config/connect-distributed.properties`.",
            &beyond(&DISTRIBUTED, &WORKER),
        ),
    ]
}

fn connectors() -> Vec<Section> {
    vec![
        section(
            "Source connectors",
            "Keys of every connector that reads an outside system into topics.",
            &SOURCE,
        ),
        section(
            "Sink connectors",
            "Keys of every connector that writes topics to an outside system.",
            &SINK,
        ),
    ]
}

/// What a plug-in is, and its settings.
fn described(plugin: &Plugin) -> (&'static str, ConfigDef) {
    match plugin.factory {
        Factory::Source(make) => ("Source connector", make().config().clone()),
        Factory::Sink(make) => ("Sink connector", make().config().clone()),
        Factory::Converter(make) => ("Converter", make().config().clone()),
        Factory::HeaderConverter(make) => ("Header converter", make().config().clone()),
        Factory::Transformation(make) => ("Transform", make().config().clone()),
        Factory::Predicate(make) => ("Predicate", make().config().clone()),
    }
}

/// One section per class, also for those that are converters of values and of headers.
fn plugins() -> Vec<Section> {
    let registry = builtin::registry();
    let is_converter =
        |class| registry.iter().any(|plugin| plugin.class == class && !is_for_headers(plugin));
    let is_header_converter =
        |class| registry.iter().any(|plugin| plugin.class == class && is_for_headers(plugin));
    registry
        .iter()
        .filter(|plugin| !is_for_headers(plugin) || !is_converter(plugin.class))
        .map(|plugin| {
            let (kind, definition) = described(plugin);
            let name = plugin.class.rsplit('.').next().unwrap_or(plugin.class);
            let twice = !is_for_headers(plugin) && is_header_converter(plugin.class);
            let also = if twice { ", for headers too" } else { "" };
            Section {
                title: format!("{kind} {name}"),
                intro: format!("`{}`{also}.", plugin.class),
                definition,
            }
        })
        .collect()
}

fn is_for_headers(plugin: &Plugin) -> bool {
    matches!(plugin.factory, Factory::HeaderConverter(_))
}

/// The anchor that a heading gets.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

#[test]
fn settings_are_those_that_the_programs_define() {
    let sections: Vec<Section> =
        [servers(), workers(), connectors(), plugins()].into_iter().flatten().collect();
    let mut text = format!(
        "# Settings\n\n{HEAD}Names, types and defaults are those of Apache Kafka and Confluent \
         where they have the setting. A key without\ndefault must be given. A key that nothing \
         defines is warned of, with its line and the nearest name; a wrong\nvalue is refused.\n\n"
    );
    for section in &sections {
        writeln!(text, "- [{}](#{})", section.title, anchor(&section.title)).unwrap();
    }
    for Section { title, intro, definition } in &sections {
        write!(text, "\n## {title}\n\n{intro}\n\n").unwrap();
        match definition.keys().len() {
            0 => text.push_str("No settings.\n"),
            _ => text.push_str(&definition.to_markdown()),
        }
    }
    check("config.md", &text);
}

/// A file that is shipped.
fn shipped(name: &str) -> Properties {
    let properties = Properties::load(&root().join("config").join(name)).expect(name);
    assert_eq!(properties.duplicates(), [], "{name}");
    properties
}

/// Checks that a file names no unknown key and no wrong value.
#[track_caller]
fn check_file(name: &str, definition: &ConfigDef, handed_on: &[&str]) {
    let properties = shipped(name);
    let unknown: Vec<String> =
        definition.unknown_keys(&properties, handed_on).iter().map(ToString::to_string).collect();
    assert_eq!(unknown, Vec::<String>::new(), "{name}");
    definition.parse(&properties.to_map()).unwrap_or_else(|errors| panic!("{name}: {errors}"));
}

/// Checks the settings that a file hands on to its converters.
#[track_caller]
fn check_converters(name: &str) {
    let properties = shipped(name);
    for side in ["key.converter", "value.converter"] {
        let Some(class) = properties.get(side) else { continue };
        let converter = builtin::registry().converter(class).expect(name);
        let settings: BTreeMap<String, String> = properties.with_prefix(&format!("{side}."));
        for key in settings.keys() {
            assert!(converter.config().key(key).is_some(), "{name}: {side}.{key} is unknown");
        }
        converter.config().parse(&settings).unwrap_or_else(|errors| panic!("{name}: {errors}"));
    }
}

#[test]
fn shipped_files_hold_no_unknown_key_and_no_wrong_value() {
    check_file("server.properties", broker::definitions(), &[]);
    broker::BrokerConfig::from_properties(&shipped("server.properties")).unwrap();

    check_file("schema-registry.properties", schema_registry::definitions(), &[]);
    let registry = shipped("schema-registry.properties");
    let registry = schema_registry::RegistryConfig::from_properties(&registry).unwrap();
    assert_eq!(registry.warnings, Vec::<String>::new());

    check_file("connect-standalone.properties", &STANDALONE, PASSED_ON);
    let (_, warnings) =
        WorkerConfig::standalone(&shipped("connect-standalone.properties")).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    check_converters("connect-standalone.properties");

    check_file("connect-distributed.properties", &DISTRIBUTED, PASSED_ON);
    let warnings = check_distributed(&shipped("connect-distributed.properties")).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    check_converters("connect-distributed.properties");

    for name in ["connect-file-source.properties", "connect-file-sink.properties"] {
        let class = shipped(name).get("connector.class").unwrap().to_owned();
        let plugins = builtin::registry();
        let (kind, own) = described(plugins.connector(&class).unwrap());
        let common = if kind == "Source connector" { &SOURCE } else { &SINK };
        check_file(name, &common.merged(&own), &["key.converter.", "value.converter."]);
        check_converters(name);
    }
}

#[test]
fn no_shipped_file_is_left_unchecked() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("config"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".properties"))
        .collect();
    let checked = [
        "connect-distributed.properties",
        "connect-file-sink.properties",
        "connect-file-source.properties",
        "connect-standalone.properties",
        "schema-registry.properties",
        "server.properties",
    ];
    assert_eq!(files, checked.map(str::to_owned).into());
}
