//! The life of a sink task: poll Kafka, convert, `put`, commit behind `pre_commit`.
//!
//! A batch that `put` refuses retriably is kept and put again while the partitions are paused; the
//! consumer is polled meanwhile, so that the group keeps this member. A failed `pre_commit` goes
//! back to the last committed offsets.
//!
//! Invariant: a committed offset never runs ahead of what `put` took and `pre_commit` confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Batch, Consumer, Polled, Start, TopicPartition};
use connect_api::connector::Settings;
use connect_api::{ConnectError, Result, SinkTask};

use super::control::{TaskControl, TaskTarget};
use super::record_reader::{ReadBatch, RecordReader, consume_error};
use super::sink_context::{Reporter, SinkContext};
use super::sink_positions::SinkPositions;
use crate::config::Timing;
use crate::progress::TaskProgress;
use crate::status::{State, StatusStore, TaskId};
use crate::topics::ActiveTopics;

/// Longest wait in one poll: how soon a pause or a stop is noticed.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// First and longest pause before a failed batch is put again.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));
/// How often lag and position are shown.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// First and longest pause before a topic that is not there yet is looked for again.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// How long the cluster may take to say whether a topic is there.
const ASK_FOR_TOPIC: Duration = Duration::from_millis(100);
/// How often the same trouble with the cluster is logged.
const COMPLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// What a sink task reads.
#[derive(Debug, Clone)]
pub enum Subscription {
    /// These topics.
    Topics(Vec<String>),
    /// Topics whose whole name matches.
    Pattern(String),
}

/// What a sink task is made of; [`SinkTaskParts::run`] runs it.
pub struct SinkTaskParts {
    /// Who it is.
    pub id: TaskId,
    /// The connector's task.
    pub task: Box<dyn SinkTask>,
    /// Its settings.
    pub settings: Settings,
    /// What it reads.
    pub subscription: Subscription,
    /// Its consumer.
    pub consumer: Consumer,
    /// Most records in one batch.
    pub max_records: usize,
    /// Converts and handles errors.
    pub reader: RecordReader,
    /// Takes single failed records, when errors are tolerated.
    pub reporter: Option<Arc<Reporter>>,
    /// What it is told to do.
    pub control: TaskControl,
    /// Where its state shows.
    pub status: Arc<StatusStore>,
    /// Where it counts.
    pub progress: Arc<TaskProgress>,
    /// Where its topics are noted.
    pub topics: Arc<ActiveTopics>,
    /// When it commits.
    pub timing: Timing,
}

/// A batch that is to be put again.
struct Retry {
    at: Instant,
    delay: Duration,
}

/// When to look again for topics, none of which is there yet.
struct LookAgain {
    at: Option<Instant>,
    delay: Duration,
}

struct SinkTaskRun {
    parts: SinkTaskParts,
    look_again: LookAgain,
    context: Arc<SinkContext>,
    positions: SinkPositions,
    read: ReadBatch,
    batch: Batch,
    retry: Option<Retry>,
    paused: bool,
    next_commit: Instant,
    next_report: Instant,
    next_complaint: Instant,
}

impl SinkTaskParts {
    /// Runs the task until it is told to stop.
    ///
    /// # Errors
    ///
    /// Whatever the task, a converter or Kafka could not recover from.
    pub fn run(mut self) -> Result<()> {
        while self.control.target() == TaskTarget::Paused {
            self.status.set_task(&self.id, State::Paused, None);
            self.control.wait_until(Instant::now() + self.timing.offset_flush_interval);
        }
        if self.control.is_stopping() {
            return Ok(());
        }
        let context = Arc::new(SinkContext::new(self.reporter.clone()));
        self.control.block_on(self.task.start(Arc::clone(&context) as _, &self.settings))?;
        self.subscribe()?;
        if !self.control.is_stopping() {
            self.status.set_task(&self.id, State::Running, None);
        }
        tracing::info!("Sink task {} finished initialization and start", self.id);
        let now = Instant::now();
        let mut run = SinkTaskRun {
            context,
            look_again: LookAgain { at: None, delay: LOOK_AGAIN.0 },
            positions: SinkPositions::default(),
            read: ReadBatch::default(),
            batch: Batch::new(),
            retry: None,
            paused: false,
            next_commit: now + self.timing.offset_flush_interval,
            next_report: now,
            next_complaint: now,
            parts: self,
        };
        let outcome = run.move_records();
        run.finish();
        outcome
    }

    fn subscribe(&self) -> Result<()> {
        let subscribed = match &self.subscription {
            Subscription::Topics(topics) => {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                self.consumer.subscribe(&topics)
            }
            Subscription::Pattern(pattern) => self.consumer.subscribe_pattern(pattern),
        };
        subscribed.map_err(consume_error)
    }
}

impl SinkTaskRun {
    fn move_records(&mut self) -> Result<()> {
        loop {
            match self.parts.control.target() {
                TaskTarget::Stopping | TaskTarget::Abandoned => return Ok(()),
                target => self.follow(target)?,
            }
            self.follow_wishes()?;
            if Instant::now() >= self.next_commit {
                let assigned = self.positions.partitions();
                self.commit(&assigned)?;
                self.next_commit = Instant::now() + self.parts.timing.offset_flush_interval;
            }
            if self.retry.is_some() {
                self.poll_during_retry()?;
            } else {
                self.poll_and_put()?;
            }
            self.report();
        }
    }

    /// Pauses or resumes all partitions as the herder says.
    fn follow(&mut self, target: TaskTarget) -> Result<()> {
        let pause = target == TaskTarget::Paused;
        if pause == self.paused {
            return Ok(());
        }
        self.paused = pause;
        let assigned = self.positions.partitions();
        if pause {
            self.parts.consumer.pause(&assigned).map_err(consume_error)?;
            self.commit(&assigned)?;
        } else if self.retry.is_none() {
            self.parts.consumer.resume(&assigned).map_err(consume_error)?;
        }
        let state = if pause { State::Paused } else { State::Running };
        self.parts.status.set_task(&self.parts.id, state, None);
        Ok(())
    }

    /// Does what the task asked for through its context.
    fn follow_wishes(&mut self) -> Result<()> {
        let wishes = self.context.take_wishes();
        if wishes.commit {
            self.next_commit = Instant::now();
        }
        if let (Some(timeout), Some(retry)) = (wishes.timeout, &mut self.retry) {
            retry.at = Instant::now() + timeout;
        }
        for (partition, offset) in wishes.seeks {
            let partition = of_client(&partition);
            if self.positions.contains(&partition) {
                let start = Start::At(offset);
                self.parts.consumer.seek(&partition, start).map_err(consume_error)?;
            }
        }
        let known = |wanted: Vec<connect_api::TopicPartition>| -> Vec<TopicPartition> {
            let wanted = wanted.iter().map(of_client);
            wanted.filter(|partition| self.positions.contains(partition)).collect()
        };
        let (pause, resume) = (known(wishes.pause), known(wishes.resume));
        if !pause.is_empty() {
            self.parts.consumer.pause(&pause).map_err(consume_error)?;
        }
        if !resume.is_empty() && !self.paused && self.retry.is_none() {
            self.parts.consumer.resume(&resume).map_err(consume_error)?;
        }
        Ok(())
    }

    fn poll_and_put(&mut self) -> Result<()> {
        let most = self.parts.max_records;
        let wait = self.look_again()?;
        match self.parts.consumer.poll_batch(most, wait, &mut self.batch) {
            Ok(Polled::Records) => {
                self.parts.reader.read(&self.batch, &mut self.read)?;
                self.put(None)
            }
            Ok(event) => self.rebalanced(event),
            Err(error) => self.complain(error),
        }
    }

    /// Subscribes again when it is time; returns how long the next poll may wait. The consumer
    /// would look for a missing topic only with its next refresh of metadata.
    fn look_again(&mut self) -> Result<Duration> {
        let Some(at) = self.look_again.at else { return Ok(POLL_WAIT) };
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Ok(left.min(POLL_WAIT));
        }
        self.look_again.at = None;
        if self.positions.is_empty() {
            if let Subscription::Topics(topics) = &self.parts.subscription {
                for topic in topics {
                    // Asked for its effect: the client learns anew whether the topic is there.
                    let first = TopicPartition::new(topic.as_str(), 0);
                    drop(self.parts.consumer.watermarks(&first, ASK_FOR_TOPIC));
                }
            }
            self.parts.subscribe()?;
            self.look_again_later();
        }
        Ok(POLL_WAIT)
    }

    fn look_again_later(&mut self) {
        let LookAgain { at, delay } = &mut self.look_again;
        *at = Some(Instant::now() + *delay);
        *delay = (*delay * 2).min(LOOK_AGAIN.1);
    }

    /// Polls so that the group keeps this member, and puts the kept batch again when it is time.
    fn poll_during_retry(&mut self) -> Result<()> {
        let mut nothing = Batch::new();
        match self.parts.consumer.poll_batch(1, POLL_WAIT, &mut nothing) {
            Ok(Polled::Records) => self.give_back(&nothing)?,
            Ok(event) => self.rebalanced(event)?,
            Err(error) => self.complain(error)?,
        }
        match self.retry.take() {
            Some(retry) if Instant::now() >= retry.at && !self.paused => self.put(Some(&retry)),
            kept => {
                self.retry = kept;
                Ok(())
            }
        }
    }

    /// Records that came although the partition is paused are fetched again later.
    fn give_back(&self, batch: &Batch) -> Result<()> {
        for record in batch.iter() {
            let partition = TopicPartition::new(record.topic(), record.partition());
            let start = Start::At(record.offset());
            self.parts.consumer.seek(&partition, start).map_err(consume_error)?;
        }
        Ok(())
    }

    fn put(&mut self, retried: Option<&Retry>) -> Result<()> {
        let parts = &mut self.parts;
        let outcome = if self.read.records.is_empty() {
            Ok(())
        } else {
            parts.control.block_on(parts.task.put(&self.read.records))
        };
        match outcome {
            Ok(()) => {
                self.bury_reported()?;
                self.delivered(retried.is_some())
            }
            Err(error) if error.is_retriable() => self.retry_later(retried, &error),
            Err(error) => {
                let text = "Exiting WorkerSinkTask due to unrecoverable exception: put refused the records";
                Err(ConnectError::fatal(format!("{text}: {error}")).because(error))
            }
        }
    }

    fn delivered(&mut self, was_retried: bool) -> Result<()> {
        for stretch in &self.read.stretches {
            self.positions.delivered(&stretch.partition, stretch.first, stretch.next);
            self.parts.topics.add_quickly(&self.parts.id.connector, &stretch.partition.topic);
        }
        let records = u64::try_from(self.read.records.len()).unwrap_or(u64::MAX);
        self.parts.progress.add(records, self.read.bytes);
        self.read.clear();
        if was_retried && !self.paused {
            let assigned = self.positions.partitions();
            self.parts.consumer.resume(&assigned).map_err(consume_error)?;
        }
        Ok(())
    }

    fn retry_later(&mut self, retried: Option<&Retry>, error: &ConnectError) -> Result<()> {
        let (first, longest) = RETRY_DELAYS;
        let delay = retried.map_or(first, |retry| (retry.delay * 2).min(longest));
        self.parts.progress.add_error();
        tracing::warn!(
            "put of {} records to task {} failed, trying again in {} ms: {}",
            self.read.records.len(),
            self.parts.id,
            delay.as_millis(),
            error.trace()
        );
        if retried.is_none() {
            let assigned = self.positions.partitions();
            self.parts.consumer.pause(&assigned).map_err(consume_error)?;
        }
        self.retry = Some(Retry { at: Instant::now() + delay, delay });
        Ok(())
    }

    fn bury_reported(&mut self) -> Result<()> {
        match &self.parts.reporter {
            Some(reporter) => self.parts.reader.bury(reporter.take(), &self.batch),
            None => Ok(()),
        }
    }

    fn rebalanced(&mut self, event: Polled) -> Result<()> {
        match event {
            Polled::Assigned(partitions) => {
                tracing::info!("task {} is assigned {}", self.parts.id, names(&partitions));
                self.positions.add(&partitions);
                if self.paused || self.retry.is_some() {
                    self.parts.consumer.pause(&partitions).map_err(consume_error)?;
                }
                let opened = of_api(&partitions);
                self.parts.control.block_on(self.parts.task.open(&opened))
            }
            Polled::Revoked(partitions) => {
                self.commit(&partitions)?;
                self.close(&partitions);
                Ok(())
            }
            Polled::Lost(partitions) => {
                tracing::warn!("task {} has lost {}", self.parts.id, names(&partitions));
                self.close(&partitions);
                Ok(())
            }
            Polled::Empty | Polled::Records => Ok(()),
        }
    }

    fn close(&mut self, partitions: &[TopicPartition]) {
        let closed = of_api(partitions);
        let parts = &mut self.parts;
        if let Err(error) = parts.control.block_on(parts.task.close(&closed)) {
            tracing::error!(
                "close of {} by task {}: {}",
                names(partitions),
                parts.id,
                error.trace()
            );
        }
        self.positions.remove(partitions);
        self.read.remove(partitions);
        if self.read.stretches.is_empty() && self.retry.take().is_some() && !self.paused {
            // What stays was paused for the batch that went away.
            let assigned = self.positions.partitions();
            if let Err(error) = self.parts.consumer.resume(&assigned) {
                tracing::error!(
                    "resume of {} by task {}: {error}",
                    names(&assigned),
                    self.parts.id
                );
            }
        }
    }

    /// Commits what was delivered of `partitions`. A task that cannot make records durable gets
    /// them again; a cluster that does not answer gets the commit again next time.
    fn commit(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let mut delivered = self.positions.all_delivered();
        delivered.retain(|(partition, _)| partitions.contains(partition));
        if self.positions.committable(delivered.iter().cloned()).is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> = delivered
            .iter()
            .map(|(partition, offset)| (of_client_ref(partition), *offset))
            .collect();
        let parts = &mut self.parts;
        let confirmed = match parts.control.block_on(parts.task.pre_commit(wanted)) {
            Ok(confirmed) => confirmed,
            Err(error) => return self.rewind(&error),
        };
        self.bury_reported()?;
        if let Some(queue) = self.parts.reader.dead_letters()
            && !queue.flush(self.parts.timing.offset_flush_timeout)?
        {
            tracing::warn!(
                "task {} commits later: its dead letter queue has records that Kafka has not acknowledged",
                self.parts.id
            );
            return Ok(());
        }
        let confirmed = confirmed.iter().map(|(partition, offset)| (of_client(partition), *offset));
        let offsets = self.positions.committable(confirmed);
        self.store(&offsets);
        Ok(())
    }

    fn store(&mut self, offsets: &BTreeMap<TopicPartition, i64>) {
        let timeout = self.parts.timing.offset_flush_timeout;
        // The last commit is made once the task is told to stop, and has its time then.
        let (control, is_last) = (&self.parts.control, self.parts.control.is_stopping());
        let go_on = || is_last || !control.is_stopping();
        match self.parts.consumer.commit_sync_while(offsets, timeout, go_on) {
            Ok(()) => {
                self.positions.committed(offsets);
                tracing::debug!("Finished offset commit of task {}", self.parts.id);
            }
            Err(error) => {
                tracing::error!("commit of offsets of task {} failed: {error}", self.parts.id);
            }
        }
    }

    fn rewind(&mut self, error: &ConnectError) -> Result<()> {
        tracing::error!(
            "task {} could not make records durable; it goes back to the last committed offsets: {}",
            self.parts.id,
            error.trace()
        );
        self.parts.progress.add_error();
        let mut targets = self.positions.rewind();
        for stretch in &self.read.stretches {
            // A kept batch is dropped, so that what comes before it is put first.
            if !targets.iter().any(|(partition, _)| *partition == stretch.partition) {
                targets.push((stretch.partition.clone(), stretch.first));
            }
        }
        for (partition, offset) in targets {
            let start = Start::At(offset);
            self.parts.consumer.seek(&partition, start).map_err(consume_error)?;
        }
        self.read.clear();
        if self.retry.take().is_some() && !self.paused {
            let assigned = self.positions.partitions();
            self.parts.consumer.resume(&assigned).map_err(consume_error)?;
        }
        Ok(())
    }

    /// Logs trouble with the cluster that may pass; fails the task on any other.
    fn complain(&mut self, error: client::ConsumeError) -> Result<()> {
        if !error.is_retriable() {
            return Err(consume_error(error));
        }
        let now = Instant::now();
        let unknown_topic = matches!(error, client::ConsumeError::UnknownTopic { .. });
        if unknown_topic && self.positions.is_empty() {
            if self.look_again.at.is_none() {
                self.look_again_later();
            }
            if self.look_again.delay < LOOK_AGAIN.1 {
                return Ok(());
            }
        }
        if now >= self.next_complaint {
            tracing::warn!("task {} cannot read from Kafka at the moment: {error}", self.parts.id);
            self.next_complaint = now + COMPLAIN_INTERVAL;
        }
        Ok(())
    }

    fn report(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        self.next_report = now + REPORT_INTERVAL;
        let consumer = &self.parts.consumer;
        let partitions = self.positions.partitions();
        let lags = partitions.iter().filter_map(|partition| consumer.lag(partition));
        self.parts.progress.set_lag(lags.reduce(|sum, lag| sum + lag));
        let delivered = self.positions.all_delivered();
        if let Some((partition, next)) = delivered.iter().max_by_key(|(_, next)| *next) {
            self.parts.progress.set_last_offset(format!("{partition} {}", next - 1));
        }
    }

    /// Commits what was delivered, closes and leaves the group.
    fn finish(mut self) {
        let assigned = self.positions.partitions();
        self.parts.timing.offset_flush_timeout = self.parts.timing.last_wait();
        if let Err(error) = self.commit(&assigned) {
            tracing::error!("last commit of task {}: {}", self.parts.id, error.trace());
        }
        self.report_final();
        if !assigned.is_empty() {
            self.close(&assigned);
        }
        let mut parts = self.parts;
        parts.control.block_on(parts.task.stop());
        self.batch.clear();
        if !parts.consumer.close(parts.timing.last_close()) {
            tracing::warn!("task {} did not leave its consumer group in time", parts.id);
        }
    }

    fn report_final(&mut self) {
        self.next_report = Instant::now();
        self.report();
    }
}

fn of_client(partition: &connect_api::TopicPartition) -> TopicPartition {
    TopicPartition { topic: Arc::clone(&partition.topic), partition: partition.partition }
}

fn of_client_ref(partition: &TopicPartition) -> connect_api::TopicPartition {
    connect_api::TopicPartition {
        topic: Arc::clone(&partition.topic),
        partition: partition.partition,
    }
}

fn of_api(partitions: &[TopicPartition]) -> Vec<connect_api::TopicPartition> {
    partitions.iter().map(of_client_ref).collect()
}

fn names(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}
