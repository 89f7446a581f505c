//! What can go wrong in the log, and the error code that a client sees of it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::{ErrorCode, Uuid, records::BatchError};

use super::{checkpoint::MetaError, file_system::LockError};

/// Why a partition takes no more writes until the next start.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} failed to reach the disk", path.display())]
pub struct Offline {
    /// The file whose state on the medium is unknown.
    pub path: PathBuf,
    /// What the system said.
    pub source: Arc<io::Error>,
}

/// Why a batch was not appended to a log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The batch is damaged: checksum, length or structure.
    #[error("batch is corrupt")]
    Corrupt(#[from] BatchError),
    /// The batch is whole but breaks a rule for what clients may append.
    #[error("batch is not acceptable")]
    InvalidRecord(#[from] InvalidRecord),
    /// The batch is larger than `max.message.bytes`.
    #[error("batch of {size} bytes, limit {limit}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A record's timestamp is outside of what the topic allows.
    #[error("timestamp {timestamp} of record {index} is outside of {earliest} to {latest}")]
    InvalidTimestamp {
        /// Which record of the batch, from 0.
        index: i32,
        /// Its timestamp in ms.
        timestamp: i64,
        /// Least that is allowed now.
        earliest: i64,
        /// Most that is allowed now.
        latest: i64,
    },
    /// Only the broker sets the time of a whole batch.
    #[error("batch of a client claims a log append time")]
    TimestampType,
    /// The batch does not follow the producer's last one.
    #[error("sequence {found} from producer {producer_id}, expected {expected}")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// What must come next.
        expected: i32,
        /// What came.
        found: i32,
    },
    /// The producer was replaced by one with a newer epoch.
    #[error("epoch {found} from producer {producer_id}, current is {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// The newest epoch seen.
        current: i16,
        /// What came.
        found: i16,
    },
    /// The partition was deleted.
    #[error("partition was deleted")]
    Deleted,
    /// The log directory is closed.
    #[error("log directory is closed")]
    Closed,
    /// The write failed and was undone; a later one may succeed.
    #[error("write to {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// An earlier flush failed: nothing more is written until the next start.
    #[error("partition is offline")]
    Offline(#[from] Offline),
}

/// Which rule a batch of a client breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// More or fewer batches than one.
    #[error("{count} batches for one partition, expected one")]
    NotOneBatch {
        /// How many, as far as they could be read.
        count: usize,
    },
    /// Only the broker writes control batches.
    #[error("control batch from a client")]
    Control,
    /// The batch has no records, or the two counts in its header contradict each other.
    #[error("{count} records with a last offset delta of {last_delta}")]
    Count {
        /// Records that the header claims.
        count: i32,
        /// Last offset delta of the header.
        last_delta: i32,
    },
    /// An idempotent producer must number its batches.
    #[error("producer {producer_id} sent epoch {epoch} and sequence {sequence}")]
    Sequence {
        /// The producer.
        producer_id: i64,
        /// Its epoch.
        epoch: i16,
        /// The first sequence.
        sequence: i32,
    },
    /// A compacted topic needs a key on every record.
    #[error("record {index} has no key and the topic is compacted")]
    NoKey {
        /// Which record of the batch, from 0.
        index: i32,
    },
    /// A batch of the retired formats 0 and 1.
    #[error("batch of format {magic}, expected 2")]
    Magic {
        /// The format.
        magic: i8,
    },
}

impl AppendError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    /// Returns the code that a client sees.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Corrupt(_) => ErrorCode::CorruptMessage,
            Self::InvalidRecord(_) => ErrorCode::InvalidRecord,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::InvalidTimestamp { .. } | Self::TimestampType => ErrorCode::InvalidTimestamp,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::Deleted => ErrorCode::UnknownTopicOrPartition,
            Self::Closed => ErrorCode::NotLeaderOrFollower,
            Self::Io { .. } | Self::Offline(_) => ErrorCode::KafkaStorageError,
        }
    }

    /// Returns which record of the batch is at fault, where the error is about one.
    pub const fn record_index(&self) -> Option<i32> {
        match self {
            Self::InvalidTimestamp { index, .. }
            | Self::InvalidRecord(InvalidRecord::NoKey { index }) => Some(*index),
            _ => None,
        }
    }
}

/// Why records were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is below the first or above the next one to be written.
    #[error("offset {offset} is outside of {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// First offset of the log.
        start: i64,
        /// Offset that the next record gets.
        end: i64,
    },
    /// The bytes on disk are not what was written.
    #[error("{} is corrupt at byte {position}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged batch starts.
        position: u64,
    },
    /// The partition was deleted.
    #[error("partition was deleted")]
    Deleted,
    /// The file could not be read.
    #[error("read from {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ReadError {
    /// Returns the code that a client sees.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Corrupt { .. } => ErrorCode::CorruptMessage,
            Self::Deleted => ErrorCode::UnknownTopicOrPartition,
            Self::Io { .. } => ErrorCode::KafkaStorageError,
        }
    }
}

/// Why a log directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works on it, or the lock file is not usable.
    #[error("log directory {}", path.display())]
    Lock {
        /// The directory.
        path: PathBuf,
        /// Who holds it.
        source: LockError,
    },
    /// `meta.properties` is not ours to use.
    #[error("{}", path.display())]
    Meta {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MetaError,
    },
    /// A file or directory could not be used.
    #[error("{}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Why a partition was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is not one that a topic may have.
    #[error("topic name `{topic}` is not allowed")]
    InvalidName {
        /// The name.
        topic: String,
    },
    /// The directory belongs to another topic of that name.
    #[error("directory belongs to topic id {found}, not {expected}")]
    TopicIdMismatch {
        /// The id in `partition.metadata`.
        found: Uuid,
        /// The id that was asked for.
        expected: Uuid,
    },
    /// The log directory is closed.
    #[error("log directory is closed")]
    Closed,
    /// A file or directory could not be used.
    #[error("{}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CreateError {
    /// Returns the code that a client sees.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidName { .. } => ErrorCode::InvalidTopicException,
            Self::TopicIdMismatch { .. } => ErrorCode::InconsistentTopicId,
            Self::Closed => ErrorCode::NotLeaderOrFollower,
            Self::Io { .. } => ErrorCode::KafkaStorageError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_errors_are_retriable_for_clients() {
        let error = AppendError::io(Path::new("a.log"), io::ErrorKind::StorageFull.into());
        assert_eq!(error.code(), ErrorCode::KafkaStorageError);
        assert_eq!(error.to_string(), "write to a.log");
    }

    #[test]
    fn error_about_one_record_names_it() {
        let error = AppendError::from(InvalidRecord::NoKey { index: 3 });
        assert_eq!((error.code(), error.record_index()), (ErrorCode::InvalidRecord, Some(3)));
    }
}
