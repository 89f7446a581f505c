//! Why the store cannot answer or take a change.

/// Why the store cannot answer or take a change.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The topic has not been read to its end yet.
    #[error("the schema store is not ready: {reason}")]
    NotReady {
        /// What it waits for.
        reason: String,
    },
    /// The record is larger than Kafka takes.
    #[error("record of {size} bytes is larger than Kafka takes")]
    TooLarge {
        /// Bytes of key and value.
        size: usize,
    },
    /// Kafka did not take the record.
    #[error("Kafka did not take the record: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The outcome was not known in time: the change may or may not be there.
    #[error("no answer from Kafka in {timeout_ms} ms; the change may still take effect")]
    TimedOut {
        /// How long was waited.
        timeout_ms: u128,
    },
    /// Changes before it took all the time that it had.
    #[error("the change waited {timeout_ms} ms for others and was not made")]
    Late {
        /// How long it waited.
        timeout_ms: u128,
    },
    /// No id is left to give.
    #[error("a record of the topic has the largest possible id, so that no new schema can get one")]
    NoIds,
    /// Too many changes are waiting.
    #[error("{limit} changes are waiting already")]
    Busy {
        /// How many may wait.
        limit: usize,
    },
    /// The topic belongs to a registry whose records depend on their offsets.
    #[error(
        "topic {topic} is written by Redpanda's own registry, whose records another registry must \
         not add to: set kafkastore.topic to another name"
    )]
    ForeignTopic {
        /// The topic.
        topic: String,
    },
    /// The topic is another one than that which was read.
    #[error("topic {topic} was deleted and created anew; it is read again")]
    Recreated {
        /// The topic.
        topic: String,
    },
    /// The registry ends.
    #[error("the registry is shutting down")]
    Closed,
}
