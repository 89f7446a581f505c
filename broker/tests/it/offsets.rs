//! Committed offsets over the wire, and the topic that keeps them.

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::group_records::{
    GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue, split_version,
};
use protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use protocol::{Decoder, Message};

use crate::groups::settle;
use crate::harness::{Client, TestBroker, fetch_request, records};

#[track_caller]
fn check(found: i16, expected: ErrorCode) {
    assert_eq!(ErrorCode::from_code(found), Some(expected));
}

fn commit(group: &str, topic: &str, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
    let partition =
        |(partition_index, committed_offset): &(i32, i64)| OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: *committed_offset,
            committed_leader_epoch: 4,
            committed_metadata: Some(format!("at {committed_offset}")),
        };
    let topic = OffsetCommitRequestTopic {
        name: topic.to_owned(),
        partitions: offsets.iter().map(partition).collect(),
        ..OffsetCommitRequestTopic::default()
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    }
}

async fn codes(client: &mut Client, request: &OffsetCommitRequest, version: i16) -> Vec<i16> {
    let response = client.call(request, version).await;
    let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

/// Asks for partitions of one topic, or for everything, in the form of any version.
fn fetch(group: &str, of: Option<(&str, &[i32])>) -> OffsetFetchRequest {
    let old = of.map(|(topic, partitions)| {
        let partition_indexes = partitions.to_vec();
        vec![OffsetFetchRequestTopic { name: topic.to_owned(), partition_indexes }]
    });
    let new = of.map(|(topic, partitions)| {
        let name = topic.to_owned();
        let partition_indexes = partitions.to_vec();
        vec![OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() }]
    });
    let group_id = group.to_owned();
    let one =
        OffsetFetchRequestGroup { group_id: group_id.clone(), topics: new, ..Default::default() };
    OffsetFetchRequest { group_id, topics: old, groups: vec![one], require_stable: true }
}

/// Partition, offset, leader epoch, metadata.
type Fetched = (i32, i64, i32, String);

fn fetched(response: OffsetFetchResponse) -> Vec<Fetched> {
    check(response.error_code, ErrorCode::None);
    let mut all = Vec::new();
    for partition in response.topics.into_iter().flat_map(|topic| topic.partitions) {
        check(partition.error_code, ErrorCode::None);
        all.push((
            partition.partition_index,
            partition.committed_offset,
            partition.committed_leader_epoch,
            partition.metadata.expect("never null"),
        ));
    }
    for group in response.groups {
        check(group.error_code, ErrorCode::None);
        for partition in group.topics.into_iter().flat_map(|topic| topic.partitions) {
            check(partition.error_code, ErrorCode::None);
            all.push((
                partition.partition_index,
                partition.committed_offset,
                partition.committed_leader_epoch,
                partition.metadata.expect("never null"),
            ));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_commits_and_fetches_all_that_it_carries() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 2, &[]).await;
    for version in 2..=9 {
        let offset = i64::from(version) * 10;
        let request = commit("g", "t", &[(1, offset)]);
        assert_eq!(codes(&mut client, &request, version).await, [0], "version {version}");
        let epoch = if version >= 6 { 4 } else { -1 };
        for reading in 1..=9 {
            let response = client.call(&fetch("g", Some(("t", &[1, 0]))), reading).await;
            let epoch = if reading >= 5 { epoch } else { -1 };
            let expected = [(1, offset, epoch, format!("at {offset}")), (0, -1, -1, String::new())];
            assert_eq!(fetched(response), expected, "versions {version} and {reading}");
            if reading >= 2 {
                let response = client.call(&fetch("g", None), reading).await;
                assert_eq!(fetched(response), expected[..1], "versions {version} and {reading}");
            }
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_groups_are_read_at_once() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    codes(&mut client, &commit("a", "t", &[(0, 1)]), 9).await;
    codes(&mut client, &commit("b", "t", &[(0, 2)]), 9).await;
    let mut request = fetch("a", None);
    request.groups.extend(fetch("nobody", None).groups);
    request.groups.extend(fetch("b", None).groups);
    let response = client.call(&request, 8).await;
    let groups: Vec<_> = response
        .groups
        .iter()
        .map(|group| {
            let first = group.topics.first().map(|topic| topic.partitions[0].committed_offset);
            (group.group_id.as_str(), group.error_code, first)
        })
        .collect();
    assert_eq!(groups, [("a", 0, Some(1)), ("nobody", 0, None), ("b", 0, Some(2))]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_refused_by_partition() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 2, &[]).await;
    let mut request = commit("g", "t", &[(0, 1), (2, 1), (1, 1)]);
    request.topics[0].partitions[2].committed_metadata = Some("x".repeat(4_097));
    request.topics.extend(commit("g", "missing", &[(0, 1)]).topics);
    assert_eq!(codes(&mut client, &request, 9).await, [0, 3, 12, 3]);
    let response = client.call(&fetch("g", None), 9).await;
    assert_eq!(fetched(response), [(0, 1, 4, "at 1".to_owned())]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_of_the_generation_commit_while_a_group_has_members() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    let joined = settle(&mut client, "g").await;
    let by = |group: &str, member_id: &str, generation| OffsetCommitRequest {
        generation_id_or_member_epoch: generation,
        member_id: member_id.to_owned(),
        ..commit(group, "t", &[(0, 1)])
    };
    let (id, generation) = (joined.member_id.as_str(), joined.generation_id);
    let mut check_codes = async |request: OffsetCommitRequest, version, expected: ErrorCode| {
        check(codes(&mut client, &request, version).await[0], expected);
    };
    check_codes(by("g", id, generation), 9, ErrorCode::None).await;
    check_codes(by("g", id, generation + 1), 9, ErrorCode::IllegalGeneration).await;
    check_codes(by("g", "stranger", generation), 9, ErrorCode::UnknownMemberId).await;
    check_codes(by("g", "", -1), 9, ErrorCode::UnknownMemberId).await;
    check_codes(by("nothing", id, 1), 8, ErrorCode::IllegalGeneration).await;
    check_codes(by("nothing", id, 1), 9, ErrorCode::GroupIdNotFound).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_outlive_the_broker_and_not_their_topic() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.create_topic("s", 1, &[]).await;
    let mut request = commit("g", "t", &[(0, 7)]);
    request.topics.extend(commit("g", "s", &[(0, 8)]).topics);
    assert_eq!(codes(&mut client, &request, 9).await, [0, 0]);
    let broker = broker.restart(&[]).await;
    let mut client = broker.connect().await;
    let expected = [(0, 8, 4, "at 8".to_owned()), (0, 7, 4, "at 7".to_owned())];
    assert_eq!(fetched(client.call(&fetch("g", None), 9).await), expected);
    let name = Some("t".to_owned());
    let topics = vec![DeleteTopicState { name, ..DeleteTopicState::default() }];
    let request =
        DeleteTopicsRequest { topics, timeout_ms: 10_000, ..DeleteTopicsRequest::default() };
    check(client.call(&request, 6).await.responses[0].error_code, ErrorCode::None);
    assert_eq!(fetched(client.call(&fetch("g", None), 9).await), expected[..1]);
    let broker = broker.restart(&[]).await;
    let mut client = broker.connect().await;
    assert_eq!(fetched(client.call(&fetch("g", None), 9).await), expected[..1]);
    broker.stop().await;
}

/// Every record of the topic of the groups, over all partitions.
async fn kept(client: &mut Client) -> Vec<(Bytes, Option<Bytes>)> {
    let topics = client.call(&MetadataRequest { topics: None, ..Default::default() }, 12).await;
    let topic = topics
        .topics
        .into_iter()
        .find(|topic| topic.name.as_deref() == Some("__consumer_offsets"))
        .expect("the topic of the groups");
    let mut kept = Vec::new();
    for partition in topic.partitions {
        let request = fetch_request("__consumer_offsets", partition.partition_index, 0);
        let mut response = client.call(&request, 12).await;
        let data = response.responses.remove(0).partitions.remove(0);
        check(data.error_code, ErrorCode::None);
        kept.extend(
            records(&data).into_iter().map(|record| (record.key.expect("a key"), record.value)),
        );
    }
    kept
}

fn read<M: Message>(bytes: &Bytes) -> (i16, M) {
    let (version, mut decoder): (i16, Decoder) = split_version(bytes.clone()).expect("a version");
    let message = M::decode(&mut decoder, version).expect("a record of that version");
    decoder.expect_end().expect("nothing after it");
    (version, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_of_the_groups_holds_records_that_kafka_reads() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    codes(&mut client, &commit("simple", "t", &[(0, 5)]), 9).await;
    let records = kept(&mut client).await;
    let [(key, Some(value))] = records.as_slice() else { panic!("{records:?}") };
    let (key_version, key): (i16, OffsetCommitKey) = read(key);
    assert_eq!((key_version, key.group.as_str(), key.topic.as_str()), (1, "simple", "t"));
    let (value_version, value): (i16, OffsetCommitValue) = read(value);
    assert_eq!((value_version, value.offset, value.leader_epoch), (3, 5, 4));
    assert_eq!(value.metadata, "at 5");
    let joined = settle(&mut client, "joined").await;
    let records = kept(&mut client).await;
    let found = records.iter().find(|(key, _)| key[..2] == [0, 2]).expect("a record of the group");
    let (_, key): (i16, GroupMetadataKey) = read(&found.0);
    assert_eq!(key.group, "joined");
    let (version, value): (i16, GroupMetadataValue) = read(found.1.as_ref().unwrap());
    assert_eq!((version, value.generation, value.members.len()), (3, 1, 1));
    assert_eq!(value.leader.as_deref(), Some(joined.member_id.as_str()));
    assert_eq!(value.members[0].assignment, format!("share of {}", joined.member_id));
    broker.stop().await;
}
