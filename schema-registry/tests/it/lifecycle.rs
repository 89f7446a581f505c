//! Deletion, restarts, and a Kafka that is not there.

use std::time::{Duration, Instant};

use schema_registry::{SchemaRegistry, StartError};
use serde_json::json;

use crate::harness::{Cluster, PATIENCE, config, exchange, record, start_broker};

#[tokio::test(flavor = "multi_thread")]
async fn deletion_goes_in_two_steps() {
    let cluster = Cluster::start().await;
    cluster.register("s", "\"int\"").await;
    cluster.register("s", "\"long\"").await;
    assert_eq!(cluster.delete("/subjects/s/versions/1").await.ok(), json!(1));
    assert_eq!(cluster.get("/subjects/s/versions").await.ok(), json!([2]));
    assert_eq!(cluster.get("/subjects/s/versions?deleted=true").await.ok(), json!([1, 2]));
    assert_eq!(cluster.get("/subjects/s/versions?deletedOnly=true").await.ok(), json!([1]));
    let negative = "/subjects/s/versions?deleted=true&deletedAsNegative=true";
    assert_eq!(cluster.get(negative).await.ok(), json!([-1, 2]));
    assert_eq!(cluster.get("/subjects/s/versions/1").await.code(), 40402);
    let found = cluster.get("/subjects/s/versions/1?deleted=true").await.ok();
    assert_eq!(found["deleted"], true);
    assert_eq!(cluster.get("/schemas/ids/1").await.ok(), json!({"schema": "\"int\""}));
    assert_eq!(cluster.get("/schemas/ids/1/subjects").await.ok(), json!([]));
    assert_eq!(cluster.get("/schemas/ids/1/subjects?deleted=true").await.ok(), json!(["s"]));
    assert_eq!(cluster.delete("/subjects/s/versions/1?permanent=true").await.ok(), json!(1));
    assert_eq!(cluster.get("/schemas/ids/1").await.code(), 40403);
    assert_eq!(cluster.delete("/subjects/s").await.ok(), json!([2]));
    assert_eq!(cluster.get("/subjects").await.ok(), json!([]));
    assert_eq!(cluster.get("/subjects?deleted=true").await.ok(), json!(["s"]));
    assert_eq!(cluster.get("/subjects?deletedOnly=true").await.ok(), json!(["s"]));
    // The same schema comes back with its id, as a new version.
    assert_eq!(cluster.register("s", "\"long\"").await, 2);
    assert_eq!(cluster.get("/subjects/s/versions?deleted=true").await.ok(), json!([3]));
    cluster.delete("/subjects/s").await.ok();
    assert_eq!(cluster.delete("/subjects/s?permanent=true").await.ok(), json!([3]));
    assert_eq!(cluster.get("/subjects?deleted=true").await.ok(), json!([]));
    // Nothing is left of it: numbering starts anew, ids do not.
    assert_eq!(cluster.register("s", "\"long\"").await, 3);
    assert_eq!(cluster.get("/subjects/s/versions").await.ok(), json!([1]));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let cluster = Cluster::start().await;
    cluster.register("a", "\"int\"").await;
    cluster.register("a", "\"long\"").await;
    cluster.register("b", &record("R", &["x"])).await;
    cluster.delete("/subjects/a/versions/2").await.ok();
    cluster.put("/config", &json!({"compatibility": "NONE"})).await.ok();
    cluster.put("/mode/b", &json!({"mode": "READONLY"})).await.ok();
    let paths = ["/schemas?deleted=true", "/config", "/mode/b", "/subjects?deleted=true"];
    let mut before = Vec::new();
    for path in paths {
        before.push(cluster.get(path).await.ok());
    }
    let cluster = cluster.restart().await;
    for (path, expected) in paths.into_iter().zip(before) {
        assert_eq!(cluster.get(path).await.ok(), expected, "{path}");
    }
    assert_eq!(cluster.register("c", "\"long\"").await, 2);
    assert_eq!(cluster.register("c", "\"bytes\"").await, 4);
    assert_eq!(cluster.register("a", "\"bytes\"").await, 4);
    assert_eq!(cluster.get("/subjects/a/versions").await.ok(), json!([1, 3]));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_waits_for_kafka_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let first = start_broker(directory.path(), 0).await;
    let kafka = first.listeners()[0];
    first.shutdown().await.unwrap();
    let extra = [("kafkastore.timeout.ms", "300"), ("kafkastore.init.timeout.ms", "1000")];
    let registry = SchemaRegistry::start(config(kafka, &extra)).await.unwrap();
    let address = registry.addresses()[0];
    let request = b"GET /subjects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, request).await;
    assert_eq!(answer.code(), 50001);
    assert!(answer.message().contains("not ready"), "{answer:?}");
    let body = r#"{"schema":"\"int\""}"#;
    let post = format!(
        "POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(exchange(address, post.as_bytes()).await.code(), 50001);
    let broker = start_broker(directory.path(), kafka.port()).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = exchange(address, post.as_bytes()).await;
        if answer.status == 200 {
            assert_eq!(answer.ok(), json!({"id": 1}));
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    registry.shutdown().await;
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_without_kafka_is_quick() {
    let registry = SchemaRegistry::start(config(([127, 0, 0, 1], 1).into(), &[])).await.unwrap();
    let started = Instant::now();
    registry.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn port_in_use_is_named_with_its_key() {
    let cluster = Cluster::start().await;
    let taken = format!("http://{}", cluster.registry.addresses()[0]);
    let second = config(cluster.kafka(), &[("listeners", &taken)]);
    let Err(error) = SchemaRegistry::start(second).await else { panic!("the port was free") };
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&taken) && text.contains("change listeners"), "{text}");
    cluster.stop().await;
}
