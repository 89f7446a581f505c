//! The writer threads of a log directory and the bounded queue in front of each.
//!
//! A partition belongs to one thread, by the order in which partitions are made. The thread
//! takes all that waits, up to a limit, and appends what is for one partition together, so small
//! batches cost one write.
//!
//! Invariants: appends of a partition are done in the order in which they were queued; a queue
//! holds at most its limit; after `close` nothing is taken in and what was taken is done.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::{
    error::AppendError,
    partition::{AppendOptions, Appended, Partition},
};

/// One append on its way to a partition.
#[derive(Debug)]
pub(super) struct Append {
    pub records: Bytes,
    pub options: AppendOptions,
    pub reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Most appends that a thread takes at once.
const MOST_AT_ONCE: usize = 256;
/// Bytes after which a thread takes no more.
const MOST_BYTES_AT_ONCE: usize = 8 << 20;

/// The queue of one writer thread.
#[derive(Debug)]
pub(super) struct WriteQueue {
    state: Mutex<QueueState>,
    ready: Condvar,
    room: Semaphore,
    /// Appends that wait for room. While there are any, a later one waits behind them: who was
    /// given room runs only some time after.
    waiting: AtomicUsize,
    turn: tokio::sync::Mutex<()>,
}

/// One append that waits for room, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<(Arc<Partition>, Append)>,
    closed: bool,
}

impl WriteQueue {
    /// Makes a queue for at most `limit` appends and starts its thread.
    pub(super) fn start(number: usize, limit: usize) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let queue = Arc::new(Self::new(limit));
        let taken = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name(format!("log-write-{number}"))
            .spawn(move || taken.run())?;
        Ok((queue, thread))
    }

    fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Queues an append; waits while the queue is full.
    pub(super) async fn push(
        &self,
        partition: Arc<Partition>,
        append: Append,
    ) -> Result<(), AppendError> {
        if self.waiting.load(Ordering::Acquire) == 0
            && let Ok(permit) = self.room.try_acquire()
        {
            return self.put(permit, partition, append);
        }
        let _waiting = Waiting::new(&self.waiting);
        let _turn = self.turn.lock().await;
        let permit = self.room.acquire().await.map_err(|_| AppendError::Closed)?;
        self.put(permit, partition, append)
    }

    fn put(
        &self,
        permit: SemaphorePermit<'_>,
        partition: Arc<Partition>,
        append: Append,
    ) -> Result<(), AppendError> {
        {
            let mut state = self.state.lock();
            if state.closed {
                return Err(AppendError::Closed);
            }
            state.waiting.push_back((partition, append));
        }
        permit.forget();
        self.ready.notify_one();
        Ok(())
    }

    /// Takes nothing more in; the thread ends after what was queued.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.room.close();
        self.ready.notify_all();
    }

    fn run(&self) {
        while let Some(taken) = self.take() {
            self.room.add_permits(taken.len());
            for (partition, appends) in by_partition(taken) {
                partition.append_all(appends);
            }
        }
    }

    fn take(&self) -> Option<Vec<(Arc<Partition>, Append)>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            self.ready.wait(&mut state);
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < MOST_AT_ONCE && bytes < MOST_BYTES_AT_ONCE {
            let Some(next) = state.waiting.pop_front() else { break };
            bytes += next.1.records.len();
            taken.push(next);
        }
        Some(taken)
    }
}

/// Groups appends by partition without changing the order inside one.
fn by_partition(taken: Vec<(Arc<Partition>, Append)>) -> Vec<(Arc<Partition>, Vec<Append>)> {
    let mut groups: Vec<(Arc<Partition>, Vec<Append>)> = Vec::new();
    for (partition, append) in taken {
        match groups.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &partition)) {
            Some((_, appends)) => appends.push(append),
            None => groups.push((partition, vec![append])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use protocol::Uuid;

    use super::super::{
        Durability, LogConfig, LogDirectory, LogDirectoryConfig, Origin, OsFileSystem, SystemClock,
    };
    use super::*;

    fn append(name: &'static str) -> Append {
        let options = AppendOptions { origin: Origin::Client, durability: Durability::Written };
        let (reply, _) = oneshot::channel();
        Append { records: Bytes::from_static(name.as_bytes()), options, reply }
    }

    #[tokio::test]
    async fn nobody_overtakes_an_append_that_was_given_room_and_has_not_run_yet() {
        let dir = tempfile::tempdir().unwrap();
        let settings = LogDirectoryConfig::new(dir.path());
        let clock = Arc::new(SystemClock::new());
        let logs = LogDirectory::open(settings, Arc::new(OsFileSystem), clock).unwrap();
        let log = logs.create_partition("t", 0, Uuid([1; 16]), LogConfig::default()).unwrap();
        let queue = WriteQueue::new(1);
        queue.push(Arc::clone(&log), append("first")).await.unwrap();
        let mut second = Box::pin(queue.push(Arc::clone(&log), append("second")));
        let mut third = Box::pin(queue.push(Arc::clone(&log), append("third")));
        assert!(second.as_mut().now_or_never().is_none(), "there is no room");
        queue.room.add_permits(2);
        // The task of the second one is woken, but that of the third one runs before it.
        let overtaken = third.as_mut().now_or_never();
        second.as_mut().now_or_never().expect("there is room").unwrap();
        overtaken.or_else(|| third.as_mut().now_or_never()).expect("there is room").unwrap();
        let order: Vec<_> = queue.take().unwrap();
        let order: Vec<_> = order.iter().map(|(_, append)| append.records.clone()).collect();
        assert_eq!(order, ["first", "second", "third"]);
    }
}
