//! Records of `__cluster_metadata`, as Kafka's KRaft controller writes them.

mod frame;
mod schemas;

pub use frame::{MetadataRecord, MetadataRecordError};
pub use schemas::{
    BrokerEndpoint, BrokerFeature, ConfigRecord, FeatureLevelRecord, NoOpRecord,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RemoveTopicRecord, TopicRecord,
};
