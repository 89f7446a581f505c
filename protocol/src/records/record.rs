//! The records of one batch, decompressed when need be.
//!
//! | field | |
//! |---|---|
//! | length | varint, bytes after it |
//! | attributes | `i8`, unused |
//! | timestamp delta | varint, ms from the batch's base timestamp |
//! | offset delta | varint, from the batch's base offset |
//! | key | varint length or -1, bytes |
//! | value | varint length or -1, bytes |
//! | headers | varint count; each: key (varint length, bytes), value (varint length or -1, bytes) |
//!
//! All varints are zig-zag folded. Headers keep their order, and a key may come twice.

use bytes::Bytes;

use super::{BatchError, BatchHeader, Compression, HEADER_SIZE, TimestampType};
use crate::varint;

/// Most headers that room is made for before any of them was read.
const INITIAL_HEADERS: usize = 64;

/// One record, its bytes shared with the batch or with what was decompressed from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Place in the partition.
    pub offset: i64,
    /// Time in ms; the batch's max timestamp when the broker sets it.
    pub timestamp: i64,
    /// Key, if any.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order, duplicates included.
    pub headers: Vec<RecordHeader>,
}

/// One header of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordHeader {
    /// Name; UTF-8 by convention, which the wire does not enforce.
    pub key: Bytes,
    /// Value, if any.
    pub value: Option<Bytes>,
}

/// The records of one batch in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct RecordIter {
    header: BatchHeader,
    data: Bytes,
    position: usize,
    read: usize,
    count: usize,
}

impl RecordIter {
    /// Begins at the first record of the batch at the beginning of `batch`; its data is decompressed
    /// here, into at most `limit` bytes. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// What [`BatchHeader::parse`] returns, [`BatchError::Truncated`] when the batch is not whole,
    /// [`BatchError::Codec`], [`BatchError::Compression`], [`BatchError::Count`] for a negative count.
    pub fn new(batch: &Bytes, limit: usize) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(batch)?;
        let needed = header.size_in_bytes();
        if needed > batch.len() {
            return Err(BatchError::Truncated { needed, available: batch.len() });
        }
        let count = usize::try_from(header.records_count).map_err(|_| BatchError::Count {
            count: header.records_count,
            last_offset_delta: header.last_offset_delta,
        })?;
        let stored = batch.slice(HEADER_SIZE..needed);
        let data = match header.compression()? {
            Compression::None => stored,
            codec => codec.decompress(&stored, limit)?.into(),
        };
        Ok(Self { header, data, position: 0, read: 0, count })
    }

    /// Returns the header of the batch.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    fn malformed(&self) -> BatchError {
        BatchError::Record { index: self.read, position: self.position }
    }

    fn record(&mut self) -> Option<Record> {
        let length = self.length()??;
        let end = self.position.checked_add(length)?;
        if end > self.data.len() {
            return None;
        }
        self.skip(1, end)?;
        let timestamp_delta = self.varint()?;
        let offset_delta = self.varint()?;
        let key = self.bytes(end)?;
        let value = self.bytes(end)?;
        let headers = self.headers(end)?;
        if self.position != end {
            return None;
        }
        let timestamp = match self.header.timestamp_type() {
            TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.header.max_timestamp,
        };
        let offset = self.header.base_offset.wrapping_add(offset_delta);
        Some(Record { offset, timestamp, key, value, headers })
    }

    fn headers(&mut self, end: usize) -> Option<Vec<RecordHeader>> {
        // A header takes at least two bytes.
        let count = usize::try_from(self.varint()?).ok()?;
        if count > end.checked_sub(self.position)? / 2 {
            return None;
        }
        let mut headers = Vec::with_capacity(count.min(INITIAL_HEADERS));
        for _ in 0..count {
            let key = self.bytes(end)??;
            let value = self.bytes(end)?;
            headers.push(RecordHeader { key, value });
        }
        Some(headers)
    }

    fn varint(&mut self) -> Option<i64> {
        let (value, length) = varint::read_signed(&self.data[self.position..]).ok()?;
        self.position += length;
        Some(value)
    }

    /// Reads a length; the inner nothing is -1.
    fn length(&mut self) -> Option<Option<usize>> {
        match self.varint()? {
            -1 => Some(None),
            length => usize::try_from(length).ok().map(Some),
        }
    }

    fn bytes(&mut self, end: usize) -> Option<Option<Bytes>> {
        let Some(length) = self.length()? else { return Some(None) };
        let begin = self.position;
        self.skip(length, end)?;
        Some(Some(self.data.slice(begin..self.position)))
    }

    fn skip(&mut self, length: usize, end: usize) -> Option<()> {
        let position = self.position.checked_add(length)?;
        if position > end {
            return None;
        }
        self.position = position;
        Some(())
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read == self.count {
            let count = self.data.len() - self.position;
            self.position = self.data.len();
            return (count > 0).then_some(Err(BatchError::TrailingBytes { count }));
        }
        let Some(record) = self.record() else {
            let error = self.malformed();
            (self.count, self.position) = (self.read, self.data.len());
            return Some(Err(error));
        };
        self.read += 1;
        Some(Ok(record))
    }
}

/// Appends one record.
pub(crate) fn write(out: &mut bytes::BytesMut, record: &super::NewRecord<'_>, deltas: Deltas) {
    let length = body_length(record, deltas);
    // Fits: the builder has checked the size of the whole batch.
    varint::write_signed(out, signed(length));
    out.extend_from_slice(&[0]);
    varint::write_signed(out, deltas.timestamp);
    varint::write_signed(out, i64::from(deltas.offset));
    write_bytes(out, record.key);
    write_bytes(out, record.value);
    varint::write_signed(out, signed(record.headers.len()));
    for (key, value) in record.headers {
        write_bytes(out, Some(key));
        write_bytes(out, *value);
    }
}

/// How far a record is from the beginning of its batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deltas {
    /// In ms.
    pub(crate) timestamp: i64,
    /// In records.
    pub(crate) offset: i32,
}

/// Returns the size of a record in a batch.
pub(crate) fn size(record: &super::NewRecord<'_>, deltas: Deltas) -> usize {
    let length = body_length(record, deltas);
    varint::signed_length(signed(length)) + length
}

fn body_length(record: &super::NewRecord<'_>, deltas: Deltas) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|(key, value)| bytes_length(Some(key)) + bytes_length(*value))
        .sum();
    1 + varint::signed_length(deltas.timestamp)
        + varint::signed_length(i64::from(deltas.offset))
        + bytes_length(record.key)
        + bytes_length(record.value)
        + varint::signed_length(signed(record.headers.len()))
        + headers
}

fn bytes_length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::signed_length(signed(bytes.len())) + bytes.len())
}

fn write_bytes(out: &mut bytes::BytesMut, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return varint::write_signed(out, -1) };
    varint::write_signed(out, signed(bytes.len()));
    out.extend_from_slice(bytes);
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("nothing in memory is longer than i64::MAX bytes")
}
