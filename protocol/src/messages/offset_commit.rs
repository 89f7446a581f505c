//! `OffsetCommit`: stores how far a group has read.

use crate::Uuid;
use crate::message::messages;

messages! {
    /// Stores offsets.
    request OffsetCommitRequest: 2..=10, flexible 8, api OffsetCommit -> OffsetCommitResponse {
        /// Group that has read.
        group_id: String;
        /// Generation or member epoch of the member; -1 outside a group.
        generation_id_or_member_epoch: i32 = -1;
        /// Id of the member; empty outside a group.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 7..;
        /// How long to keep the offsets; -1 is the broker's setting.
        retention_time_ms: i64 = -1, in ..=4;
        /// Offsets by topic.
        topics: Vec<OffsetCommitRequestTopic>;
    }

    /// Offsets of one topic.
    struct OffsetCommitRequestTopic {
        /// Name of the topic.
        name: String, in ..=9;
        /// Id of the topic.
        topic_id: Uuid, in 10..;
        /// Offsets by partition.
        partitions: Vec<OffsetCommitRequestPartition>;
    }

    /// Offset of one partition.
    struct OffsetCommitRequestPartition {
        /// Number of the partition.
        partition_index: i32;
        /// Offset to be read next.
        committed_offset: i64;
        /// Epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, in 6..;
        /// Text that the client keeps with the offset.
        committed_metadata: Option<String> = Some(String::new());
    }

    /// Says what was stored.
    message OffsetCommitResponse: 2..=10, flexible 8 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 3..;
        /// Results by topic.
        topics: Vec<OffsetCommitResponseTopic>;
    }

    /// Results of one topic.
    struct OffsetCommitResponseTopic {
        /// Name of the topic.
        name: String, in ..=9;
        /// Id of the topic.
        topic_id: Uuid, in 10..;
        /// Results by partition.
        partitions: Vec<OffsetCommitResponsePartition>;
    }

    /// Result of one partition.
    struct OffsetCommitResponsePartition {
        /// Number of the partition.
        partition_index: i32;
        /// Error code, or 0.
        error_code: i16;
    }
}
