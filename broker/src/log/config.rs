//! Settings of the log: one set per log directory, one per topic.
//!
//! The values are checked where they are parsed; here they only have types. Names, units and
//! defaults are those of Apache Kafka, except `flush_policy`, which Kafka does not have.

use std::path::PathBuf;

use protocol::records::{Compression, TimestampType};

/// When an append counts as durable, and from when consumers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlushPolicy {
    /// After an `fdatasync`: what a power cut could take back is never acknowledged or read.
    #[default]
    Ack,
    /// After the write, as Apache Kafka does; the system writes back when it likes.
    Os,
}

/// What retention does with old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Remove segments by age and size.
    pub delete: bool,
    /// Keep the last record of each key; every record must have one.
    pub compact: bool,
}

/// Settings of one topic that its log obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `flush.policy`.
    pub flush_policy: FlushPolicy,
    /// `flush.messages`: records after which a flush is started under [`FlushPolicy::Os`].
    pub flush_messages: i64,
    /// `flush.ms`: age of the oldest unflushed record at which a flush is started.
    pub flush_ms: i64,
    /// `segment.bytes`: largest size of a segment.
    pub segment_bytes: u64,
    /// `segment.ms`: span of timestamps after which a new segment is begun.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: most that `segment_ms` is shortened by at random.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: size of an index at which a new segment is begun.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: bytes of batches between two index entries.
    pub index_interval_bytes: u64,
    /// `retention.ms`: age after which a segment is removed; none keeps it for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: size of a partition above which old segments go; none is no limit.
    pub retention_bytes: Option<u64>,
    /// `file.delete.delay.ms`: how long removed files stay on disk under another name.
    pub file_delete_delay_ms: i64,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `max.message.bytes`: largest batch that a client may append.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: most that a record may be older than the broker's clock.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: most that a record may be ahead of the broker's clock.
    pub timestamp_after_max_ms: i64,
    /// `compression.type`: codec of what is stored; none keeps the producer's.
    pub compression: Option<Compression>,
    /// `preallocate`: give a new segment its full size at once.
    pub preallocate: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            flush_policy: FlushPolicy::Ack,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            file_delete_delay_ms: 60_000,
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compression: None,
            preallocate: false,
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Settings of one log directory.
#[derive(Debug, Clone)]
pub struct LogDirectoryConfig {
    /// `log.dirs`: the directory; made when missing.
    pub path: PathBuf,
    /// `node.id`: must be the one that the directory was made with.
    pub node_id: i32,
    /// Cluster id for a new directory; must be the directory's own if it has one.
    /// None takes the directory's, or makes one.
    pub cluster_id: Option<String>,
    /// Settings of partitions found on disk until their topic's are given.
    pub defaults: LogConfig,
    /// Threads that write; each owns the partitions that hash to it.
    pub writer_threads: usize,
    /// Most appends that wait for one writer thread.
    pub writer_queue: usize,
    /// Threads that wait for the disk, one partition each at a time.
    pub flush_threads: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
    /// `log.flush.offset.checkpoint.interval.ms`: how often the recovery points are stored.
    pub checkpoint_interval_ms: i64,
    /// `producer.id.expiration.ms`: silence after which a producer's sequence is forgotten.
    pub producer_id_expiration_ms: i64,
    /// `num.recovery.threads.per.data.dir`: threads that load partitions at start.
    pub recovery_threads: usize,
}

impl LogDirectoryConfig {
    /// Returns Kafka's defaults for a directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            node_id: 1,
            cluster_id: None,
            defaults: LogConfig::default(),
            writer_threads: 2,
            writer_queue: 1024,
            flush_threads: 4,
            retention_check_interval_ms: 300_000,
            checkpoint_interval_ms: 60_000,
            producer_id_expiration_ms: DAY_MS,
            recovery_threads: 2,
        }
    }
}
