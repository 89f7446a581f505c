//! Loading a partition from its directory, after a clean stop or a crash.
//!
//! After a clean stop the last segment must end at its recovery point, and its indexes are
//! checked at their ends. In every other case the log is walked from the segment that holds the
//! durable point on, and each batch above that point must have a right checksum:
//!
//! | damage | is | and so |
//! |---|---|---|
//! | above the durable point | a write that a crash tore | cut, with a warning |
//! | below it | the medium's fault | kept, reported as an error, answered as corrupt |
//!
//! Offsets below the durable point are never given out again, even when their records are gone.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use protocol::records::HEADER_SIZE;

use super::{
    batches::{BatchAt, BatchWalk, WalkError, crc_matches, find_batch},
    checkpoint::LeaderEpochs,
    file_system::{FileSystem, read_exact_at, remove_if_there, write_all_at},
    producer::{FILE_SUFFIX, Producers, read_snapshot},
    segment::{DELETED, INDEX, LOG, Segment, TIME_INDEX, Walked},
    validation::coordinator_epoch,
};

/// What the log directory knows about a partition before it is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Everything below this offset is on the medium.
    pub durable: i64,
    pub log_start: i64,
    /// The directory was closed in order.
    pub clean: bool,
}

/// A partition as found on disk.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub segments: Vec<Arc<Segment>>,
    pub next_offset: i64,
    pub log_start: i64,
    pub producers: Producers,
    pub epochs: LeaderEpochs,
    pub snapshot_offset: Option<i64>,
}

/// Where and how to load.
#[derive(Debug)]
pub(super) struct Loader<'a> {
    pub fs: &'a Arc<dyn FileSystem>,
    pub dir: &'a Path,
    pub index_interval: u64,
    pub now_ms: i64,
    pub known: Known,
}

/// Files of a partition's directory.
#[derive(Debug, Default)]
struct Files {
    /// Base offset and size.
    logs: Vec<(i64, u64)>,
    snapshots: Vec<i64>,
}

impl Loader<'_> {
    /// Loads the partition.
    pub(super) fn load(&self) -> io::Result<Loaded> {
        let files = self.tidy()?;
        let mut segments: Vec<_> =
            files.logs.iter().map(|(base, size)| self.segment(*base, *size)).collect();
        let mut epochs = LeaderEpochs::read(&**self.fs, self.dir).unwrap_or_else(|error| {
            tracing::warn!(dir = %self.dir.display(), %error, "leader epochs are rebuilt");
            LeaderEpochs::default()
        });
        let next_offset = match self.trusted_end(&segments)? {
            Some(end) => end,
            None => self.recover(&mut segments, &mut epochs)?,
        };
        let first = segments.first().map_or(next_offset, |segment| segment.base_offset());
        let log_start = self.known.log_start.max(first);
        let next_offset = if log_start > next_offset {
            tracing::warn!(dir = %self.dir.display(), log_start, next_offset, "log ends before its start, it begins anew");
            self.remove(segments.drain(..))?;
            log_start
        } else {
            next_offset
        };
        if epochs.truncate_end(next_offset.max(1)) | epochs.truncate_start(log_start) {
            epochs.write(&**self.fs, self.dir)?;
        }
        let (producers, snapshot_offset) =
            self.producers(&segments, files.snapshots, next_offset)?;
        Ok(Loaded { segments, next_offset, log_start, producers, epochs, snapshot_offset })
    }

    fn segment(&self, base: i64, size: u64) -> Arc<Segment> {
        Arc::new(Segment::found(Arc::clone(self.fs), self.dir, base, (size, self.now_ms)))
    }

    /// Finishes or discards what a crash left half done; returns what remains.
    fn tidy(&self) -> io::Result<Files> {
        let mut files = Files::default();
        let mut swaps = Vec::new();
        let mut indexes = Vec::new();
        for entry in self.fs.list(self.dir)?.into_iter().filter(|entry| !entry.is_dir) {
            let Some((stem, suffix)) = entry.name.split_once('.') else { continue };
            let leftover = [DELETED, "cleaned", "tmp"];
            if leftover.iter().any(|end| suffix == *end || suffix.ends_with(&format!(".{end}"))) {
                remove_if_there(&**self.fs, &self.dir.join(&entry.name))?;
                continue;
            }
            let Some(offset) = offset_of(stem) else { continue };
            match suffix {
                LOG => files.logs.push((offset, entry.size_bytes)),
                INDEX | TIME_INDEX => indexes.push((offset, entry.name)),
                FILE_SUFFIX => files.snapshots.push(offset),
                _ if suffix.ends_with(".swap") => swaps.push((offset, entry)),
                _ => {}
            }
        }
        self.finish_swaps(&mut files, &swaps)?;
        for (offset, name) in indexes {
            if !files.logs.iter().any(|(base, _)| *base == offset) {
                remove_if_there(&**self.fs, &self.dir.join(name))?;
            }
        }
        files.logs.sort_unstable();
        files.snapshots.sort_unstable();
        Ok(files)
    }

    /// Puts cleaned segments in the place of those that they were made from.
    fn finish_swaps(
        &self,
        files: &mut Files,
        swaps: &[(i64, super::file_system::DirEntry)],
    ) -> io::Result<()> {
        for (base, entry) in swaps {
            let from = self.dir.join(&entry.name);
            let to = entry.name.trim_end_matches(".swap");
            if to.ends_with(&format!(".{LOG}")) {
                let file = self.fs.open(&from, super::file_system::OpenMode::Read)?;
                let mut walk = BatchWalk::new(&*file, 0, entry.size_bytes);
                let mut end = *base;
                while let Ok(Some(batch)) = walk.next() {
                    end = batch.header.next_offset();
                }
                let (replaced, kept) = files
                    .logs
                    .drain(..)
                    .partition(|(old, _)| (*base..end.max(base + 1)).contains(old));
                files.logs = kept;
                let replaced: Vec<(i64, u64)> = replaced;
                let old = replaced.into_iter().filter(|(old, _)| old != base);
                self.remove(old.map(|(old, size)| self.segment(old, size)))?;
                files.logs.push((*base, entry.size_bytes));
            }
            self.fs.rename(&from, &self.dir.join(to))?;
        }
        Ok(())
    }

    /// Returns the end of a log that was closed in order and still looks it.
    fn trusted_end(&self, segments: &[Arc<Segment>]) -> io::Result<Option<i64>> {
        let Some(active) = segments.last() else {
            return Ok(Some(self.known.durable.max(self.known.log_start)));
        };
        if !self.known.clean {
            return Ok(None);
        }
        let Some(newest) = active.load_good_indexes(self.index_interval)? else { return Ok(None) };
        let (offsets, times) = active.load_index_files()?;
        let start = offsets.last().map_or(0, |entry| u64::from(entry.position));
        let mut walked = Walked { offsets, times, ..Walked::default() };
        walked.tail.newest = newest;
        walked.tail.last_time_entry = newest.map(|newest| newest.timestamp);
        let log = active.log()?;
        let mut first = BatchWalk::new(&**log, 0, active.size());
        if let Ok(Some(batch)) = first.next() {
            walked.tail.first_timestamp = Some(batch.header.max_timestamp);
        }
        let mut walk = BatchWalk::new(&**log, start, active.size());
        loop {
            match walk.next() {
                Ok(Some(batch)) => {
                    walked.add(active.base_offset(), self.index_interval, &batch);
                }
                Ok(None) => break,
                Err(WalkError::Io(error)) => return Err(error),
                Err(WalkError::Corrupt { .. }) => return Ok(None),
            }
        }
        let end = walked.next_offset.unwrap_or_else(|| active.base_offset());
        // A mark that came back after a power cut does not speak of what was written since.
        if end != self.known.durable {
            return Ok(None);
        }
        let size = active.size();
        active.adopt(walked, size);
        Ok(Some(end))
    }

    /// Walks what may not be on the medium; returns the offset that comes next.
    fn recover(
        &self,
        segments: &mut Vec<Arc<Segment>>,
        epochs: &mut LeaderEpochs,
    ) -> io::Result<i64> {
        let durable = self.known.durable;
        let first = segments.partition_point(|s| s.base_offset() <= durable).saturating_sub(1);
        let mut next_offset = segments[first].base_offset();
        let mut at = first;
        let found = segments.len();
        let mut was_cut = false;
        while at < segments.len() {
            let segment = Arc::clone(&segments[at]);
            let base = segment.base_offset();
            if at > first && base > next_offset && base > durable {
                tracing::warn!(
                    file = %segment.path().display(), expected = next_offset, found = base,
                    "records before this segment were lost, removing it"
                );
                self.remove(segments.drain(at..))?;
                break;
            }
            let recovered = self.recover_segment(&segment, epochs)?;
            next_offset = recovered.next_offset.max(base);
            was_cut |= recovered.was_cut;
            at += 1;
            if recovered.was_cut && at < segments.len() {
                tracing::warn!(dir = %self.dir.display(), count = segments.len() - at, "removing the segments after a cut");
                self.remove(segments.drain(at..))?;
            }
            if at < segments.len() {
                segment.seal()?;
            }
        }
        if next_offset > durable {
            for segment in &segments[first..] {
                segment.log()?.sync_data()?;
            }
        }
        if next_offset > durable || was_cut || segments.len() < found {
            // What was removed must not come back beside what will be written.
            self.fs.sync_dir(self.dir)?;
        }
        if next_offset < durable {
            next_offset = self.begin_after_loss(segments, next_offset)?;
        }
        Ok(next_offset)
    }

    /// Goes on at the durable point after records below it were lost.
    fn begin_after_loss(
        &self,
        segments: &mut Vec<Arc<Segment>>,
        next_offset: i64,
    ) -> io::Result<i64> {
        let durable = self.known.durable;
        if let Some(last) = segments.last() {
            let size = last.size();
            tracing::error!(
                file = %last.path().display(), position = size, from = next_offset, to = durable,
                "records that were on the medium are gone"
            );
            // No batch starts with zeros: whoever reads on from here learns of the loss.
            let mark = [0; HEADER_SIZE];
            write_all_at(&**last.log()?, &mut [IoSlice::new(&mark)], size)?;
            last.log()?.sync_data()?;
            last.extend_damaged(size + HEADER_SIZE as u64);
            last.seal()?;
        }
        let segment = Segment::create(Arc::clone(self.fs), self.dir, durable, self.now_ms)?;
        self.fs.sync_dir(self.dir)?;
        segments.push(Arc::new(segment));
        Ok(durable)
    }

    fn recover_segment(
        &self,
        segment: &Segment,
        epochs: &mut LeaderEpochs,
    ) -> io::Result<Recovered> {
        let log = segment.log()?;
        let size = segment.size();
        let mut walked = Walked::default();
        let mut trusted_from = None;
        let mut recovered = Recovered { next_offset: segment.base_offset(), was_cut: false };
        let mut walk = BatchWalk::new(&**log, 0, size);
        loop {
            let position = walk.position();
            let damaged = match walk.next() {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    let fresh = batch.header.next_offset() > self.known.durable;
                    let in_place = batch.header.base_offset >= recovered.next_offset;
                    if in_place && (!fresh || crc_matches(&**log, &batch)?) {
                        if fresh {
                            trusted_from.get_or_insert(batch.position);
                        }
                        epochs
                            .assign(batch.header.partition_leader_epoch, batch.header.base_offset);
                        walked.add(segment.base_offset(), self.index_interval, &batch);
                        recovered.next_offset = batch.header.next_offset();
                        continue;
                    }
                    position
                }
                Err(WalkError::Corrupt { position }) => position,
                Err(WalkError::Io(error)) => return Err(error),
            };
            if recovered.next_offset >= self.known.durable {
                self.cut(segment, damaged, size)?;
                recovered.was_cut = true;
                break;
            }
            tracing::error!(file = %segment.path().display(), position = damaged, "log is corrupt");
            walked.end = size;
            match find_batch(&**log, damaged + 1, size, recovered.next_offset)? {
                Some(batch) => walk = BatchWalk::new(&**log, batch.position, size),
                None => break,
            }
        }
        let trusted_from = trusted_from.unwrap_or(walked.end);
        segment.adopt(walked, trusted_from);
        Ok(recovered)
    }

    /// Cuts what a crash left after the last good batch.
    fn cut(&self, segment: &Segment, position: u64, size: u64) -> io::Result<()> {
        let log = segment.log()?;
        let file = segment.path().display();
        let mut head = [0; HEADER_SIZE];
        let count = HEADER_SIZE.min(usize::try_from(size - position).unwrap_or(HEADER_SIZE));
        read_exact_at(&**log, &mut head[..count], position)?;
        if head.iter().all(|byte| *byte == 0) {
            tracing::info!(%file, position, bytes = size - position, "cut unused space off the log");
        } else {
            tracing::warn!(%file, position, bytes = size - position, "cut an unfinished write off the log");
        }
        log.set_len(position)?;
        log.sync_data()
    }

    fn remove(&self, segments: impl Iterator<Item = Arc<Segment>>) -> io::Result<()> {
        for segment in segments {
            for path in segment.mark_deleted()? {
                remove_if_there(&**self.fs, &path)?;
            }
        }
        Ok(())
    }

    /// Reads the newest good snapshot and replays what was written after it.
    fn producers(
        &self,
        segments: &[Arc<Segment>],
        mut snapshots: Vec<i64>,
        next_offset: i64,
    ) -> io::Result<(Producers, Option<i64>)> {
        let mut found = None;
        let mut removed = false;
        while let Some(offset) = snapshots.pop() {
            let path = self.snapshot_path(offset);
            if offset > next_offset {
                remove_if_there(&**self.fs, &path)?;
                removed = true;
                continue;
            }
            match read_snapshot(&**self.fs, &path) {
                Ok(producers) => {
                    found = Some((offset, producers));
                    break;
                }
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "producer snapshot is passed over");
                    remove_if_there(&**self.fs, &path)?;
                }
            }
        }
        if removed {
            // A snapshot of what was cut off must not come back when the log has grown past it.
            self.fs.sync_dir(self.dir)?;
        }
        let snapshot_offset = found.as_ref().map(|(offset, _)| *offset);
        let (from, mut producers) = found.unwrap_or((0, Producers::default()));
        if from < next_offset {
            for segment in segments {
                self.replay(segment, from, &mut producers)?;
            }
        }
        Ok((producers, snapshot_offset))
    }

    fn snapshot_path(&self, offset: i64) -> PathBuf {
        self.dir.join(super::segment::file_name(offset, FILE_SUFFIX))
    }

    fn replay(&self, segment: &Segment, from: i64, producers: &mut Producers) -> io::Result<()> {
        if segment.size() == 0 {
            return Ok(());
        }
        let start = match segment.locate(from, self.index_interval) {
            Ok(Some(batch)) => batch.position,
            Ok(None) | Err(WalkError::Corrupt { .. }) => return Ok(()),
            Err(WalkError::Io(error)) => return Err(error),
        };
        let log = segment.log()?;
        let mut walk = BatchWalk::new(&**log, start, segment.size());
        loop {
            match walk.next() {
                Ok(Some(batch)) if batch.header.is_control() => {
                    if let Some(epoch) = read_marker(segment, &batch)? {
                        producers.note_marker(&batch.header, epoch);
                    }
                }
                Ok(Some(batch)) => producers.note(&batch.header),
                Ok(None) | Err(WalkError::Corrupt { .. }) => return Ok(()),
                Err(WalkError::Io(error)) => return Err(error),
            }
        }
    }
}

fn read_marker(segment: &Segment, batch: &BatchAt) -> io::Result<Option<i32>> {
    /// A marker is one small record.
    const LARGEST: usize = 4096;
    let size = batch.header.size_in_bytes();
    if size > LARGEST {
        return Ok(None);
    }
    let mut bytes = vec![0; size];
    read_exact_at(&**segment.log()?, &mut bytes, batch.position)?;
    Ok(coordinator_epoch(&Bytes::from(bytes)))
}

fn offset_of(stem: &str) -> Option<i64> {
    if stem.len() == 20 { stem.parse().ok().filter(|offset| *offset >= 0) } else { None }
}

/// How the walk over a segment ended.
struct Recovered {
    next_offset: i64,
    was_cut: bool,
}
