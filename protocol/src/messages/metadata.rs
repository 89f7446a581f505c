//! `Metadata`: brokers, topics, and who leads which partition.

use crate::Uuid;
use crate::message::messages;

/// Stands for "not asked for" in sets of authorized operations.
const NO_OPERATIONS: i32 = i32::MIN;

messages! {
    /// Asks for topics and brokers.
    request MetadataRequest: 0..=13, flexible 9, api Metadata -> MetadataResponse {
        /// Topics to describe: null is all, empty is none; at version 0 empty is all.
        topics: Option<Vec<MetadataRequestTopic>> = Some(Vec::new()), nullable 1..;
        /// Whether topics that do not exist may be created; implied before version 4.
        allow_auto_topic_creation: bool = true, in 4..;
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool, in 8..=10;
        /// Whether to say what the client may do with each topic.
        include_topic_authorized_operations: bool, in 8..;
    }

    /// A topic that is asked for, by name or by id.
    struct MetadataRequestTopic {
        /// Id, or zero when the name is given.
        topic_id: Uuid, in 10..;
        /// Name; null when the id is given.
        name: Option<String> = Some(String::new()), nullable 10..;
    }

    /// Describes brokers and topics.
    message MetadataResponse: 0..=13, flexible 9 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 3..;
        /// Every broker of the cluster.
        brokers: Vec<MetadataResponseBroker>;
        /// Id of the cluster.
        cluster_id: Option<String>, in 2..;
        /// Broker to send administrative requests to, or -1.
        controller_id: i32 = -1, in 1..;
        /// Topics, one for each that was asked for.
        topics: Vec<MetadataResponseTopic>;
        /// Bits of what the client may do with the cluster.
        cluster_authorized_operations: i32 = NO_OPERATIONS, in 8..=10;
        /// Error code of the whole request, or 0.
        error_code: i16, in 13..;
    }

    /// A broker.
    struct MetadataResponseBroker {
        /// Id of the broker.
        node_id: i32;
        /// Host that clients reach it at.
        host: String;
        /// Port that clients reach it at.
        port: i32;
        /// Rack, if it has one.
        rack: Option<String>, in 1..;
    }

    /// A topic.
    struct MetadataResponseTopic {
        /// Error code, or 0.
        error_code: i16;
        /// Name; null for an id that is not known.
        name: Option<String> = Some(String::new()), nullable 12..;
        /// Id.
        topic_id: Uuid, in 10..;
        /// Whether the broker uses the topic itself.
        is_internal: bool, in 1..;
        /// Every partition, in any order.
        partitions: Vec<MetadataResponsePartition>;
        /// Bits of what the client may do with the topic.
        topic_authorized_operations: i32 = NO_OPERATIONS, in 8..;
    }

    /// A partition.
    struct MetadataResponsePartition {
        /// Error code, or 0.
        error_code: i16;
        /// Number of the partition.
        partition_index: i32;
        /// Broker that leads it, or -1.
        leader_id: i32;
        /// Epoch of that leader, or -1.
        leader_epoch: i32 = -1, in 7..;
        /// Brokers that hold it.
        replica_nodes: Vec<i32>;
        /// Brokers that have caught up with the leader.
        isr_nodes: Vec<i32>;
        /// Brokers that hold it and are not there.
        offline_replicas: Vec<i32>, in 5..;
    }
}
