//! `Produce`: what is appended, what is refused, what is answered.

use bytes::{Bytes, BytesMut};
use protocol::ErrorCode;
use protocol::messages::init_producer_id::InitProducerIdRequest;
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::produce::ProduceRequest;
use protocol::records::{BatchBuilder, Compression, NewRecord};
use tokio::io::AsyncWriteExt;

use crate::harness::{TestBroker, batch, batch_with, produce_request};

#[tokio::test(flavor = "multi_thread")]
async fn every_served_version_and_acknowledgement_appends() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let mut expected = Vec::new();
    for version in 3..=11 {
        // The last one answers only after the flush, and so after all before it are visible.
        for acks in [1, 0, -1] {
            let text = format!("{version} {acks}");
            let request = produce_request("t", 0, acks, batch(&[&text]));
            let id = client.send(&request, version).await;
            if acks != 0 {
                let response = client.receive::<ProduceRequest>(id, version).await;
                let partition = &response.responses[0].partition_responses[0];
                assert_eq!(partition.error_code, 0, "{text}");
                assert_eq!(partition.base_offset, i64::try_from(expected.len()).unwrap());
            }
            expected.push(text);
        }
    }
    assert_eq!(client.values("t").await, expected);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let mut ids = Vec::new();
    for index in 0..100 {
        let text = index.to_string();
        ids.push(client.send(&produce_request("t", 0, -1, batch(&[&text])), 9).await);
        if index % 7 == 0 {
            // Something else in between is answered at its place.
            let id = client.send(&MetadataRequest::default(), 9).await;
            for id in ids.drain(..ids.len()) {
                let response = client.receive::<ProduceRequest>(id, 9).await;
                assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
            }
            client.receive::<MetadataRequest>(id, 9).await;
        }
    }
    for id in ids {
        client.receive::<ProduceRequest>(id, 9).await;
    }
    let expected: Vec<String> = (0..100).map(|index| index.to_string()).collect();
    assert_eq!(client.values("t").await, expected);
    broker.stop().await;
}

#[track_caller]
fn check(found: i16, expected: ErrorCode) {
    assert_eq!(ErrorCode::from_code(found), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_appended_is_refused_by_partition() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[("max.message.bytes", "500")]).await;
    client.create_topic("keyed", 1, &[("cleanup.policy", "compact")]).await;
    client.create_topic("safe", 1, &[("min.insync.replicas", "2")]).await;
    let good = batch(&["x"]);
    let mut damaged = BytesMut::from(&good[..]);
    *damaged.last_mut().unwrap() ^= 1;
    let mut two = BytesMut::from(&good[..]);
    two.extend_from_slice(&good);
    let large = batch(&[&"x".repeat(1000)]);
    for (topic, bytes, expected) in [
        ("missing", good.clone(), ErrorCode::UnknownTopicOrPartition),
        ("t", damaged.freeze(), ErrorCode::CorruptMessage),
        ("t", two.freeze(), ErrorCode::InvalidRecord),
        ("t", large, ErrorCode::MessageTooLarge),
        ("t", good.slice(..40), ErrorCode::CorruptMessage),
        ("keyed", good.clone(), ErrorCode::InvalidRecord),
        ("safe", good.clone(), ErrorCode::NotEnoughReplicas),
    ] {
        check(client.produce(topic, bytes).await.error_code, expected);
    }
    let elsewhere = client.call(&produce_request("t", 1, -1, good.clone()), 9).await;
    check(
        elsewhere.responses[0].partition_responses[0].error_code,
        ErrorCode::UnknownTopicOrPartition,
    );
    let acks = client.call(&produce_request("t", 0, 2, good.clone()), 9).await;
    check(acks.responses[0].partition_responses[0].error_code, ErrorCode::InvalidRequiredAcks);
    assert_eq!(client.produce("t", good).await.base_offset, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_is_for_clients_that_know_it() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let batch = batch_with(Compression::Zstd, &["a", "b"]);
    for (version, expected) in [(6, ErrorCode::UnsupportedCompressionType), (7, ErrorCode::None)] {
        let response = client.call(&produce_request("t", 0, -1, batch.clone()), version).await;
        check(response.responses[0].partition_responses[0].error_code, expected);
    }
    assert_eq!(client.values("t").await, ["a", "b"]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_without_acknowledgement_closes_the_connection() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.send(&produce_request("missing", 0, 0, batch(&["x"])), 9).await;
    assert!(client.read_frame().await.is_none());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_refused_in_their_own_layout() {
    let broker = TestBroker::start().await;
    for version in 0..=2_u8 {
        let mut client = broker.connect().await;
        let body = [0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut frame = vec![0, 0, 0, 35, 0, 0, 0, version, 0, 0, 0, 9, 0xff, 0xff];
        frame.extend_from_slice(&body);
        client.stream.write_all(&frame).await.unwrap();
        let answer = client.read_frame().await.unwrap();
        assert_eq!(answer[..4], [0, 0, 0, 9]);
        let code = i16::from_be_bytes([answer[19], answer[20]]);
        check(code, ErrorCode::UnsupportedForMessageFormat);
    }
    broker.stop().await;
}

fn idempotent() -> InitProducerIdRequest {
    InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() }
}

fn numbered(id: i64, epoch: i16, sequence: i32, text: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).producer(id, epoch, sequence);
    builder.push(NewRecord { value: Some(text.as_bytes()), ..NewRecord::default() });
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_producer_is_stored_once_even_after_a_restart() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let id = client.call(&idempotent(), 1).await.producer_id;
    assert_eq!(client.produce("t", numbered(id, 0, 0, "a")).await.base_offset, 0);
    assert_eq!(client.produce("t", numbered(id, 0, 1, "b")).await.base_offset, 1);
    let again = client.produce("t", numbered(id, 0, 1, "b")).await;
    assert_eq!((again.error_code, again.base_offset), (0, 1));
    let gap = client.produce("t", numbered(id, 0, 5, "c")).await;
    check(gap.error_code, ErrorCode::OutOfOrderSequenceNumber);
    let broker = broker.restart(&[]).await;
    let mut client = broker.connect().await;
    let again = client.produce("t", numbered(id, 0, 1, "b")).await;
    assert_eq!((again.error_code, again.base_offset), (0, 1));
    assert_eq!(client.values("t").await, ["a", "b"]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_a_transaction_are_refused() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let id = client.call(&idempotent(), 1).await.producer_id;
    let mut builder = BatchBuilder::new(Compression::None).producer(id, 0, 0).transactional();
    builder.push(NewRecord { value: Some(b"a"), ..NewRecord::default() });
    let refused = client.produce("t", builder.build().unwrap()).await;
    check(refused.error_code, ErrorCode::TransactionalIdAuthorizationFailed);
    assert!(client.values("t").await.is_empty());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_ids_are_given_out_once_and_transactions_refused() {
    let mut broker = TestBroker::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut client = broker.connect().await;
        for version in 0..=5 {
            let response = client.call(&idempotent(), version).await;
            assert_eq!((response.error_code, response.producer_epoch), (0, 0));
            assert!(seen.insert(response.producer_id));
        }
        broker = broker.restart(&[]).await;
    }
    let mut client = broker.connect().await;
    let request = InitProducerIdRequest {
        transactional_id: Some("x".to_owned()),
        ..InitProducerIdRequest::default()
    };
    let response = client.call(&request, 4).await;
    check(response.error_code, ErrorCode::TransactionalIdAuthorizationFailed);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_write_no_records_of_the_coordinator() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("__consumer_offsets", 50, &[]).await;
    let refused = client.produce("__consumer_offsets", batch(&["a"])).await;
    assert_eq!(refused.error_code, ErrorCode::InvalidTopicException.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_is_about_the_acknowledgement_of_all_replicas() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    for acks in [0, 1] {
        let mut request = produce_request("t", 0, acks, batch(&["a"]));
        request.timeout_ms = 0;
        let id = client.send(&request, 9).await;
        if acks == 1 {
            let response = client.receive::<ProduceRequest>(id, 9).await;
            assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        }
    }
    broker.stop().await;
}
