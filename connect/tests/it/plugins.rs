//! `/connector-plugins`: the list, the settings, and validation with Kafka's exact sets of keys.

use serde_json::{Value, json};

use crate::harness::Worker;

const COMMON: &str = "name connector.class tasks.max tasks.max.enforce key.converter \
    value.converter header.converter transforms predicates config.action.reload \
    errors.retry.timeout errors.retry.delay.max.ms errors.tolerance errors.log.enable \
    errors.log.include.messages";

fn names(infos: &Value) -> Vec<&str> {
    infos["configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|info| info["value"]["name"].as_str().unwrap())
        .collect()
}

#[track_caller]
fn check_names(infos: &Value, more: &str) {
    let expected: Vec<&str> =
        COMMON.split(' ').chain(more.split(' ')).filter(|n| !n.is_empty()).collect();
    let (mut found, mut expected) = (names(infos), expected);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

async fn validate(worker: &Worker, plugin: &str, config: Value) -> (u16, Value) {
    let path = format!("/connector-plugins/{plugin}/config/validate");
    worker.send("PUT", &path, Some(config)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_listed_by_class() {
    let worker = Worker::start().await;
    let connectors = worker.get("/connector-plugins").await;
    let all = worker.get("/connector-plugins?connectorsOnly=false").await;
    let has = |list: &Value, class: &str, kind: &str| {
        let list = list.as_array().unwrap();
        list.iter().any(|plugin| plugin["class"] == class && plugin["type"] == kind)
    };
    let json = "org.apache.kafka.connect.json.JsonConverter";
    assert!(has(&connectors, "org.apache.kafka.connect.file.FileStreamSinkConnector", "sink"));
    assert!(!has(&connectors, json, "converter"));
    assert!(has(&all, json, "converter") && has(&all, json, "header_converter"));
    let keys = worker.get("/connector-plugins/FileStreamSource/config").await;
    assert!(keys.as_array().unwrap().iter().any(|key| key["name"] == "batch.size"), "{keys}");
    let (status, answer) = worker.send("GET", "/connector-plugins/Nothing/config", None).await;
    assert_eq!((status, &answer["message"]), (404, &json!("Unknown plugin Nothing.")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_reports_kafkas_exact_keys_and_every_error() {
    let worker = Worker::start().await;
    let config = json!({"connector.class": "FileStreamSource", "tasks.max": "many"});
    let (status, infos) = validate(&worker, "FileStreamSource", config).await;
    assert_eq!(status, 200, "{infos}");
    check_names(
        &infos,
        "topic.creation.groups exactly.once.support transaction.boundary \
         transaction.boundary.interval.ms offsets.storage.topic file topic batch.size",
    );
    assert_eq!(infos["name"], "FileStreamSource");
    let errors: Vec<&str> = infos["configs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|info| info["value"]["errors"] != json!([]))
        .map(|info| info["value"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(errors, ["name", "tasks.max", "topic"]);
    assert_eq!(infos["error_count"], 3);
    let config = json!({"connector.class": "FileStreamSink", "name": "c", "topics": "t"});
    let (_, infos) = validate(&worker, "FileStreamSink", config).await;
    check_names(
        &infos,
        "topics topics.regex errors.deadletterqueue.topic.name \
         errors.deadletterqueue.topic.replication.factor \
         errors.deadletterqueue.context.headers.enable file",
    );
    assert_eq!(infos["error_count"], 0, "{infos}");
    assert_eq!(infos["groups"], json!(["Common", "Transforms", "Predicates", "Error Handling"]));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn class_in_the_settings_must_match_the_path() {
    let worker = Worker::start().await;
    let full = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    let config = |class: &str| json!({"connector.class": class, "name": "c", "topic": "t"});
    assert_eq!(validate(&worker, "FileStreamSource", config(full)).await.0, 200);
    assert_eq!(validate(&worker, full, config(full)).await.0, 200);
    assert_eq!(validate(&worker, full, config("FileStreamSource")).await.0, 400);
    assert_eq!(validate(&worker, "FileStreamSink", config(full)).await.0, 400);
    assert_eq!(validate(&worker, "FileStreamSource", json!({"name": "c"})).await.0, 400);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_an_error_at_its_key() {
    let worker = Worker::start().await;
    let config = json!({
        "connector.class": "FileStreamSource", "name": "c", "topic": "t",
        "transforms": "mask", "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value",
        "value.converter": "JsonConverta",
        "exactly.once.support": "required",
    });
    let (_, infos) = validate(&worker, "FileStreamSource", config).await;
    for key in ["transforms.mask.type", "value.converter", "exactly.once.support"] {
        let infos = infos["configs"].as_array().unwrap();
        let info = infos.iter().find(|info| info["value"]["name"] == key).unwrap();
        assert_ne!(info["value"]["errors"], json!([]), "{key}");
    }
    worker.stop().await;
}
