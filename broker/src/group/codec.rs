//! Records of `__consumer_offsets` as bytes, the way Kafka writes them.
//!
//! | key version | key | value |
//! |---|---|---|
//! | 0, 1 | group, topic, partition | a committed offset |
//! | 2 | group | a group at rest |
//! | others | other kinds of groups | passed over |
//!
//! Key and value begin with their version, `i16`. Offsets are written in version 3 (version 1 if
//! they carry their own time limit), groups in version 3; all versions are read.
//!
//! Source: Kafka's schemas `OffsetCommitKey`, `OffsetCommitValue`, `GroupMetadataKey`,
//! `GroupMetadataValue`.

use std::collections::VecDeque;

use bytes::Bytes;
use protocol::group_records::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata, OffsetCommitKey, OffsetCommitValue,
    split_version, versioned,
};
use protocol::records::{BatchBuilder, BuildError, Compression, NewRecord};
use protocol::{DecodeError, EncodeError, Message};

use super::event::{Client, Committed};
use super::record::{GroupRecord, GroupSnapshot, MemberSnapshot};

const OFFSET_KEY: i16 = 1;
const GROUP_KEY: i16 = 2;
const OFFSET_VALUE: i16 = 3;
const OFFSET_VALUE_WITH_EXPIRY: i16 = 1;
const GROUP_VALUE: i16 = 3;

/// A record's key and value; no value is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyValue {
    key: Bytes,
    value: Option<Bytes>,
}

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A record of this coordinator.
    Group(GroupRecord),
    /// A record of another kind of group, with its key version.
    OtherKind(i16),
}

/// Why a record cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// There is no key.
    #[error("no key")]
    NoKey,
    /// The bytes are not what their version says.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Encodes a decision.
pub(super) fn encode(record: &GroupRecord) -> Result<KeyValue, EncodeError> {
    match record {
        GroupRecord::Offset { group_id, topic, partition, committed } => {
            let key = OffsetCommitKey {
                group: group_id.clone(),
                topic: topic.clone(),
                partition: *partition,
            };
            let value = committed.as_ref().map(encode_offset).transpose()?;
            Ok(KeyValue { key: versioned(&key, OFFSET_KEY)?, value })
        }
        GroupRecord::Metadata { group_id, snapshot } => {
            let key = GroupMetadataKey { group: group_id.clone() };
            let value = snapshot.as_ref().map(encode_group).transpose()?;
            Ok(KeyValue { key: versioned(&key, GROUP_KEY)?, value })
        }
    }
}

/// Decodes a record.
pub(super) fn decode(key: Option<&Bytes>, value: Option<&Bytes>) -> Result<Decoded, RecordError> {
    let (version, mut key) = split_version(key.ok_or(RecordError::NoKey)?.clone())?;
    match version {
        0 | OFFSET_KEY => {
            let key = OffsetCommitKey::decode(&mut key, version)?;
            Ok(Decoded::Group(GroupRecord::Offset {
                group_id: key.group,
                topic: key.topic,
                partition: key.partition,
                committed: value.map(decode_offset).transpose()?,
            }))
        }
        GROUP_KEY => {
            let key = GroupMetadataKey::decode(&mut key, GROUP_KEY)?;
            let snapshot = value.map(decode_group).transpose()?;
            Ok(Decoded::Group(GroupRecord::Metadata { group_id: key.group, snapshot }))
        }
        other => Ok(Decoded::OtherKind(other)),
    }
}

/// Makes one batch of the first records, up to about `size` bytes, and says of how many.
pub(super) fn batch(
    records: &VecDeque<KeyValue>,
    timestamp_ms: i64,
    size: usize,
) -> Result<(Bytes, usize), BuildError> {
    let mut builder = BatchBuilder::new(Compression::None);
    for record in records {
        let record = NewRecord {
            timestamp: timestamp_ms,
            key: Some(&record.key),
            value: record.value.as_deref(),
            headers: &[],
        };
        if !builder.is_empty() && builder.size_with(&record) > size {
            break;
        }
        builder.push(record);
    }
    let count = builder.len();
    Ok((builder.build()?, count))
}

fn encode_offset(committed: &Committed) -> Result<Bytes, EncodeError> {
    let version = match committed.expire_timestamp_ms {
        Some(_) => OFFSET_VALUE_WITH_EXPIRY,
        None => OFFSET_VALUE,
    };
    let value = OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
        commit_timestamp: committed.commit_timestamp_ms,
        expire_timestamp: committed.expire_timestamp_ms.unwrap_or(-1),
        ..OffsetCommitValue::default()
    };
    versioned(&value, version)
}

fn decode_offset(value: &Bytes) -> Result<Committed, RecordError> {
    let (_, value): (i16, OffsetCommitValue) = unversioned(value)?;
    Ok(Committed {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: Some(value.expire_timestamp).filter(|at_ms| *at_ms >= 0),
    })
}

fn encode_group(snapshot: &GroupSnapshot) -> Result<Bytes, EncodeError> {
    let member = |member: &MemberSnapshot| MemberMetadata {
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client.id.clone(),
        client_host: member.client.host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.clone(),
        assignment: member.assignment.clone(),
    };
    let value = GroupMetadataValue {
        protocol_type: snapshot.protocol_type.clone(),
        generation: snapshot.generation,
        protocol: snapshot.protocol.clone(),
        leader: snapshot.leader.clone(),
        current_state_timestamp: snapshot.state_timestamp_ms,
        members: snapshot.members.iter().map(member).collect(),
    };
    versioned(&value, GROUP_VALUE)
}

fn decode_group(value: &Bytes) -> Result<GroupSnapshot, RecordError> {
    let (version, value): (i16, GroupMetadataValue) = unversioned(value)?;
    let member = |member: MemberMetadata| MemberSnapshot {
        member_id: member.member_id,
        instance_id: member.group_instance_id,
        client: Client { id: member.client_id, host: member.client_host },
        // Version 0 has no rebalance timeout: the session timeout was both.
        rebalance_timeout_ms: if version == 0 {
            member.session_timeout
        } else {
            member.rebalance_timeout
        },
        session_timeout_ms: member.session_timeout,
        subscription: member.subscription,
        assignment: member.assignment,
    };
    Ok(GroupSnapshot {
        protocol_type: value.protocol_type,
        generation: value.generation,
        protocol: value.protocol,
        leader: value.leader,
        state_timestamp_ms: value.current_state_timestamp,
        members: value.members.into_iter().map(member).collect(),
    })
}

/// Reads a value by its version, and says which that is.
fn unversioned<M: Message>(bytes: &Bytes) -> Result<(i16, M), DecodeError> {
    let (version, mut decoder) = split_version(bytes.clone())?;
    Ok((version, M::decode(&mut decoder, version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[track_caller]
    fn check(record: &GroupRecord, key: &str, value: Option<&str>) {
        let encoded = encode(record).unwrap();
        assert_eq!(hex(&encoded.key), key);
        assert_eq!(encoded.value.as_deref().map(hex).as_deref(), value);
        let decoded = decode(Some(&encoded.key), encoded.value.as_ref()).unwrap();
        assert_eq!(decoded, Decoded::Group(record.clone()));
    }

    fn committed(expire_timestamp_ms: Option<i64>) -> Option<Committed> {
        Some(Committed {
            offset: 42,
            leader_epoch: if expire_timestamp_ms.is_some() { -1 } else { 7 },
            metadata: "m".into(),
            commit_timestamp_ms: 1_000,
            expire_timestamp_ms,
        })
    }

    fn offset(committed: Option<Committed>) -> GroupRecord {
        GroupRecord::Offset { group_id: "g".into(), topic: "t".into(), partition: 1, committed }
    }

    #[test]
    fn offsets_are_written_as_kafka_writes_them() {
        let key = concat!("0001", "000167", "000174", "00000001");
        let value = concat!("0003", "000000000000002a", "00000007", "00016d", "00000000000003e8");
        check(&offset(committed(None)), key, Some(value));
        check(&offset(None), key, None);
        let own_limit =
            concat!("0001", "000000000000002a", "00016d", "00000000000003e8", "00000000000007d0");
        check(&offset(committed(Some(2_000))), key, Some(own_limit));
    }

    #[test]
    fn groups_are_written_as_kafka_writes_them() {
        let member = MemberSnapshot {
            member_id: "a".into(),
            instance_id: None,
            client: Client { id: "c".into(), host: "/h".into() },
            rebalance_timeout_ms: 2,
            session_timeout_ms: 3,
            subscription: Bytes::from_static(b"s"),
            assignment: Bytes::from_static(b"xy"),
        };
        let snapshot = GroupSnapshot {
            protocol_type: "consumer".into(),
            generation: 5,
            protocol: Some("range".into()),
            leader: Some("a".into()),
            state_timestamp_ms: 1_000,
            members: vec![member],
        };
        let value = concat!(
            "0003",
            "0008636f6e73756d6572",
            "00000005",
            "000572616e6765",
            "000161",
            "00000000000003e8",
            "00000001",
            "000161",
            "ffff",
            "000163",
            "00022f68",
            "00000002",
            "00000003",
            "0000000173",
            "000000027879",
        );
        let group = |snapshot| GroupRecord::Metadata { group_id: "g".into(), snapshot };
        check(&group(Some(snapshot)), "0002000167", Some(value));
        let empty = GroupSnapshot {
            protocol_type: "consumer".into(),
            generation: 6,
            protocol: None,
            leader: None,
            state_timestamp_ms: -1,
            members: Vec::new(),
        };
        let value = "00030008636f6e73756d657200000006ffffffffffffffffffffffff00000000";
        check(&group(Some(empty)), "0002000167", Some(value));
        check(&group(None), "0002000167", None);
    }

    #[test]
    fn groups_of_the_oldest_version_take_the_session_timeout_for_both() {
        let value = GroupMetadataValue {
            protocol_type: "consumer".into(),
            members: vec![MemberMetadata { session_timeout: 9, ..MemberMetadata::default() }],
            ..GroupMetadataValue::default()
        };
        let snapshot = decode_group(&versioned(&value, 0).unwrap()).unwrap();
        assert_eq!(snapshot.members[0].rebalance_timeout_ms, 9);
        assert_eq!(snapshot.state_timestamp_ms, -1);
    }

    #[test]
    fn records_of_other_kinds_are_told_apart_and_damaged_ones_refused() {
        let decoded = |key: &'static [u8], value: &'static [u8]| {
            decode(Some(&Bytes::from_static(key)), Some(&Bytes::from_static(value)))
        };
        assert_eq!(decoded(&[0, 3, 1], b"").unwrap(), Decoded::OtherKind(3));
        assert!(decoded(&[0], b"").is_err());
        assert!(decoded(&[0, 2, 0, 9], b"").is_err());
        assert!(decoded(&[0, 2, 0, 1, b'g'], &[0, 3, 0]).is_err());
        assert!(decoded(&[0, 2, 0, 1, b'g'], &[0, 99]).is_err());
        assert!(matches!(decode(None, None), Err(RecordError::NoKey)));
    }

    #[test]
    fn a_batch_takes_records_up_to_its_size_and_at_least_one() {
        let record = encode(&offset(committed(None))).unwrap();
        let records: VecDeque<_> = std::iter::repeat_n(record, 10).collect();
        assert_eq!(batch(&records, 0, 1).unwrap().1, 1);
        assert_eq!(batch(&records, 0, 1 << 20).unwrap().1, 10);
        let (bytes, count) = batch(&records, 0, 250).unwrap();
        assert!(bytes.len() <= 250 && (2..10).contains(&count), "{count} in {}", bytes.len());
    }
}
