//! The fields of each kind of metadata record. Source: Kafka's schemas of these names.

use crate::Uuid;
use crate::message::messages;

messages! {
    /// A topic was made.
    message TopicRecord: 0..=0, flexible 0 {
        /// Name of the topic.
        name: String;
        /// Id of the topic.
        topic_id: Uuid;
    }

    /// A partition was made.
    message PartitionRecord: 0..=2, flexible 0 {
        /// Number of the partition.
        partition_id: i32 = -1;
        /// Id of its topic.
        topic_id: Uuid;
        /// Brokers that hold it, preferred leader first.
        replicas: Vec<i32>;
        /// Brokers that have caught up with the leader.
        isr: Vec<i32>;
        /// Brokers that it is moved away from.
        removing_replicas: Vec<i32>;
        /// Brokers that it is moved to.
        adding_replicas: Vec<i32>;
        /// Broker that leads it, or -1.
        leader: i32 = -1;
        /// 1 while it recovers from an unclean election, else 0.
        leader_recovery_state: i8, tag 0;
        /// Epoch of the leader, or -1.
        leader_epoch: i32 = -1;
        /// Grows with each change of the partition, or -1.
        partition_epoch: i32 = -1;
        /// Log directory at each broker, in the order of `replicas`; empty when not known.
        directories: Vec<Uuid>, in 1..;
        /// Brokers that may lead although they are not in `isr`.
        eligible_leader_replicas: Option<Vec<i32>>, in 2.., tag 1;
        /// Brokers that might have been such.
        last_known_elr: Option<Vec<i32>>, in 2.., tag 2;
    }

    /// A setting was set or removed.
    message ConfigRecord: 0..=0, flexible 0 {
        /// Kind of resource, as in `DescribeConfigs`.
        resource_type: i8;
        /// Name of the resource.
        resource_name: String;
        /// Key of the setting.
        name: String;
        /// Value; null removes the setting.
        value: Option<String> = Some(String::new());
    }

    /// A partition was changed; what is null or has its default stays as it was.
    message PartitionChangeRecord: 0..=2, flexible 0 {
        /// Number of the partition.
        partition_id: i32 = -1;
        /// Id of its topic.
        topic_id: Uuid;
        /// Brokers that have caught up with the leader.
        isr: Option<Vec<i32>>, tag 0;
        /// Broker that leads it, -1 for none, -2 for no change.
        leader: i32 = -2, tag 1;
        /// Brokers that hold it.
        replicas: Option<Vec<i32>>, tag 2;
        /// Brokers that it is moved away from.
        removing_replicas: Option<Vec<i32>>, tag 3;
        /// Brokers that it is moved to.
        adding_replicas: Option<Vec<i32>>, tag 4;
        /// 1 while it recovers from an unclean election, 0 after, -1 for no change.
        leader_recovery_state: i8 = -1, tag 5;
        /// Brokers that may lead although they are not in `isr`.
        eligible_leader_replicas: Option<Vec<i32>>, in 2.., tag 6;
        /// Brokers that might have been such.
        last_known_elr: Option<Vec<i32>>, in 2.., tag 7;
        /// Log directory at each broker.
        directories: Option<Vec<Uuid>>, in 1.., tag 8;
    }

    /// A topic was removed.
    message RemoveTopicRecord: 0..=0, flexible 0 {
        /// Id of the topic.
        topic_id: Uuid;
    }

    /// The level of a feature was set.
    message FeatureLevelRecord: 0..=0, flexible 0 {
        /// Name of the feature, for example `metadata.version`.
        name: String;
        /// Level; 0 removes the feature.
        feature_level: i16;
    }

    /// A block of producer ids was given to a broker.
    message ProducerIdsRecord: 0..=0, flexible 0 {
        /// Broker that has the block.
        broker_id: i32;
        /// Epoch of that broker, or -1.
        broker_epoch: i64 = -1;
        /// First id that was not given away yet.
        next_producer_id: i64;
    }

    /// Nothing happened: a sign of life.
    message NoOpRecord: 0..=0, flexible 0 {}

    /// A broker has registered.
    message RegisterBrokerRecord: 0..=3, flexible 0 {
        /// Id of the broker.
        broker_id: i32;
        /// Whether the broker migrates from ZooKeeper.
        is_migrating_zk_broker: bool, in 2..;
        /// Id of this run of the broker's process.
        incarnation_id: Uuid;
        /// Epoch of the broker.
        broker_epoch: i64;
        /// Where the broker is reached, one for each listener.
        end_points: Vec<BrokerEndpoint>;
        /// Features that the broker could run with.
        features: Vec<BrokerFeature>;
        /// Rack, if it has one.
        rack: Option<String> = Some(String::new());
        /// Whether the broker is fenced: registered, but not serving.
        fenced: bool = true;
        /// Whether the broker is shutting down in order.
        in_controlled_shutdown: bool, in 1..;
        /// Log directories that are available.
        log_dirs: Vec<Uuid>, in 3.., tag 0;
    }

    /// Where a listener of a broker is reached.
    struct BrokerEndpoint {
        /// Name of the listener.
        name: String;
        /// Host.
        host: String;
        /// Port.
        port: u16;
        /// 0 plain text, 1 TLS, 2 SASL, 3 SASL over TLS.
        security_protocol: i16;
    }

    /// A feature that a broker could run with.
    struct BrokerFeature {
        /// Name of the feature.
        name: String;
        /// Lowest level.
        min_supported_version: i16;
        /// Highest level.
        max_supported_version: i16;
    }
}
