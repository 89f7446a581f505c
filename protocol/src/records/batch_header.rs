//! The header of a record batch, and what a broker may change in it without touching the records.
//!
//! | bytes | field | |
//! |---|---|---|
//! | 0–7 | base offset `i64` | not covered by the checksum |
//! | 8–11 | batch length `i32` | bytes after this field |
//! | 12–15 | partition leader epoch `i32` | not covered by the checksum |
//! | 16 | magic `i8` | 2 |
//! | 17–20 | checksum `u32` | CRC-32C of all bytes from 21 on |
//! | 21–22 | attributes `i16` | bits 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon |
//! | 23–26 | last offset delta `i32` | |
//! | 27–34 | base timestamp `i64` | ms; the delete horizon if bit 6 is set |
//! | 35–42 | max timestamp `i64` | ms |
//! | 43–50 | producer id `i64` | -1 is none |
//! | 51–52 | producer epoch `i16` | -1 is none |
//! | 53–56 | base sequence `i32` | -1 is none |
//! | 57–60 | records count `i32` | |
//!
//! All integers are big-endian. Source: Kafka's documentation, "Record Batch" (KIP-98).

use crate::records::Compression;

/// Size of a batch without its records.
pub const HEADER_SIZE: usize = 61;
/// Size of the two fields before the bytes that the batch length counts.
pub const LOG_OVERHEAD: usize = 12;

const LEADER_EPOCH: usize = 12;
const MAGIC: usize = 16;
const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
const MAX_TIMESTAMP: usize = 35;
const CURRENT_MAGIC: i8 = 2;
const SMALLEST_BATCH_LENGTH: i32 = 49;

const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// Why bytes are not a record batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("batch of {needed} bytes, {available} there")]
    Truncated {
        /// Bytes that the batch takes, at least.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A batch length that not even the header fits in.
    #[error("batch length {length}, the header alone takes {SMALLEST_BATCH_LENGTH}")]
    Length {
        /// What was read.
        length: i32,
    },
    /// A format version other than 2.
    #[error("batch of format version {magic}, expected 2")]
    Magic {
        /// What was read.
        magic: i8,
    },
    /// A checksum that the content does not have.
    #[error("checksum {stored:#010x}, content has {computed:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the content has.
        computed: u32,
    },
    /// A codec that does not exist.
    #[error("codec {codec} is not known")]
    Codec {
        /// Bits 0 to 2 of the attributes.
        codec: i16,
    },
    /// Counts of records that contradict each other, or are negative.
    #[error("{count} records, last offset delta {last_offset_delta}")]
    Count {
        /// Records according to the header.
        count: i32,
        /// Highest offset delta according to the header.
        last_offset_delta: i32,
    },
    /// A record that does not fit its place.
    #[error("record {index} is malformed at byte {position} of the record data")]
    Record {
        /// Place of the record in its batch, from 0.
        index: usize,
        /// Where reading stopped.
        position: usize,
    },
    /// Bytes after the last record.
    #[error("{count} bytes follow the last record")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// Record data that does not decompress.
    #[error("decompress records")]
    Compression(#[from] super::CompressionError),
}

/// Who set the timestamps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer, one for each record.
    CreateTime,
    /// The broker, one for the whole batch: its max timestamp.
    LogAppendTime,
}

/// The header fields of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record that the batch was made with.
    pub base_offset: i64,
    /// Bytes after this field: the whole batch less 12.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: i32,
    /// Format version: 2.
    pub magic: i8,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// Codec and flags, see the accessors.
    pub attributes: i16,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// Timestamp in ms that the records' deltas start from; the delete horizon if one is set.
    pub base_timestamp: i64,
    /// Highest timestamp in ms.
    pub max_timestamp: i64,
    /// Idempotent producer that made the batch, or -1.
    pub producer_id: i64,
    /// Epoch of that producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// How many records the batch holds.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the beginning of `bytes`, which may hold less or more than the batch.
    ///
    /// # Errors
    ///
    /// [`BatchError::Truncated`], [`BatchError::Magic`], [`BatchError::Length`]. The checksum and the
    /// counts are not looked at, see [`verify_crc`] and [`BatchHeader::check_counts`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(BatchError::Truncated { needed: HEADER_SIZE, available: bytes.len() });
        };
        let magic = header[MAGIC].cast_signed();
        if magic != CURRENT_MAGIC {
            return Err(BatchError::Magic { magic });
        }
        let batch_length = i32::from_be_bytes(chunk(header, 8));
        if batch_length < SMALLEST_BATCH_LENGTH {
            return Err(BatchError::Length { length: batch_length });
        }
        Ok(Self {
            base_offset: i64::from_be_bytes(chunk(header, 0)),
            batch_length,
            partition_leader_epoch: i32::from_be_bytes(chunk(header, LEADER_EPOCH)),
            magic,
            crc: u32::from_be_bytes(chunk(header, CRC)),
            attributes: i16::from_be_bytes(chunk(header, ATTRIBUTES)),
            last_offset_delta: i32::from_be_bytes(chunk(header, 23)),
            base_timestamp: i64::from_be_bytes(chunk(header, 27)),
            max_timestamp: i64::from_be_bytes(chunk(header, MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(chunk(header, 43)),
            producer_epoch: i16::from_be_bytes(chunk(header, 51)),
            base_sequence: i32::from_be_bytes(chunk(header, 53)),
            records_count: i32::from_be_bytes(chunk(header, 57)),
        })
    }

    /// Returns the header as bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes[MAGIC] = self.magic.cast_unsigned();
        bytes[17..21].copy_from_slice(&self.crc.to_be_bytes());
        bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..].copy_from_slice(&self.records_count.to_be_bytes());
        bytes
    }

    /// Returns the size of the whole batch in bytes.
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Returns the offset of the last record that the batch was made with.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// Returns the offset that follows the batch.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Returns the sequence number of the last record, or -1; sequences wrap to 0 after `i32::MAX`.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        match self.base_sequence.checked_add(self.last_offset_delta) {
            Some(last) => last,
            None => self.base_sequence.wrapping_add(self.last_offset_delta).wrapping_sub(i32::MIN),
        }
    }

    /// Returns how the records are compressed.
    ///
    /// # Errors
    ///
    /// [`BatchError::Codec`].
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let codec = self.attributes & CODEC_MASK;
        Compression::from_code(codec).ok_or(BatchError::Codec { codec })
    }

    /// Returns who set the timestamps.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record instead of data.
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether an idempotent producer made the batch.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// Returns when its tombstones may be removed (ms), once the cleaner has set that.
    pub const fn delete_horizon(&self) -> Option<i64> {
        if self.attributes & DELETE_HORIZON == 0 { None } else { Some(self.base_timestamp) }
    }

    /// Checks that the count of records is positive and one above the last offset delta, as every
    /// batch of a producer has it. A compacted batch may hold fewer records.
    ///
    /// # Errors
    ///
    /// [`BatchError::Count`].
    pub const fn check_counts(&self) -> Result<(), BatchError> {
        let (count, last_offset_delta) = (self.records_count, self.last_offset_delta);
        if count > 0 && last_offset_delta == count - 1 {
            return Ok(());
        }
        Err(BatchError::Count { count, last_offset_delta })
    }
}

/// Computes the checksum of the batch at the beginning of `bytes` and compares it with the stored one.
///
/// # Errors
///
/// [`BatchError::Crc`], and what [`BatchHeader::parse`] returns; [`BatchError::Truncated`] when the
/// batch is not whole.
pub fn verify_crc(bytes: &[u8]) -> Result<(), BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let needed = header.size_in_bytes();
    let Some(batch) = bytes.get(..needed) else {
        return Err(BatchError::Truncated { needed, available: bytes.len() });
    };
    let computed = crc32c::crc32c(&batch[ATTRIBUTES..]);
    if computed == header.crc {
        return Ok(());
    }
    Err(BatchError::Crc { stored: header.crc, computed })
}

/// Sets the base offset of the batch at the beginning of `batch`; the checksum does not cover it.
///
/// # Errors
///
/// [`BatchError::Truncated`] when not even the header is there.
pub fn patch_base_offset(batch: &mut [u8], base_offset: i64) -> Result<(), BatchError> {
    whole_header(batch)?[..8].copy_from_slice(&base_offset.to_be_bytes());
    Ok(())
}

/// Sets the leader epoch of the batch at the beginning of `batch`; the checksum does not cover it.
///
/// # Errors
///
/// [`BatchError::Truncated`] when not even the header is there.
pub fn patch_leader_epoch(batch: &mut [u8], leader_epoch: i32) -> Result<(), BatchError> {
    whole_header(batch)?[LEADER_EPOCH..MAGIC].copy_from_slice(&leader_epoch.to_be_bytes());
    Ok(())
}

/// Makes `timestamp` (ms) the time of all records of the batch at the beginning of `batch`, and
/// computes the checksum anew.
///
/// # Errors
///
/// What [`BatchHeader::parse`] returns; [`BatchError::Truncated`] when the batch is not whole.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) -> Result<(), BatchError> {
    let mut header = BatchHeader::parse(batch)?;
    let needed = header.size_in_bytes();
    if needed > batch.len() {
        return Err(BatchError::Truncated { needed, available: batch.len() });
    }
    header.attributes |= LOG_APPEND_TIME;
    header.max_timestamp = timestamp;
    batch[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    seal(&mut batch[..needed]);
    Ok(())
}

/// Writes the checksum of a whole batch into its header.
pub(crate) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES..]);
    batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}

/// Returns the attribute bits of these properties.
pub(crate) const fn attributes(
    compression: Compression,
    timestamp_type: TimestampType,
    is_transactional: bool,
) -> i16 {
    let mut attributes = compression.code();
    if matches!(timestamp_type, TimestampType::LogAppendTime) {
        attributes |= LOG_APPEND_TIME;
    }
    if is_transactional {
        attributes |= TRANSACTIONAL;
    }
    attributes
}

/// Marks attribute bits as those of a control batch.
pub(crate) const fn as_control(attributes: i16) -> i16 {
    attributes | CONTROL
}

fn whole_header(batch: &mut [u8]) -> Result<&mut [u8; HEADER_SIZE], BatchError> {
    let available = batch.len();
    batch.first_chunk_mut().ok_or(BatchError::Truncated { needed: HEADER_SIZE, available })
}

fn chunk<const N: usize>(header: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, NewRecord};

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None).base_offset(40).leader_epoch(3);
        for value in [&b"a"[..], b"bc"] {
            builder.push(NewRecord {
                timestamp: 1_000,
                value: Some(value),
                ..NewRecord::default()
            });
        }
        builder.build().unwrap().to_vec()
    }

    #[test]
    fn patched_fields_keep_the_checksum_valid() {
        let mut bytes = batch();
        patch_base_offset(&mut bytes, 7_000).unwrap();
        patch_leader_epoch(&mut bytes, 12).unwrap();
        verify_crc(&bytes).unwrap();
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!(
            (header.base_offset, header.last_offset(), header.next_offset()),
            (7_000, 7_001, 7_002)
        );
        assert_eq!(header.partition_leader_epoch, 12);
        assert_eq!(header.size_in_bytes(), bytes.len());
        assert_eq!(header.to_bytes(), bytes[..HEADER_SIZE]);
    }

    #[test]
    fn log_append_time_changes_type_timestamp_and_checksum() {
        let mut bytes = batch();
        let before = BatchHeader::parse(&bytes).unwrap();
        set_log_append_time(&mut bytes, 9_999).unwrap();
        verify_crc(&bytes).unwrap();
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!((header.base_timestamp, header.max_timestamp), (1_000, 9_999));
        assert_ne!(header.crc, before.crc);
    }

    #[test]
    fn any_changed_byte_under_the_checksum_is_found() {
        let bytes = batch();
        for at in ATTRIBUTES..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(matches!(verify_crc(&damaged), Err(BatchError::Crc { .. })), "byte {at}");
        }
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut Vec<u8>), expected: BatchError) {
        let mut bytes = batch();
        change(&mut bytes);
        assert_eq!(verify_crc(&bytes), Err(expected));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let size = batch().len();
        check_refused(|b| b[MAGIC] = 1, BatchError::Magic { magic: 1 });
        check_refused(
            |b| b[8..12].copy_from_slice(&[0, 0, 0, 48]),
            BatchError::Length { length: 48 },
        );
        check_refused(|b| b.truncate(60), BatchError::Truncated { needed: 61, available: 60 });
        check_refused(
            |b| {
                b.pop();
            },
            BatchError::Truncated { needed: size, available: size - 1 },
        );
    }

    #[test]
    fn sequence_wraps_to_zero() {
        let mut header = BatchHeader::parse(&batch()).unwrap();
        assert_eq!(header.last_sequence(), -1);
        (header.base_sequence, header.last_offset_delta) = (i32::MAX - 1, 3);
        assert_eq!(header.last_sequence(), 1);
    }
}
