//! `Metadata` and `DescribeCluster`: brokers, topics, and topics that come into being.

use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::describe_cluster::DescribeClusterRequest;
use protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};

use crate::harness::TestBroker;

fn asking(name: &str, create: bool) -> MetadataRequest {
    let topic =
        MetadataRequestTopic { name: Some(name.to_owned()), ..MetadataRequestTopic::default() };
    MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: create,
        ..MetadataRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_names_the_broker_and_the_topics() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 3, &[]).await;
    for version in 0..=13 {
        let topics = if version == 0 { Some(Vec::new()) } else { None };
        let request = MetadataRequest { topics, ..MetadataRequest::default() };
        let response = client.call(&request, version).await;
        assert_eq!(response.brokers.len(), 1);
        assert_eq!(response.brokers[0].host, "localhost");
        assert_eq!(response.brokers[0].port, i32::from(broker.address().port()));
        assert_eq!(response.topics.len(), 1, "version {version}");
        assert_eq!(response.topics[0].partitions.len(), 3);
        if version >= 2 {
            assert_eq!(response.cluster_id, Some(broker.running.cluster_id()));
            assert_eq!(response.controller_id, response.brokers[0].node_id);
        }
    }
    let none = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    assert!(client.call(&none, 1).await.topics.is_empty());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_made_and_answered_by_the_first_request() {
    let broker = TestBroker::start_with(&[("num.partitions", "2")]).await;
    let mut client = broker.connect().await;
    let refused = client.call(&asking("t", false), 9).await;
    assert_eq!(refused.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    let made = client.call(&asking("t", true), 9).await;
    assert_eq!((made.topics[0].error_code, made.topics[0].partitions.len()), (0, 2));
    for name in ["", "..", "a/b", "ä", &"x".repeat(250)] {
        let invalid = client.call(&asking(name, true), 9).await;
        let code = ErrorCode::from_code(invalid.topics[0].error_code);
        assert_eq!(code, Some(ErrorCode::InvalidTopicException), "{name:?}");
    }
    client.create_topic("a.b", 1, &[]).await;
    let collision = client.call(&asking("a_b", true), 9).await;
    assert_eq!(collision.topics[0].error_code, ErrorCode::InvalidTopicException.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_that_name_the_same_topic_find_the_same_one() {
    let broker = TestBroker::start().await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let mut client = broker.connect().await;
        tasks.push(tokio::spawn(async move {
            let response = client.call(&asking("t", true), 12).await;
            (response.topics[0].error_code, response.topics[0].topic_id)
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 0), "{answers:?}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn automatic_creation_can_be_switched_off() {
    let broker = TestBroker::start_with(&[("auto.create.topics.enable", "false")]).await;
    let mut client = broker.connect().await;
    let response = client.call(&asking("t", true), 9).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_this_broker() {
    let broker = TestBroker::start_with(&[("node.id", "5")]).await;
    let mut client = broker.connect().await;
    for version in 0..=2 {
        let response = client.call(&DescribeClusterRequest::default(), version).await;
        assert_eq!(response.error_code, 0);
        assert_eq!(response.cluster_id, broker.running.cluster_id());
        assert_eq!(response.controller_id, 5);
        assert_eq!(response.brokers[0].broker_id, 5);
    }
    broker.stop().await;
}
