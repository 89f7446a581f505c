//! Making record batches.

use bytes::{BufMut, Bytes, BytesMut};

use super::batch_header::{as_control, attributes, seal};
use super::record::{self, Deltas};
use super::{BatchHeader, Compression, CompressionError, HEADER_SIZE, LOG_OVERHEAD, TimestampType};

/// A record that is to be put into a batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    /// Time in ms.
    pub timestamp: i64,
    /// Key, if any.
    pub key: Option<&'a [u8]>,
    /// Value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order; a key may come twice.
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

/// Why a batch cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A batch has at least one record.
    #[error("batch without a record")]
    Empty,
    /// More bytes or records than the header's fields can say.
    #[error("batch of {size} bytes and {count} records, limit {} of each", i32::MAX)]
    TooLarge {
        /// Bytes of the batch before compression.
        size: usize,
        /// Records of the batch.
        count: usize,
    },
    /// The codec refused the records.
    #[error("compress records")]
    Compression(#[from] CompressionError),
}

/// Collects records and makes one batch of them.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    header: BatchHeader,
    compression: Compression,
    /// Room for the header, then the records.
    buffer: BytesMut,
    count: usize,
}

impl BatchBuilder {
    /// Begins a batch at offset 0, leader epoch 0, without a producer id.
    pub fn new(compression: Compression) -> Self {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: attributes(compression, TimestampType::CreateTime, false),
            last_offset_delta: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: 0,
        };
        let mut buffer = BytesMut::with_capacity(512);
        buffer.put_bytes(0, HEADER_SIZE);
        Self { header, compression, buffer, count: 0 }
    }

    /// Sets the offset of the first record.
    #[must_use]
    pub const fn base_offset(mut self, base_offset: i64) -> Self {
        self.header.base_offset = base_offset;
        self
    }

    /// Sets the epoch of the leader that appends the batch; -1 in what a client sends.
    #[must_use]
    pub const fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.header.partition_leader_epoch = leader_epoch;
        self
    }

    /// Makes the batch one of an idempotent producer; `base_sequence` numbers its first record.
    #[must_use]
    pub const fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Makes the batch part of its producer's transaction.
    #[must_use]
    pub const fn transactional(mut self) -> Self {
        self.header.attributes |= attributes(Compression::None, TimestampType::CreateTime, true);
        self
    }

    /// Makes `timestamp` (ms) the time of all records, set by the broker.
    #[must_use]
    pub const fn log_append_time(mut self, timestamp: i64) -> Self {
        self.header.attributes |=
            attributes(Compression::None, TimestampType::LogAppendTime, false);
        self.header.max_timestamp = timestamp;
        self
    }

    /// Makes the batch one of control records.
    pub(crate) const fn control(mut self) -> Self {
        self.header.attributes = as_control(self.header.attributes);
        self
    }

    /// Returns how many records were put in.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether no record was put in.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the size of the batch in bytes before compression.
    pub fn size_in_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the size in bytes before compression that the batch would have with one more record.
    pub fn size_with(&self, record: &NewRecord<'_>) -> usize {
        self.buffer.len() + record::size(record, self.deltas(record))
    }

    /// Puts a record behind the others.
    pub fn push(&mut self, record: NewRecord<'_>) {
        if self.count == 0 {
            self.header.base_timestamp = record.timestamp;
        }
        if self.header.timestamp_type() == TimestampType::CreateTime {
            self.header.max_timestamp = self.header.max_timestamp.max(record.timestamp);
        }
        let deltas = self.deltas(&record);
        record::write(&mut self.buffer, &record, deltas);
        self.count += 1;
    }

    /// Ends the batch.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(mut self) -> Result<Bytes, BuildError> {
        let too_large = BuildError::TooLarge { size: self.buffer.len(), count: self.count };
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        if i32::try_from(self.buffer.len()).is_err() {
            return Err(too_large);
        }
        if self.compression != Compression::None {
            let mut packed = Vec::with_capacity(self.buffer.len() / 2);
            self.compression.compress(&self.buffer[HEADER_SIZE..], &mut packed)?;
            self.buffer.truncate(HEADER_SIZE);
            self.buffer.put_slice(&packed);
        }
        let length = i32::try_from(self.buffer.len() - LOG_OVERHEAD);
        let (Ok(length), Ok(count)) = (length, i32::try_from(self.count)) else {
            return Err(too_large);
        };
        self.header.batch_length = length;
        self.header.records_count = count;
        self.header.last_offset_delta = count - 1;
        self.buffer[..HEADER_SIZE].copy_from_slice(&self.header.to_bytes());
        seal(&mut self.buffer);
        Ok(self.buffer.freeze())
    }

    fn deltas(&self, record: &NewRecord<'_>) -> Deltas {
        let base = if self.count == 0 { record.timestamp } else { self.header.base_timestamp };
        Deltas {
            timestamp: record.timestamp.wrapping_sub(base),
            // `build` refuses a batch of more records than fit.
            offset: i32::try_from(self.count).unwrap_or(i32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{RecordIter, verify_crc};

    #[test]
    fn records_come_back_in_order_with_duplicate_headers() {
        let headers: &[(&[u8], Option<&[u8]>)] =
            &[(b"trace", Some(b"1")), (b"\xff\xfe", None), (b"trace", Some(b"2"))];
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new(codec).base_offset(100);
            builder.push(NewRecord { timestamp: 50, key: Some(b"k"), value: Some(b"v"), headers });
            let next = NewRecord { timestamp: 40, key: Some(b""), ..NewRecord::default() };
            let expected_size = builder.size_with(&next);
            builder.push(next);
            assert_eq!(builder.size_in_bytes(), expected_size);
            let batch = builder.build().unwrap();
            verify_crc(&batch).unwrap();
            let records: Vec<_> =
                RecordIter::new(&batch, 1_000).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(records.len(), 2);
            assert_eq!((records[0].offset, records[0].timestamp), (100, 50));
            assert_eq!((records[1].offset, records[1].timestamp), (101, 40));
            let read: Vec<_> =
                records[0].headers.iter().map(|h| (&h.key[..], h.value.as_deref())).collect();
            assert_eq!(read, headers);
            assert_eq!(records[1].key.as_deref(), Some(&b""[..]));
            assert_eq!(records[1].value, None);
        }
    }

    #[test]
    fn header_says_what_the_builder_was_told() {
        let mut builder = BatchBuilder::new(Compression::Lz4)
            .base_offset(9)
            .leader_epoch(4)
            .producer(77, 2, 15)
            .transactional()
            .log_append_time(500);
        for timestamp in [10, 900] {
            builder.push(NewRecord { timestamp, ..NewRecord::default() });
        }
        let batch = builder.build().unwrap();
        let header = BatchHeader::parse(&batch).unwrap();
        assert_eq!(header.compression(), Ok(Compression::Lz4));
        assert!(header.is_transactional() && !header.is_control() && header.has_producer_id());
        assert_eq!(
            (header.producer_id, header.producer_epoch, header.last_sequence()),
            (77, 2, 16)
        );
        assert_eq!((header.base_timestamp, header.max_timestamp), (10, 500));
        header.check_counts().unwrap();
        let times: Vec<_> =
            RecordIter::new(&batch, 100).unwrap().map(|r| r.unwrap().timestamp).collect();
        assert_eq!(times, [500, 500]);
    }

    #[test]
    fn batch_without_a_record_is_refused() {
        assert_eq!(BatchBuilder::new(Compression::None).build(), Err(BuildError::Empty));
    }
}
