//! The thread that changes the topic: a change is decided on what the topic says, appended with
//! acks=all, and answered when the own reader has passed it.
//!
//! Changes that do not touch each other are under way together, so that they share Kafka's time to
//! make them durable: registrations of different schemas in different subjects. Each is decided on
//! what is certain, so the failure of one takes none of the others along. Everything else waits
//! until nothing is under way.
//!
//! Before the first change, and after one whose outcome is not known, the writer appends a NOOP and
//! waits until the reader has passed it: from then on nothing of others is in between. With several
//! nodes, winning the election comes before that. An id that was ever part of an attempt is not
//! given to another schema.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use client::{Delivery, ErrorCode, KafkaError, OutRecord, Producer, SendError};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::oneshot;

use super::content::ContentHash;
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
/// Changes that may be under way together.
const MAX_TOGETHER: usize = 128;
/// Bytes of records that may be under way together, unless a single change has more.
const MAX_BYTES_TOGETHER: usize = 4 * 1024 * 1024;

/// What a change depends on and changes, apart from giving out ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footprint {
    /// Anything.
    Everything,
    /// A new version of a subject, and who else has its content.
    Registration {
        /// The subject.
        subject: String,
        /// The content.
        content: ContentHash,
    },
}

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

/// Decides and sends; without a worker, refuses. Gives nothing when that was all.
type Begin = dyn FnOnce(Result<&mut Worker, StoreError>) -> Option<UnderWay> + Send;

/// A change that waits to be begun.
struct Job {
    footprint: Footprint,
    deadline: Instant,
    begin: Box<Begin>,
}

/// A change whose records are sent.
struct UnderWay {
    sent: Sent,
    deadline: Instant,
    finish: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// Records given to the producer.
struct Sent {
    tokens: Range<u64>,
    bytes: usize,
    /// Why not all of them could be given.
    given: Result<(), StoreError>,
}

/// Changes that are under way together.
#[derive(Default)]
struct Flight {
    subjects: HashSet<String>,
    contents: HashSet<ContentHash>,
    /// One of them may touch anything.
    alone: bool,
    under_way: Vec<UnderWay>,
    bytes: usize,
}

impl Flight {
    fn is_full(&self) -> bool {
        self.under_way.len() >= MAX_TOGETHER || self.bytes >= MAX_BYTES_TOGETHER
    }

    /// Whether what a change depends on is certain while these are under way.
    fn admits(&self, footprint: &Footprint) -> bool {
        match footprint {
            _ if self.under_way.is_empty() => true,
            Footprint::Registration { subject, content } => {
                !self.alone && !self.subjects.contains(subject) && !self.contents.contains(content)
            }
            Footprint::Everything => false,
        }
    }

    fn add(&mut self, footprint: Footprint, under_way: UnderWay) {
        self.bytes += under_way.sent.bytes;
        self.under_way.push(under_way);
        match footprint {
            Footprint::Everything => self.alone = true,
            Footprint::Registration { subject, content } => {
                self.subjects.insert(subject);
                self.contents.insert(content);
            }
        }
    }
}

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
        footprint: Footprint,
        decide: impl FnOnce(&Ground<'_>) -> Result<Decision<T>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let timeout = self.timeout;
        let deadline = Instant::now() + timeout;
        let begin = move |worker: Result<&mut Worker, StoreError>| {
            let begun = worker.map_err(E::from).and_then(|worker| {
                if Instant::now() >= deadline {
                    return Err(StoreError::Late { timeout_ms: timeout.as_millis() }.into());
                }
                worker.begin(decide)
            });
            // Whoever asked may be gone; the change is made all the same.
            let (value, sent) = match begun {
                Ok((value, Some(sent))) => (value, sent),
                Ok((value, None)) => {
                    let _ = answer.send(Ok(value));
                    return None;
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                    return None;
                }
            };
            let finish = Box::new(move |outcome: Result<(), StoreError>| {
                let _ = answer.send(outcome.map(|()| value).map_err(E::from));
            });
            Some(UnderWay { sent, deadline, finish })
        };
        let job = Job { footprint, deadline, begin: Box::new(begin) };
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.try_send(job).map_err(|error| match error {
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
    let mut held = None;
    while let Some(job) = held.take().or_else(|| waiting.recv().ok()) {
        held = worker.carry_out(job, waiting);
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

    /// Carries out a change, together with those that wait and do not touch it; returns the first
    /// that has to wait for them.
    fn carry_out(&mut self, first: Job, waiting: &Receiver<Job>) -> Option<Job> {
        if let Err(error) = self.lead(first.deadline) {
            (first.begin)(Err(error));
            return None;
        }
        let known = self.progress.state().applied;
        let mut flight = Flight::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            if flight.is_full() || !flight.admits(&job.footprint) {
                next = Some(job);
                break;
            }
            if let Some(under_way) = (job.begin)(Ok(self)) {
                flight.add(job.footprint, under_way);
            }
            next = waiting.try_recv().ok();
        }
        self.land(known, flight);
        next
    }

    /// Waits for the outcomes of changes, and tells them.
    fn land(&mut self, known: i64, flight: Flight) {
        for UnderWay { sent, deadline, finish } in flight.under_way {
            finish(self.await_outcome(known, sent, deadline));
        }
    }

    /// Decides a change and sends its records, if it has any.
    fn begin<T, E: From<StoreError>>(
        &mut self,
        decide: impl FnOnce(&Ground<'_>) -> Result<Decision<T>, E>,
    ) -> Result<(T, Option<Sent>), E> {
        let topic = || self.config.topic.clone();
        if self.leads != Some(self.progress.state().restarts) {
            return Err(StoreError::Recreated { topic: topic() }.into());
        }
        let (max_id, sequenced) = {
            let index = self.index.read();
            (index.max_id(), index.is_sequenced())
        };
        let next_id = max_id.max(self.max_tried_id).checked_add(1);
        let ground = Ground { index: &self.index, next_id: next_id.unwrap_or(i32::MAX) };
        let decision = decide(&ground)?;
        if decision.records.is_empty() {
            return Ok((decision.answer, None));
        }
        if sequenced {
            return Err(StoreError::ForeignTopic { topic: topic() }.into());
        }
        if let Some(id) = decision.new_id {
            if next_id.is_none() {
                return Err(StoreError::NoIds.into());
            }
            self.max_tried_id = self.max_tried_id.max(id);
        }
        let sent = self.send(&decision.records)?;
        Ok((decision.answer, Some(sent)))
    }

    /// Makes sure that the index is all that there is.
    fn lead(&mut self, deadline: Instant) -> Result<(), StoreError> {
        let restarts = self.progress.state().restarts;
        if self.leads == Some(restarts) {
            return Ok(());
        }
        if self.producer.as_ref().is_some_and(|producer| producer.fatal_error().is_some()) {
            self.producer = None;
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
        let known = self.progress.state().applied;
        let sent = self.send(records)?;
        self.await_outcome(known, sent, deadline)
    }

    /// Waits until the index shows records. `known` is how far it was when they were sent.
    fn await_outcome(
        &mut self,
        known: i64,
        sent: Sent,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let started = Instant::now();
        let last = self.collect(sent.tokens, deadline);
        let outcome = sent.given.and(last).and_then(|last| {
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
        }
        outcome
    }

    /// Gives records to the producer.
    fn send(&mut self, records: &[OutgoingRecord]) -> Result<Sent, StoreError> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.new_producer()?,
        };
        let first = self.next_token;
        let mut bytes = 0;
        let mut given = Ok(());
        for record in records {
            bytes += record.key.len() + record.value.as_ref().map_or(0, Vec::len);
            given = self.send_one(&producer, record);
            if given.is_err() {
                break;
            }
        }
        self.producer = Some(producer);
        Ok(Sent { tokens: first..self.next_token, bytes, given })
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
    fn collect(&self, tokens: Range<u64>, deadline: Instant) -> Result<i64, StoreError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(subject: &str, text: &str) -> Footprint {
        let content = ContentHash::of(text, &[]);
        Footprint::Registration { subject: subject.to_owned(), content }
    }

    fn flight(footprints: Vec<Footprint>, bytes: usize) -> Flight {
        let mut flight = Flight::default();
        for footprint in footprints {
            let sent = Sent { tokens: 0..1, bytes, given: Ok(()) };
            let under_way = UnderWay { sent, deadline: Instant::now(), finish: Box::new(|_| {}) };
            flight.add(footprint, under_way);
        }
        flight
    }

    #[test]
    fn only_what_does_not_touch_goes_together() {
        let check = |under_way: Vec<Footprint>, next: Footprint, expected| {
            let admitted = flight(under_way.clone(), 1).admits(&next);
            assert_eq!(admitted, expected, "{next:?} beside {under_way:?}");
        };
        check(vec![], Footprint::Everything, true);
        check(vec![Footprint::Everything], registration("a", "x"), false);
        check(vec![Footprint::Everything], Footprint::Everything, false);
        let two = || vec![registration("a", "x"), registration("b", "y")];
        check(two(), registration("c", "z"), true);
        check(two(), registration("b", "z"), false);
        check(two(), registration("c", "x"), false);
        check(two(), Footprint::Everything, false);
    }

    #[test]
    fn what_is_under_way_has_a_limit() {
        let many = |count| vec![Footprint::Everything; count];
        assert!(!flight(many(MAX_TOGETHER - 1), 1).is_full());
        assert!(flight(many(MAX_TOGETHER), 1).is_full());
        assert!(!flight(many(1), MAX_BYTES_TOGETHER - 1).is_full());
        assert!(flight(many(2), MAX_BYTES_TOGETHER / 2).is_full());
    }
}
