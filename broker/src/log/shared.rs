//! What all partitions of a log directory share.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};

use super::{
    checkpoint::{DurablePoints, OffsetCheckpoint},
    clock::Clock,
    config::LogDirectoryConfig,
    file_system::{FileSystem, remove_if_there},
    flush::FlushQueue,
    partition::Partition,
};

/// Name of the checkpoint of flushed offsets.
pub(super) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// Name of the checkpoint of first offsets.
pub(super) const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// Name of the checkpoint of high watermarks.
pub(super) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

/// Partitions by topic and number.
pub(super) type PartitionMap = HashMap<String, BTreeMap<i32, Arc<Partition>>>;

/// Files and directories that go when their time has come.
#[derive(Debug)]
pub(super) struct Doomed {
    pub due: Duration,
    pub files: Vec<PathBuf>,
    /// A directory that goes with everything in it.
    pub dir: Option<PathBuf>,
}

/// The shared parts; the partitions refer back to it, until the directory is closed.
#[derive(Debug)]
pub(super) struct Shared {
    pub fs: Arc<dyn FileSystem>,
    pub clock: Arc<dyn Clock>,
    pub settings: LogDirectoryConfig,
    pub durable: DurablePoints,
    pub flusher: Arc<FlushQueue>,
    pub partitions: RwLock<PartitionMap>,
    pub doomed: Mutex<Vec<Doomed>>,
    /// Held while a checkpoint is written, so that an older one never replaces a newer.
    pub checkpointing: Mutex<Checkpoints>,
}

/// What the checkpoint files hold now.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    pub recovery_points: OffsetCheckpoint,
    pub log_starts: OffsetCheckpoint,
    pub high_watermarks: OffsetCheckpoint,
}

impl Shared {
    /// Returns every partition, in no particular order.
    pub(super) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Writes the checkpoints whose content changed, and waits until they are durable.
    pub(super) fn write_checkpoints(&self) -> io::Result<()> {
        let mut written = self.checkpointing.lock();
        let written = &mut *written;
        let partitions = self.all();
        let offsets = |offset: &dyn Fn(&Partition) -> i64| {
            let used = partitions.iter().filter(|p| !p.segments.load().is_empty());
            OffsetCheckpoint(
                used.map(|p| ((p.topic.clone(), p.partition), offset(p)))
                    .filter(|(_, offset)| *offset >= 0)
                    .collect(),
            )
        };
        // The start goes first: after a crash it must not lie behind what was removed.
        let mut starts = offsets(&Partition::log_start_offset);
        starts.0.retain(|_, offset| *offset > 0);
        self.write_changed(LOG_STARTS, starts, &mut written.log_starts)?;
        let flushed = offsets(&Partition::flushed_offset);
        self.write_changed(RECOVERY_POINTS, flushed, &mut written.recovery_points)?;
        let watermarks = offsets(&Partition::high_watermark);
        self.write_changed(HIGH_WATERMARKS, watermarks, &mut written.high_watermarks)
    }

    /// Writes the checkpoints anew if they still speak of a deleted partition of this name: a crash
    /// must not let them count for the one that begins now.
    pub(super) fn forget_predecessor(&self, topic: &str, partition: i32) -> io::Result<()> {
        let key = (topic.to_owned(), partition);
        let is_named = {
            let written = self.checkpointing.lock();
            [&written.log_starts, &written.recovery_points, &written.high_watermarks]
                .iter()
                .any(|checkpoint| checkpoint.0.contains_key(&key))
        };
        if is_named { self.write_checkpoints() } else { Ok(()) }
    }

    fn write_changed(
        &self,
        name: &str,
        current: OffsetCheckpoint,
        written: &mut OffsetCheckpoint,
    ) -> io::Result<()> {
        if current != *written {
            current.write(&*self.fs, &self.settings.path.join(name))?;
            *written = current;
        }
        Ok(())
    }

    /// Removes what is due, or everything.
    pub(super) fn remove_doomed(&self, now: Duration) {
        let due: Vec<_> = {
            let mut doomed = self.doomed.lock();
            let (due, later) = std::mem::take(&mut *doomed).into_iter().partition(|d| d.due <= now);
            *doomed = later;
            due
        };
        for doomed in due {
            let files = doomed.files.iter().try_for_each(|path| remove_if_there(&*self.fs, path));
            let dir = doomed.dir.as_ref().map_or(Ok(()), |dir| remove_tree(&*self.fs, dir));
            if let Err(error) = files.and(dir) {
                tracing::warn!(?doomed, %error, "removal failed, the next start tries again");
            }
        }
    }
}

/// Removes a directory and the files in it.
pub(super) fn remove_tree(fs: &dyn FileSystem, dir: &std::path::Path) -> io::Result<()> {
    let entries = match fs.list(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_tree(fs, &path)?;
        } else {
            remove_if_there(fs, &path)?;
        }
    }
    fs.remove_dir(dir)
}
