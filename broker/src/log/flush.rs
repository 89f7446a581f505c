//! Group commit: threads that wait for the disk so that nobody else does.
//!
//! A partition that was written to stands in the queue once. The thread that takes it syncs all
//! its dirty files and answers every append that waited; what arrives meanwhile puts the
//! partition back in the queue when the sync ends, so the next one starts at once and serves all
//! of these together. Several partitions are synced at the same time, one thread each.
//!
//! Invariants: at most one sync of a partition at a time; an append is answered, and the high
//! watermark moves, only after the bytes, the file's entry and the directory's are on the
//! medium; after one failed sync a partition never flushes again.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    error::{AppendError, Offline},
    file_system::FileHandle,
    partition::{Appended, Partition},
    segment::Segment,
};

/// An append that waits for the disk.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Offset that must be on the medium, exclusive.
    pub until: i64,
    pub reply: oneshot::Sender<Result<Appended, AppendError>>,
    pub appended: Appended,
}

/// What of a partition is not on the medium yet.
#[derive(Debug, Default)]
pub(super) struct FlushState {
    pub dirty: Vec<Arc<Segment>>,
    /// Small files written besides the segments, with their paths.
    pub dirty_files: Vec<(PathBuf, Arc<dyn FileHandle>)>,
    /// Entries made in the partition's directory, and how many of them are on the medium.
    pub entries_made: u64,
    pub entries_synced: u64,
    /// The entry of the partition's directory itself is not on the medium.
    pub new_dir: bool,
    /// Offset after the last written batch.
    pub written_end: i64,
    pub waiters: Vec<Waiter>,
    /// Time of the oldest unflushed write, for `flush.ms`.
    pub dirty_since_ms: Option<i64>,
    wanted: bool,
    queued: bool,
    running: bool,
}

impl FlushState {
    /// Nothing to sync, the log ends here.
    pub(super) fn clean(written_end: i64) -> Self {
        Self { written_end, ..Self::default() }
    }

    /// Notes that a segment was written to.
    pub(super) fn touch(&mut self, segment: &Arc<Segment>, written_end: i64, now_ms: i64) {
        if !self.dirty.last().is_some_and(|last| Arc::ptr_eq(last, segment)) {
            self.dirty.push(Arc::clone(segment));
        }
        self.written_end = written_end;
        self.dirty_since_ms.get_or_insert(now_ms);
    }

    /// True if a power cut may take back a file that was made.
    pub(super) fn has_new_entries(&self) -> bool {
        self.entries_made > self.entries_synced
    }

    /// Notes that the entries made so far are on the medium.
    pub(super) fn entries_are_synced(&mut self, made: u64) {
        self.entries_synced = self.entries_synced.max(made);
        self.new_dir = false;
    }

    /// True if there is something to sync.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.has_new_entries() || !self.dirty_files.is_empty()
    }
}

/// Partitions that wait for a sync.
#[derive(Debug, Default)]
pub(super) struct FlushQueue {
    state: Mutex<QueueState>,
    ready: Condvar,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Arc<Partition>>,
    running: usize,
    stopped: bool,
}

impl FlushQueue {
    /// Starts the threads.
    pub(super) fn start(self: &Arc<Self>, threads: usize) -> io::Result<Vec<JoinHandle<()>>> {
        (0..threads.max(1))
            .map(|number| {
                let queue = Arc::clone(self);
                std::thread::Builder::new()
                    .name(format!("log-flush-{number}"))
                    .spawn(move || queue.run())
            })
            .collect()
    }

    fn run(&self) {
        while let Some(partition) = self.take() {
            partition.flush_now();
            drop(partition);
            let mut state = self.state.lock();
            state.running -= 1;
            if state.running == 0 && state.waiting.is_empty() {
                self.idle.notify_all();
            }
        }
    }

    fn take(&self) -> Option<Arc<Partition>> {
        let mut state = self.state.lock();
        loop {
            if let Some(partition) = state.waiting.pop_front() {
                state.running += 1;
                return Some(partition);
            }
            if state.stopped {
                return None;
            }
            self.ready.wait(&mut state);
        }
    }

    fn push(&self, partition: Arc<Partition>) {
        self.state.lock().waiting.push_back(partition);
        self.ready.notify_one();
    }

    /// Waits until nothing is queued or under way.
    pub(super) fn wait_idle(&self) {
        let mut state = self.state.lock();
        while state.running > 0 || !state.waiting.is_empty() {
            self.idle.wait(&mut state);
        }
    }

    /// Lets the threads end once the queue is empty.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.ready.notify_all();
    }
}

/// What one sync has to do.
struct Round {
    segments: Vec<Arc<Segment>>,
    files: Vec<(PathBuf, Arc<dyn FileHandle>)>,
    entries_made: u64,
    has_new_entries: bool,
    new_dir: bool,
    written_end: i64,
    waiters: Vec<Waiter>,
}

impl Partition {
    /// Asks for a sync; many calls before it starts are one.
    pub(super) fn request_flush(self: &Arc<Self>) {
        let mut state = self.flush.lock();
        state.wanted = true;
        self.enqueue_if_wanted(&mut state);
    }

    fn enqueue_if_wanted(self: &Arc<Self>, state: &mut FlushState) {
        if state.wanted && !state.queued && !state.running {
            state.queued = true;
            self.shared.flusher.push(Arc::clone(self));
        }
    }

    fn flush_now(self: &Arc<Self>) {
        let round = {
            let mut state = self.flush.lock();
            state.queued = false;
            state.wanted = false;
            state.running = true;
            state.dirty_since_ms = None;
            Round {
                segments: std::mem::take(&mut state.dirty),
                files: std::mem::take(&mut state.dirty_files),
                entries_made: state.entries_made,
                has_new_entries: state.has_new_entries(),
                new_dir: state.new_dir,
                written_end: state.written_end,
                waiters: std::mem::take(&mut state.waiters),
            }
        };
        match self.offline().map_or_else(|| self.sync(&round), |offline| Err(offline.clone())) {
            Ok(()) => self.finish(round),
            Err(offline) => self.fail(round, &offline),
        }
        let mut state = self.flush.lock();
        state.running = false;
        self.enqueue_if_wanted(&mut state);
    }

    fn sync(&self, round: &Round) -> Result<(), Offline> {
        let failed = |path: &std::path::Path, source: io::Error| Offline {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        for (path, file) in &round.files {
            file.sync_data().map_err(|error| failed(path, error))?;
        }
        for segment in &round.segments {
            let synced = segment.log().and_then(|log| log.sync_data());
            synced.map_err(|error| failed(segment.path(), error))?;
        }
        // Entries come after the bytes.
        if round.has_new_entries {
            self.sync_entries(round.new_dir)?;
        }
        Ok(())
    }

    /// Makes the entries of the partition's directory durable, and its own if it is new.
    pub(super) fn sync_entries(&self, new_dir: bool) -> Result<(), Offline> {
        // Those of a deleted partition are nobody's concern, and its directory has moved.
        if self.is_deleted() {
            return Ok(());
        }
        let parent = Some(&self.shared.settings.path).filter(|_| new_dir);
        for dir in [Some(&self.dir), parent].into_iter().flatten() {
            let synced = self.shared.fs.sync_dir(dir);
            synced.map_err(|error| Offline { path: dir.clone(), source: Arc::new(error) })?;
        }
        Ok(())
    }

    fn finish(&self, round: Round) {
        self.flush.lock().entries_are_synced(round.entries_made);
        self.flushed.fetch_max(round.written_end, Ordering::AcqRel);
        // A slot is found again by the topic id, so there must be one.
        let topic_id = self.known_topic_id().filter(|id| !id.is_zero());
        if let Some(topic_id) = topic_id.filter(|_| self.flushes_before_ack()) {
            let noted = self.shared.durable.note(topic_id, self.partition, round.written_end);
            if let Err(error) = noted {
                tracing::warn!(partition = %self, %error, "durable point was not noted");
            }
        }
        self.raise_high_watermark(round.written_end);
        for waiter in round.waiters {
            debug_assert!(waiter.until <= round.written_end);
            // Whoever asked may have gone away.
            let _ = waiter.reply.send(Ok(waiter.appended));
        }
    }

    fn fail(&self, round: Round, offline: &Offline) {
        self.go_offline(offline);
        for waiter in round.waiters {
            let _ = waiter.reply.send(Err(offline.clone().into()));
        }
    }
}
