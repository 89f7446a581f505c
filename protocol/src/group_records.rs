//! Records of `__consumer_offsets`, as Kafka's group coordinator writes them.
//!
//! | key version | key | value |
//! |---|---|---|
//! | 0, 1 | [`OffsetCommitKey`] | [`OffsetCommitValue`] |
//! | 2 | [`GroupMetadataKey`] | [`GroupMetadataValue`] |
//!
//! A key and a value each begin with their version, an `i16`, which says by which schema to read on:
//! see [`versioned`] and [`split_version`]. A record without a value removes what the key names.
//! Source: Kafka's schemas of these names; classic groups only.

use bytes::Bytes;

use crate::message::messages;
use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, NEVER, Uuid};

/// Writes a key or a value: its version, then its fields.
///
/// # Errors
///
/// [`EncodeError`] when the version does not exist or a value does not fit it.
pub fn versioned<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut e = Encoder::new();
    e.write_i16(version);
    message.encode(&mut e, version)?;
    e.finish()?.into_bytes()
}

/// Reads the version of a key or a value; the decoder is left at its fields.
///
/// # Errors
///
/// [`DecodeError::Truncated`].
pub fn split_version(bytes: Bytes) -> Result<(i16, Decoder), DecodeError> {
    let mut d = Decoder::new(bytes);
    let version = d.read_i16()?;
    Ok((version, d))
}

messages! {
    /// Names a partition that a group reads.
    message OffsetCommitKey: 0..=1, flexible NEVER {
        /// Id of the group.
        group: String;
        /// Name of the topic.
        topic: String;
        /// Number of the partition.
        partition: i32;
    }

    /// How far a group has read a partition.
    message OffsetCommitValue: 0..=4, flexible 4 {
        /// Offset to be read next.
        offset: i64;
        /// Epoch of the last record that was read, or -1.
        leader_epoch: i32 = -1, in 3..;
        /// Text that the client keeps with the offset.
        metadata: String;
        /// When it was committed, in ms.
        commit_timestamp: i64;
        /// When it expires, in ms; -1 leaves that to the broker's setting.
        expire_timestamp: i64 = -1, in 1..=1;
        /// Id of the topic, or zero.
        topic_id: Uuid, in 4.., tag 0;
    }

    /// Names a group.
    message GroupMetadataKey: 2..=2, flexible NEVER {
        /// Id of the group.
        group: String;
    }

    /// A group whose members have their assignments, or that is empty.
    message GroupMetadataValue: 0..=4, flexible 4 {
        /// Kind of group: `consumer`, `connect`, `sr`.
        protocol_type: String;
        /// Generation.
        generation: i32;
        /// Protocol that all members use.
        protocol: Option<String> = Some(String::new());
        /// Member that made the assignment.
        leader: Option<String> = Some(String::new());
        /// When the group came into its state, in ms, or -1.
        current_state_timestamp: i64 = -1, in 2..;
        /// Members; none when the group is empty.
        members: Vec<MemberMetadata>;
    }

    /// A member of a group.
    struct MemberMetadata {
        /// Id of the member.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 3..;
        /// Name that the client gives itself.
        client_id: String;
        /// Address of the client.
        client_host: String;
        /// How long the member may take to rejoin, in ms.
        rebalance_timeout: i32, in 1..;
        /// How long the member may be silent, in ms.
        session_timeout: i32;
        /// What the member sent for the protocol.
        subscription: Bytes;
        /// What the leader assigned to the member.
        assignment: Bytes;
    }
}
