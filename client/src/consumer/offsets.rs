//! The consumer's offsets: committed, position, watermarks, lag; seek, pause, resume.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;

use super::reader::{Consumer, Start};
use super::rebalance::from_code;
use crate::TopicPartition;
use crate::error::{ConsumeError, ErrorCode, KafkaError};
use crate::native::{Event, PartitionList, error_from_ptr, millis};

/// How long a seek waits for librdkafka's own thread; no broker is asked.
const SEEK: Duration = Duration::from_secs(5);
/// How often a commit that waits asks whether to go on.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitResult {
    /// What was given with the commit.
    pub token: u64,
    /// Success, or why all or some partitions were refused.
    pub result: Result<(), ConsumeError>,
}

impl Consumer {
    /// Commits, and waits for the broker's answer.
    ///
    /// An offset is that of the next record to be read. Do not mix with
    /// [`commit_async`](Self::commit_async) answers: those that come meanwhile are kept.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::NoGroup`] without `group.id`; [`ConsumeError::Kafka`] with the first
    /// refusal, or [`ErrorCode::TIMED_OUT`] when the outcome is not known in time.
    pub fn commit_sync(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
        timeout: Duration,
    ) -> Result<(), ConsumeError> {
        self.commit_sync_while(offsets, timeout, || true)
    }

    /// Commits as [`commit_sync`](Self::commit_sync) does, and waits no longer than `go_on` says,
    /// which is asked several times a second.
    ///
    /// # Errors
    ///
    /// As [`commit_sync`](Self::commit_sync).
    pub fn commit_sync_while(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
        timeout: Duration,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<(), ConsumeError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let answers = crate::native::Queue::new(&self.handle);
        self.start_commit(offsets, &answers, 0)?;
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match answers.poll(left.min(ASK_AGAIN)) {
                Some(event) if event.kind() == rd::RD_KAFKA_EVENT_OFFSET_COMMIT => {
                    return commit_outcome(&event);
                }
                Some(_) => {}
                None if left.is_zero() || !go_on() => {
                    return Err(KafkaError::from_code(ErrorCode::TIMED_OUT).into());
                }
                None => {}
            }
        }
    }

    /// Commits without waiting. The outcome comes from
    /// [`take_commit_results`](Self::take_commit_results), with the token.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::NoGroup`] without `group.id`.
    pub fn commit_async(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
        token: u64,
    ) -> Result<(), ConsumeError> {
        self.start_commit(offsets, &self.commits, token)
    }

    fn start_commit(
        &self,
        offsets: &BTreeMap<TopicPartition, i64>,
        answers: &crate::native::Queue,
        token: u64,
    ) -> Result<(), ConsumeError> {
        if !self.group {
            return Err(ConsumeError::NoGroup);
        }
        let entries = offsets.iter().map(|(partition, offset)| (partition, *offset));
        let list = PartitionList::with_offsets(entries).map_err(|_| ConsumeError::ZeroByte)?;
        // tokens travel in the place of a pointer, which nobody follows
        let opaque = std::ptr::without_provenance_mut(usize::from_ne_bytes(token.to_ne_bytes()));
        // SAFETY: client, list and queue are live; the list is copied.
        let code = unsafe {
            rd::rd_kafka_commit_queue(
                self.handle.as_ptr(),
                list.as_ptr(),
                answers.as_ptr(),
                None,
                opaque,
            )
        };
        Ok(from_code(code)?)
    }

    /// The outcomes of [`commit_async`](Self::commit_async) that have come since, oldest first.
    #[must_use]
    pub fn take_commit_results(&self) -> Vec<CommitResult> {
        let mut results = Vec::new();
        while let Some(event) = self.commits.poll(Duration::ZERO) {
            if event.kind() == rd::RD_KAFKA_EVENT_OFFSET_COMMIT {
                let token = event.opaque().addr() as u64;
                results.push(CommitResult { token, result: commit_outcome(&event) });
            }
        }
        results
    }

    /// The group's committed offsets; none where nothing is committed.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::NoGroup`] without `group.id`; [`ConsumeError::Kafka`] otherwise.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Option<i64>>, ConsumeError> {
        if !self.group {
            return Err(ConsumeError::NoGroup);
        }
        let list = PartitionList::of(partitions).map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live.
        let code =
            unsafe { rd::rd_kafka_committed(self.handle.as_ptr(), list.as_ptr(), millis(timeout)) };
        from_code(code)?;
        offsets_of(&list)
    }

    /// The offset of the next record that a poll returns; none before the first record.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`] when librdkafka does not say.
    pub fn position(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Option<i64>>, ConsumeError> {
        let list = PartitionList::of(partitions).map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live.
        from_code(unsafe { rd::rd_kafka_position(self.handle.as_ptr(), list.as_ptr()) })?;
        offsets_of(&list)
    }

    /// Asks the broker for a partition's first offset and the one behind its last record.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::UnknownTopic`], or [`ConsumeError::Kafka`].
    pub fn watermarks(
        &self,
        partition: &TopicPartition,
        timeout: Duration,
    ) -> Result<(i64, i64), ConsumeError> {
        let topic = CString::new(&*partition.topic).map_err(|_| ConsumeError::ZeroByte)?;
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client is live, the name ends in a zero byte.
        let code = unsafe {
            rd::rd_kafka_query_watermark_offsets(
                self.handle.as_ptr(),
                topic.as_ptr(),
                partition.partition,
                &raw mut low,
                &raw mut high,
                millis(timeout),
            )
        };
        match ErrorCode::from_raw(code as i32) {
            ErrorCode::NONE => Ok((low, high)),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::LOCAL_UNKNOWN_TOPIC
            | ErrorCode::LOCAL_UNKNOWN_PARTITION => {
                Err(ConsumeError::UnknownTopic { topic: partition.topic.to_string() })
            }
            code => Err(KafkaError::from_code(code).into()),
        }
    }

    /// How many records are behind the position, as of the last fetch; none before that.
    #[must_use]
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let topic = CString::new(&*partition.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client is live, the name ends in a zero byte.
        let code = unsafe {
            rd::rd_kafka_get_watermark_offsets(
                self.handle.as_ptr(),
                topic.as_ptr(),
                partition.partition,
                &raw mut low,
                &raw mut high,
            )
        };
        from_code(code).ok()?;
        let position = self.position(std::slice::from_ref(partition)).ok()?;
        let position = position.get(partition).copied().flatten()?;
        (high >= 0).then(|| (high - position).max(0))
    }

    /// Reads on from another place. What was polled before stays the caller's matter.
    ///
    /// For a partition that was assigned and not yet confirmed, this is where it starts.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`], with [`ErrorCode::STATE`] when it is not assigned.
    pub fn seek(&self, partition: &TopicPartition, start: Start) -> Result<(), ConsumeError> {
        if let Some(pending) = &mut *self.pending.lock()
            && pending.list.set_offset(partition, start.native())
        {
            return Ok(());
        }
        let list = PartitionList::with_offsets([(partition, start.native())])
            .map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live.
        unsafe {
            let error =
                rd::rd_kafka_seek_partitions(self.handle.as_ptr(), list.as_ptr(), millis(SEEK));
            error_from_ptr(error)?;
        }
        first_refusal(&list)
    }

    /// Stops giving records of these partitions, and keeps them assigned.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`] when one is not assigned.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        let rest = self.pend(partitions, true);
        let list = PartitionList::of(&rest).map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live.
        from_code(unsafe { rd::rd_kafka_pause_partitions(self.handle.as_ptr(), list.as_ptr()) })?;
        first_refusal(&list)
    }

    /// Gives records of these partitions again.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`] when one is not assigned.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        let rest = self.pend(partitions, false);
        let list = PartitionList::of(&rest).map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live.
        from_code(unsafe { rd::rd_kafka_resume_partitions(self.handle.as_ptr(), list.as_ptr()) })?;
        first_refusal(&list)
    }

    /// Notes the wish for partitions that are not confirmed yet; returns the others.
    fn pend(&self, partitions: &[TopicPartition], pause: bool) -> Vec<TopicPartition> {
        let mut pending = self.pending.lock();
        let Some(decision) = &mut *pending else { return partitions.to_vec() };
        let listed = decision.list.partitions();
        let (now, rest): (Vec<_>, Vec<_>) =
            partitions.iter().cloned().partition(|partition| listed.contains(partition));
        for partition in now {
            if pause {
                decision.paused.insert(partition);
            } else {
                decision.paused.remove(&partition);
            }
        }
        rest
    }
}

fn offsets_of(list: &PartitionList) -> Result<BTreeMap<TopicPartition, Option<i64>>, ConsumeError> {
    first_refusal(list)?;
    Ok(list
        .entries()
        .into_iter()
        .map(|entry| (entry.partition, (entry.offset >= 0).then_some(entry.offset)))
        .collect())
}

/// The error of the first partition that has one.
fn first_refusal(list: &PartitionList) -> Result<(), ConsumeError> {
    match list.entries().into_iter().find(|entry| entry.code != ErrorCode::NONE) {
        None => Ok(()),
        Some(entry) => {
            let reason = format!("{}: {}", entry.partition, entry.code.description());
            Err(KafkaError::with_reason(entry.code, reason).into())
        }
    }
}

fn commit_outcome(event: &Event) -> Result<(), ConsumeError> {
    event.result()?;
    // SAFETY: a live commit event; its list lives as long and is copied.
    let list = unsafe {
        let list = rd::rd_kafka_event_topic_partition_list(event.as_ptr());
        if list.is_null() {
            return Ok(());
        }
        PartitionList::copy_of(list)
    };
    first_refusal(&list)
}
