//! The thread that reads the topic into the index, for as long as the registry runs.
//!
//! It survives everything: while Kafka is away it tries again, with growing pauses up to two
//! seconds, and says why in the log and in the progress that requests wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use client::{Batch, ConsumeError, Consumer, Polled, Start, TopicPartition, Waker};
use parking_lot::{Condvar, Mutex, RwLock};

use super::index::Index;
use super::progress::Progress;
use super::record::Incoming;
use super::topic::{self, TopicError};
use crate::config::RegistryConfig;

/// How long one poll waits when nothing is new; it is woken to stop.
const POLL: Duration = Duration::from_secs(1);
/// Records that are folded at once.
const MAX_BATCH: usize = 500;
/// Pauses between attempts to reach Kafka grow from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often the same trouble is logged again.
const REPEAT: Duration = Duration::from_secs(30);

/// What the reader works on.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The settings.
    pub config: Arc<RegistryConfig>,
    /// The memory that it folds into.
    pub index: Arc<RwLock<Index>>,
    /// Where it tells how far it is.
    pub progress: Arc<Progress>,
}

/// Stops the thread, also from its pauses and polls.
#[derive(Default)]
struct Stop {
    stopped: AtomicBool,
    waker: Mutex<Option<Waker>>,
    changed: Condvar,
}

impl Stop {
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake();
        }
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn pause(&self, duration: Duration) {
        let mut waker = self.waker.lock();
        let deadline = Instant::now() + duration;
        while !self.is_stopped() && !self.changed.wait_until(&mut waker, deadline).timed_out() {}
    }
}

/// Why reading has to start again.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Client(#[from] client::StartError),
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    #[error(
        "it ends at offset {found}, and offset {known} was read before: it was deleted and created anew"
    )]
    Recreated { found: i64, known: i64 },
}

/// The reading thread.
pub struct Reader {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts to read.
    ///
    /// # Errors
    ///
    /// What the system says when no thread can start.
    pub fn start(shared: Shared) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let stopping = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("registry-reader".to_owned())
            .spawn(move || run(&shared, &stopping))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Reader {
    /// Blocks until the thread has ended.
    fn drop(&mut self) {
        self.stop.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that reads the schema topic panicked");
        }
    }
}

fn run(shared: &Shared, stop: &Stop) {
    let started = Instant::now();
    let mut pause = BACKOFF.0;
    let mut said: Option<(String, Instant)> = None;
    while !stop.is_stopped() {
        let before = shared.progress.state().applied;
        let Err(error) = read(shared, stop) else { break };
        if stop.is_stopped() {
            break;
        }
        if matches!(error, ReadError::Recreated { .. }) {
            forget(shared);
        }
        if shared.progress.state().applied > before {
            pause = BACKOFF.0;
        }
        let trouble = format!("cannot read topic {}: {error}", shared.config.topic);
        let repeated =
            said.as_ref().is_some_and(|(text, at)| *text == trouble && at.elapsed() < REPEAT);
        if !repeated {
            if started.elapsed() < shared.config.init_timeout {
                tracing::warn!("{trouble}; trying again");
            } else {
                tracing::error!("{trouble}; trying again");
            }
            said = Some((trouble.clone(), Instant::now()));
        }
        shared.progress.update(|state| state.trouble = Some(trouble));
        stop.pause(pause);
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// Forgets everything, for the topic is another one.
fn forget(shared: &Shared) {
    *shared.index.write() = Index::default();
    shared.progress.update(|state| {
        state.applied = 0;
        state.ready = false;
        state.recreated = false;
        state.restarts += 1;
    });
}

/// Reads until told to stop, or until reading has to start again.
fn read(shared: &Shared, stop: &Stop) -> Result<(), ReadError> {
    let prepared = topic::prepare(&shared.config)?;
    let mut consumer = Consumer::new(&shared.config.consumer)?;
    let partition = TopicPartition::new(shared.config.topic.as_str(), 0);
    let from = shared.progress.state().applied;
    if prepared.end < from {
        return Err(ReadError::Recreated { found: prepared.end, known: from });
    }
    consumer.assign(&[(partition, Start::At(from))])?;
    *stop.waker.lock() = Some(consumer.waker());
    shared.progress.update(|state| {
        state.connected = true;
        state.trouble = None;
        state.ready |= state.applied >= prepared.end;
    });
    drop(prepared.admin);
    let mut batch = Batch::new();
    while !stop.is_stopped() {
        let state = shared.progress.state();
        if state.recreated {
            return Err(ReadError::Recreated { found: 0, known: state.applied });
        }
        match consumer.poll_batch(MAX_BATCH, POLL, &mut batch) {
            Ok(Polled::Records) => {
                let known = shared.progress.state().applied;
                let found = batch.get(0).map_or(known, |record| record.offset());
                if found < known {
                    return Err(ReadError::Recreated { found, known });
                }
                let applied = fold(&batch, &shared.index);
                shared.progress.update(|state| {
                    state.applied = applied;
                    state.trouble = None;
                    if !state.ready && state.applied >= prepared.end {
                        state.ready = true;
                        tracing::info!(offset = state.applied, "the schema topic is read");
                    }
                });
            }
            Ok(_) => {}
            Err(ConsumeError::Kafka(error)) if error.is_retriable() => {
                tracing::debug!(%error, "reading the schema topic");
                shared.progress.update(|state| state.trouble = Some(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Folds a batch and returns the offset behind its last record.
fn fold(batch: &Batch, index: &RwLock<Index>) -> i64 {
    let mut applied = 0;
    let mut changes = Vec::with_capacity(batch.len());
    for record in batch.iter() {
        applied = record.offset() + 1;
        match Incoming::decode(record.key(), record.value()) {
            Ok(incoming) => changes.push((record.offset(), incoming)),
            Err(error) => {
                tracing::warn!(offset = record.offset(), %error, "record of the schema topic is skipped");
            }
        }
    }
    let mut index = index.write();
    for (offset, incoming) in changes {
        if let Err(error) = index.apply(incoming) {
            tracing::error!(offset, %error, "record of the schema topic is skipped");
        }
    }
    applied
}
