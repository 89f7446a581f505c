//! The write side of a partition: gives batches their offsets and writes them.
//!
//! Invariants: offsets are given without gaps in the order of the appends; producer state,
//! indexes and the log end change only for batches that were written; after a failed write the
//! file ends at its last good batch before anything else is written.

use std::{
    io::IoSlice,
    sync::{Arc, atomic::Ordering},
};

use protocol::records::{HEADER_SIZE, TimestampType};
use tokio::sync::oneshot;

use super::{
    batches::BatchAt,
    checkpoint::PartitionMetadata,
    config::{FlushPolicy, LogConfig},
    error::AppendError,
    flush::Waiter,
    partition::{Appended, Durability, Partition},
    producer::{FILE_SUFFIX, Producer, Producers, Sequence, SequenceError, write_snapshot},
    segment::{Segment, file_name},
    validation::{NewBatch, prepare},
    write_queue::Append,
};

type Reply = oneshot::Sender<Result<Appended, AppendError>>;

/// What only the writer of a partition knows.
#[derive(Debug)]
pub(super) struct Writer {
    /// The segment that is written to; none until the first append.
    pub active: Option<Arc<Segment>>,
    pub next_offset: i64,
    pub producers: Producers,
    /// Newest time given by [`TimestampType::LogAppendTime`]; never decreases.
    pub last_append_time: i64,
    /// What `segment.ms` is shortened by for the active segment.
    pub jitter_ms: i64,
    /// Records since the last flush was asked for, for `flush.messages`.
    pub unflushed_records: i64,
    /// A failed write may have left bytes after the last good batch.
    pub needs_cut: bool,
    /// The last producer snapshot is of this offset.
    pub snapshot_offset: Option<i64>,
}

/// Batches that go into one write, and who waits for them.
#[derive(Debug, Default)]
struct Group {
    heads: Vec<[u8; HEADER_SIZE]>,
    batches: Vec<(BatchAt, bytes::Bytes)>,
    bytes: u64,
    start_offset: i64,
    replies: Vec<(Reply, Appended, Durability)>,
    /// Producers as they were before this group touched them.
    undo: Vec<(i64, Option<Producer>)>,
}

impl Partition {
    /// Appends in order; answers each, now or after the flush that it waits for.
    pub(super) fn append_all(self: &Arc<Self>, appends: Vec<Append>) {
        let config = self.config();
        let mut writer = self.writer.lock();
        let mut group = Group { start_offset: writer.next_offset, ..Group::default() };
        for append in appends {
            let Append { records, options, reply } = append;
            let now_ms = self.shared.clock.now_ms().max(writer.last_append_time);
            let prepared = self
                .writable()
                .and_then(|()| prepare(&records, options.origin, &config, now_ms))
                .and_then(|batches| writer.place(self, &config, &mut group, batches));
            match prepared {
                Ok(appended) => group.replies.push((reply, appended, options.durability)),
                // Whoever asked may have gone away.
                Err(error) => _ = reply.send(Err(error)),
            }
        }
        // Those who wait were told.
        let _ = writer.write(self, &config, &mut group);
    }

    /// Stores the leader epochs; nobody waits for the disk, the log has them too.
    pub(super) fn write_epochs(&self) {
        let epochs = self.epochs.lock().clone();
        if let Err(error) = epochs.write(&*self.shared.fs, &self.dir) {
            tracing::warn!(partition = %self, %error, "leader epochs were not written");
        }
    }

    /// Shows readers a new list of segments.
    pub(super) fn store_segments(&self, segments: Vec<Arc<Segment>>) {
        self.segments.store(Arc::new(segments));
    }
}

impl Writer {
    /// Puts the batches of one append into the group, or finds that they are a repetition.
    fn place(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
        group: &mut Group,
        batches: Vec<NewBatch>,
    ) -> Result<Appended, AppendError> {
        let log_start_offset = partition.log_start_offset();
        let mut answer: Option<Appended> = None;
        for mut batch in batches {
            match self.producers.check(&batch.header).map_err(sequence_error(&batch))? {
                Sequence::Next => {}
                Sequence::Duplicate(origin) => {
                    return Ok(Appended {
                        base_offset: origin.base_offset(),
                        last_offset: origin.last_offset,
                        log_append_time: append_time(config, origin.timestamp),
                        log_start_offset,
                    });
                }
            }
            self.make_room(partition, config, group, &batch)?;
            batch.header.base_offset = self.next_offset;
            batch.header.partition_leader_epoch = partition.leader_epoch();
            let log_append_time = append_time(config, batch.header.max_timestamp);
            let appended = answer.get_or_insert(Appended {
                base_offset: self.next_offset,
                last_offset: self.next_offset,
                log_append_time,
                log_start_offset,
            });
            appended.last_offset = batch.header.last_offset();
            self.last_append_time = self.last_append_time.max(log_append_time);
            self.add(group, batch);
        }
        answer.ok_or(AppendError::Closed)
    }

    /// Counts a batch as written; [`Writer::undo`] takes it back.
    fn add(&mut self, group: &mut Group, batch: NewBatch) {
        let NewBatch { header, body, marker } = batch;
        if header.has_producer_id() {
            let known = group.undo.iter().any(|(id, _)| *id == header.producer_id);
            if !known {
                let before = self.producers.get(header.producer_id).cloned();
                group.undo.push((header.producer_id, before));
            }
            match marker {
                Some(coordinator_epoch) => self.producers.note_marker(&header, coordinator_epoch),
                None => self.producers.note(&header),
            }
        }
        self.next_offset = header.next_offset();
        let start = self.active.as_ref().map_or(0, |active| active.size());
        let position = start + group.bytes;
        group.bytes += header.size_in_bytes() as u64;
        group.heads.push(header.to_bytes());
        group.batches.push((BatchAt { position, header }, body));
    }

    /// Makes sure there is a segment that the batch fits in.
    fn make_room(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
        group: &mut Group,
        batch: &NewBatch,
    ) -> Result<(), AppendError> {
        let Some(active) = self.active.clone() else {
            return self.begin_segment(partition, config);
        };
        if self.must_roll(partition, config, group, (&active, batch)) {
            self.write(partition, config, group)?;
            self.roll(partition, config)?;
        }
        Ok(())
    }

    fn must_roll(
        &self,
        partition: &Partition,
        config: &LogConfig,
        group: &Group,
        (active, batch): (&Segment, &NewBatch),
    ) -> bool {
        let size = active.size() + group.bytes;
        if size == 0 {
            return false;
        }
        let limit = config.segment_bytes.min(i32::MAX.unsigned_abs().into());
        if size + batch.header.size_in_bytes() as u64 > limit {
            return true;
        }
        let last = self.next_offset + i64::from(batch.header.last_offset_delta);
        if last - active.base_offset() > i64::from(i32::MAX)
            || active.index_bytes() + 12 > config.segment_index_bytes
        {
            return true;
        }
        let age = match active.first_timestamp() {
            Some(first) if first >= 0 && batch.header.max_timestamp >= 0 => {
                batch.header.max_timestamp.saturating_sub(first)
            }
            _ => partition.shared.clock.now_ms().saturating_sub(active.created_ms()),
        };
        age > config.segment_ms.saturating_sub(self.jitter_ms)
    }

    /// Closes the active segment and begins the next one.
    pub(super) fn roll(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
    ) -> Result<(), AppendError> {
        if let Some(old) = self.active.clone() {
            if self.needs_cut {
                // Nothing may follow in a later segment before this one ends where it should.
                old.cut_unpublished().map_err(|error| AppendError::io(old.path(), error))?;
                self.needs_cut = false;
            }
            self.begin_segment(partition, config)?;
            // The entries stay in memory when the disk is full: reads need no file.
            if let Err(error) = old.seal() {
                tracing::warn!(file = %old.path().display(), %error, "index files were not written");
            }
            self.snapshot(partition);
            partition.request_flush();
        }
        Ok(())
    }

    fn begin_segment(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
    ) -> Result<(), AppendError> {
        let fs = &partition.shared.fs;
        let failed = |error| AppendError::io(&partition.dir, error);
        let mut segments = partition.segments.load().as_ref().clone();
        let is_first = segments.is_empty();
        if config.flush_policy == FlushPolicy::Ack {
            Self::keep_entries_in_order(partition)?;
        }
        let mut metadata = None;
        if is_first {
            if self.next_offset == 0 {
                let forgotten =
                    partition.shared.forget_predecessor(&partition.topic, partition.partition);
                forgotten.map_err(failed)?;
            }
            fs.create_dir(&partition.dir).map_err(failed)?;
            let file = PartitionMetadata { topic_id: partition.topic_id() }
                .write(&**fs, &partition.dir)
                .map_err(failed)?;
            metadata = Some((partition.dir.join("partition.metadata"), file));
        }
        let now_ms = partition.shared.clock.now_ms();
        let segment = Segment::create(Arc::clone(fs), &partition.dir, self.next_offset, now_ms)
            .map_err(failed)?;
        if config.preallocate {
            segment.preallocate(config.segment_bytes).map_err(failed)?;
        }
        let segment = Arc::new(segment);
        segments.push(Arc::clone(&segment));
        partition.store_segments(segments);
        self.jitter_ms = match config.segment_jitter_ms.min(config.segment_ms) {
            most if most > 0 => rand::random_range(0..=most),
            _ => 0,
        };
        self.active = Some(segment);
        self.needs_cut = false;
        let mut flush = partition.flush.lock();
        flush.entries_made += 1;
        flush.new_dir |= is_first;
        flush.dirty_files.extend(metadata);
        Ok(())
    }

    /// Waits until the files made before are durable: a later segment that outlives an earlier
    /// one would be records out of order.
    fn keep_entries_in_order(partition: &Partition) -> Result<(), AppendError> {
        let (made, new_dir) = {
            let flush = partition.flush.lock();
            if !flush.has_new_entries() {
                return Ok(());
            }
            (flush.entries_made, flush.new_dir)
        };
        partition.sync_entries(new_dir).inspect_err(|offline| partition.go_offline(offline))?;
        partition.flush.lock().entries_are_synced(made);
        Ok(())
    }

    /// Writes the group and answers, or takes it back.
    fn write(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
        group: &mut Group,
    ) -> Result<(), AppendError> {
        let next = Group { start_offset: self.next_offset, ..Group::default() };
        let group = std::mem::replace(group, next);
        let Some(active) = self.active.clone().filter(|_| !group.batches.is_empty()) else {
            self.answer(partition, config, group);
            return Ok(());
        };
        let mut parts = Vec::with_capacity(group.heads.len() * 2);
        for (head, (_, body)) in group.heads.iter().zip(&group.batches) {
            parts.push(IoSlice::new(head));
            parts.push(IoSlice::new(body));
        }
        let cut = if self.needs_cut { active.cut_unpublished() } else { Ok(()) };
        match cut.and_then(|()| active.write(&mut parts)) {
            Ok(()) => {
                self.needs_cut = false;
                self.publish(partition, config, (&active, &group));
                self.answer(partition, config, group);
                Ok(())
            }
            Err(error) => {
                let error = AppendError::io(active.path(), error);
                tracing::warn!(partition = %partition, %error, bytes = group.bytes, "write failed");
                self.needs_cut = active.cut_unpublished().is_err();
                self.undo(group, &error);
                Err(error)
            }
        }
    }

    /// Shows readers the group.
    fn publish(
        &mut self,
        partition: &Arc<Partition>,
        config: &LogConfig,
        (active, group): (&Arc<Segment>, &Group),
    ) {
        let batches: Vec<_> = group.batches.iter().map(|(batch, _)| *batch).collect();
        partition.log_end.store(self.next_offset, Ordering::Release);
        let unstable = self.producers.first_unstable_offset().unwrap_or(i64::MAX);
        partition.first_unstable.store(unstable, Ordering::Release);
        active.publish(&batches, config.index_interval_bytes);
        if let Err(error) = active.persist_indexes_if_many() {
            tracing::warn!(partition = %partition, %error, "index files were not written");
        }
        let mut is_new = false;
        for (batch, _) in &group.batches {
            let (epoch, base_offset) =
                (batch.header.partition_leader_epoch, batch.header.base_offset);
            is_new |= partition.epochs.lock().assign(epoch, base_offset);
        }
        if is_new {
            partition.write_epochs();
        }
        self.unflushed_records += self.next_offset - group.start_offset;
        let now_ms = partition.shared.clock.now_ms();
        partition.flush.lock().touch(active, self.next_offset, now_ms);
    }

    /// Answers what is done, and asks for the flush that the rest waits for.
    fn answer(&mut self, partition: &Arc<Partition>, config: &LogConfig, group: Group) {
        let wrote = !group.batches.is_empty();
        let at_flush = config.flush_policy == FlushPolicy::Ack;
        // Whoever is answered finds the record.
        if !at_flush && wrote {
            partition.raise_high_watermark(self.next_offset);
        }
        let flushed = partition.flushed_offset();
        let mut waiters = Vec::new();
        for (reply, appended, durability) in group.replies {
            let until = appended.last_offset + 1;
            if at_flush && durability == Durability::Flushed && until > flushed {
                waiters.push(Waiter { until, reply, appended });
            } else {
                // Whoever asked may have gone away.
                let _ = reply.send(Ok(appended));
            }
        }
        let due = self.unflushed_records >= config.flush_messages;
        let wanted = !waiters.is_empty() || (wrote && (at_flush || due));
        if !waiters.is_empty() {
            partition.flush.lock().waiters.append(&mut waiters);
        }
        if wanted {
            self.unflushed_records = 0;
            partition.request_flush();
        }
    }

    fn undo(&mut self, group: Group, error: &AppendError) {
        for (producer_id, before) in group.undo {
            self.producers.restore(producer_id, before);
        }
        self.next_offset = group.start_offset;
        for (reply, ..) in group.replies {
            let _ = reply.send(Err(error.clone()));
        }
    }

    /// Writes the producer state of this moment, unless the last snapshot is of it.
    pub(super) fn snapshot(&mut self, partition: &Partition) {
        if self.snapshot_offset == Some(self.next_offset) {
            return;
        }
        let path = partition.dir.join(file_name(self.next_offset, FILE_SUFFIX));
        match write_snapshot(&*partition.shared.fs, &path, &self.producers) {
            Ok(()) => self.snapshot_offset = Some(self.next_offset),
            Err(error) => {
                tracing::warn!(partition = %partition, %error, "producer snapshot was not written");
            }
        }
    }
}

fn append_time(config: &LogConfig, timestamp: i64) -> i64 {
    if config.timestamp_type == TimestampType::LogAppendTime { timestamp } else { -1 }
}

fn sequence_error(batch: &NewBatch) -> impl FnOnce(SequenceError) -> AppendError {
    let producer_id = batch.header.producer_id;
    move |error| match error {
        SequenceError::OutOfOrder { expected, found } => {
            AppendError::OutOfOrderSequence { producer_id, expected, found }
        }
        SequenceError::OldEpoch { current, found } => {
            AppendError::InvalidProducerEpoch { producer_id, current, found }
        }
    }
}
