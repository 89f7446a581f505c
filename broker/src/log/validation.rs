//! What is checked and changed in a batch before it is appended. Pure.
//!
//! Invariants: a batch passes through untouched but for its header, unless a topic setting
//! demands another codec; its records are decoded only for a setting that is about records;
//! what is returned has a right checksum.

use bytes::Bytes;
use protocol::records::{
    BatchBuilder, BatchError, BatchHeader, Batches, BuildError, HEADER_SIZE, NewRecord, RecordIter,
    TimestampType, verify_crc,
};

use super::{
    config::LogConfig,
    error::{AppendError, InvalidRecord},
    partition::Origin,
};

/// Most bytes that the records of one batch may take when decompressed.
pub(super) const DECOMPRESSED_LIMIT: usize = 256 << 20;

/// Attribute bit: the broker set the timestamp.
const LOG_APPEND_TIME: i16 = 0x08;

/// A batch ready to be given its offset and written.
#[derive(Debug)]
pub(super) struct NewBatch {
    pub header: BatchHeader,
    /// What follows the header.
    pub body: Bytes,
    /// Epoch of the coordinator, for a marker that ends a transaction.
    pub marker: Option<i32>,
}

/// Checks the bytes of one append and returns their batches.
pub(super) fn prepare(
    records: &Bytes,
    origin: Origin,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Vec<NewBatch>, AppendError> {
    match origin {
        Origin::Client => Ok(vec![from_client(records, config, now_ms)?]),
        Origin::Internal => internal(records),
    }
}

fn from_client(records: &Bytes, config: &LogConfig, now_ms: i64) -> Result<NewBatch, AppendError> {
    let header = match BatchHeader::parse(records) {
        Ok(header) => header,
        Err(BatchError::Magic { magic }) => return Err(InvalidRecord::Magic { magic }.into()),
        Err(error) => return Err(error.into()),
    };
    let size = header.size_in_bytes();
    if size < records.len() {
        let count = 1 + Batches::new(&records[size..]).count().max(1);
        return Err(InvalidRecord::NotOneBatch { count }.into());
    }
    if size > config.max_message_bytes {
        return Err(AppendError::TooLarge { size, limit: config.max_message_bytes });
    }
    verify_crc(records)?;
    check_header(&header)?;
    check_records(records, &header, config, now_ms)?;
    let mut batch = match config.compression {
        Some(codec) if codec != header.compression()? => recompress(records, codec)?,
        _ => NewBatch { header, body: records.slice(HEADER_SIZE..), marker: None },
    };
    if config.timestamp_type == TimestampType::LogAppendTime {
        set_append_time(&mut batch, now_ms);
    }
    Ok(batch)
}

fn check_header(header: &BatchHeader) -> Result<(), AppendError> {
    header.compression()?;
    if header.is_control() {
        return Err(InvalidRecord::Control.into());
    }
    if let Err(BatchError::Count { count, last_offset_delta: last_delta }) = header.check_counts() {
        return Err(InvalidRecord::Count { count, last_delta }.into());
    }
    if header.has_producer_id() && (header.producer_epoch < 0 || header.base_sequence < 0) {
        let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
        let sequence = header.base_sequence;
        return Err(InvalidRecord::Sequence { producer_id, epoch, sequence }.into());
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(AppendError::TimestampType);
    }
    Ok(())
}

/// Looks at the records one by one if a setting is about them.
fn check_records(
    records: &Bytes,
    header: &BatchHeader,
    config: &LogConfig,
    now_ms: i64,
) -> Result<(), AppendError> {
    let by_producer = config.timestamp_type == TimestampType::CreateTime;
    let earliest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(config.timestamp_after_max_ms);
    let too_new = by_producer && header.max_timestamp > latest;
    let maybe_too_old = by_producer && config.timestamp_before_max_ms != i64::MAX;
    if !(config.cleanup_policy.compact || too_new || maybe_too_old) {
        return Ok(());
    }
    for (index, record) in (0..).zip(RecordIter::new(records, DECOMPRESSED_LIMIT)?) {
        let record = record?;
        if config.cleanup_policy.compact && record.key.is_none() {
            return Err(InvalidRecord::NoKey { index }.into());
        }
        let timestamp = record.timestamp;
        if by_producer && timestamp >= 0 && !(earliest..=latest).contains(&timestamp) {
            return Err(AppendError::InvalidTimestamp { index, timestamp, earliest, latest });
        }
    }
    if too_new {
        let timestamp = header.max_timestamp;
        return Err(AppendError::InvalidTimestamp { index: 0, timestamp, earliest, latest });
    }
    Ok(())
}

fn recompress(
    records: &Bytes,
    codec: protocol::records::Compression,
) -> Result<NewBatch, AppendError> {
    let iter = RecordIter::new(records, DECOMPRESSED_LIMIT)?;
    let header = *iter.header();
    let mut builder = BatchBuilder::new(codec).producer(
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
    );
    if header.is_transactional() {
        builder = builder.transactional();
    }
    for record in iter {
        let record = record?;
        let headers: Vec<_> =
            record.headers.iter().map(|header| (&*header.key, header.value.as_deref())).collect();
        builder.push(NewRecord {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        });
    }
    let rebuilt = builder.build().map_err(|error| match error {
        BuildError::Compression(error) => AppendError::Corrupt(error.into()),
        BuildError::Empty | BuildError::TooLarge { .. } => InvalidRecord::Count {
            count: header.records_count,
            last_delta: header.last_offset_delta,
        }
        .into(),
    })?;
    let header = BatchHeader::parse(&rebuilt)?;
    Ok(NewBatch { header, body: rebuilt.slice(HEADER_SIZE..), marker: None })
}

fn set_append_time(batch: &mut NewBatch, now_ms: i64) {
    /// First byte that the checksum covers.
    const ATTRIBUTES: usize = 21;
    batch.header.attributes |= LOG_APPEND_TIME;
    batch.header.max_timestamp = now_ms;
    let head = crc32c::crc32c(&batch.header.to_bytes()[ATTRIBUTES..]);
    batch.header.crc = crc32c::crc32c_append(head, &batch.body);
}

fn internal(records: &Bytes) -> Result<Vec<NewBatch>, AppendError> {
    let mut batches = Vec::new();
    let mut start = 0;
    for batch in Batches::new(records) {
        let (header, bytes) = batch?;
        verify_crc(bytes)?;
        header.check_counts()?;
        let end = start + bytes.len();
        let marker =
            if header.is_control() { coordinator_epoch(&records.slice(start..end)) } else { None };
        batches.push(NewBatch { header, body: records.slice(start + HEADER_SIZE..end), marker });
        start = end;
    }
    let left = records.len() - start;
    if left > 0 || batches.is_empty() {
        return Err(
            BatchError::Truncated { needed: HEADER_SIZE.max(left + 1), available: left }.into()
        );
    }
    Ok(batches)
}

/// Reads the coordinator epoch from a batch if it is a marker that ends a transaction.
pub(super) fn coordinator_epoch(batch: &Bytes) -> Option<i32> {
    use protocol::records::{ControlRecord, ControlType};
    let record = RecordIter::new(batch, DECOMPRESSED_LIMIT).ok()?.next()?.ok()?;
    let control = ControlRecord::parse(&record).ok()?;
    matches!(control.kind, ControlType::Abort | ControlType::Commit)
        .then_some(control.coordinator_epoch)
}
