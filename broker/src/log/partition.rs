//! One partition's log: what the rest of the broker sees of it.
//!
//! Appends go to the partition's writer thread; everything else is done on the caller's thread
//! and may wait for the disk, but never for an append or a flush.
//!
//! Invariants: `log_start <= high watermark <= log_end`; the high watermark and the flushed
//! offset never go back; under [`FlushPolicy::Ack`] the high watermark is the flushed offset.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::Uuid;
use tokio::sync::{oneshot, watch};

use super::{
    checkpoint::LeaderEpochs,
    config::{FlushPolicy, LogConfig},
    error::{AppendError, Offline},
    flush::FlushState,
    recovery::Loaded,
    segment::Segment,
    shared::Shared,
    write_queue::{Append, WriteQueue},
    writer::Writer,
};

/// Who appends, and so which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client: one batch, no control records, within the topic's limits.
    Client,
    /// The broker itself: any number of batches, written as they are.
    Internal,
}

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the write.
    Written,
    /// After the flush; the same as written under [`FlushPolicy::Os`].
    Flushed,
}

/// How to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendOptions {
    /// Who appends.
    pub origin: Origin,
    /// When to answer.
    pub durability: Durability,
}

/// Where records were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Time in ms that the broker gave the records, or -1 where they keep their producer's.
    pub log_append_time: i64,
    /// First offset of the log at that moment.
    pub log_start_offset: i64,
}

/// An append that was queued: its place among the partition's appends is fixed.
#[derive(Debug)]
#[must_use = "the append's outcome is only known from here"]
pub struct PendingAppend(oneshot::Receiver<Result<Appended, AppendError>>);

impl PendingAppend {
    /// Waits for the outcome.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: nothing of the append will be read, unless it is [`AppendError::Closed`]
    /// or [`AppendError::Offline`], after which it may be found at the next start.
    ///
    /// # Cancellation
    ///
    /// Dropping this does not undo the append.
    pub async fn finish(self) -> Result<Appended, AppendError> {
        self.0.await.unwrap_or(Err(AppendError::Closed))
    }
}

/// One partition of a topic.
#[derive(Debug)]
pub struct Partition {
    pub(super) topic: String,
    pub(super) partition: i32,
    topic_id: OnceLock<Uuid>,
    pub(super) dir: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) config: ArcSwap<LogConfig>,
    /// By base offset; the last one is written to.
    pub(super) segments: ArcSwap<Vec<Arc<Segment>>>,
    /// The partition's writer thread holds it during appends; retention and closing take it too.
    pub(super) writer: Mutex<Writer>,
    pub(super) flush: Mutex<FlushState>,
    pub(super) leader_epoch: AtomicI32,
    pub(super) epochs: Mutex<LeaderEpochs>,
    pub(super) log_start: AtomicI64,
    pub(super) log_end: AtomicI64,
    pub(super) flushed: AtomicI64,
    /// First offset of the oldest open transaction; the greatest number if there is none.
    pub(super) first_unstable: AtomicI64,
    pub(super) offline: OnceLock<Offline>,
    pub(super) deleted: AtomicBool,
    high_watermark: watch::Sender<i64>,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What names a partition.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub topic: String,
    pub partition: i32,
    /// None when the file that says so was lost.
    pub topic_id: Option<Uuid>,
}

impl Partition {
    /// Makes a partition from what was found on disk, which may be nothing.
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<WriteQueue>,
        identity: Identity,
        config: LogConfig,
        loaded: Loaded,
    ) -> Self {
        let Identity { topic, partition, topic_id } = identity;
        let end = loaded.next_offset;
        let unstable = loaded.producers.first_unstable_offset().unwrap_or(i64::MAX);
        let writer = Writer {
            active: loaded.segments.last().cloned(),
            next_offset: end,
            producers: loaded.producers,
            last_append_time: -1,
            jitter_ms: 0,
            unflushed_records: 0,
            needs_cut: false,
            snapshot_offset: loaded.snapshot_offset,
        };
        Self {
            dir: shared.settings.path.join(format!("{topic}-{partition}")),
            topic,
            partition,
            topic_id: topic_id.map_or_else(OnceLock::new, OnceLock::from),
            shared,
            queue,
            config: ArcSwap::from_pointee(config),
            segments: ArcSwap::from_pointee(loaded.segments),
            writer: Mutex::new(writer),
            flush: Mutex::new(FlushState::clean(end)),
            leader_epoch: AtomicI32::new(loaded.epochs.latest().unwrap_or(0)),
            epochs: Mutex::new(loaded.epochs),
            log_start: AtomicI64::new(loaded.log_start),
            log_end: AtomicI64::new(end),
            flushed: AtomicI64::new(end),
            first_unstable: AtomicI64::new(unstable),
            offline: OnceLock::new(),
            deleted: AtomicBool::new(false),
            high_watermark: watch::Sender::new(end),
        }
    }

    /// Appends record batches and waits for the outcome.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    ///
    /// # Cancellation
    ///
    /// Once queued, the append is done even if this future is dropped.
    pub async fn append(
        self: &Arc<Self>,
        records: Bytes,
        options: AppendOptions,
    ) -> Result<Appended, AppendError> {
        self.submit(records, options).await?.finish().await
    }

    /// Queues an append; appends of a partition are done in the order in which this returns.
    ///
    /// # Errors
    ///
    /// [`AppendError::Closed`].
    ///
    /// # Cancellation
    ///
    /// Nothing is queued if this future is dropped while it waits for room.
    pub async fn submit(
        self: &Arc<Self>,
        records: Bytes,
        options: AppendOptions,
    ) -> Result<PendingAppend, AppendError> {
        let (reply, outcome) = oneshot::channel();
        self.queue.push(Arc::clone(self), Append { records, options, reply }).await?;
        Ok(PendingAppend(outcome))
    }

    /// Name of the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Number of the partition.
    pub const fn index(&self) -> i32 {
        self.partition
    }

    /// Id of the topic; zero for a directory that lost it and was not claimed yet.
    pub fn topic_id(&self) -> Uuid {
        self.known_topic_id().unwrap_or(Uuid::ZERO)
    }

    pub(super) fn known_topic_id(&self) -> Option<Uuid> {
        self.topic_id.get().copied()
    }

    /// Gives a partition without a topic id this one; returns the id that it has now.
    pub(super) fn claim(&self, topic_id: Uuid) -> Uuid {
        *self.topic_id.get_or_init(|| topic_id)
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start.load(Ordering::Acquire)
    }

    /// Offset that the next record gets.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end.load(Ordering::Acquire)
    }

    /// Offset up to which consumers read, exclusive.
    pub fn high_watermark(&self) -> i64 {
        *self.high_watermark.borrow()
    }

    /// Offset up to which consumers of committed records read, exclusive.
    pub fn last_stable_offset(&self) -> i64 {
        self.first_unstable.load(Ordering::Acquire).min(self.high_watermark())
    }

    /// Offset up to which everything is on the medium, exclusive.
    pub fn flushed_offset(&self) -> i64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// Returns a receiver of the high watermark, for whoever waits for records.
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.high_watermark.subscribe()
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.size()).sum()
    }

    /// The settings that hold now.
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// Replaces the settings; they hold from the next append or retention on.
    pub fn update_config(&self, config: LogConfig) {
        self.config.store(Arc::new(config));
    }

    /// Why the partition takes no writes, if it does not.
    pub fn offline(&self) -> Option<&Offline> {
        self.offline.get()
    }

    /// Epoch that the next batch is written under.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Sets the epoch that batches are written under; a lower one is ignored.
    pub fn set_leader_epoch(&self, epoch: i32) {
        self.leader_epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// Returns the newest epoch up to `epoch` and the offset after its last record; none when
    /// there is no record or `epoch` is not known yet.
    pub fn epoch_end_offset(&self, epoch: i32) -> Option<(i32, i64)> {
        self.epochs.lock().end_offset(epoch, self.log_end_offset())
    }

    /// True once the partition is deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Takes no more writes from now on; says so the first time.
    pub(super) fn go_offline(&self, offline: &Offline) {
        if self.offline.set(offline.clone()).is_ok() {
            tracing::error!(
                partition = %self,
                file = %offline.path.display(),
                error = %offline.source,
                "flush failed: the partition takes no more writes until the broker is restarted"
            );
        }
    }

    pub(super) fn writable(&self) -> Result<(), AppendError> {
        if self.is_deleted() {
            return Err(AppendError::Deleted);
        }
        self.offline().map_or(Ok(()), |offline| Err(offline.clone().into()))
    }

    /// Moves the high watermark up and wakes who watches it.
    pub(super) fn raise_high_watermark(&self, offset: i64) {
        self.high_watermark.send_if_modified(|current| {
            let higher = offset > *current;
            if higher {
                *current = offset;
            }
            higher
        });
    }

    /// Wakes who watches the high watermark without a change, to look at the partition again.
    pub(super) fn wake_watchers(&self) {
        self.high_watermark.send_modify(|_| {});
    }

    /// Writes what a later start needs not work out again, and asks for the last flush.
    pub(super) fn prepare_close(self: &Arc<Self>) {
        let mut writer = self.writer.lock();
        let is_usable = self.offline().is_none() && !self.is_deleted();
        if let Some(active) = writer.active.clone().filter(|_| is_usable) {
            if let Err(error) = active.persist_for_close() {
                tracing::warn!(partition = %self, %error, "index files were not written");
            }
            writer.snapshot(self);
        }
        let dirty = self.flush.lock().is_dirty();
        drop(writer);
        if dirty {
            self.request_flush();
        }
    }

    /// True if everything that was written is on the medium.
    pub(super) fn is_flushed(&self) -> bool {
        self.offline().is_none() && self.flushed_offset() == self.log_end_offset()
    }

    /// Asks for a flush when the oldest unflushed write is older than `flush.ms` allows.
    pub(super) fn flush_if_due(self: &Arc<Self>, now_ms: i64) {
        let flush_ms = self.config.load().flush_ms;
        let since = self.flush.lock().dirty_since_ms;
        if since.is_some_and(|since| now_ms.saturating_sub(since) >= flush_ms) {
            self.request_flush();
        }
    }

    /// True under the policy that acknowledges after a flush.
    pub fn flushes_before_ack(&self) -> bool {
        self.config.load().flush_policy == FlushPolicy::Ack
    }
}
