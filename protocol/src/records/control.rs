//! Control records: markers that the broker itself puts into a log.
//!
//! | part | content |
//! |---|---|
//! | key | version `i16` (0), type `i16` |
//! | value of an end-of-transaction marker | version `i16` (0), coordinator epoch `i32` |
//!
//! Source: KIP-98; the other types are KRaft's (KIP-595, KIP-630, KIP-853).

use bytes::Bytes;

use super::{BatchBuilder, BuildError, Compression, NewRecord, Record};

const VERSION: i16 = 0;

/// What a control record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// A transaction was aborted.
    Abort,
    /// A transaction was committed.
    Commit,
    /// A Raft leader was elected.
    LeaderChange,
    /// The beginning of a metadata snapshot.
    SnapshotHeader,
    /// The end of a metadata snapshot.
    SnapshotFooter,
    /// The protocol version of a Raft quorum.
    KRaftVersion,
    /// The voters of a Raft quorum.
    KRaftVoters,
}

/// Why a record of a control batch is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A key or value that is absent or too short.
    #[error("control record at offset {offset} is too short")]
    TooShort {
        /// Place of the record.
        offset: i64,
    },
    /// A type that does not exist.
    #[error("control record at offset {offset} has the type {code}")]
    UnknownType {
        /// Place of the record.
        offset: i64,
        /// What was read.
        code: i16,
    },
}

/// A control record, as far as a partition's log needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRecord {
    /// What it is about.
    pub kind: ControlType,
    /// Epoch of the transaction coordinator that ended the transaction; 0 for other types.
    pub coordinator_epoch: i32,
}

impl ControlType {
    /// Returns the number on the wire.
    pub const fn code(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
        }
    }

    /// Returns the type of that number.
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Abort),
            1 => Some(Self::Commit),
            2 => Some(Self::LeaderChange),
            3 => Some(Self::SnapshotHeader),
            4 => Some(Self::SnapshotFooter),
            5 => Some(Self::KRaftVersion),
            6 => Some(Self::KRaftVoters),
            _ => None,
        }
    }
}

impl ControlRecord {
    /// Reads a record of a control batch.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub fn parse(record: &Record) -> Result<Self, ControlError> {
        let offset = record.offset;
        let too_short = ControlError::TooShort { offset };
        let key = record.key.as_deref().ok_or_else(|| too_short.clone())?;
        let code = key.get(2..).and_then(<[u8]>::first_chunk).ok_or_else(|| too_short.clone())?;
        let code = i16::from_be_bytes(*code);
        let kind =
            ControlType::from_code(code).ok_or(ControlError::UnknownType { offset, code })?;
        if !matches!(kind, ControlType::Abort | ControlType::Commit) {
            return Ok(Self { kind, coordinator_epoch: 0 });
        }
        let value = record.value.as_deref().ok_or_else(|| too_short.clone())?;
        let epoch = value.get(2..).and_then(<[u8]>::first_chunk).ok_or(too_short)?;
        Ok(Self { kind, coordinator_epoch: i32::from_be_bytes(*epoch) })
    }

    /// Makes the batch that ends a transaction of the producer, at offset 0.
    ///
    /// # Errors
    ///
    /// None in practice: the batch has one small record.
    pub fn batch(self, producer: (i64, i16), timestamp: i64) -> Result<Bytes, BuildError> {
        let mut key = VERSION.to_be_bytes().to_vec();
        key.extend(self.kind.code().to_be_bytes());
        let mut value = VERSION.to_be_bytes().to_vec();
        value.extend(self.coordinator_epoch.to_be_bytes());
        let (id, epoch) = producer;
        let mut builder =
            BatchBuilder::new(Compression::None).producer(id, epoch, -1).transactional().control();
        builder.push(NewRecord { timestamp, key: Some(&key), value: Some(&value), headers: &[] });
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchHeader, RecordIter};

    #[test]
    fn marker_is_read_back_from_its_batch() {
        for kind in [ControlType::Abort, ControlType::Commit] {
            let marker = ControlRecord { kind, coordinator_epoch: 6 };
            let batch = marker.batch((44, 3), 1_234).unwrap();
            let header = BatchHeader::parse(&batch).unwrap();
            assert!(header.is_control() && header.is_transactional());
            assert_eq!((header.producer_id, header.producer_epoch), (44, 3));
            assert_eq!(header.base_sequence, -1);
            let record = RecordIter::new(&batch, 100).unwrap().next().unwrap().unwrap();
            assert_eq!(ControlRecord::parse(&record), Ok(marker));
        }
    }

    #[test]
    fn malformed_control_records_are_refused() {
        let key = |bytes: &'static [u8]| Record {
            offset: 8,
            key: Some(Bytes::from_static(bytes)),
            ..Record::default()
        };
        let too_short = Err(ControlError::TooShort { offset: 8 });
        assert_eq!(ControlRecord::parse(&key(&[0, 0, 1])), too_short);
        assert_eq!(ControlRecord::parse(&key(&[0, 0, 0, 1])), too_short);
        let unknown = Err(ControlError::UnknownType { offset: 8, code: 9 });
        assert_eq!(ControlRecord::parse(&key(&[0, 0, 0, 9])), unknown);
    }
}
