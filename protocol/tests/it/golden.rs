//! Bytes that must never change: what older versions of this program wrote, later ones read.
//!
//! Files are hexadecimal, 32 bytes to a line. `UPDATE_GOLDEN=1` writes those that are missing.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use protocol::group_records::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata, OffsetCommitKey, OffsetCommitValue,
    split_version, versioned,
};
use protocol::metadata_records::{
    BrokerEndpoint, ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionRecord,
    ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord,
};
use protocol::records::{
    BatchBuilder, Compression, ControlRecord, ControlType, NewRecord, RecordIter, verify_crc,
};
use protocol::transaction_records::{PartitionsSchema, TransactionLogKey, TransactionLogValue};
use protocol::{Message, Uuid};

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", &format!("{name}.hex")].iter().collect()
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn from_hex(text: &str) -> Bytes {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Compares with the golden file and returns its bytes.
#[track_caller]
fn golden(name: &str, written: &[u8]) -> Bytes {
    let path = path(name);
    if !path.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, to_hex(written)).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(to_hex(written), text, "{name}");
    from_hex(&text)
}

#[track_caller]
fn check_versioned<M: Message>(name: &str, message: &M, version: i16) {
    let bytes = golden(name, &versioned(message, version).unwrap());
    let (found, mut d) = split_version(bytes).unwrap();
    assert_eq!(found, version);
    assert_eq!(&M::decode(&mut d, version).unwrap(), message);
    d.expect_end().unwrap();
}

#[track_caller]
fn check_metadata(name: &str, record: impl Into<MetadataRecord>) {
    let record = record.into();
    let bytes = golden(name, &record.encode().unwrap());
    assert_eq!(MetadataRecord::decode(bytes), Ok(record));
}

#[test]
fn offset_commits_keep_their_bytes() {
    let key = OffsetCommitKey { group: "g".to_owned(), topic: "t".to_owned(), partition: 3 };
    check_versioned("group_records/v1/offset_commit_key", &key, 1);
    let value = OffsetCommitValue {
        offset: 77,
        leader_epoch: 4,
        metadata: "note".to_owned(),
        commit_timestamp: 1_700_000_000_000,
        ..Default::default()
    };
    check_versioned("group_records/v1/offset_commit_value_3", &value, 3);
    check_versioned("group_records/v1/offset_commit_value_4", &value, 4);
    let expiring =
        OffsetCommitValue { leader_epoch: -1, expire_timestamp: 1_700_000_060_000, ..value };
    check_versioned("group_records/v1/offset_commit_value_1", &expiring, 1);
}

#[test]
fn groups_keep_their_bytes() {
    let key = GroupMetadataKey { group: "g".to_owned() };
    check_versioned("group_records/v1/group_metadata_key", &key, 2);
    let value = GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: 9,
        protocol: Some("range".to_owned()),
        leader: Some("m-1".to_owned()),
        current_state_timestamp: 1_700_000_000_000,
        members: vec![MemberMetadata {
            member_id: "m-1".to_owned(),
            group_instance_id: Some("i-1".to_owned()),
            client_id: "c".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            rebalance_timeout: 300_000,
            session_timeout: 45_000,
            subscription: Bytes::from_static(&[0, 1, 2]),
            assignment: Bytes::from_static(&[3, 4]),
        }],
    };
    check_versioned("group_records/v1/group_metadata_value_3", &value, 3);
    check_versioned("group_records/v1/group_metadata_value_4", &value, 4);
}

#[test]
fn transactions_keep_their_bytes() {
    let key = TransactionLogKey { transactional_id: "tx".to_owned() };
    check_versioned("transaction_records/v1/transaction_log_key", &key, 0);
    let value = TransactionLogValue {
        producer_id: 12,
        producer_epoch: 3,
        transaction_timeout_ms: 60_000,
        transaction_status: 1,
        transaction_partitions: Some(vec![PartitionsSchema {
            topic: "t".to_owned(),
            partition_ids: vec![0, 2],
        }]),
        transaction_last_update_timestamp_ms: 1_700_000_000_001,
        transaction_start_timestamp_ms: 1_700_000_000_000,
        ..Default::default()
    };
    check_versioned("transaction_records/v1/transaction_log_value_0", &value, 0);
    let flexible = TransactionLogValue { previous_producer_id: 11, ..value };
    check_versioned("transaction_records/v1/transaction_log_value_1", &flexible, 1);
}

#[test]
fn cluster_metadata_keeps_its_bytes() {
    let topic_id = Uuid(0x1234_5678_9abc_def0_fedc_ba98_7654_3210_u128.to_be_bytes());
    check_metadata(
        "metadata_records/v1/topic",
        TopicRecord { name: "connect-test".to_owned(), topic_id },
    );
    let partition = PartitionRecord {
        partition_id: 2,
        topic_id,
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        ..Default::default()
    };
    check_metadata("metadata_records/v1/partition_0", partition.clone());
    let placed = PartitionRecord { directories: vec![Uuid([9; 16])], ..partition };
    check_metadata("metadata_records/v1/partition_1", placed);
    let setting = ConfigRecord {
        resource_type: 2,
        resource_name: "connect-test".to_owned(),
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
    };
    check_metadata("metadata_records/v1/config", setting);
    check_metadata("metadata_records/v1/remove_topic", RemoveTopicRecord { topic_id });
    let level = FeatureLevelRecord { name: "metadata.version".to_owned(), feature_level: 21 };
    check_metadata("metadata_records/v1/feature_level", level);
    let block = ProducerIdsRecord { broker_id: 1, broker_epoch: 5, next_producer_id: 1_000 };
    check_metadata("metadata_records/v1/producer_ids", block);
    let broker = RegisterBrokerRecord {
        broker_id: 1,
        incarnation_id: Uuid([5; 16]),
        broker_epoch: 6,
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
        }],
        rack: None,
        fenced: false,
        log_dirs: vec![Uuid([9; 16])],
        ..Default::default()
    };
    check_metadata("metadata_records/v1/register_broker", broker);
}

#[test]
fn record_batches_keep_their_bytes() {
    let headers: &[(&[u8], Option<&[u8]>)] = &[(b"h", Some(b"1")), (b"h", None)];
    // Only uncompressed bytes are fixed: a codec's library may find another encoding of the same.
    let mut builder =
        BatchBuilder::new(Compression::None).base_offset(1_000).leader_epoch(7).producer(12, 1, 8);
    for (index, value) in [Some(&b"one"[..]), None, Some(b"three")].into_iter().enumerate() {
        let timestamp = 1_700_000_000_000 + i64::try_from(index).unwrap();
        builder.push(NewRecord { timestamp, key: Some(b"k"), value, headers });
    }
    let batch = golden("record_batch/v1/data", &builder.build().unwrap());
    verify_crc(&batch).unwrap();
    assert_eq!(RecordIter::new(&batch, 0).unwrap().filter(Result::is_ok).count(), 3);
    let marker = ControlRecord { kind: ControlType::Commit, coordinator_epoch: 2 };
    let written = marker.batch((12, 1), 1_700_000_000_000).unwrap();
    let batch = golden("record_batch/v1/commit_marker", &written);
    let record = RecordIter::new(&batch, 0).unwrap().next().unwrap().unwrap();
    assert_eq!(ControlRecord::parse(&record), Ok(marker));
}
