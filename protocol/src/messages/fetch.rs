//! `Fetch`: reads record batches of partitions.

use crate::message::messages;
use crate::{Records, Uuid};

messages! {
    /// Asks for batches.
    request FetchRequest: 4..=18, flexible 12, api Fetch -> FetchResponse {
        /// Cluster that a replica believes it belongs to.
        cluster_id: Option<String>, in 12.., tag 0;
        /// Broker that fetches in order to replicate; -1 for a consumer.
        replica_id: i32 = -1, in ..=14;
        /// Who fetches in order to replicate.
        replica_state: ReplicaState, in 15.., tag 1;
        /// How long to wait for `min_bytes`.
        max_wait_ms: i32;
        /// How many bytes to wait for.
        min_bytes: i32;
        /// Most bytes of the answer; the first batch comes whatever its size.
        max_bytes: i32 = i32::MAX;
        /// 0 for all records, 1 for those of committed transactions only.
        isolation_level: i8;
        /// Session that the request continues, or 0.
        session_id: i32, in 7..;
        /// Number of the request in its session; 0 begins one, -1 goes without.
        session_epoch: i32 = -1, in 7..;
        /// Partitions to read; within a session, those that are new or changed.
        topics: Vec<FetchTopic>;
        /// Partitions to drop from the session.
        forgotten_topics_data: Vec<ForgottenTopic>, in 7..;
        /// Rack of the client.
        rack_id: String, in 11..;
    }

    /// Who fetches in order to replicate.
    struct ReplicaState {
        /// Id of the broker; -1 for a consumer.
        replica_id: i32 = -1, in 15..;
        /// Epoch of the broker, or -1.
        replica_epoch: i64 = -1, in 15..;
    }

    /// Partitions of one topic.
    struct FetchTopic {
        /// Name of the topic.
        topic: String, in ..=12;
        /// Id of the topic.
        topic_id: Uuid, in 13..;
        /// Partitions to read.
        partitions: Vec<FetchPartition>;
    }

    /// Where to read a partition.
    struct FetchPartition {
        /// Number of the partition.
        partition: i32;
        /// Leader epoch that the client knows, or -1.
        current_leader_epoch: i32 = -1, in 9..;
        /// Offset to begin at.
        fetch_offset: i64;
        /// Epoch of the last record that a replica has, or -1.
        last_fetched_epoch: i32 = -1, in 12..;
        /// First offset that a replica has, or -1.
        log_start_offset: i64 = -1, in 5..;
        /// Most bytes of this partition; the first batch comes whatever its size.
        partition_max_bytes: i32;
        /// Log directory of a replica.
        replica_directory_id: Uuid, in 17.., tag 0;
        /// High watermark that a replica knows.
        high_watermark: i64 = i64::MAX, in 18.., tag 1;
    }

    /// Partitions to drop from a session.
    struct ForgottenTopic {
        /// Name of the topic.
        topic: String, in 7..=12;
        /// Id of the topic.
        topic_id: Uuid, in 13..;
        /// Numbers of the partitions.
        partitions: Vec<i32>, in 7..;
    }

    /// Brings batches.
    message FetchResponse: 4..=18, flexible 12 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// Error code of the whole request, or 0.
        error_code: i16, in 7..;
        /// Session that the answer belongs to; 0 for none.
        session_id: i32, in 7..;
        /// Batches by topic.
        responses: Vec<FetchableTopicResponse>;
        /// Addresses of the leaders named in the results.
        node_endpoints: Vec<NodeEndpoint>, in 16.., tag 0;
    }

    /// Batches of one topic.
    struct FetchableTopicResponse {
        /// Name of the topic.
        topic: String, in ..=12;
        /// Id of the topic.
        topic_id: Uuid, in 13..;
        /// Batches by partition.
        partitions: Vec<PartitionData>;
    }

    /// Batches of one partition.
    struct PartitionData {
        /// Number of the partition.
        partition_index: i32;
        /// Error code, or 0.
        error_code: i16;
        /// Offset below which records are safe.
        high_watermark: i64;
        /// Offset below which every transaction has ended, or -1.
        last_stable_offset: i64 = -1;
        /// First offset of the partition, or -1.
        log_start_offset: i64 = -1, in 5..;
        /// Where a replica's log leaves the leader's.
        diverging_epoch: EpochEndOffset, in 12.., tag 0;
        /// Leader that the client should turn to.
        current_leader: LeaderIdAndEpoch, in 12.., tag 1;
        /// Snapshot that a replica should fetch instead.
        snapshot_id: SnapshotId, in 12.., tag 2;
        /// Aborted transactions among the batches, by first offset; null for all records.
        aborted_transactions: Option<Vec<AbortedTransaction>> = Some(Vec::new());
        /// Replica that the client should read from, or -1.
        preferred_read_replica: i32 = -1, in 11..;
        /// Batches from the one that holds the offset on. Null upsets some clients: send none as empty.
        records: Option<Records> = Some(Records::default());
    }

    /// Where an epoch ends.
    struct EpochEndOffset {
        /// Epoch, or -1.
        epoch: i32 = -1, in 12..;
        /// Offset that follows its last record, or -1.
        end_offset: i64 = -1, in 12..;
    }

    /// The leader of a partition.
    struct LeaderIdAndEpoch {
        /// Broker that leads, or -1.
        leader_id: i32 = -1, in 12..;
        /// Its epoch, or -1.
        leader_epoch: i32 = -1, in 12..;
    }

    /// A snapshot of the cluster metadata.
    struct SnapshotId {
        /// Offset that it ends at, or -1.
        end_offset: i64 = -1;
        /// Epoch that it ends in, or -1.
        epoch: i32 = -1;
    }

    /// A transaction whose records are to be skipped.
    struct AbortedTransaction {
        /// Producer of the transaction.
        producer_id: i64;
        /// Offset of its first record.
        first_offset: i64;
    }

    /// The address of a broker.
    struct NodeEndpoint {
        /// Id of the broker.
        node_id: i32, in 16..;
        /// Host that clients reach it at.
        host: String, in 16..;
        /// Port that clients reach it at.
        port: i32, in 16..;
        /// Rack, if it has one.
        rack: Option<String>, in 16..;
    }
}
