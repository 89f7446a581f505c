//! Lines from a file through a topic to a file: live, paused, restarted, taken back.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::harness::{Worker, free_port};

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|number| format!("line {number} with some ünïcode\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_flow_from_file_to_file_and_an_appended_line_follows() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..1000));
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..1000)).await;
    append(&worker.path("input.txt"), "one more\n");
    worker.wait_for_content("output.txt", &format!("{}one more\n", lines(0..1000))).await;
    let topics = worker.get("/connectors/in/topics").await;
    assert_eq!(topics, json!({"in": {"topics": ["lines"]}}));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_run_goes_on_without_a_lost_or_repeated_line() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..500));
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..500)).await;
    let folder = worker.stop().await;
    append(&folder.path().join("input.txt"), &lines(500..1000));
    let worker = Worker::start_in(folder, "").await;
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..1000)).await;
    let folder = worker.stop().await;
    let output = std::fs::read_to_string(folder.path().join("output.txt")).unwrap();
    assert_eq!(output, lines(0..1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_source_and_sink_wait_for_a_resume() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..10));
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..10)).await;
    for connector in ["in", "out"] {
        let (status, _) = worker.send("PUT", &format!("/connectors/{connector}/pause"), None).await;
        assert_eq!(status, 202);
        worker.wait_for_task(connector, "PAUSED").await;
    }
    append(&worker.path("input.txt"), &lines(10..20));
    let (_, status) = worker.send("GET", "/connectors/out/status", None).await;
    assert_eq!(status["connector"]["state"], "PAUSED");
    for connector in ["in", "out"] {
        let path = format!("/connectors/{connector}/resume");
        assert_eq!(worker.send("PUT", &path, None).await.0, 202);
        worker.wait_for_task(connector, "RUNNING").await;
    }
    worker.wait_for_content("output.txt", &lines(0..20)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_connector_has_no_tasks_and_resumes_where_it_was() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..10));
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..10)).await;
    assert_eq!(worker.send("PUT", "/connectors/in/stop", None).await.0, 204);
    let status = worker.get("/connectors/in/status").await;
    assert_eq!(status["connector"]["state"], "STOPPED");
    assert_eq!(status["tasks"], json!([]));
    assert_eq!(worker.get("/connectors/in/tasks").await, json!([]));
    append(&worker.path("input.txt"), &lines(10..20));
    assert_eq!(worker.send("PUT", "/connectors/in/resume", None).await.0, 202);
    worker.wait_for_content("output.txt", &lines(0..20)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_move_the_sink_to_another_file() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..10));
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", &lines(0..10)).await;
    let change = json!({"file": worker.path("second.txt")});
    let (status, info) = worker.send("PATCH", "/connectors/out/config", Some(change)).await;
    assert_eq!(status, 200, "{info}");
    append(&worker.path("input.txt"), &lines(10..20));
    worker.wait_for_content("second.txt", &lines(10..20)).await;
    worker.wait_for_content("output.txt", &lines(0..10)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_brings_its_own_converters() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), "hello\n");
    let mut source = worker.file_source("input.txt", "lines");
    source["value.converter"] = json!("org.apache.kafka.connect.json.JsonConverter");
    source["value.converter.schemas.enable"] = json!(false);
    worker.create("in", source).await;
    worker.create("out", worker.file_sink("output.txt", "lines")).await;
    worker.wait_for_content("output.txt", "\"hello\"\n").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sink_reads_topics_by_pattern() {
    let worker = Worker::start().await;
    append(&worker.path("input.txt"), &lines(0..3));
    worker.create("in", worker.file_source("input.txt", "log-a")).await;
    worker.wait_for_task("in", "RUNNING").await;
    let sink = json!({
        "connector.class": "FileStreamSink",
        "file": worker.path("output.txt"),
        "topics.regex": "log-.*",
        "consumer.override.metadata.max.age.ms": "200",
    });
    worker.create("out", sink).await;
    worker.wait_for_content("output.txt", &lines(0..3)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn avro_records_pass_through_the_embedded_registry() {
    let url = format!("http://localhost:{}", free_port());
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start_in(folder, &format!("schema.registry.url={url}\n")).await;
    append(&worker.path("input.txt"), &lines(0..10));
    let avro = json!("io.confluent.connect.avro.AvroConverter");
    let mut source = worker.file_source("input.txt", "lines");
    source["value.converter"] = avro.clone();
    let mut sink = worker.file_sink("output.txt", "lines");
    sink["value.converter"] = avro;
    worker.create("in", source).await;
    worker.create("out", sink).await;
    worker.wait_for_content("output.txt", &lines(0..10)).await;
    let subjects = reqwest::get(format!("{url}/subjects")).await.unwrap().text().await.unwrap();
    assert_eq!(subjects, "[\"lines-value\"]");
    worker.create("raw", worker.file_sink("raw.txt", "lines")).await;
    worker.wait_for_task("raw", "RUNNING").await;
    let path = worker.path("raw.txt");
    crate::harness::wait(async || std::fs::metadata(&path).is_ok_and(|m| m.len() > 0)).await;
    let raw = std::fs::read(&path).unwrap();
    assert_eq!(raw[..5], [0, 0, 0, 0, 1], "a zero byte, then the id of the schema");
    worker.stop().await;
}
