//! The read side of a partition: batches by offset, offsets by time.
//!
//! Invariants: what is returned are whole batches, at least one unless there is nothing to read,
//! none of them beyond the limit; an offset inside a batch returns that batch; a slice stays
//! readable whatever retention and deletion do meanwhile.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use protocol::records::RecordIter;

use super::{
    batches::{BatchAt, BatchWalk, WalkError},
    error::ReadError,
    file_system::{FileHandle, read_exact_at},
    partition::Partition,
    segment::{Newest, Segment},
    validation::DECOMPRESSED_LIMIT,
};

/// Up to where a read may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadLimit {
    /// What consumers see.
    HighWatermark,
    /// What consumers of committed records see.
    LastStable,
    /// Everything that was written.
    LogEnd,
}

/// A range of a segment's file that holds whole batches.
#[derive(Debug, Clone)]
pub struct FileSlice {
    /// The file; stays readable after it was removed.
    pub file: Arc<dyn FileHandle>,
    /// First byte.
    pub position: u64,
    /// Bytes.
    pub len: usize,
    path: PathBuf,
}

impl FileSlice {
    /// Reads the bytes. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn read(&self) -> Result<Bytes, ReadError> {
        let mut bytes = vec![0; self.len];
        read_exact_at(&*self.file, &mut bytes, self.position)
            .map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
        Ok(bytes.into())
    }
}

/// What a read found.
#[derive(Debug, Clone)]
pub struct LogRead {
    /// The batches; none when there is nothing between the offset and the limit.
    pub records: Option<FileSlice>,
    /// Offset up to which consumers read, exclusive.
    pub high_watermark: i64,
    /// Offset up to which consumers of committed records read, exclusive.
    pub last_stable_offset: i64,
    /// First offset that may be read.
    pub log_start_offset: i64,
}

impl LogRead {
    /// Bytes of the batches.
    pub fn len(&self) -> usize {
        self.records.as_ref().map_or(0, |slice| slice.len)
    }

    /// True if there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.records.is_none()
    }

    /// Reads the batches into memory; empty when there are none. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn into_bytes(self) -> Result<Bytes, ReadError> {
        self.records.map_or_else(|| Ok(Bytes::new()), |slice| slice.read())
    }
}

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp in ms.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// Epoch that it was written under.
    pub leader_epoch: i32,
}

impl Partition {
    /// Reads whole batches from the one that holds `offset` on: at most `max_bytes`, unless the
    /// first is larger. Blocks on the disk for its headers.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; [`ReadError::Corrupt`] only when the first batch is damaged, else the
    /// batches before the damage are returned.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        limit: ReadLimit,
    ) -> Result<LogRead, ReadError> {
        let log_start_offset = self.log_start_offset();
        let mut read = LogRead {
            records: None,
            high_watermark: self.high_watermark(),
            last_stable_offset: self.last_stable_offset(),
            log_start_offset,
        };
        let end = self.limit_offset(limit);
        let log_end = self.log_end_offset();
        if offset < log_start_offset || offset > log_end {
            let start = log_start_offset;
            return Err(ReadError::OffsetOutOfRange { offset, start, end: log_end });
        }
        if offset < end {
            read.records = self.slice(offset, max_bytes, end)?;
        }
        Ok(read)
    }

    fn limit_offset(&self, limit: ReadLimit) -> i64 {
        match limit {
            ReadLimit::HighWatermark => self.high_watermark(),
            ReadLimit::LastStable => self.last_stable_offset(),
            ReadLimit::LogEnd => self.log_end_offset(),
        }
    }

    fn slice(
        &self,
        offset: i64,
        max_bytes: usize,
        limit: i64,
    ) -> Result<Option<FileSlice>, ReadError> {
        let interval = self.config.load().index_interval_bytes;
        let segments = self.segments.load();
        let at = segments.partition_point(|segment| segment.base_offset() <= offset);
        for segment in &segments[at.saturating_sub(1)..] {
            if segment.base_offset() >= limit {
                break;
            }
            let failed = |error: WalkError| self.read_error(error, segment);
            let size = segment.size();
            let Some(first) = segment.locate(offset, interval).map_err(failed)? else { continue };
            if first.header.base_offset >= limit {
                break;
            }
            // Everything up to `size` lies below a limit that is still the end of the log.
            let end = if limit == self.log_end_offset() {
                size.max(first.end())
            } else {
                let after = segment.locate(limit, interval);
                match after {
                    Ok(batch) => batch.map_or(size, |batch| batch.position),
                    Err(WalkError::Corrupt { position }) => position.max(first.end()),
                    Err(error) => return Err(failed(error)),
                }
            };
            let end = segment.whole_batches(&first, end, max_bytes).map_err(failed)?;
            let end = segment.check(first.position, end).map_err(failed)?;
            let file = segment.log().map_err(|error| failed(error.into()))?;
            return Ok(Some(FileSlice {
                file: Arc::clone(file),
                position: first.position,
                len: usize::try_from(end - first.position).unwrap_or(usize::MAX),
                path: segment.path().to_owned(),
            }));
        }
        Ok(None)
    }

    fn read_error(&self, error: WalkError, segment: &Segment) -> ReadError {
        let gone = matches!(&error, WalkError::Io(e) if e.kind() == std::io::ErrorKind::NotFound);
        if gone && self.is_deleted() {
            return ReadError::Deleted;
        }
        if gone {
            let (start, end) = (self.log_start_offset(), self.log_end_offset());
            return ReadError::OffsetOutOfRange { offset: segment.base_offset(), start, end };
        }
        if let WalkError::Corrupt { position } = error {
            tracing::error!(partition = %self, file = %segment.path().display(), position, "log is corrupt");
        }
        error.into_read_error(segment.path())
    }

    /// Finds the first record whose timestamp is `timestamp` ms or later; none if there is none
    /// below the limit. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`], [`ReadError::Io`].
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        limit: ReadLimit,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let interval = self.config.load().index_interval_bytes;
        let end = self.limit_offset(limit);
        for segment in self.segments.load().iter() {
            if segment.base_offset() >= end {
                break;
            }
            let failed = |error: WalkError| self.read_error(error, segment);
            let newest = segment.newest(interval).map_err(|error| failed(error.into()))?;
            if newest.is_none_or(|newest| newest.timestamp < timestamp) {
                continue;
            }
            let start = segment.first_position_for(timestamp, interval);
            let start = start.map_err(|error| failed(error.into()))?;
            let log = segment.log().map_err(|error| failed(error.into()))?;
            let mut walk = BatchWalk::new(&**log, start, segment.size());
            while let Some(batch) = walk.next().map_err(failed)? {
                if batch.header.base_offset >= end {
                    return Ok(None);
                }
                if batch.header.max_timestamp < timestamp {
                    continue;
                }
                if let Some(found) = self.record_in(segment, &batch, timestamp)? {
                    return Ok(Some(found).filter(|found| found.offset < end));
                }
            }
        }
        Ok(None)
    }

    /// Finds the first record with the newest timestamp below the limit; none without a record
    /// that has one. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`], [`ReadError::Io`].
    pub fn max_timestamp_offset(
        &self,
        limit: ReadLimit,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let interval = self.config.load().index_interval_bytes;
        let end = self.limit_offset(limit);
        let mut best: Option<(Newest, Arc<Segment>)> = None;
        for segment in self.segments.load().iter().filter(|s| s.base_offset() < end) {
            let newest = newest_below(segment, end, interval);
            let newest = newest.map_err(|error| self.read_error(error, segment))?;
            let Some(newest) = newest else { continue };
            if best.as_ref().is_none_or(|(best, _)| newest.timestamp > best.timestamp) {
                best = Some((newest, Arc::clone(segment)));
            }
        }
        let Some((newest, segment)) = best else { return Ok(None) };
        let batch = segment.locate(newest.offset, interval);
        match batch.map_err(|error| self.read_error(error, &segment))? {
            Some(batch) => self.record_in(&segment, &batch, newest.timestamp),
            None => Ok(None),
        }
    }

    /// Decodes a batch and returns its first readable record of that time or later.
    fn record_in(
        &self,
        segment: &Segment,
        batch: &BatchAt,
        timestamp: i64,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let failed = |error: WalkError| self.read_error(error, segment);
        let corrupt = || WalkError::Corrupt { position: batch.position };
        let mut bytes = vec![0; batch.header.size_in_bytes()];
        segment
            .log()
            .and_then(|log| read_exact_at(&**log, &mut bytes, batch.position))
            .map_err(|error| failed(error.into()))?;
        let bytes = Bytes::from(bytes);
        let start = self.log_start_offset();
        let records = RecordIter::new(&bytes, DECOMPRESSED_LIMIT);
        for record in records.map_err(|_| failed(corrupt()))? {
            let record = record.map_err(|_| failed(corrupt()))?;
            if record.timestamp >= timestamp && record.offset >= start {
                return Ok(Some(TimestampOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: batch.header.partition_leader_epoch,
                }));
            }
        }
        Ok(None)
    }
}

/// The newest timestamp of a segment among the batches below an offset.
fn newest_below(segment: &Segment, end: i64, interval: u64) -> Result<Option<Newest>, WalkError> {
    let newest = segment.newest(interval)?;
    if newest.is_none_or(|newest| newest.offset < end) {
        return Ok(newest);
    }
    // The newest lies above the limit: few batches do, but the walk must see all below.
    let mut newest: Option<Newest> = None;
    let mut walk = BatchWalk::new(&**segment.log()?, 0, segment.size());
    while let Some(batch) = walk.next()? {
        let (timestamp, offset) = (batch.header.max_timestamp, batch.header.last_offset());
        if offset >= end {
            break;
        }
        if timestamp >= 0 && newest.is_none_or(|newest| timestamp > newest.timestamp) {
            newest = Some(Newest { timestamp, offset });
        }
    }
    Ok(newest)
}
