//! The thread that changes the topic: one change at a time is decided on what the topic says,
//! appended with acks=all, and answered when the own reader has passed it.
//!
//! Before the first change, and after one whose outcome is not known, the writer appends a NOOP and
//! waits until the reader has passed it: from then on nothing of others is in between. With several
//! nodes, winning the election comes before that. An id that was ever part of an attempt is not
//! given to another schema.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use client::{Delivery, ErrorCode, KafkaError, OutRecord, Producer, SendError};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::index::Index;
use super::progress::Progress;
use super::reader::Shared;
use super::record::{Key, OutgoingRecord};
use crate::config::RegistryConfig;

/// How long the first NOOP waits for the records before it, which tell whether it is welcome.
const REPLAY_PATIENCE: Duration = Duration::from_secs(3);
/// Changes that may wait.
const MAX_WAITING: usize = 1024;

/// On what a change is decided. Nothing else changes the index meanwhile.
#[derive(Debug)]
pub struct Ground<'a> {
    /// What the topic says.
    pub index: &'a RwLock<Index>,
    /// The id that a new schema gets.
    pub next_id: i32,
}

/// What is to be done for a request, and the answer once it is done.
#[derive(Debug)]
pub struct Decision<T> {
    /// Records to append, in order; none when nothing changes.
    pub records: Vec<OutgoingRecord>,
    /// The id that a new schema got.
    pub new_id: Option<i32>,
    /// The answer.
    pub answer: T,
}

impl<T> Decision<T> {
    /// Nothing changes.
    pub const fn unchanged(answer: T) -> Self {
        Self { records: Vec::new(), new_id: None, answer }
    }

    /// These records change everything that is to change.
    pub const fn append(records: Vec<OutgoingRecord>, answer: T) -> Self {
        Self { records, new_id: None, answer }
    }
}

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// The writing thread.
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    timeout: Duration,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// What the system says when no thread can start.
    pub fn start(shared: Shared) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let timeout = shared.config.timeout;
        let thread = std::thread::Builder::new()
            .name("registry-writer".to_owned())
            .spawn(move || run(shared, &waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), timeout })
    }

    /// Decides a change and carries it out; when it returns, the index shows it.
    ///
    /// # Errors
    ///
    /// What `decide` says, or [`StoreError`]. After [`StoreError::TimedOut`] the change may still
    /// take effect.
    ///
    /// # Cancellation
    ///
    /// The change is carried out nevertheless.
    pub async fn change<T, E>(
        &self,
        decide: impl FnOnce(&Ground<'_>) -> Result<Decision<T>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let deadline = Instant::now() + self.timeout;
        let job = move |worker: &mut Worker| {
            // Whoever asked may be gone; the change is made all the same.
            let _ = answer.send(worker.carry_out(decide, deadline));
        };
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy { limit: MAX_WAITING },
            TrySendError::Disconnected(_) => StoreError::Closed,
        })?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Drop for Writer {
    /// Blocks until the changes that wait are carried out.
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the schema topic panicked");
        }
    }
}

fn run(shared: Shared, waiting: &Receiver<Job>) {
    let mut worker = Worker {
        config: shared.config,
        index: shared.index,
        progress: shared.progress,
        deliveries: Arc::default(),
        producer: None,
        leads: None,
        next_token: 0,
        max_tried_id: 0,
    };
    worker.lead_early();
    while let Ok(job) = waiting.recv() {
        job(&mut worker);
    }
}

/// Outcomes of records, by token, for the writing thread to collect.
#[derive(Default)]
struct Deliveries {
    outcomes: Mutex<HashMap<u64, Result<i64, KafkaError>>>,
    changed: Condvar,
}

struct Worker {
    config: Arc<RegistryConfig>,
    index: Arc<RwLock<Index>>,
    progress: Arc<Progress>,
    deliveries: Arc<Deliveries>,
    producer: Option<Producer>,
    /// Nothing of others, and nothing of unknown outcome, is between the index and the next record:
    /// so it was for the topic of this many restarts.
    leads: Option<u64>,
    next_token: u64,
    max_tried_id: i32,
}

impl Worker {
    /// Prepares for the first change, so that it need not wait; without success it is no loss.
    fn lead_early(&mut self) {
        let deadline = Instant::now() + self.config.init_timeout;
        let started = self.progress.wait_until(deadline, |state| state.connected);
        if let Err(error) = started.and_then(|()| self.lead(Instant::now() + self.config.timeout)) {
            tracing::debug!(%error, "no NOOP record yet");
        }
    }

    fn carry_out<T, E: From<StoreError>>(
        &mut self,
        decide: impl FnOnce(&Ground<'_>) -> Result<Decision<T>, E>,
        deadline: Instant,
    ) -> Result<T, E> {
        self.lead(deadline)?;
        let (max_id, sequenced) = {
            let index = self.index.read();
            (index.max_id(), index.is_sequenced())
        };
        let next_id = max_id.max(self.max_tried_id).saturating_add(1);
        let decision = decide(&Ground { index: &self.index, next_id })?;
        if decision.records.is_empty() {
            return Ok(decision.answer);
        }
        if sequenced {
            return Err(StoreError::ForeignTopic { topic: self.config.topic.clone() }.into());
        }
        if let Some(id) = decision.new_id {
            self.max_tried_id = self.max_tried_id.max(id);
        }
        self.append(&decision.records, deadline)?;
        Ok(decision.answer)
    }

    /// Makes sure that the index is all that there is.
    fn lead(&mut self, deadline: Instant) -> Result<(), StoreError> {
        let restarts = self.progress.state().restarts;
        if self.leads == Some(restarts) {
            return Ok(());
        }
        self.progress.wait_until(deadline, |state| state.connected)?;
        // The last records may be of a kind that readers do not see; then the NOOP tells the end.
        let patience = deadline.min(Instant::now() + REPLAY_PATIENCE);
        let replayed = self.progress.wait_until(patience, |state| state.ready);
        if self.index.read().is_sequenced() {
            return replayed;
        }
        let noop = OutgoingRecord { key: Key::Noop.encode(), value: None };
        self.append(&[noop], deadline)?;
        self.progress.update(|state| state.ready = true);
        self.leads = Some(restarts);
        Ok(())
    }

    /// Appends records and waits until the index shows them.
    fn append(&mut self, records: &[OutgoingRecord], deadline: Instant) -> Result<(), StoreError> {
        let started = Instant::now();
        let known = self.progress.state().applied;
        let outcome = self.send(records, deadline);
        let outcome = outcome.and_then(|last| {
            if last < known {
                self.progress.update(|state| state.recreated = true);
                let topic = self.config.topic.clone();
                return Err(StoreError::Recreated { topic });
            }
            self.progress.wait_until(deadline, |state| state.applied > last).map_err(|error| {
                match error {
                    StoreError::NotReady { .. } => timed_out(started),
                    other => other,
                }
            })
        });
        if outcome.is_err() {
            self.leads = None;
            if self.producer.as_ref().is_some_and(|producer| producer.fatal_error().is_some()) {
                self.producer = None;
            }
        }
        outcome
    }

    /// Sends records and returns the offset of the last.
    fn send(&mut self, records: &[OutgoingRecord], deadline: Instant) -> Result<i64, StoreError> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.new_producer()?,
        };
        let first = self.next_token;
        let mut sent = Ok(());
        for record in records {
            sent = self.send_one(&producer, record);
            if sent.is_err() {
                break;
            }
        }
        let tokens = first..self.next_token;
        self.producer = Some(producer);
        let last = self.collect(tokens, deadline);
        sent.and(last)
    }

    fn send_one(&mut self, producer: &Producer, record: &OutgoingRecord) -> Result<(), StoreError> {
        let out = OutRecord {
            topic: &self.config.topic,
            partition: Some(0),
            key: Some(&record.key),
            value: record.value.as_deref(),
            timestamp: None,
            headers: &[],
        };
        match producer.send(&out, self.next_token) {
            Ok(()) => {
                self.next_token += 1;
                Ok(())
            }
            Err(SendError::TooLarge { size }) => Err(StoreError::TooLarge { size }),
            Err(error) => Err(StoreError::Refused { reason: error.to_string() }),
        }
    }

    fn new_producer(&self) -> Result<Producer, StoreError> {
        let deliveries = Arc::clone(&self.deliveries);
        let on_delivery = move |Delivery { token, result }: Delivery| {
            deliveries.outcomes.lock().insert(token, result.map(|(_, offset)| offset));
            deliveries.changed.notify_all();
        };
        Producer::new(&self.config.producer, Arc::new(on_delivery))
            .map_err(|error| StoreError::Refused { reason: error.to_string() })
    }

    /// Waits for the outcomes of records and returns the offset of the last.
    fn collect(&self, tokens: std::ops::Range<u64>, deadline: Instant) -> Result<i64, StoreError> {
        let started = Instant::now();
        let mut last = -1;
        let mut outcomes = self.deliveries.outcomes.lock();
        // Reports of records that were given up on may come late; nobody wants them.
        outcomes.retain(|token, _| *token >= tokens.start);
        for token in tokens {
            let outcome = loop {
                if let Some(outcome) = outcomes.remove(&token) {
                    break outcome;
                }
                let changed = self.deliveries.changed.wait_until(&mut outcomes, deadline);
                if changed.timed_out() && !outcomes.contains_key(&token) {
                    return Err(timed_out(started));
                }
            };
            last = outcome.map_err(|error| failure(&error, started))?;
        }
        Ok(last)
    }
}

fn failure(error: &KafkaError, started: Instant) -> StoreError {
    match error.code() {
        ErrorCode::MESSAGE_TIMED_OUT | ErrorCode::TIMED_OUT => timed_out(started),
        ErrorCode::MESSAGE_TOO_LARGE => StoreError::TooLarge { size: 0 },
        _ => StoreError::Refused { reason: error.to_string() },
    }
}

fn timed_out(started: Instant) -> StoreError {
    StoreError::TimedOut { timeout_ms: started.elapsed().as_millis() }
}
