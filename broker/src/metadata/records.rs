//! From changes to batches of the metadata log, and back.

use bytes::Bytes;
use protocol::metadata_records::{
    ConfigRecord, MetadataRecord, MetadataRecordError, PartitionRecord, TopicRecord,
};
use protocol::records::{
    BatchBuilder, BatchError, Batches, BuildError, Compression, NewRecord, RecordIter,
};
use protocol::{EncodeError, Uuid};

use super::cluster::NewTopic;
use super::image::LEADER_EPOCH;

/// The number of topics among the kinds of things that have settings.
pub(super) const TOPIC_RESOURCE: i8 = 2;

/// Largest batch of the metadata log once it is decompressed.
const MAX_BATCH_BYTES: usize = 64 * 1024 * 1024;

/// Why a record of the metadata log cannot be written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// A value does not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The records do not fit into a batch.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A batch is damaged.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A record is not understood.
    #[error(transparent)]
    Decode(#[from] MetadataRecordError),
    /// A record has no content.
    #[error("record without a value")]
    NoValue,
}

/// What makes a topic: itself, its partitions, its settings.
pub(super) fn of_new_topic(topic: &NewTopic, topic_id: Uuid, node_id: i32) -> Vec<MetadataRecord> {
    let mut records: Vec<MetadataRecord> =
        vec![TopicRecord { name: topic.name.clone(), topic_id }.into()];
    records.extend((0..topic.partitions).map(|partition_id| {
        MetadataRecord::from(PartitionRecord {
            partition_id,
            topic_id,
            replicas: vec![node_id],
            isr: vec![node_id],
            leader: node_id,
            leader_epoch: LEADER_EPOCH,
            partition_epoch: 0,
            ..PartitionRecord::default()
        })
    }));
    records.extend(topic.configs.iter().map(|(name, value)| {
        MetadataRecord::from(ConfigRecord {
            resource_type: TOPIC_RESOURCE,
            resource_name: topic.name.clone(),
            name: name.clone(),
            value: Some(value.clone()),
        })
    }));
    records
}

/// One batch of records, so that they are there together or not at all.
pub(super) fn batch(records: &[MetadataRecord], now_ms: i64) -> Result<Bytes, RecordError> {
    let mut builder = BatchBuilder::new(Compression::None).leader_epoch(LEADER_EPOCH);
    for record in records {
        let value = record.encode()?;
        builder.push(NewRecord { timestamp: now_ms, value: Some(&value), ..NewRecord::default() });
    }
    Ok(builder.build()?)
}

/// Hands every record of some batches over, in order; the offset after the last one.
pub(super) fn read(
    bytes: &Bytes,
    mut take: impl FnMut(&MetadataRecord),
) -> Result<Option<i64>, RecordError> {
    let mut next = None;
    for batch in Batches::new(bytes) {
        let (header, batch) = batch?;
        next = Some(header.next_offset());
        if header.is_control() {
            continue;
        }
        for record in RecordIter::new(&bytes.slice_ref(batch), MAX_BATCH_BYTES)? {
            let value = record?.value.ok_or(RecordError::NoValue)?;
            take(&MetadataRecord::decode(value)?);
        }
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let topic = NewTopic {
            name: "t".to_owned(),
            partitions: 2,
            configs: [("retention.ms".to_owned(), "5".to_owned())].into(),
        };
        let records = of_new_topic(&topic, Uuid([3; 16]), 1);
        assert_eq!(records.len(), 4);
        let mut read_back = Vec::new();
        let bytes = batch(&records, 7).unwrap();
        let next = read(&bytes, |record| read_back.push(record.clone())).unwrap();
        assert_eq!(read_back, records);
        assert_eq!(next, Some(4));
    }

    #[test]
    fn a_damaged_record_is_an_error() {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.push(NewRecord { value: Some(&[9, 9, 9]), ..NewRecord::default() });
        let bytes = builder.build().unwrap();
        assert!(matches!(read(&bytes, |_| ()), Err(RecordError::Decode(_))));
    }
}
