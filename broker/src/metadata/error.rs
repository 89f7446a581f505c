//! Why the cluster's metadata is not changed or not read.

use std::sync::Arc;

use protocol::ErrorCode;

use super::names::NameError;
use super::records::RecordError;
use crate::log::{AppendError, CreateError, ReadError};
use crate::topic_config::TopicConfigError;

/// Why the cluster's metadata is not changed or not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MetadataError {
    /// The name is not allowed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is such a topic.
    #[error("Topic '{name}' already exists.")]
    Exists {
        /// The topic.
        name: String,
    },
    /// There is a topic whose name differs in dots and underscores only.
    #[error("Topic '{name}' collides with existing topic: {existing}")]
    Collision {
        /// The new topic.
        name: String,
        /// The existing one.
        existing: String,
    },
    /// The topic's settings are refused.
    #[error(transparent)]
    Config(#[from] TopicConfigError),
    /// A topic has at least one partition, and not too many.
    #[error("Number of partitions was {count}, which is not between 1 and {limit}.")]
    Partitions {
        /// What was asked for.
        count: i32,
        /// The most.
        limit: i32,
    },
    /// One request would make more partitions than any may.
    #[error("Excessively large number of partitions per request, the limit is {limit}.")]
    TooManyPartitions {
        /// The most.
        limit: i32,
    },
    /// No topic has this name or id.
    #[error("This server does not host this topic-partition.")]
    Unknown,
    /// The broker stops.
    #[error("the broker stops")]
    Stopped,
    /// The change was not appended to the metadata log.
    #[error("append to the metadata log: {0}")]
    Append(#[from] AppendError),
    /// A record cannot be written.
    #[error("write a metadata record: {0}")]
    Record(#[from] RecordError),
    /// The directory of a partition was not made.
    #[error("{topic}-{partition}: {source}")]
    Create {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What the log said.
        source: Arc<CreateError>,
    },
    /// The metadata log cannot be read.
    #[error("read the metadata log at offset {offset}: {source}")]
    Read {
        /// Where.
        offset: i64,
        /// What the log said.
        source: Arc<ReadError>,
    },
    /// A record of the metadata log is not understood.
    #[error("record of the metadata log at offset {offset}: {source}")]
    BadRecord {
        /// Where.
        offset: i64,
        /// What is wrong with it.
        source: RecordError,
    },
}

impl MetadataError {
    /// The code that a client sees.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Name(_) | Self::Collision { .. } => ErrorCode::InvalidTopicException,
            Self::Exists { .. } => ErrorCode::TopicAlreadyExists,
            Self::Config(_) => ErrorCode::InvalidConfig,
            Self::Partitions { .. } => ErrorCode::InvalidPartitions,
            Self::TooManyPartitions { .. } => ErrorCode::PolicyViolation,
            Self::Unknown => ErrorCode::UnknownTopicOrPartition,
            Self::Stopped => ErrorCode::NotController,
            Self::Append(error) => error.code(),
            Self::Create { .. } | Self::Read { .. } => ErrorCode::KafkaStorageError,
            Self::Record(_) | Self::BadRecord { .. } => ErrorCode::UnknownServerError,
        }
    }
}
