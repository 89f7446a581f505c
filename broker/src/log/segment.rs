//! One segment of a partition's log: record batches in a file, and two indexes into it.
//!
//! | file | content |
//! |---|---|
//! | `<base offset>.log` | record batches, one after another, no padding |
//! | `<base offset>.index` | relative offset `u32`, position in bytes `u32` |
//! | `<base offset>.timeindex` | timestamp in ms `i64`, relative offset `u32` |
//!
//! The name is the offset of the first record, in 20 digits.
//!
//! Invariants: offsets grow from batch to batch; only the last segment of a partition is
//! written to, by one writer; readers see the bytes up to `size`, which only grows; an index
//! may be short or missing and is rebuilt from the `.log`, never the reverse; bytes that this
//! process neither wrote nor checked are checked against their checksums before they are read.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    batches::{BatchAt, BatchWalk, WalkError, crc_matches, find_batch},
    file_system::{FileHandle, FileSystem, OpenMode, write_all_at},
    index::{Index, OffsetEntry, TimeEntry},
};

/// Endings of the files of a segment.
pub(super) const LOG: &str = "log";
pub(super) const INDEX: &str = "index";
pub(super) const TIME_INDEX: &str = "timeindex";
/// Ending added to what is to be removed.
pub(super) const DELETED: &str = "deleted";

/// Index entries that wait in memory before they are written to their file.
const UNPERSISTED_ENTRIES: usize = 512;

/// Returns the name of a file of the segment that starts at an offset.
pub(super) fn file_name(base_offset: i64, suffix: &str) -> String {
    format!("{base_offset:020}.{suffix}")
}

/// The newest timestamp of a segment and the last offset of the batch that first had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    pub timestamp: i64,
    pub offset: i64,
}

/// What decides whether a batch gets an index entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IndexTail {
    pub bytes_since_entry: u64,
    pub newest: Option<Newest>,
    pub last_time_entry: Option<i64>,
    /// Timestamp of the first batch, which the age of the segment is counted from.
    pub first_timestamp: Option<i64>,
}

impl IndexTail {
    /// Counts a batch; returns the entries that stand for it.
    pub(super) fn add(
        &mut self,
        base_offset: i64,
        interval: u64,
        batch: &BatchAt,
    ) -> (Option<OffsetEntry>, Option<TimeEntry>) {
        let timestamp = batch.header.max_timestamp;
        let offset = batch.header.last_offset();
        self.first_timestamp.get_or_insert(timestamp);
        if timestamp >= 0 && self.newest.is_none_or(|newest| timestamp > newest.timestamp) {
            self.newest = Some(Newest { timestamp, offset });
        }
        let mut entries = (None, None);
        if self.bytes_since_entry > interval {
            self.bytes_since_entry = 0;
            let relative = u32::try_from(offset - base_offset);
            if let (Ok(relative), Ok(position)) = (relative, u32::try_from(batch.position)) {
                entries.0 = Some(OffsetEntry { relative, position });
            }
            entries.1 = self.time_entry(base_offset);
        }
        self.bytes_since_entry += batch.header.size_in_bytes() as u64;
        entries
    }

    /// Returns the time entry that is due, if the newest timestamp has none yet.
    pub(super) fn time_entry(&mut self, base_offset: i64) -> Option<TimeEntry> {
        let newest = self.newest?;
        if self.last_time_entry.is_some_and(|last| newest.timestamp <= last) {
            return None;
        }
        let relative = u32::try_from(newest.offset - base_offset).ok()?;
        self.last_time_entry = Some(newest.timestamp);
        Some(TimeEntry { timestamp: newest.timestamp, relative })
    }
}

/// One segment, shared by the writer and any number of readers.
#[derive(Debug)]
pub(super) struct Segment {
    base_offset: i64,
    path: PathBuf,
    fs: Arc<dyn FileSystem>,
    log: OnceLock<Arc<dyn FileHandle>>,
    size: AtomicU64,
    offsets: Index<OffsetEntry>,
    times: Index<TimeEntry>,
    tail: Mutex<IndexTail>,
    /// When the segment was begun or found, for the age of one without timestamps.
    created_ms: i64,
    /// Bytes from here on were written or checked by this process.
    trusted_from: AtomicU64,
    /// Ranges below `trusted_from` that were checked since, in order, apart from each other.
    checked: Mutex<Vec<(u64, u64)>>,
    /// Set once the indexes of a segment found on disk are known to be good.
    indexes_ready: AtomicBool,
    loading: Mutex<()>,
    /// The file is longer than what was written to it.
    preallocated: AtomicBool,
}

impl Segment {
    /// Begins an empty segment.
    pub(super) fn create(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        base_offset: i64,
        now_ms: i64,
    ) -> io::Result<Self> {
        let path = dir.join(file_name(base_offset, LOG));
        let log = fs.open(&path, OpenMode::Create)?;
        let segment = Self::found(fs, dir, base_offset, (0, now_ms));
        segment.log.get_or_init(|| log);
        segment.trusted_from.store(0, Ordering::Relaxed);
        segment.offsets.reset(Vec::new());
        segment.times.reset(Vec::new());
        segment.indexes_ready.store(true, Ordering::Release);
        Ok(segment)
    }

    /// Names a segment that is on disk with (size in bytes, time it was found); opens nothing.
    pub(super) fn found(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        base_offset: i64,
        (size, now_ms): (u64, i64),
    ) -> Self {
        Self {
            base_offset,
            path: dir.join(file_name(base_offset, LOG)),
            fs,
            log: OnceLock::new(),
            size: AtomicU64::new(size),
            offsets: Index::unopened(dir.join(file_name(base_offset, INDEX))),
            times: Index::unopened(dir.join(file_name(base_offset, TIME_INDEX))),
            tail: Mutex::default(),
            created_ms: now_ms,
            trusted_from: AtomicU64::new(u64::MAX),
            checked: Mutex::default(),
            indexes_ready: AtomicBool::new(false),
            loading: Mutex::default(),
            preallocated: AtomicBool::new(false),
        }
    }

    pub(super) const fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub(super) const fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The `.log` file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that readers may see.
    pub(super) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// The open `.log` file; opened for writing too, so that recovery may cut it.
    pub(super) fn log(&self) -> io::Result<&Arc<dyn FileHandle>> {
        if let Some(log) = self.log.get() {
            return Ok(log);
        }
        let log = self.fs.open(&self.path, OpenMode::Write)?;
        Ok(self.log.get_or_init(|| log))
    }

    /// Writes bytes after the last batch without showing them to readers.
    pub(super) fn write(&self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        write_all_at(&**self.log()?, parts, self.size())
    }

    /// Shows readers what was written, up to the end of these batches.
    pub(super) fn publish(&self, batches: &[BatchAt], interval: u64) {
        let Some(last) = batches.last() else { return };
        {
            let mut tail = self.tail.lock();
            for batch in batches {
                let (offset, time) = tail.add(self.base_offset, interval, batch);
                offset.into_iter().for_each(|entry| self.offsets.push(entry));
                time.into_iter().for_each(|entry| self.times.push(entry));
            }
        }
        self.size.store(last.end(), Ordering::Release);
    }

    /// Cuts what lies after the bytes that readers see, and waits until that is durable.
    pub(super) fn cut_unpublished(&self) -> io::Result<()> {
        let log = self.log()?;
        log.set_len(self.size())?;
        log.sync_data()
    }

    /// Writes index entries to their files when enough of them wait.
    pub(super) fn persist_indexes_if_many(&self) -> io::Result<()> {
        if self.offsets.unpersisted() >= UNPERSISTED_ENTRIES {
            self.offsets.persist(&*self.fs)?;
            self.times.persist(&*self.fs)?;
        }
        Ok(())
    }

    /// Gives the file a length that later writes will fill.
    pub(super) fn preallocate(&self, size_bytes: u64) -> io::Result<()> {
        self.preallocated.store(true, Ordering::Relaxed);
        self.log()?.set_len(size_bytes)
    }

    /// Ends writing: the time index gets its last entry, both go to their files and out of memory.
    pub(super) fn seal(&self) -> io::Result<()> {
        self.end_files()?;
        self.offsets.seal(&*self.fs)?;
        self.times.seal(&*self.fs)
    }

    /// As [`Segment::seal`], but a later start may go on writing.
    pub(super) fn persist_for_close(&self) -> io::Result<()> {
        self.end_files()?;
        self.offsets.persist(&*self.fs)?;
        self.times.persist(&*self.fs)
    }

    fn end_files(&self) -> io::Result<()> {
        let entry = self.tail.lock().time_entry(self.base_offset);
        entry.into_iter().for_each(|entry| self.times.push(entry));
        if self.preallocated.swap(false, Ordering::Relaxed) {
            self.log()?.set_len(self.size())?;
        }
        Ok(())
    }

    /// Bytes of the fuller index.
    pub(super) fn index_bytes(&self) -> u64 {
        (self.offsets.len() * 8).max(self.times.len() * 12) as u64
    }

    /// Timestamp of the first batch of a segment that was written or walked by this process.
    pub(super) fn first_timestamp(&self) -> Option<i64> {
        self.tail.lock().first_timestamp
    }

    /// Takes the result of a full or partial walk of a segment that will be written to.
    pub(super) fn adopt(&self, walked: Walked, trusted_from: u64) {
        self.size.store(walked.end, Ordering::Release);
        self.offsets.reset(walked.offsets);
        self.times.reset(walked.times);
        *self.tail.lock() = walked.tail;
        self.trusted_from.store(trusted_from, Ordering::Release);
        self.indexes_ready.store(true, Ordering::Release);
    }

    /// Lets readers run into bytes that are no batch.
    pub(super) fn extend_damaged(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    /// Reads what both index files of a segment hold, without a check.
    pub(super) fn load_index_files(&self) -> io::Result<(Vec<OffsetEntry>, Vec<TimeEntry>)> {
        Ok((self.offsets.load(&*self.fs)?, self.times.load(&*self.fs)?))
    }

    /// Returns the newest timestamp; none in a segment without one.
    pub(super) fn newest(&self, interval: u64) -> io::Result<Option<Newest>> {
        self.prepare(interval)?;
        Ok(self.tail.lock().newest)
    }

    /// Finds the batch that holds an offset, or the first one after it.
    pub(super) fn locate(&self, offset: i64, interval: u64) -> Result<Option<BatchAt>, WalkError> {
        self.prepare(interval)?;
        let size = self.size();
        let relative = u32::try_from(offset.saturating_sub(self.base_offset).max(0));
        let relative = relative.unwrap_or(u32::MAX);
        let entry = self.offsets.last_where(|entry| entry.relative <= relative)?;
        let start = entry.map_or(0, |entry| u64::from(entry.position));
        let log = self.log()?;
        match Self::walk_to(BatchWalk::new(&**log, start.min(size), size), offset) {
            Err(WalkError::Corrupt { position }) => self
                .locate_after_damage(offset, position)?
                .map(Some)
                .ok_or(WalkError::Corrupt { position }),
            found => found,
        }
    }

    fn walk_to(mut walk: BatchWalk<'_>, offset: i64) -> Result<Option<BatchAt>, WalkError> {
        while let Some(batch) = walk.next()? {
            if batch.header.last_offset() >= offset {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Tries the first indexed batch after damage; it may hold the offset all the same.
    fn locate_after_damage(&self, offset: i64, damage: u64) -> Result<Option<BatchAt>, WalkError> {
        let next = self.offsets.first_where_not(|entry| u64::from(entry.position) <= damage)?;
        let Some(next) = next else { return Ok(None) };
        let mut walk = BatchWalk::new(&**self.log()?, next.position.into(), self.size());
        Ok(walk.next()?.filter(|batch| batch.header.base_offset <= offset))
    }

    /// Returns where whole batches from `first` end: at most `max_bytes` on and at most at
    /// `limit`, but never before the end of `first`.
    pub(super) fn whole_batches(
        &self,
        first: &BatchAt,
        limit: u64,
        max_bytes: usize,
    ) -> Result<u64, WalkError> {
        let most = first.position.saturating_add(max_bytes as u64);
        if first.end() >= most || first.end() >= limit {
            return Ok(first.end());
        }
        if limit <= most {
            return Ok(limit);
        }
        let entry = self.offsets.last_where(|entry| u64::from(entry.position) <= most)?;
        let indexed = entry.map_or(0, |entry| u64::from(entry.position));
        let mut walk = BatchWalk::new(&**self.log()?, indexed.max(first.end()).min(limit), limit);
        let mut end = walk.position();
        loop {
            match walk.next() {
                Ok(Some(batch)) if batch.end() <= most => end = batch.end(),
                Err(WalkError::Io(error)) => return Err(error.into()),
                _ => return Ok(end),
            }
        }
    }

    /// Checks bytes that this process has not seen yet; returns where the good ones end.
    pub(super) fn check(&self, start: u64, end: u64) -> Result<u64, WalkError> {
        let unknown_end = end.min(self.trusted_from.load(Ordering::Acquire));
        if start >= unknown_end || self.is_checked(start, unknown_end) {
            return Ok(end);
        }
        let log = self.log()?;
        let mut walk = BatchWalk::new(&**log, start, end);
        loop {
            let good = walk.position();
            if good >= unknown_end {
                self.remember_checked(start, good);
                return Ok(end);
            }
            let batch = match walk.next() {
                Ok(Some(batch)) if crc_matches(&**log, &batch)? => batch,
                Err(WalkError::Io(error)) => return Err(error.into()),
                _ if good > start => {
                    self.remember_checked(start, good);
                    return Ok(good);
                }
                _ => return Err(WalkError::Corrupt { position: start }),
            };
            debug_assert!(batch.end() == walk.position());
        }
    }

    fn is_checked(&self, start: u64, end: u64) -> bool {
        self.checked.lock().iter().any(|(from, to)| *from <= start && end <= *to)
    }

    fn remember_checked(&self, start: u64, end: u64) {
        const MOST_RANGES: usize = 256;
        let mut checked = self.checked.lock();
        let (mut start, mut end) = (start, end);
        checked.retain(|(from, to)| {
            let touches = *from <= end && start <= *to;
            if touches {
                start = start.min(*from);
                end = end.max(*to);
            }
            !touches
        });
        if checked.len() < MOST_RANGES {
            checked.push((start, end));
        }
    }

    /// Finds the first batch from which on a record of that time or newer may lie.
    pub(super) fn first_position_for(&self, timestamp: i64, interval: u64) -> io::Result<u64> {
        self.prepare(interval)?;
        let time = self.times.last_where(|entry| entry.timestamp <= timestamp)?;
        let Some(time) = time else { return Ok(0) };
        let offset = self.offsets.last_where(|entry| entry.relative <= time.relative)?;
        Ok(offset.map_or(0, |entry| entry.position.into()))
    }

    /// Makes the indexes of a segment found on disk usable: checked once, rebuilt if not good.
    fn prepare(&self, interval: u64) -> io::Result<()> {
        if self.indexes_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let _loading = self.loading.lock();
        if self.indexes_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.load_good_indexes(interval)? {
            Some(newest) => self.tail.lock().newest = newest,
            None => self.rebuild(interval)?,
        }
        self.indexes_ready.store(true, Ordering::Release);
        Ok(())
    }

    fn rebuild(&self, interval: u64) -> io::Result<()> {
        tracing::warn!(file = %self.path.display(), "indexes are missing or stale, rebuilding them");
        let mut walked = self.walk_all(interval)?;
        let entry = walked.tail.time_entry(self.base_offset);
        walked.times.extend(entry);
        self.offsets.reset(walked.offsets);
        self.times.reset(walked.times);
        *self.tail.lock() = walked.tail;
        // A full disk must not stop reads: the entries then stay in memory.
        let sealed = self.offsets.seal(&*self.fs).and_then(|()| self.times.seal(&*self.fs));
        if let Err(error) = sealed {
            tracing::warn!(file = %self.path.display(), %error, "rebuilt indexes stay in memory");
        }
        Ok(())
    }

    /// Walks everything, over damage too, and makes the entries of both indexes.
    fn walk_all(&self, interval: u64) -> io::Result<Walked> {
        let log = self.log()?;
        let size = self.size();
        let mut walked = Walked::default();
        let mut walk = BatchWalk::new(&**log, 0, size);
        loop {
            match walk.next() {
                Ok(Some(batch)) => walked.add(self.base_offset, interval, &batch),
                Ok(None) => return Ok(walked),
                Err(WalkError::Io(error)) => return Err(error),
                Err(WalkError::Corrupt { position }) => {
                    let min_offset = walked.next_offset.unwrap_or(self.base_offset);
                    tracing::error!(file = %self.path.display(), position, "log is corrupt");
                    match find_batch(&**log, position + 1, size, min_offset)? {
                        Some(batch) => walk = BatchWalk::new(&**log, batch.position, size),
                        None => return Ok(walked),
                    }
                }
            }
        }
    }

    /// Opens both index files; none if they cannot be trusted.
    pub(super) fn load_good_indexes(&self, interval: u64) -> io::Result<Option<Option<Newest>>> {
        if self.offsets.open(&*self.fs).is_err() || self.times.open(&*self.fs).is_err() {
            return Ok(None);
        }
        let (Ok(offset), Ok(time)) = (self.offsets.last(), self.times.last()) else {
            return Ok(None);
        };
        match self.indexes_reach_the_end(offset, time, interval) {
            Ok(good) => Ok(good),
            Err(WalkError::Io(error)) => Err(error),
            Err(WalkError::Corrupt { .. }) => Ok(None),
        }
    }

    /// Walks from the last entries to the end: nothing there may still lack an entry.
    fn indexes_reach_the_end(
        &self,
        offset: Option<OffsetEntry>,
        time: Option<TimeEntry>,
        interval: u64,
    ) -> Result<Option<Option<Newest>>, WalkError> {
        let log = self.log()?;
        let start = offset.map_or(0, |entry| u64::from(entry.position));
        let mut walk = BatchWalk::new(&**log, start, self.size());
        while let Some(batch) = walk.next()? {
            let first = batch.position == start;
            let expected = offset.map(|entry| self.base_offset + i64::from(entry.relative));
            if first && expected.is_some_and(|last| last != batch.header.last_offset()) {
                return Ok(None);
            }
            if batch.position - start > interval {
                return Ok(None);
            }
        }
        if start > self.size() {
            return Ok(None);
        }
        let Some(time) = time else {
            // Good only if no batch has a timestamp.
            return Ok(if self.any_newer(0, -1)? { None } else { Some(None) });
        };
        let newest = Newest {
            timestamp: time.timestamp,
            offset: self.base_offset + i64::from(time.relative),
        };
        let from = self.offsets.last_where(|entry| entry.relative <= time.relative)?;
        let from = from.map_or(0, |entry| u64::from(entry.position));
        Ok((!self.any_newer(from, time.timestamp)?).then_some(Some(newest)))
    }

    fn any_newer(&self, from: u64, timestamp: i64) -> Result<bool, WalkError> {
        let mut walk = BatchWalk::new(&**self.log()?, from, self.size());
        while let Some(batch) = walk.next()? {
            if batch.header.max_timestamp > timestamp {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Renames the files to be removed; returns their new paths. Open readers go on.
    pub(super) fn mark_deleted(&self) -> io::Result<Vec<PathBuf>> {
        self.log()?;
        let mut renamed = Vec::new();
        for path in [&*self.path, self.offsets.path(), self.times.path()] {
            let mut new = path.as_os_str().to_owned();
            new.push(".");
            new.push(DELETED);
            match self.fs.rename(path, Path::new(&new)) {
                Ok(()) => renamed.push(new.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(renamed)
    }
}

/// What a walk over a segment found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub offsets: Vec<OffsetEntry>,
    pub times: Vec<TimeEntry>,
    pub tail: IndexTail,
    /// Position after the last batch.
    pub end: u64,
    /// Offset after the last batch; none without a batch.
    pub next_offset: Option<i64>,
}

impl Walked {
    /// Counts a batch.
    pub(super) fn add(&mut self, base_offset: i64, interval: u64, batch: &BatchAt) {
        let (offset, time) = self.tail.add(base_offset, interval, batch);
        self.offsets.extend(offset);
        self.times.extend(time);
        self.end = batch.end();
        self.next_offset = Some(batch.header.next_offset());
    }
}

#[cfg(test)]
mod tests {
    use protocol::records::{BatchBuilder, BatchHeader, Compression, NewRecord};

    use super::*;

    /// A batch of 100 bytes or so with one record.
    fn batch(number: u32, timestamp: i64) -> BatchAt {
        let mut builder = BatchBuilder::new(Compression::None).base_offset(number.into());
        builder.push(NewRecord { timestamp, value: Some(&[0; 30]), ..NewRecord::default() });
        let header = BatchHeader::parse(&builder.build().unwrap()).unwrap();
        BatchAt { position: u64::from(number) * header.size_in_bytes() as u64, header }
    }

    #[test]
    fn names_have_twenty_digits() {
        assert_eq!(file_name(42, LOG), "00000000000000000042.log");
        assert_eq!(file_name(i64::MAX, INDEX), "09223372036854775807.index");
    }

    #[test]
    fn entry_comes_after_an_interval_and_names_the_last_offset_and_the_newest_time() {
        let mut walked = Walked::default();
        for (number, timestamp) in (0..).zip([50, 90, 70, 60, 95, 10]) {
            walked.add(0, 150, &batch(number, timestamp));
        }
        let size = u32::try_from(batch(0, 0).header.size_in_bytes()).unwrap();
        assert_eq!(
            walked.offsets,
            [
                OffsetEntry { relative: 2, position: 2 * size },
                OffsetEntry { relative: 4, position: 4 * size }
            ]
        );
        assert_eq!(
            walked.times,
            [TimeEntry { timestamp: 90, relative: 1 }, TimeEntry { timestamp: 95, relative: 4 }]
        );
        assert_eq!(walked.tail.time_entry(0), None, "the newest has its entry");
        assert_eq!(walked.next_offset, Some(6));
    }

    #[test]
    fn batches_without_a_timestamp_get_no_time_entry() {
        let mut walked = Walked::default();
        (0..9).for_each(|number| walked.add(0, 0, &batch(number, -1)));
        assert_eq!((walked.offsets.len(), walked.times.len()), (8, 0));
    }
}
