//! `CreateTopics` and `DeleteTopics`: topics come, go, and come again.

use std::path::Path;

use protocol::ErrorCode;
use protocol::messages::create_topics::{CreatableReplicaAssignment, CreateTopicsRequest};
use protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use crate::harness::{Client, TestBroker, batch, create_request, fetch_request, produce_request};

fn delete_request(name: &str) -> DeleteTopicsRequest {
    let topic = DeleteTopicState { name: Some(name.to_owned()), ..DeleteTopicState::default() };
    DeleteTopicsRequest {
        topics: vec![topic],
        topic_names: vec![name.to_owned()],
        ..DeleteTopicsRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_creates_and_deletes() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for version in 2..=7 {
        let response = client.call(&create_request("t", 2, &[]), version).await;
        assert_eq!(response.topics[0].error_code, 0);
        if version >= 5 {
            assert_eq!(response.topics[0].num_partitions, 2);
            let configs = response.topics[0].configs.clone().unwrap();
            assert!(configs.iter().any(|config| config.name == "retention.ms"));
        }
        let again = client.call(&create_request("t", 2, &[]), version).await;
        assert_eq!(again.topics[0].error_code, ErrorCode::TopicAlreadyExists.code());
        let deleted = client.call(&delete_request("t"), version - 1).await;
        assert_eq!(deleted.responses[0].error_code, 0);
        let gone = client.call(&delete_request("t"), version - 1).await;
        assert_eq!(gone.responses[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_makes_no_more_partitions_than_one_topic_may_have() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let mut request = create_request("a", 1, &[]);
    request.topics.extend(create_request("b", 10_000, &[]).topics);
    request.topics.extend(create_request("c", 1, &[]).topics);
    let response = client.call(&request, 7).await;
    let codes: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::PolicyViolation.code(), 0]);
    broker.stop().await;
}

async fn check_refused(client: &mut Client, request: CreateTopicsRequest, expected: ErrorCode) {
    let response = client.call(&request, 7).await;
    let found = ErrorCode::from_code(response.topics[0].error_code);
    assert_eq!(found, Some(expected), "{:?}", response.topics[0].error_message);
    assert!(!response.topics[0].error_message.clone().unwrap_or_default().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_created_is_refused_with_a_reason() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("a.b", 1, &[]).await;
    let mut replicated = create_request("t", 1, &[]);
    replicated.topics[0].replication_factor = 3;
    let mut assigned = create_request("t", -1, &[]);
    assigned.topics[0].replication_factor = -1;
    assigned.topics[0].assignments =
        vec![CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![99] }];
    for (request, expected) in [
        (create_request("..", 1, &[]), ErrorCode::InvalidTopicException),
        (create_request("a_b", 1, &[]), ErrorCode::InvalidTopicException),
        (create_request("t", 0, &[]), ErrorCode::InvalidPartitions),
        (create_request("t", 1_000_000, &[]), ErrorCode::InvalidPartitions),
        (create_request("t", 1, &[("retention.mz", "1")]), ErrorCode::InvalidConfig),
        (create_request("t", 1, &[("retention.ms", "x")]), ErrorCode::InvalidConfig),
        (replicated, ErrorCode::InvalidReplicationFactor),
        (assigned, ErrorCode::InvalidReplicaAssignment),
    ] {
        check_refused(&mut client, request, expected).await;
    }
    let mut twice = create_request("t", 1, &[]);
    twice.topics.push(twice.topics[0].clone());
    check_refused(&mut client, twice, ErrorCode::InvalidRequest).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_alone_creates_nothing() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let mut request = create_request("t", -1, &[]);
    request.validate_only = true;
    let response = client.call(&request, 7).await;
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (0, 1));
    let deleted = client.call(&delete_request("t"), 6).await;
    assert_eq!(deleted.responses[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_again_has_a_new_id_and_no_old_records() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let first = client.call(&create_request("t", 1, &[]), 7).await.topics[0].topic_id;
    client.produce("t", batch(&["old"])).await;
    let deleted = client.call(&delete_request("t"), 6).await;
    assert_eq!(deleted.responses[0].topic_id, first);
    let second = client.call(&create_request("t", 1, &[]), 7).await.topics[0].topic_id;
    assert_ne!(first, second);
    let mut stale = fetch_request("t", 0, 0);
    stale.topics[0].topic_id = first;
    let response = client.call(&stale, 13).await;
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::UnknownTopicId.code());
    assert!(client.values("t").await.is_empty());
    assert_eq!(client.produce("t", batch(&["new"])).await.base_offset, 0);
    let broker = broker.restart(&[]).await;
    let mut client = broker.connect().await;
    assert_eq!(client.values("t").await, ["new"]);
    let by_id = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id: second }],
        ..DeleteTopicsRequest::default()
    };
    assert_eq!(client.call(&by_id, 6).await.responses[0].error_code, 0);
    let gone = client.call(&by_id, 6).await;
    assert_eq!(gone.responses[0].error_code, ErrorCode::UnknownTopicId.code());
    broker.stop().await;
}

/// Copies the files of a directory.
fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_deleted_topic_do_not_take_the_next_of_its_name_with_them() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 2, &[]).await;
    client.call(&produce_request("t", 1, -1, batch(&["old"])), 9).await;
    let saved = tempfile::tempdir().unwrap();
    copy_dir(&broker.directory.path().join("t-1"), &saved.path().join("t-1"));
    client.call(&delete_request("t"), 5).await;
    client.create_topic("t", 2, &[]).await;
    client.produce("t", batch(&["new"])).await;
    let directory = broker.stop().await;
    // As if the removal had failed.
    copy_dir(&saved.path().join("t-1"), &directory.path().join("t-1"));
    let broker = TestBroker::start_in(directory, &[]).await.unwrap();
    let mut client = broker.connect().await;
    assert_eq!(client.values("t").await, ["new"]);
    let response = client.call(&fetch_request("t", 1, 0), 12).await;
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.high_watermark), (0, 0));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_live_in_as_many_partitions_as_their_topic_was_made_with() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("__consumer_offsets", 1, &[("cleanup.policy", "compact")]).await;
    client.create_topic("t", 1, &[]).await;
    let partition = OffsetCommitRequestPartition { committed_offset: 7, ..Default::default() };
    let topic = OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let response = client.call(&request, 8).await;
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
    broker.stop().await;
}
