//! Offsets over REST (KIP-875): shown, altered and reset while the connector is stopped.

use serde_json::json;

use crate::harness::{Worker, wait};

#[tokio::test(flavor = "multi_thread")]
async fn source_offsets_are_shown_altered_and_reset() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\nb\nc\n").unwrap();
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", "a\nb\nc\n").await;
    let path = "/connectors/in/offsets";
    let mut shown = json!(null);
    wait(async || {
        shown = worker.get(path).await;
        shown["offsets"][0]["offset"]["position"] == 6
    })
    .await;
    let file = worker.path("input.txt");
    assert_eq!(shown["offsets"][0]["partition"], json!({"filename": file}));
    let change = json!({"offsets": [{"partition": {"filename": file}, "offset": {"position": 2}}]});
    let (status, answer) = worker.send("PATCH", path, Some(change.clone())).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("/connectors/in/stop"), "{answer}");
    worker.send("PUT", "/connectors/in/stop", None).await;
    let (status, answer) = worker.send("PATCH", path, Some(change)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(worker.get(path).await["offsets"][0]["offset"]["position"], 2);
    worker.send("PUT", "/connectors/in/resume", None).await;
    worker.wait_for_content("output.txt", "a\nb\nc\nb\nc\n").await;
    worker.send("PUT", "/connectors/in/stop", None).await;
    assert_eq!(worker.send("DELETE", path, None).await.0, 200);
    assert_eq!(worker.get(path).await, json!({"offsets": []}));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sink_offsets_are_shown_and_altered() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\nb\nc\n").unwrap();
    worker.create_file_pipeline().await;
    worker.wait_for_content("output.txt", "a\nb\nc\n").await;
    assert_eq!(worker.send("PUT", "/connectors/out/stop", None).await.0, 204);
    let path = "/connectors/out/offsets";
    let expected = json!({"offsets": [{
        "partition": {"kafka_topic": "lines", "kafka_partition": 0},
        "offset": {"kafka_offset": 3},
    }]});
    assert_eq!(worker.get(path).await, expected);
    let change = json!({"offsets": [{
        "partition": {"kafka_topic": "lines", "kafka_partition": "0"},
        "offset": {"kafka_offset": "1"},
    }]});
    let (status, answer) = worker.send("PATCH", path, Some(change)).await;
    assert_eq!(status, 200, "{answer}");
    worker.send("PUT", "/connectors/out/resume", None).await;
    worker.wait_for_content("output.txt", "a\nb\nc\nb\nc\n").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_without_offsets_is_refused() {
    let worker = Worker::start().await;
    worker.create("in", worker.file_source("input.txt", "lines")).await;
    let path = "/connectors/in/offsets";
    let (status, _) = worker.send("PATCH", path, Some(json!({"offsets": []}))).await;
    assert_eq!(status, 400);
    worker.stop().await;
}
