//! A log directory: the partitions on one file system, opened by one process at a time.
//!
//! | file | content |
//! |---|---|
//! | `.lock` | held while the directory is open; process id of the holder |
//! | `meta.properties` | cluster and node that the directory belongs to |
//! | `.kafka_cleanshutdown` | there after a stop in order: `{"version":0,"brokerEpoch":-1}` |
//! | `*-offset-checkpoint` | one offset per partition, see `checkpoint` |
//! | `<topic>-<partition>/` | a partition; made at its first append |
//! | `<topic>-<partition>.<id>-delete/` | a partition that is being removed |
//!
//! Invariants: nothing in the directory is changed before the lock is held; the mark of a stop
//! in order is written after everything else is on the medium, and taken away at start.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use protocol::Uuid;

use super::{
    checkpoint::{DurablePoints, MetaProperties, OffsetCheckpoint, PartitionMetadata, Points},
    clock::Clock,
    config::{LogConfig, LogDirectoryConfig},
    error::{CreateError, OpenError},
    file_system::{FileSystem, LockGuard, remove_if_there, replace_file},
    flush::FlushQueue,
    partition::{Identity, Partition},
    recovery::{Known, Loaded, Loader},
    shared::{
        Checkpoints, Doomed, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS, Shared, remove_tree,
    },
    write_queue::WriteQueue,
};

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const CLEAN_SHUTDOWN_CONTENT: &str = r#"{"version":0,"brokerEpoch":-1}"#;
/// Longest topic name; with partition and suffix it must stay a file name.
const LONGEST_TOPIC: usize = 249;

/// An open log directory.
///
/// Dropping it leaves the data as after a crash: call [`LogDirectory::close`].
#[derive(Debug)]
pub struct LogDirectory {
    shared: Arc<Shared>,
    queues: Vec<Arc<WriteQueue>>,
    next_queue: AtomicUsize,
    writers: Mutex<Vec<JoinHandle<()>>>,
    flushers: Mutex<Vec<JoinHandle<()>>>,
    meta: MetaProperties,
    ticked: Mutex<Ticked>,
    closed: AtomicBool,
    lock: Mutex<Option<Box<dyn LockGuard>>>,
}

/// When the periodic work was last done.
#[derive(Debug)]
struct Ticked {
    retention: Duration,
    checkpoint: Duration,
}

/// What the files of the directory say about its partitions.
struct Found {
    clean: bool,
    recovery: OffsetCheckpoint,
    starts: OffsetCheckpoint,
    noted: Points,
}

impl LogDirectory {
    /// Opens a directory, makes it when missing, and loads its partitions. Blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing was changed unless the lock was taken.
    pub fn open(
        settings: LogDirectoryConfig,
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = settings.path.clone();
        make_dir(&*fs, &path).map_err(OpenError::io(&path))?;
        let lock = fs
            .lock(&path.join(LOCK))
            .map_err(|source| OpenError::Lock { path: path.clone(), source })?;
        let cluster_id = settings.cluster_id.as_deref();
        let meta = MetaProperties::read_or_create(&*fs, &path, settings.node_id, cluster_id)
            .map_err(|source| OpenError::Meta { path: path.join("meta.properties"), source })?;
        let (durable, noted) =
            DurablePoints::open(Arc::clone(&fs), &path).map_err(OpenError::io(&path))?;
        let failed = OpenError::io(&path);
        let dirs = tidy(&*fs, &path).map_err(failed)?;
        let points = Found {
            clean: take_mark(&*fs, &path).map_err(OpenError::io(&path))?,
            recovery: read_checkpoint(&*fs, &path.join(RECOVERY_POINTS)),
            starts: read_checkpoint(&*fs, &path.join(LOG_STARTS)),
            noted,
        };
        let flusher = Arc::new(FlushQueue::default());
        let checkpoints = Checkpoints {
            recovery_points: points.recovery.clone(),
            log_starts: points.starts.clone(),
            high_watermarks: read_checkpoint(&*fs, &path.join(HIGH_WATERMARKS)),
        };
        let loaded = load_all(&settings, (&fs, &*clock), &points, &dirs)?;
        let now = clock.monotonic();
        let flush_threads = settings.flush_threads;
        let (writer_threads, queue_limit) = (settings.writer_threads.max(1), settings.writer_queue);
        let shared = Arc::new(Shared {
            fs,
            clock,
            settings,
            durable,
            flusher: Arc::clone(&flusher),
            partitions: parking_lot::RwLock::default(),
            doomed: Mutex::default(),
            checkpointing: Mutex::new(checkpoints),
        });
        let mut directory = Self {
            shared,
            queues: Vec::new(),
            next_queue: AtomicUsize::new(0),
            writers: Mutex::default(),
            flushers: Mutex::default(),
            meta,
            ticked: Mutex::new(Ticked { retention: now, checkpoint: now }),
            closed: AtomicBool::new(false),
            lock: Mutex::new(Some(lock)),
        };
        *directory.flushers.get_mut() =
            flusher.start(flush_threads).map_err(OpenError::io(&path))?;
        for number in 0..writer_threads {
            let (queue, thread) =
                WriteQueue::start(number, queue_limit).map_err(OpenError::io(&path))?;
            directory.queues.push(queue);
            directory.writers.get_mut().push(thread);
        }
        for (identity, loaded) in loaded {
            let config = directory.shared.settings.defaults.clone();
            directory.insert(identity, config, loaded);
        }
        // What was recovered is on the medium: the next start needs not walk it again.
        if !points.clean
            && let Err(error) = directory.shared.write_checkpoints()
        {
            tracing::warn!(dir = %path.display(), %error, "checkpoints were not written");
        }
        Ok(directory)
    }

    /// Id of the cluster that the directory belongs to.
    pub fn cluster_id(&self) -> &str {
        &self.meta.cluster_id
    }

    /// Id of the directory; none in one that an old release made.
    pub fn directory_id(&self) -> Option<Uuid> {
        self.meta.directory_id
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.shared.settings.path
    }

    /// Looks a partition up.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.shared.partitions.read().get(topic)?.get(&partition).cloned()
    }

    /// Returns every partition, in no particular order.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.shared.all()
    }

    /// Returns the names of all topics that have a partition here, in no particular order.
    pub fn topics(&self) -> Vec<String> {
        self.shared.partitions.read().keys().cloned().collect()
    }

    /// Makes a partition, or gives one that is there these settings. A new one takes no space
    /// on disk until its first append.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub fn create_partition(
        &self,
        topic: &str,
        partition: i32,
        topic_id: Uuid,
        config: LogConfig,
    ) -> Result<Arc<Partition>, CreateError> {
        if !is_topic_name(topic) || partition < 0 {
            return Err(CreateError::InvalidName { topic: topic.to_owned() });
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(CreateError::Closed);
        }
        if let Some(found) = self.partition(topic, partition) {
            return self.claim(found, topic_id, config);
        }
        let identity = Identity { topic: topic.to_owned(), partition, topic_id: Some(topic_id) };
        Ok(self.insert(identity, config, Loaded::default()))
    }

    fn claim(
        &self,
        found: Arc<Partition>,
        topic_id: Uuid,
        config: LogConfig,
    ) -> Result<Arc<Partition>, CreateError> {
        let failed = |source| CreateError::Io { path: found.dir.clone(), source };
        if found.known_topic_id().is_none() {
            // The file was lost in a crash before it reached the medium.
            let file = PartitionMetadata { topic_id }.write(&*self.shared.fs, &found.dir);
            file.and_then(|file| file.sync_data()).map_err(failed)?;
        }
        let found_id = found.claim(topic_id);
        if found_id != topic_id {
            return Err(CreateError::TopicIdMismatch { found: found_id, expected: topic_id });
        }
        found.update_config(config);
        Ok(found)
    }

    fn insert(&self, identity: Identity, config: LogConfig, loaded: Loaded) -> Arc<Partition> {
        let queue = self.next_queue.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        let (topic, index) = (identity.topic.clone(), identity.partition);
        let mut partitions = self.shared.partitions.write();
        let place = partitions.entry(topic).or_default().entry(index);
        let made = place.or_insert_with(|| {
            let queue = Arc::clone(&self.queues[queue]);
            let shared = Arc::clone(&self.shared);
            Arc::new(Partition::new(shared, queue, identity, config, loaded))
        });
        Arc::clone(made)
    }

    /// Deletes all partitions of a topic: appends fail at once, who reads may finish, the files
    /// go after the delay that the topic's settings say. Blocks.
    ///
    /// # Errors
    ///
    /// As the file system says; what could not be renamed is still gone from the broker's view.
    pub fn delete_topic(&self, topic: &str) -> io::Result<()> {
        let partitions = self.shared.partitions.write().remove(topic).unwrap_or_default();
        let mut outcome = Ok(());
        for partition in partitions.into_values() {
            outcome = outcome.and(self.delete(&partition));
        }
        outcome
    }

    /// Deletes one partition, as [`LogDirectory::delete_topic`] does with all. Blocks.
    ///
    /// # Errors
    ///
    /// As the file system says; what could not be renamed is still gone from the broker's view.
    pub fn delete_partition(&self, topic: &str, partition: i32) -> io::Result<()> {
        let removed = {
            let mut partitions = self.shared.partitions.write();
            let Some(of_topic) = partitions.get_mut(topic) else { return Ok(()) };
            let removed = of_topic.remove(&partition);
            if of_topic.is_empty() {
                partitions.remove(topic);
            }
            removed
        };
        removed.map_or(Ok(()), |partition| self.delete(&partition))
    }

    fn delete(&self, partition: &Arc<Partition>) -> io::Result<()> {
        // The lock waits for an append that is under way and may be making the directory.
        let _writer = partition.writer.lock();
        partition.deleted.store(true, Ordering::Release);
        partition.wake_watchers();
        if partition.segments.load().is_empty() {
            return Ok(());
        }
        let name = doomed_name(partition.topic(), partition.index());
        let dir = self.path().join(name);
        self.shared.fs.rename(&partition.dir, &dir)?;
        let delay = u64::try_from(partition.config().file_delete_delay_ms).unwrap_or(0);
        let due = self.shared.clock.monotonic() + Duration::from_millis(delay);
        self.shared.doomed.lock().push(Doomed { due, files: Vec::new(), dir: Some(dir) });
        Ok(())
    }

    /// Does the periodic work that is due: retention, checkpoints, flushes by time, removal of
    /// files. To be called about once a second. Blocks.
    pub fn tick(&self) {
        let (now, now_ms) = (self.shared.clock.monotonic(), self.shared.clock.now_ms());
        self.shared.remove_doomed(now);
        let settings = &self.shared.settings;
        let (retain, checkpoint) = {
            let mut ticked = self.ticked.lock();
            let retain = is_due(&mut ticked.retention, now, settings.retention_check_interval_ms);
            (retain, is_due(&mut ticked.checkpoint, now, settings.checkpoint_interval_ms))
        };
        for partition in self.shared.all() {
            partition.flush_if_due(now_ms);
        }
        if retain {
            self.retain_now();
        }
        if checkpoint && let Err(error) = self.shared.write_checkpoints() {
            tracing::warn!(dir = %self.path().display(), %error, "checkpoints were not written");
        }
    }

    /// Runs retention on every partition now. Blocks.
    pub fn retain_now(&self) {
        let now_ms = self.shared.clock.now_ms();
        let mut partitions = self.shared.all();
        partitions.retain(|partition| partition.raise_log_start(now_ms));
        if partitions.is_empty() {
            return;
        }
        // After a crash, a segment whose removal was lost must lie below the start.
        match self.shared.write_checkpoints() {
            Ok(()) => partitions.iter().for_each(|partition| partition.remove_below_log_start()),
            Err(error) => {
                tracing::warn!(dir = %self.path().display(), %error, "retention waits: checkpoints were not written");
            }
        }
    }

    /// Stops in order: what was queued is written, everything is flushed, the mark is set and
    /// the lock released. Later appends fail. Blocks.
    ///
    /// # Errors
    ///
    /// As the file system says; the next start then recovers as after a crash.
    pub fn close(&self) -> io::Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.stop_writers();
        let partitions = self.shared.all();
        for partition in &partitions {
            partition.prepare_close();
        }
        self.shared.flusher.wait_idle();
        self.stop_flushers();
        let written = self.shared.write_checkpoints();
        let in_order = partitions.iter().all(|partition| partition.is_flushed());
        self.shared.remove_doomed(Duration::MAX);
        self.shared.partitions.write().clear();
        if written.is_ok() && in_order {
            let mark = self.path().join(CLEAN_SHUTDOWN);
            replace_file(&*self.shared.fs, &mark, CLEAN_SHUTDOWN_CONTENT.as_bytes())?;
            self.shared.durable.clear()?;
        }
        self.lock.lock().take();
        written
    }

    fn stop_writers(&self) {
        self.queues.iter().for_each(|queue| queue.close());
        join_all(&self.writers);
    }

    fn stop_flushers(&self) {
        self.shared.flusher.stop();
        join_all(&self.flushers);
    }
}

impl Drop for LogDirectory {
    fn drop(&mut self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.stop_writers();
            self.stop_flushers();
            self.shared.partitions.write().clear();
        }
    }
}

fn join_all(threads: &Mutex<Vec<JoinHandle<()>>>) {
    for thread in std::mem::take(&mut *threads.lock()) {
        if thread.join().is_err() {
            tracing::error!("a thread of the log panicked");
        }
    }
}

/// True once an interval has passed, and starts the next.
fn is_due(last: &mut Duration, now: Duration, interval_ms: i64) -> bool {
    let interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(u64::MAX));
    let due = now.saturating_sub(*last) >= interval;
    if due {
        *last = now;
    }
    due
}

/// True for what Kafka accepts as a topic name.
fn is_topic_name(topic: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !topic.is_empty()
        && topic.len() <= LONGEST_TOPIC
        && topic != "."
        && topic != ".."
        && topic.bytes().all(allowed)
}

/// Name of the directory of a deleted partition; the topic's part is cut to what a file name holds.
fn doomed_name(topic: &str, partition: i32) -> String {
    const LONGEST_FILE_NAME: usize = 255;
    let id: String = Uuid::random().0.iter().map(|byte| format!("{byte:02x}")).collect();
    let suffix = format!("-{partition}.{id}-delete");
    let most = LONGEST_FILE_NAME - suffix.len();
    format!("{}{suffix}", &topic[..topic.len().min(most)])
}

/// Makes a directory with its parents, so that they outlive a power cut.
fn make_dir(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    let is_missing =
        |path: &&Path| fs.list(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    fs.create_dir(path)?;
    for made in missing {
        match made.parent() {
            Some(parent) if parent != Path::new("") => fs.sync_dir(parent)?,
            _ => fs.sync_dir(Path::new("."))?,
        }
    }
    Ok(())
}

/// Removes what a crash left half removed; returns the directories of partitions.
fn tidy(fs: &dyn FileSystem, path: &Path) -> io::Result<Vec<(String, i32)>> {
    let mut dirs = Vec::new();
    for entry in fs.list(path)? {
        let name = &entry.name;
        if !entry.is_dir {
            if name.ends_with(".tmp") {
                remove_if_there(fs, &path.join(name))?;
            }
            continue;
        }
        if name.ends_with("-delete") || name.ends_with("-future") {
            remove_tree(fs, &path.join(name))?;
            continue;
        }
        let parsed = name.rsplit_once('-').and_then(|(topic, partition)| {
            Some((topic, partition.parse().ok().filter(|number: &i32| *number >= 0)?))
        });
        match parsed {
            Some((topic, partition)) if is_topic_name(topic) => {
                dirs.push((topic.to_owned(), partition));
            }
            _ => tracing::warn!(dir = %path.join(name).display(), "not a partition, left alone"),
        }
    }
    Ok(dirs)
}

/// Tells whether the directory was closed in order, and takes the mark away.
fn take_mark(fs: &dyn FileSystem, path: &Path) -> io::Result<bool> {
    match fs.remove_file(&path.join(CLEAN_SHUTDOWN)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a checkpoint; without a readable one more of the log is walked, nothing else.
fn read_checkpoint(fs: &dyn FileSystem, path: &Path) -> OffsetCheckpoint {
    OffsetCheckpoint::read(fs, path).unwrap_or_else(|error| {
        tracing::warn!(file = %path.display(), %error, "checkpoint is passed over");
        OffsetCheckpoint::default()
    })
}

type Named = (Identity, Loaded);

/// Loads all partitions, a share per thread.
fn load_all(
    settings: &LogDirectoryConfig,
    (fs, clock): (&Arc<dyn FileSystem>, &dyn Clock),
    points: &Found,
    dirs: &[(String, i32)],
) -> Result<Vec<Named>, OpenError> {
    /// Below this a thread costs more than it saves.
    const LEAST_PER_THREAD: usize = 16;
    let load = |(topic, partition): &(String, i32)| {
        let dir = settings.path.join(format!("{topic}-{partition}"));
        load_partition((fs, clock), settings, points, (dir, topic, *partition))
    };
    if !points.clean {
        // What is shown from now on must not go with a directory made just before the crash.
        fs.sync_dir(&settings.path).map_err(OpenError::io(&settings.path))?;
    }
    let share = dirs.len().div_ceil(settings.recovery_threads.max(1)).max(LEAST_PER_THREAD);
    if dirs.len() <= share {
        return dirs.iter().map(load).collect();
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = dirs
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(load).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut found = Vec::new();
        for thread in threads {
            let share = thread.join().map_err(|_| OpenError::Io {
                path: settings.path.clone(),
                source: io::Error::other("a loading thread panicked"),
            })?;
            found.extend(share?);
        }
        Ok(found)
    })
}

fn load_partition(
    (fs, clock): (&Arc<dyn FileSystem>, &dyn Clock),
    settings: &LogDirectoryConfig,
    points: &Found,
    (dir, topic, partition): (PathBuf, &str, i32),
) -> Result<Named, OpenError> {
    let topic_id = match PartitionMetadata::read(&**fs, &dir) {
        Ok(metadata) => metadata.map(|metadata| metadata.topic_id),
        Err(error) => {
            tracing::warn!(dir = %dir.display(), %error, "topic id is not readable");
            None
        }
    };
    let checkpoint = points.recovery.offset(topic, partition).unwrap_or(0);
    let noted = topic_id.and_then(|id| points.noted.get(&(id, partition))).copied().unwrap_or(0);
    let loader = Loader {
        fs,
        dir: &dir,
        index_interval: settings.defaults.index_interval_bytes,
        now_ms: clock.now_ms(),
        known: Known {
            durable: checkpoint.max(noted),
            log_start: points.starts.offset(topic, partition).unwrap_or(0),
            clean: points.clean,
        },
    };
    let loaded = loader.load().map_err(OpenError::io(&dir))?;
    Ok((Identity { topic: topic.to_owned(), partition, topic_id }, loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_deleted_partition_fits_a_file_name_and_is_not_one_of_a_partition() {
        for topic in ["t", &"x".repeat(LONGEST_TOPIC)] {
            let name = doomed_name(topic, i32::MAX);
            assert!(name.len() <= 255 && name.ends_with("-delete"), "{name}");
        }
        assert_ne!(doomed_name("t", 0), doomed_name("t", 0));
    }

    #[test]
    fn work_is_due_once_in_an_interval() {
        let mut last = Duration::from_secs(10);
        assert!(!is_due(&mut last, Duration::from_millis(10_999), 1000));
        assert!(is_due(&mut last, Duration::from_secs(11), 1000));
        assert!(!is_due(&mut last, Duration::from_secs(11), 1000));
        assert!(!is_due(&mut last, Duration::from_secs(99), -1), "a negative interval is never");
    }
}
