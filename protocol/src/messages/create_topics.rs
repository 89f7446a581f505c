//! `CreateTopics`: makes topics.

use crate::Uuid;
use crate::message::messages;

messages! {
    /// Makes topics.
    request CreateTopicsRequest: 2..=7, flexible 5, api CreateTopics -> CreateTopicsResponse {
        /// Topics to make.
        topics: Vec<CreatableTopic>;
        /// How long to wait.
        timeout_ms: i32 = 60_000;
        /// Whether to check only, and make nothing.
        validate_only: bool;
    }

    /// A topic to make.
    struct CreatableTopic {
        /// Name of the topic.
        name: String;
        /// Number of partitions; -1 is the broker's setting, or given by the assignments.
        num_partitions: i32;
        /// Replicas of each partition; -1 is the broker's setting, or given by the assignments.
        replication_factor: i16;
        /// Brokers of each partition, or empty to leave that to the broker.
        assignments: Vec<CreatableReplicaAssignment>;
        /// Settings that differ from the broker's.
        configs: Vec<CreatableTopicConfig>;
    }

    /// The brokers of one partition.
    struct CreatableReplicaAssignment {
        /// Number of the partition.
        partition_index: i32;
        /// Brokers, preferred leader first.
        broker_ids: Vec<i32>;
    }

    /// A setting of a topic to make.
    struct CreatableTopicConfig {
        /// Key of the setting.
        name: String;
        /// Value of the setting.
        value: Option<String> = Some(String::new());
    }

    /// Says which topics were made.
    message CreateTopicsResponse: 2..=7, flexible 5 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// One for each topic of the request.
        topics: Vec<CreatableTopicResult>;
    }

    /// A topic that was made or refused.
    struct CreatableTopicResult {
        /// Name of the topic.
        name: String;
        /// Id of the topic.
        topic_id: Uuid, in 7..;
        /// Error code, or 0.
        error_code: i16;
        /// What is wrong.
        error_message: Option<String> = Some(String::new());
        /// Why the settings are not told, or 0.
        topic_config_error_code: i16, in 5.., tag 0;
        /// Number of partitions, or -1.
        num_partitions: i32 = -1, in 5..;
        /// Replicas of each partition, or -1.
        replication_factor: i16 = -1, in 5..;
        /// All settings of the topic.
        configs: Option<Vec<CreatableTopicConfigs>> = Some(Vec::new()), in 5..;
    }

    /// A setting of a topic that was made.
    struct CreatableTopicConfigs {
        /// Key of the setting.
        name: String, in 5..;
        /// Value of the setting.
        value: Option<String> = Some(String::new()), in 5..;
        /// Whether it cannot be changed.
        read_only: bool, in 5..;
        /// Where the value comes from, as in `DescribeConfigs`.
        config_source: i8 = -1, in 5..;
        /// Whether the value is a secret.
        is_sensitive: bool, in 5..;
    }
}
