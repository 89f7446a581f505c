//! `ListOffsets`: offsets by time, and the ends of partitions.
//!
//! | timestamp | asks for | from version |
//! |---|---|---|
//! | -1 | the end: high watermark, or last stable offset | 1 |
//! | -2 | the first offset | 1 |
//! | -3 | the record with the highest timestamp | 7 |
//! | -4 | the first offset on local disk | 8 |
//! | -5 | the last offset in tiered storage | 9 |
//! | -6 | the first offset not yet in tiered storage | 11 |
//! | other | the first record of that time (ms) or later | 1 |

use crate::message::messages;

messages! {
    /// Asks for offsets.
    request ListOffsetsRequest: 1..=11, flexible 6, api ListOffsets -> ListOffsetsResponse {
        /// Broker that asks; -1 for a client.
        replica_id: i32;
        /// 0 for all records, 1 for those of committed transactions only.
        isolation_level: i8, in 2..;
        /// Partitions by topic.
        topics: Vec<ListOffsetsTopic>;
        /// How long to wait for answers from tiered storage.
        timeout_ms: i32, in 10..;
    }

    /// Partitions of one topic.
    struct ListOffsetsTopic {
        /// Name of the topic.
        name: String;
        /// What is asked of each partition.
        partitions: Vec<ListOffsetsPartition>;
    }

    /// What is asked of one partition.
    struct ListOffsetsPartition {
        /// Number of the partition.
        partition_index: i32;
        /// Leader epoch that the client knows, or -1.
        current_leader_epoch: i32 = -1, in 4..;
        /// Time in ms, or one of the negative questions.
        timestamp: i64;
    }

    /// Brings offsets.
    message ListOffsetsResponse: 1..=11, flexible 6 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 2..;
        /// Offsets by topic.
        topics: Vec<ListOffsetsTopicResponse>;
    }

    /// Offsets of one topic.
    struct ListOffsetsTopicResponse {
        /// Name of the topic.
        name: String;
        /// Offsets by partition.
        partitions: Vec<ListOffsetsPartitionResponse>;
    }

    /// Offset of one partition.
    struct ListOffsetsPartitionResponse {
        /// Number of the partition.
        partition_index: i32;
        /// Error code, or 0.
        error_code: i16;
        /// Time of the record in ms, or -1.
        timestamp: i64 = -1;
        /// Offset, or -1 when no record is that late.
        offset: i64 = -1;
        /// Epoch of the record's leader, or -1.
        leader_epoch: i32 = -1, in 4..;
    }
}
