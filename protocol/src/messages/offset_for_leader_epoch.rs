//! `OffsetForLeaderEpoch`: where an epoch of a partition ends, so that a client finds lost records.

use crate::message::messages;

messages! {
    /// Asks for the ends of epochs.
    request OffsetForLeaderEpochRequest: 2..=4, flexible 4,
    api OffsetForLeaderEpoch -> OffsetForLeaderEpochResponse {
        /// Broker that asks; -1 or -2 for a client.
        replica_id: i32 = -2, in 3..;
        /// Partitions by topic.
        topics: Vec<OffsetForLeaderTopic>;
    }

    /// Partitions of one topic.
    struct OffsetForLeaderTopic {
        /// Name of the topic.
        topic: String;
        /// What is asked of each partition.
        partitions: Vec<OffsetForLeaderPartition>;
    }

    /// What is asked of one partition.
    struct OffsetForLeaderPartition {
        /// Number of the partition.
        partition: i32;
        /// Leader epoch that the client knows, or -1.
        current_leader_epoch: i32 = -1;
        /// Epoch whose end is asked for.
        leader_epoch: i32;
    }

    /// Brings the ends of epochs.
    message OffsetForLeaderEpochResponse: 2..=4, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// Ends by topic.
        topics: Vec<OffsetForLeaderTopicResult>;
    }

    /// Ends of one topic.
    struct OffsetForLeaderTopicResult {
        /// Name of the topic.
        topic: String;
        /// Ends by partition.
        partitions: Vec<EpochEndOffset>;
    }

    /// Where an epoch of one partition ends.
    struct EpochEndOffset {
        /// Error code, or 0.
        error_code: i16;
        /// Number of the partition.
        partition: i32;
        /// Highest epoch that is not above the one asked for, or -1.
        leader_epoch: i32 = -1;
        /// Offset that follows its last record, or -1.
        end_offset: i64 = -1;
    }
}
