//! `ListOffsets` and `OffsetForLeaderEpoch`: the places of a partition.

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use protocol::records::{BatchBuilder, Compression, NewRecord};

use crate::harness::{Client, TestBroker};

const TIME: i64 = 1_700_000_000_000;

/// A batch of records with these times after [`TIME`].
fn timed(times: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::Lz4);
    for time in times {
        builder.push(NewRecord {
            timestamp: TIME + time,
            value: Some(b"x"),
            ..NewRecord::default()
        });
    }
    builder.build().unwrap()
}

async fn list(client: &mut Client, timestamp: i64, version: i16) -> ListOffsetsPartitionResponse {
    let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: "t".to_owned(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
    let mut response = client.call(&request, version).await;
    response.topics.remove(0).partitions.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_finds_the_first_record_that_is_not_older() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", timed(&[0, 10, 20])).await;
    client.produce("t", timed(&[100, 50, 60])).await;
    for version in 1..=10 {
        for (asked, offset, timestamp) in [
            (TIME - 5, 0, TIME),
            (TIME + 5, 1, TIME + 10),
            (TIME + 20, 2, TIME + 20),
            (TIME + 21, 3, TIME + 100),
            (TIME + 101, -1, -1),
            (-1, 6, -1),
            (-2, 0, -1),
        ] {
            let found = list(&mut client, asked, version).await;
            assert_eq!(
                (found.error_code, found.offset, found.timestamp),
                (0, offset, timestamp),
                "{asked} in version {version}"
            );
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn special_places_come_with_their_versions() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", timed(&[0, 30, 20])).await;
    for (asked, first_version, offset) in [(-3, 7, 1), (-4, 8, 0), (-5, 9, -1)] {
        let found = list(&mut client, asked, first_version).await;
        assert_eq!((found.error_code, found.offset), (0, offset), "{asked}");
        let early = list(&mut client, asked, first_version - 1).await;
        assert_eq!(early.error_code, ErrorCode::UnsupportedVersion.code());
    }
    assert_eq!(list(&mut client, -9, 10).await.error_code, ErrorCode::UnsupportedVersion.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_epoch_ends_at_the_end_of_the_log() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", timed(&[0, 30, 20])).await;
    for version in 2..=4 {
        let partition =
            OffsetForLeaderPartition { partition: 0, current_leader_epoch: 0, leader_epoch: 0 };
        let topic = OffsetForLeaderTopic { topic: "t".to_owned(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest {
            topics: vec![topic],
            ..OffsetForLeaderEpochRequest::default()
        };
        let response = client.call(&request, version).await;
        let end = &response.topics[0].partitions[0];
        assert_eq!((end.error_code, end.leader_epoch, end.end_offset), (0, 0, 3));
    }
    broker.stop().await;
}
