//! `__consumer_offsets` of this broker: the coordinator's log as a topic like any other.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;

use super::offsets_log::{LogFuture, OFFSETS_TOPIC, OffsetsLog, OffsetsLogError};
use crate::config::GroupSettings;
use crate::log::{AppendOptions, Durability, LogDirectory, Origin, Partition, ReadLimit};
use crate::metadata::{ClusterMetadata, MetadataError, NewTopic};

/// Most bytes of one read, if a single batch is not larger.
const READ_SIZE: usize = 1 << 20;

/// The topic of the coordinator's records.
#[derive(Debug)]
pub(super) struct TopicLog {
    settings: GroupSettings,
    logs: Arc<LogDirectory>,
    metadata: Arc<ClusterMetadata>,
}

/// Says how the topic of the coordinator's records is made: compacted, never by time or size.
pub(crate) fn offsets_topic(settings: &GroupSettings) -> NewTopic {
    let segment_bytes = settings.offsets_topic_segment_bytes.to_string();
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", segment_bytes),
    ];
    NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: settings.offsets_topic_partitions,
        configs: configs.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

impl TopicLog {
    pub(super) fn new(
        settings: GroupSettings,
        logs: Arc<LogDirectory>,
        metadata: Arc<ClusterMetadata>,
    ) -> Self {
        Self { settings, logs, metadata }
    }

    /// Finds a partition; the topic is made if it is not there.
    async fn partition(&self, partition: i32) -> Result<Arc<Partition>, MetadataError> {
        if let Some(found) = self.logs.partition(OFFSETS_TOPIC, partition) {
            return Ok(found);
        }
        self.metadata.ensure_topic(offsets_topic(&self.settings)).await?;
        self.logs.partition(OFFSETS_TOPIC, partition).ok_or(MetadataError::Unknown)
    }
}

impl OffsetsLog for TopicLog {
    fn partitions(&self) -> i32 {
        let topic = self.metadata.topic(OFFSETS_TOPIC);
        topic.map_or(self.settings.offsets_topic_partitions, |topic| topic.partitions)
    }

    fn used_partitions(&self) -> Vec<i32> {
        let used = |partition: &i32| {
            let found = self.logs.partition(OFFSETS_TOPIC, *partition);
            found.is_some_and(|found| found.log_end_offset() > found.log_start_offset())
        };
        (0..self.partitions()).filter(used).collect()
    }

    fn read(&self, partition: i32, offset: Option<i64>) -> LogFuture<'_, Bytes> {
        let found = self.logs.partition(OFFSETS_TOPIC, partition);
        Box::pin(async move {
            let Some(found) = found else { return Ok(Bytes::new()) };
            let read = tokio::task::spawn_blocking(move || {
                let offset = offset.unwrap_or_else(|| found.log_start_offset());
                let read = found.read(offset, READ_SIZE, ReadLimit::LogEnd)?;
                read.records.map_or(Ok(Bytes::new()), |records| records.read())
            });
            let failed =
                |source: Box<dyn Error + Send + Sync>| OffsetsLogError::Read { partition, source };
            let bytes = read.await.map_err(|interrupted| failed(interrupted.into()))?;
            bytes.map_err(|source| failed(source.into()))
        })
    }

    fn append(&self, partition: i32, batch: Bytes) -> LogFuture<'_, ()> {
        Box::pin(async move {
            let found = self.partition(partition).await;
            let found = found.map_err(|source| OffsetsLogError::Create(source.into()))?;
            let options =
                AppendOptions { origin: Origin::Internal, durability: Durability::Flushed };
            let appended = found.append(batch, options).await;
            let failed = |source: crate::log::AppendError| OffsetsLogError::Append {
                partition,
                source: source.into(),
            };
            appended.map(|_| ()).map_err(failed)
        })
    }
}
