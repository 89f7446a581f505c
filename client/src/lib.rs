//! Producer, consumer and admin for any Kafka cluster.
//!
//! librdkafka does the work; this package is the only one that names it. What it adds: the
//! names and defaults of the Java clients' settings ([`ClientSettings`]), back-pressure instead
//! of a growing queue ([`Producer`]), records read without a copy ([`Batch`]), and rebalances
//! that the caller answers in its own time ([`Consumer::poll_batch`]).
//!
//! Everything here blocks the calling thread for at most the time that it is given, so async
//! code calls it from `spawn_blocking` or a thread of its own.

mod admin;
mod consumer;
mod error;
mod native;
mod producer;
mod settings;
#[cfg(test)]
mod test_cluster;

pub use admin::{Admin, ConfigEntry, NewTopic, OffsetAt, TopicMetadata};
pub use consumer::{
    Batch, CommitResult, Consumer, Headers, Polled, Record, Start, TimestampType, Waker,
};
pub use error::{AdminError, ConsumeError, ErrorCode, KafkaError, SendError, StartError};
pub use producer::{Delivery, OutRecord, Producer};
pub use settings::{ClientSettings, Role, SettingsError, Warning};

use std::sync::Arc;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition of a topic.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
