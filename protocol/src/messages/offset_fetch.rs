//! `OffsetFetch`: reads how far groups have read. Up to version 7 one group, then several.

use crate::Uuid;
use crate::message::messages;

messages! {
    /// Asks for offsets.
    request OffsetFetchRequest: 1..=10, flexible 6, api OffsetFetch -> OffsetFetchResponse {
        /// Group that has read.
        group_id: String, in ..=7;
        /// Partitions by topic; null is all.
        topics: Option<Vec<OffsetFetchRequestTopic>> = Some(Vec::new()), in ..=7, nullable 2..=7;
        /// Groups that have read.
        groups: Vec<OffsetFetchRequestGroup>, in 8..;
        /// Whether to refuse while a transaction that commits offsets is open.
        require_stable: bool, in 7..;
    }

    /// Partitions of one topic.
    struct OffsetFetchRequestTopic {
        /// Name of the topic.
        name: String, in ..=7;
        /// Numbers of the partitions.
        partition_indexes: Vec<i32>, in ..=7;
    }

    /// What is asked of one group.
    struct OffsetFetchRequestGroup {
        /// Group that has read.
        group_id: String, in 8..;
        /// Id of the member that asks.
        member_id: Option<String>, in 9..;
        /// Epoch of that member, or -1.
        member_epoch: i32 = -1, in 9..;
        /// Partitions by topic; null is all.
        topics: Option<Vec<OffsetFetchRequestTopics>> = Some(Vec::new()), in 8..;
    }

    /// Partitions of one topic, in a request for several groups.
    struct OffsetFetchRequestTopics {
        /// Name of the topic.
        name: String, in 8..=9;
        /// Id of the topic.
        topic_id: Uuid, in 10..;
        /// Numbers of the partitions.
        partition_indexes: Vec<i32>, in 8..;
    }

    /// Brings offsets.
    message OffsetFetchResponse: 1..=10, flexible 6 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 3..;
        /// Offsets by topic.
        topics: Vec<OffsetFetchResponseTopic>, in ..=7;
        /// Error code of the whole request, or 0.
        error_code: i16, in 2..=7;
        /// Offsets by group.
        groups: Vec<OffsetFetchResponseGroup>, in 8..;
    }

    /// Offsets of one topic.
    struct OffsetFetchResponseTopic {
        /// Name of the topic.
        name: String, in ..=7;
        /// Offsets by partition.
        partitions: Vec<OffsetFetchResponsePartition>, in ..=7;
    }

    /// Offset of one partition.
    struct OffsetFetchResponsePartition {
        /// Number of the partition.
        partition_index: i32, in ..=7;
        /// Offset to be read next, or -1 when none is stored.
        committed_offset: i64, in ..=7;
        /// Epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, in 5..=7;
        /// Text that the client kept with the offset.
        metadata: Option<String> = Some(String::new()), in ..=7;
        /// Error code, or 0.
        error_code: i16, in ..=7;
    }

    /// Offsets of one group.
    struct OffsetFetchResponseGroup {
        /// Group that has read.
        group_id: String, in 8..;
        /// Offsets by topic.
        topics: Vec<OffsetFetchResponseTopics>, in 8..;
        /// Error code, or 0.
        error_code: i16, in 8..;
    }

    /// Offsets of one topic, in an answer for several groups.
    struct OffsetFetchResponseTopics {
        /// Name of the topic.
        name: String, in 8..=9;
        /// Id of the topic.
        topic_id: Uuid, in 10..;
        /// Offsets by partition.
        partitions: Vec<OffsetFetchResponsePartitions>, in 8..;
    }

    /// Offset of one partition, in an answer for several groups.
    struct OffsetFetchResponsePartitions {
        /// Number of the partition.
        partition_index: i32, in 8..;
        /// Offset to be read next, or -1 when none is stored.
        committed_offset: i64, in 8..;
        /// Epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, in 8..;
        /// Text that the client kept with the offset.
        metadata: Option<String> = Some(String::new()), in 8..;
        /// Error code, or 0.
        error_code: i16, in 8..;
    }
}
