//! Where the coordinator keeps its records: the partitions of `__consumer_offsets`.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use bytes::Bytes;

/// Name of the topic that holds the groups and their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What an [`OffsetsLog`] call returns.
pub(crate) type LogFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, OffsetsLogError>> + Send + 'a>>;

/// Why the log of the coordinator cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OffsetsLogError {
    /// The topic is not there and cannot be made.
    #[error("create {OFFSETS_TOPIC}")]
    Create(#[source] Box<dyn Error + Send + Sync>),
    /// A batch was not made durable.
    #[error("append to {OFFSETS_TOPIC}-{partition}")]
    Append {
        /// The partition.
        partition: i32,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Batches cannot be read.
    #[error("read {OFFSETS_TOPIC}-{partition}")]
    Read {
        /// The partition.
        partition: i32,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The log of the coordinator.
///
/// A partition's owner reads it to the end once, then appends batch by batch, one at a time.
pub(crate) trait OffsetsLog: Send + Sync + fmt::Debug {
    /// Returns how many partitions the topic has, or will have when it is made.
    fn partitions(&self) -> i32;

    /// Lists the partitions that hold records.
    fn used_partitions(&self) -> Vec<i32>;

    /// Returns whole batches from `offset` on, or from the first one; empty at the end.
    ///
    /// The first batch may begin before `offset`.
    ///
    /// # Errors
    ///
    /// [`OffsetsLogError::Read`].
    fn read(&self, partition: i32, offset: Option<i64>) -> LogFuture<'_, Bytes>;

    /// Appends one batch, makes the topic if need be, and returns when the batch is durable.
    ///
    /// # Errors
    ///
    /// [`OffsetsLogError::Create`], [`OffsetsLogError::Append`]: the batch may or may not be there.
    fn append(&self, partition: i32, batch: Bytes) -> LogFuture<'_, ()>;
}
