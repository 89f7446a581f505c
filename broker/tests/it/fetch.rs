//! `Fetch`: what is read, how much, and how long it waits.

use std::time::{Duration, Instant};

use protocol::messages::delete_topics::DeleteTopicsRequest;
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::metadata::MetadataRequest;
use protocol::{ErrorCode, Uuid};

use crate::harness::{
    TestBroker, batch, fetch_request, produce_request, record_bytes, records, value,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_served_version_reads_what_was_appended() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", batch(&["a", "b"])).await;
    let metadata =
        client.call(&MetadataRequest { topics: None, ..MetadataRequest::default() }, 12).await;
    let topic_id = metadata.topics[0].topic_id;
    assert!(!topic_id.is_zero());
    for version in 4..=16 {
        let mut request = fetch_request("t", 0, 0);
        request.topics[0].topic_id = topic_id;
        let response = client.call(&request, version).await;
        assert_eq!(response.session_id, 0);
        let data = &response.responses[0].partitions[0];
        assert_eq!((data.error_code, data.high_watermark, data.last_stable_offset), (0, 2, 2));
        assert_eq!(records(data).iter().map(value).collect::<Vec<_>>(), ["a", "b"]);
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_inside_a_batch_reads_the_whole_batch() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", batch(&["a", "b", "c"])).await;
    client.produce("t", batch(&["d"])).await;
    let data = client.fetch("t", 1).await;
    assert_eq!(records(&data).iter().map(value).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(records(&data)[0].offset, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_one_batch_is_read_and_the_limits_hold_for_the_others() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 2, &[]).await;
    let large = batch(&[&"x".repeat(5000)]);
    for index in [0, 0, 1] {
        client.call(&produce_request("t", index, -1, large.clone()), 9).await;
    }
    let partition = |partition| FetchPartition {
        partition,
        partition_max_bytes: 10,
        ..FetchPartition::default()
    };
    let mut request = fetch_request("t", 0, 0);
    request.topics[0].partitions = vec![partition(0), partition(1)];
    let response = client.call(&request, 11).await;
    let sizes: Vec<usize> =
        response.responses[0].partitions.iter().map(|data| record_bytes(data).len()).collect();
    assert_eq!(sizes, [large.len(), 0]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_answered_at_once_by_partition() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let wait = |mut request: FetchRequest| {
        request.max_wait_ms = 60_000;
        request
    };
    for (topic, partition, offset, expected) in [
        ("t", 0, 1, ErrorCode::OffsetOutOfRange),
        ("t", 0, -5, ErrorCode::OffsetOutOfRange),
        ("t", 1, 0, ErrorCode::UnknownTopicOrPartition),
        ("missing", 0, 0, ErrorCode::UnknownTopicOrPartition),
    ] {
        let response = client.call(&wait(fetch_request(topic, partition, offset)), 11).await;
        let code = response.responses[0].partitions[0].error_code;
        assert_eq!(ErrorCode::from_code(code), Some(expected), "{topic} {partition} {offset}");
    }
    let mut request = wait(fetch_request("", 0, 0));
    request.topics[0].topic_id = Uuid([9; 16]);
    let response = client.call(&request, 13).await;
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::UnknownTopicId.code());
    let mut request = wait(fetch_request("t", 0, 0));
    request.topics[0].partitions[0].current_leader_epoch = 7;
    let response = client.call(&request, 11).await;
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UnknownLeaderEpoch.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_session_is_refused() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let request = FetchRequest { session_id: 5, session_epoch: 1, ..FetchRequest::default() };
    let response = client.call(&request, 11).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_at_the_end_waits_for_records_and_no_longer() {
    let broker = TestBroker::start().await;
    let mut consumer = broker.connect().await;
    let mut producer = broker.connect().await;
    producer.create_topic("t", 1, &[]).await;
    let mut request = fetch_request("t", 0, 0);
    request.max_wait_ms = 200;
    let started = Instant::now();
    let response = consumer.call(&request, 11).await;
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert!(records(&response.responses[0].partitions[0]).is_empty());
    request.max_wait_ms = 60_000;
    let started = Instant::now();
    let id = consumer.send(&request, 11).await;
    producer.produce("t", batch(&["x"])).await;
    let response = consumer.receive::<FetchRequest>(id, 11).await;
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(records(&response.responses[0].partitions[0]).len(), 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_waits_for_as_many_bytes_as_it_asks_for() {
    let broker = TestBroker::start().await;
    let mut consumer = broker.connect().await;
    let mut producer = broker.connect().await;
    producer.create_topic("t", 1, &[]).await;
    let one = batch(&["x"]);
    let mut request = fetch_request("t", 0, 0);
    request.max_wait_ms = 60_000;
    request.min_bytes = i32::try_from(one.len() * 3).unwrap();
    let id = consumer.send(&request, 11).await;
    for _ in 0..3 {
        producer.produce("t", one.clone()).await;
    }
    let response = consumer.receive::<FetchRequest>(id, 11).await;
    assert_eq!(records(&response.responses[0].partitions[0]).len(), 3);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_fetch_does_not_keep_the_broker_from_stopping() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let mut request = fetch_request("t", 0, 0);
    request.max_wait_ms = 300_000;
    client.send(&request, 11).await;
    let started = Instant::now();
    broker.stop().await;
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(client.read_frame().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_logs_are_read_to_the_end_in_many_fetches() {
    let broker = TestBroker::start_with(&[("log.segment.bytes", "100000")]).await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let mut expected = Vec::new();
    for index in 0..300 {
        let text = format!("{index:05}{}", "x".repeat(2000));
        client.produce("t", batch(&[&text])).await;
        expected.push(text);
    }
    assert_eq!(client.values("t").await, expected);
    let topics: Vec<FetchTopic> = Vec::new();
    let empty = FetchRequest { topics, session_epoch: -1, ..FetchRequest::default() };
    assert!(client.call(&empty, 11).await.responses.is_empty());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_fetch_is_told_that_its_topic_is_gone() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let mut parked = broker.connect().await;
    let request = FetchRequest { max_wait_ms: 60_000, ..fetch_request("t", 0, 0) };
    let id = parked.send(&request, 12).await;
    let delete =
        DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..DeleteTopicsRequest::default() };
    assert_eq!(client.call(&delete, 5).await.responses[0].error_code, 0);
    let response = parked.receive::<FetchRequest>(id, 12).await;
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UnknownTopicOrPartition.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_an_answer_may_hold_is_not_waited_for() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", batch(&["a"])).await;
    client.produce("t", batch(&["b"])).await;
    let size = i32::try_from(batch(&["a"]).len()).unwrap();
    let request = FetchRequest {
        max_wait_ms: 60_000,
        min_bytes: 10_000,
        max_bytes: size,
        ..fetch_request("t", 0, 0)
    };
    let response = client.call(&request, 12).await;
    assert_eq!(records(&response.responses[0].partitions[0]).len(), 1);
    broker.stop().await;
}
