//! `Produce`: appends record batches to partitions.
//!
//! Versions 0 to 2 carry older record formats and are not defined here. A broker still has to list
//! them: clients switch compression off where they are missing.

use crate::message::messages;
use crate::{Records, Uuid};

messages! {
    /// Appends batches.
    request ProduceRequest: 3..=13, flexible 9, api Produce -> ProduceResponse {
        /// Transaction that the batches belong to.
        transactional_id: Option<String>;
        /// When to answer: 0 never, 1 once the leader has the batch, -1 once it is safe.
        acks: i16;
        /// How long to wait for that.
        timeout_ms: i32;
        /// Batches by topic.
        topic_data: Vec<TopicProduceData>;
    }

    /// Batches for one topic.
    struct TopicProduceData {
        /// Name of the topic.
        name: String, in ..=12;
        /// Id of the topic.
        topic_id: Uuid, in 13..;
        /// Batches by partition.
        partition_data: Vec<PartitionProduceData>;
    }

    /// Batches for one partition.
    struct PartitionProduceData {
        /// Number of the partition.
        index: i32;
        /// Exactly one batch of format version 2; a slice of the frame.
        records: Option<Records> = Some(Records::default());
    }

    /// Says where the batches were put.
    message ProduceResponse: 3..=13, flexible 9 {
        /// Results by topic.
        responses: Vec<TopicProduceResponse>;
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// Addresses of the leaders named in the results.
        node_endpoints: Vec<NodeEndpoint>, in 10.., tag 0;
    }

    /// Results of one topic.
    struct TopicProduceResponse {
        /// Name of the topic.
        name: String, in ..=12;
        /// Id of the topic.
        topic_id: Uuid, in 13..;
        /// Results by partition.
        partition_responses: Vec<PartitionProduceResponse>;
    }

    /// Result of one partition.
    struct PartitionProduceResponse {
        /// Number of the partition.
        index: i32;
        /// Error code, or 0.
        error_code: i16;
        /// Offset of the first record, or -1.
        base_offset: i64;
        /// Time in ms that the broker gave the records, or -1 where the producer sets it.
        log_append_time_ms: i64 = -1;
        /// First offset of the partition, or -1.
        log_start_offset: i64 = -1, in 5..;
        /// Records that the batch was refused for.
        record_errors: Vec<BatchIndexAndErrorMessage>, in 8..;
        /// What is wrong with the batch.
        error_message: Option<String>, in 8..;
        /// Leader that the client should turn to.
        current_leader: LeaderIdAndEpoch, in 10.., tag 0;
    }

    /// A record that a batch was refused for.
    struct BatchIndexAndErrorMessage {
        /// Place of the record in the batch, from 0.
        batch_index: i32, in 8..;
        /// What is wrong with it.
        batch_index_error_message: Option<String>, in 8..;
    }

    /// The leader of a partition.
    struct LeaderIdAndEpoch {
        /// Broker that leads, or -1.
        leader_id: i32 = -1, in 10..;
        /// Its epoch, or -1.
        leader_epoch: i32 = -1, in 10..;
    }

    /// The address of a broker.
    struct NodeEndpoint {
        /// Id of the broker.
        node_id: i32, in 10..;
        /// Host that clients reach it at.
        host: String, in 10..;
        /// Port that clients reach it at.
        port: i32, in 10..;
        /// Rack, if it has one.
        rack: Option<String>, in 10..;
    }
}
