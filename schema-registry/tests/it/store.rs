//! The topic as other programs write and read it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::{Admin, ClientSettings, NewTopic, Role};
use schema_registry::SchemaRegistry;
use serde_json::json;

use crate::harness::{Cluster, PATIENCE, config, start_broker};

/// The golden records but those without a key, which a broker refuses for a compacted topic.
fn golden() -> Vec<(Option<String>, Option<String>)> {
    let lines = include_str!("../../testdata/records/v1/records.jsonl").lines();
    let records = lines.map(|line| serde_json::from_str(line).unwrap());
    records.filter(|(key, _): &(Option<String>, _)| key.is_some()).collect()
}

async fn wait_for(cluster: &Cluster, path: &str, expected: serde_json::Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = cluster.get(path).await;
        if answer.status == 200 && answer.json() == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{path}: {answer:?} is not {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_other_registries_are_served_and_garbage_is_skipped() {
    let cluster = Cluster::start().await;
    cluster.get("/subjects").await.ok();
    cluster.append(golden()).await;
    let subjects = json!(["karapace-value", "orders-value", "proto", "users-value"]);
    wait_for(&cluster, "/subjects", subjects.clone()).await;
    // The last line is garbage; a change of ours comes behind it.
    assert_eq!(cluster.register("mine", "\"double\"").await, 10);
    let cluster = cluster.restart().await;
    wait_for(&cluster, "/config", json!({"compatibilityLevel": "FULL", "normalize": true})).await;
    assert_eq!(cluster.get("/subjects/proto/versions/1/schema").await.text, "syntax = \"proto3\";");
    let proto = cluster.get("/schemas/ids/7").await.ok();
    assert_eq!(
        (&proto["schemaType"], &proto["metadata"]["properties"]["owner"]),
        (&json!("PROTOBUF"), &json!("a"))
    );
    assert_eq!(cluster.delete("/config").await.ok()["compatibilityLevel"], "FULL");
    assert_eq!(cluster.get("/config").await.ok(), json!({"compatibilityLevel": "BACKWARD"}));
    let refused = cluster.post("/subjects/proto/versions", &json!({"schema": "\"int\""})).await;
    assert_eq!(refused.code(), 409);
    assert!(refused.message().contains("Incompatible because of different schema type"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_reaches_records_under_another_spelling_of_their_key() {
    let cluster = Cluster::start().await;
    cluster.get("/subjects").await.ok();
    cluster.append(golden()).await;
    wait_for(&cluster, "/subjects/karapace-value/versions", json!([1])).await;
    cluster.delete("/subjects/karapace-value/versions/1").await.ok();
    cluster.delete("/subjects/karapace-value/versions/1?permanent=true").await.ok();
    let cluster = cluster.restart().await;
    assert_eq!(cluster.get("/subjects/karapace-value/versions?deleted=true").await.code(), 40401);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_was_deleted_takes_no_change_and_its_schemas_are_gone() {
    let cluster = Cluster::start_with(&[("kafkastore.timeout.ms", "2000")]).await;
    cluster.register("old", "\"int\"").await;
    cluster.register("old", "\"long\"").await;
    let servers = cluster.kafka().to_string();
    let delete = move || {
        let settings = BTreeMap::from([("bootstrap.servers".to_owned(), servers)]);
        let settings = ClientSettings::from_properties(Role::Admin, &settings).unwrap();
        let deleted = Admin::new(&settings).unwrap().delete_topics(&["_schemas"], PATIENCE);
        deleted.unwrap().remove("_schemas").unwrap().unwrap();
    };
    tokio::task::spawn_blocking(delete).await.unwrap();
    // The broker creates the topic by its own defaults as soon as somebody writes to it.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = cluster.post("/subjects/new/versions", &json!({"schema": "\"bytes\""})).await;
        assert!(matches!(answer.code(), 50001 | 50002), "{answer:?}");
        let read = cluster.get("/subjects").await;
        if read.status == 500 && read.message().contains("set it to compact") {
            break;
        }
        assert!(Instant::now() < deadline, "{read:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_forgets_is_refused_with_what_to_change() {
    let directory = tempfile::tempdir().unwrap();
    let broker = start_broker(directory.path(), 0).await;
    let servers = broker.listeners()[0];
    let create = move || {
        let settings = BTreeMap::from([("bootstrap.servers".to_owned(), servers.to_string())]);
        let settings = ClientSettings::from_properties(Role::Admin, &settings).unwrap();
        let topic = |name: &str, partitions| NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let topics = [topic("forgets", 1), topic("wide", 3)];
        Admin::new(&settings).unwrap().create_topics(&topics, PATIENCE).unwrap();
    };
    tokio::task::spawn_blocking(create).await.unwrap();
    for (topic, expected) in [("forgets", "set it to compact"), ("wide", "has 3 partitions")] {
        let settings = [("kafkastore.topic", topic), ("kafkastore.timeout.ms", "500")];
        let registry = SchemaRegistry::start(config(servers, &settings)).await.unwrap();
        let error = registry.ready().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        registry.shutdown().await;
    }
    broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_of_redpanda_s_registry_is_read_but_not_written() {
    let cluster = Cluster::start().await;
    cluster.get("/subjects").await.ok();
    let key = r#"{"keytype":"SCHEMA","subject":"rp","version":1,"magic":1,"seq":1,"node":0}"#;
    let value = r#"{"subject":"rp","version":1,"id":1,"schema":"\"int\"","deleted":false}"#;
    cluster.append(vec![(Some(key.to_owned()), Some(value.to_owned()))]).await;
    wait_for(&cluster, "/subjects", json!(["rp"])).await;
    let refused = cluster.post("/subjects/s/versions", &json!({"schema": "\"long\""})).await;
    assert_eq!(refused.code(), 50001);
    assert!(refused.message().contains("kafkastore.topic"), "{refused:?}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn largest_id_in_the_topic_is_given_to_no_other_schema() {
    let cluster = Cluster::start().await;
    cluster.register("before", "\"int\"").await;
    let key = r#"{"keytype":"SCHEMA","subject":"last","version":1,"magic":1}"#;
    let value =
        r#"{"subject":"last","version":1,"id":2147483647,"schema":"\"long\"","deleted":false}"#;
    cluster.append(vec![(Some(key.to_owned()), Some(value.to_owned()))]).await;
    wait_for(&cluster, "/subjects", json!(["before", "last"])).await;
    let refused = cluster.post("/subjects/s/versions", &json!({"schema": "\"bytes\""})).await;
    assert_eq!(refused.code(), 50001);
    assert!(refused.message().contains("largest possible id"), "{refused:?}");
    assert_eq!(cluster.register("known", "\"long\"").await, i64::from(i32::MAX));
    assert_eq!(cluster.register("known2", "\"int\"").await, 1);
    cluster.stop().await;
}
