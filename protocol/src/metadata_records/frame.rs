//! A metadata record in its frame.
//!
//! | field | |
//! |---|---|
//! | frame version | unsigned varint, 1 |
//! | record type | unsigned varint |
//! | record version | unsigned varint |
//! | fields | by type and version |
//!
//! The frame is the value of a record in a batch; the key is null.

use bytes::Bytes;

use super::schemas::{
    ConfigRecord, FeatureLevelRecord, NoOpRecord, PartitionChangeRecord, PartitionRecord,
    ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord,
};
use crate::{DecodeError, Decoder, EncodeError, Encoder, Message};

const FRAME_VERSION: u32 = 1;

/// Why bytes are not a metadata record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataRecordError {
    /// A frame of a later Kafka.
    #[error("frame version {version}, expected {FRAME_VERSION}")]
    FrameVersion {
        /// What was read.
        version: u32,
    },
    /// A kind of record that is not defined here.
    #[error("record type {record_type} is not known")]
    UnknownType {
        /// What was read.
        record_type: u32,
    },
    /// A record that its version does not describe.
    #[error("record type {record_type} of version {version}")]
    Malformed {
        /// The record's type.
        record_type: u32,
        /// The record's version.
        version: u32,
        /// What is wrong.
        source: DecodeError,
    },
    /// A frame that ends before its record begins.
    #[error("frame of a metadata record")]
    Frame(#[from] DecodeError),
}

macro_rules! records {
    ($($variant:ident($record:ident) = $code:literal, $doc:literal;)*) => {
        /// One change of the cluster metadata.
        #[derive(Debug, Clone, PartialEq)]
        pub enum MetadataRecord {
            $(#[doc = $doc] $variant($record),)*
        }

        $(
            impl From<$record> for MetadataRecord {
                fn from(record: $record) -> Self {
                    Self::$variant(record)
                }
            }
        )*

        impl MetadataRecord {
            /// Returns the number of the record's type on the wire.
            pub const fn record_type(&self) -> u32 {
                match self {
                    $(Self::$variant(_) => $code,)*
                }
            }

            fn encode_fields(&self, e: &mut Encoder, version: i16) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant(record) => record.encode(e, version),)*
                }
            }

            fn highest_version(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => *$record::VERSIONS.end(),)*
                }
            }

            fn decode_fields(
                d: &mut Decoder,
                record_type: u32,
                version: i16,
            ) -> Option<Result<Self, DecodeError>> {
                match record_type {
                    $($code => Some($record::decode(d, version).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }
    };
}

records! {
    Topic(TopicRecord) = 2, "A topic was made.";
    Partition(PartitionRecord) = 3, "A partition was made.";
    Config(ConfigRecord) = 4, "A setting was set or removed.";
    PartitionChange(PartitionChangeRecord) = 5, "A partition was changed.";
    RemoveTopic(RemoveTopicRecord) = 9, "A topic was removed.";
    FeatureLevel(FeatureLevelRecord) = 12, "The level of a feature was set.";
    ProducerIds(ProducerIdsRecord) = 15, "A block of producer ids was given to a broker.";
    NoOp(NoOpRecord) = 20, "Nothing happened.";
    RegisterBroker(RegisterBrokerRecord) = 27, "A broker has registered.";
}

impl MetadataRecord {
    /// Writes the record in its frame, in the lowest version that says all of it where versions
    /// differ in meaning, else in the highest.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when a value does not fit its field.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let version = self.version();
        let mut e = Encoder::new();
        e.write_uvarint(FRAME_VERSION);
        e.write_uvarint(self.record_type());
        e.write_uvarint(u32::from(version.unsigned_abs()));
        self.encode_fields(&mut e, version)?;
        e.finish()?.into_bytes()
    }

    /// Reads a record in its frame.
    ///
    /// # Errors
    ///
    /// [`MetadataRecordError`].
    pub fn decode(frame: Bytes) -> Result<Self, MetadataRecordError> {
        let mut d = Decoder::new(frame);
        let frame_version = d.read_uvarint()?;
        if frame_version != FRAME_VERSION {
            return Err(MetadataRecordError::FrameVersion { version: frame_version });
        }
        let record_type = d.read_uvarint()?;
        let version = d.read_uvarint()?;
        // A version beyond 16 bits exists as little as the highest of them.
        let number = i16::try_from(version).unwrap_or(i16::MAX);
        let record = Self::decode_fields(&mut d, record_type, number)
            .ok_or(MetadataRecordError::UnknownType { record_type })?;
        record
            .and_then(|record| d.expect_end().map(|()| record))
            .map_err(|source| MetadataRecordError::Malformed { record_type, version, source })
    }

    fn version(&self) -> i16 {
        match self {
            // From version 1 on, Kafka expects one directory for each replica.
            Self::Partition(PartitionRecord {
                directories,
                eligible_leader_replicas: None,
                last_known_elr: None,
                ..
            }) => i16::from(!directories.is_empty()),
            other => other.highest_version(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uuid;

    #[track_caller]
    fn check(record: impl Into<MetadataRecord>, bytes: &[u8]) {
        let record = record.into();
        assert_eq!(record.encode().unwrap(), bytes);
        assert_eq!(MetadataRecord::decode(Bytes::copy_from_slice(bytes)), Ok(record));
    }

    #[test]
    fn topic_stands_behind_frame_version_type_and_version() {
        let topic = TopicRecord { name: "foo".to_owned(), topic_id: Uuid([7; 16]) };
        let mut expected = vec![1, 2, 0, 4, b'f', b'o', b'o'];
        expected.extend([7; 16]);
        expected.push(0);
        check(topic, &expected);
    }

    #[test]
    fn removed_setting_has_no_value() {
        let setting = ConfigRecord {
            resource_type: 2,
            resource_name: "t".to_owned(),
            name: "k".to_owned(),
            value: None,
        };
        check(setting, &[1, 4, 0, 2, 2, b't', 2, b'k', 0, 0]);
    }

    #[test]
    fn partition_is_written_in_the_lowest_version_that_says_all_of_it() {
        let plain = PartitionRecord { replicas: vec![1], isr: vec![1], ..Default::default() };
        let with_directories =
            PartitionRecord { directories: vec![Uuid([1; 16])], ..plain.clone() };
        let with_elr =
            PartitionRecord { eligible_leader_replicas: Some(vec![2]), ..with_directories.clone() };
        for (record, version) in [(plain, 0), (with_directories, 1), (with_elr, 2)] {
            let record = MetadataRecord::Partition(record);
            let frame = record.encode().unwrap();
            assert_eq!(frame[..3], [1, 3, version]);
            assert_eq!(MetadataRecord::decode(frame), Ok(record));
        }
    }

    #[track_caller]
    fn check_refused(bytes: &'static [u8], expected: MetadataRecordError) {
        assert_eq!(MetadataRecord::decode(Bytes::from_static(bytes)), Err(expected));
    }

    #[test]
    fn frames_of_another_kind_are_refused() {
        check_refused(&[2, 2, 0], MetadataRecordError::FrameVersion { version: 2 });
        check_refused(&[1, 99, 0], MetadataRecordError::UnknownType { record_type: 99 });
        let source = DecodeError::UnsupportedVersion { message: "RemoveTopicRecord", version: 3 };
        check_refused(
            &[1, 9, 3],
            MetadataRecordError::Malformed { record_type: 9, version: 3, source },
        );
        let source = DecodeError::TrailingBytes { count: 1 };
        check_refused(
            &[1, 20, 0, 0, 0],
            MetadataRecordError::Malformed { record_type: 20, version: 0, source },
        );
        let truncated = DecodeError::Truncated { position: 0, needed: 1, remaining: 0 };
        check_refused(&[], MetadataRecordError::Frame(truncated));
    }
}
