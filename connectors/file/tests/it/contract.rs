//! What the worker and the REST interface see of the connectors: Kafka's names and shapes.

use connect_api::{
    ExactlyOnceSupport, OffsetMap, PartitionMap, Schema, SinkConnector, SourceConnector, Value,
};
use connector_file::{FileStreamSinkConnector, FileStreamSourceConnector};

use crate::harness::{Source, append, java_offset, settings};

#[tokio::test]
async fn record_has_the_shape_of_java() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    append(&path, "gr\u{fc}n\n\nb\n");
    let mut source = Source::start(&path).await;
    source.expect(&["gr\u{fc}n", "", "b"]).await;
    let record = &source.records[0];
    let filename = Value::from(path.to_str().unwrap());
    assert_eq!(*record.source_partition, PartitionMap::new([("filename", filename)]));
    assert_eq!(record.source_offset, java_offset(6));
    assert_eq!(record.value_schema, Some(Schema::string()));
    assert_eq!((&record.key, &record.key_schema, record.partition), (&Value::Null, &None, None));
    assert_eq!(&*record.topic, "lines");
    assert!(record.timestamp.is_some() && record.headers.is_empty());
    let last = source.offset();
    let first_member = last.iter().next().unwrap();
    assert_eq!(first_member, ("position", &Value::Int64(9)));
}

#[test]
fn settings_are_those_of_java() {
    let source = FileStreamSourceConnector::new();
    let keys: Vec<_> = source
        .config()
        .keys()
        .map(|key| (key.name.as_str(), key.config_type.name(), key.default_text()))
        .collect();
    assert_eq!(
        keys,
        [
            ("file", "STRING", None),
            ("topic", "STRING", None),
            ("batch.size", "INT", Some("2000".to_owned())),
        ]
    );
    assert!(source.config().key("topic").unwrap().is_required());
    let sink = FileStreamSinkConnector::new();
    let keys: Vec<_> = sink.config().keys().map(|key| key.name.as_str()).collect();
    assert_eq!(keys, ["file"]);
}

#[test]
fn exactly_once_needs_a_file() {
    let source = FileStreamSourceConnector::new();
    for (given, expected) in [
        (settings(&[("file", "in")]), ExactlyOnceSupport::Supported),
        (settings(&[("file", " ")]), ExactlyOnceSupport::Unsupported),
        (settings(&[]), ExactlyOnceSupport::Unsupported),
    ] {
        assert_eq!(source.exactly_once_support(&given), expected, "{given:?}");
    }
}

#[tokio::test]
async fn directory_is_no_valid_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let given = settings(&[("file", path), ("topic", "t")]);
    let source = FileStreamSourceConnector::new().validate(&given).await;
    let expected = format!("Invalid value {path} for configuration file: Not a regular file");
    assert_eq!(source, [("file".to_owned(), expected)]);
    let sink = FileStreamSinkConnector::new().validate(&given).await;
    let expected = format!("Invalid value {path} for configuration file: Is a directory");
    assert_eq!(sink, [("file".to_owned(), expected)]);
    let missing = settings(&[("file", "not/there"), ("topic", "t")]);
    assert!(FileStreamSourceConnector::new().validate(&missing).await.is_empty());
}

#[track_caller]
fn check_alter(
    file: Option<&str>,
    partition: PartitionMap,
    offset: Option<OffsetMap>,
    expected: Result<bool, &str>,
) {
    let mut given = settings(&[("topic", "t")]);
    if let Some(file) = file {
        given.insert("file".to_owned(), file.to_owned());
    }
    let outcome = FileStreamSourceConnector::new().alter_offsets(&given, &[(partition, offset)]);
    match expected {
        Ok(known) => assert_eq!(outcome.unwrap(), known),
        Err(part) => {
            let message = outcome.unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn altered_offsets_are_checked_as_in_java() {
    let partition = || PartitionMap::new([("filename", Value::from("another"))]);
    let offset = |value| Some(OffsetMap::new([("position", value)]));
    check_alter(Some("f"), partition(), offset(Value::Int64(0)), Ok(true));
    check_alter(Some("f"), partition(), None, Ok(true));
    check_alter(Some("f"), PartitionMap::default(), None, Ok(true));
    check_alter(None, partition(), offset(Value::Int64(0)), Err("cannot be modified"));
    check_alter(Some("f"), partition(), offset(Value::Int64(-1)), Err("non-negative"));
    check_alter(Some("f"), partition(), offset(Value::from("5")), Err("Long value"));
    check_alter(Some("f"), partition(), offset(Value::Null), Err("Long value"));
    check_alter(Some("f"), partition(), Some(OffsetMap::default()), Err("key 'position'"));
    let unnamed = PartitionMap::new([("other", Value::from("f"))]);
    check_alter(Some("f"), unnamed, offset(Value::Int64(0)), Err("key 'filename'"));
    let stored = OffsetMap::new([
        ("position", Value::Int64(7)),
        ("fingerprint", Value::from("9:0000000000000000")),
    ]);
    check_alter(Some("f"), partition(), Some(stored), Ok(true));
}

#[tokio::test]
async fn missing_topic_is_named() {
    use std::sync::Arc;

    use crate::harness::NoContext;

    let mut connector = FileStreamSourceConnector::new();
    let error = connector
        .start(Arc::new(NoContext), &settings(&[("file", "in"), ("batch.size", "0")]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Missing required configuration \"topic\" which has no default value.\n\
         Invalid value 0 for configuration batch.size: Value must be at least 1"
    );
}
