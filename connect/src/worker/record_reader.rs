//! From Kafka to sink records: headers, key and value of a batch are converted.
//!
//! Topic names are shared between records; what cannot be converted goes to error handling with
//! its original bytes.

use std::fmt;
use std::sync::Arc;

use client::{Batch, Record, TopicPartition};
use connect_api::convert::RawHeader;
use connect_api::{ConnectError, Header, Result, SinkRecord, TimestampType};

use super::converters::Converters;
use super::dead_letter::{DeadLetter, DeadLetterQueue};
use super::error_handling::{ErrorHandling, Failure, Stage};
use super::sink_context::Report;

/// A stretch of records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the first record.
    pub first: i64,
    /// Offset behind the last record.
    pub next: i64,
}

/// Records ready for `put`, and how far they reach in each partition.
#[derive(Debug, Default)]
pub struct ReadBatch {
    /// The records, in order.
    pub records: Vec<SinkRecord>,
    /// What they cover, skipped records included.
    pub stretches: Vec<Stretch>,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl ReadBatch {
    /// Empties it for the next batch; memory is kept.
    pub fn clear(&mut self) {
        self.records.clear();
        self.stretches.clear();
        self.bytes = 0;
    }

    /// Drops what belongs to partitions that went away.
    pub fn remove(&mut self, partitions: &[TopicPartition]) {
        self.stretches.retain(|stretch| !partitions.contains(&stretch.partition));
        let gone = |record: &SinkRecord| {
            partitions.iter().any(|partition| {
                partition.partition == record.partition && partition.topic == record.original_topic
            })
        };
        self.records.retain(|record| !gone(record));
    }
}

/// The way of one sink task's records from Kafka.
pub struct RecordReader {
    converters: Converters,
    errors: ErrorHandling,
    dead_letters: Option<DeadLetterQueue>,
    topic: Arc<str>,
}

impl RecordReader {
    /// Makes a reader.
    #[must_use]
    pub fn new(
        converters: Converters,
        errors: ErrorHandling,
        dead_letters: Option<DeadLetterQueue>,
    ) -> Self {
        Self { converters, errors, dead_letters, topic: Arc::from("") }
    }

    /// The dead letter queue, if there is one.
    #[must_use]
    pub fn dead_letters(&self) -> Option<&DeadLetterQueue> {
        self.dead_letters.as_ref()
    }

    /// Converts a batch into `out`, which is emptied first.
    ///
    /// # Errors
    ///
    /// A record cannot be converted and errors are not tolerated.
    pub fn read(&mut self, batch: &Batch, out: &mut ReadBatch) -> Result<()> {
        out.clear();
        out.records.reserve(batch.len());
        for record in batch.iter() {
            self.cover(&record, &mut out.stretches);
            let size = record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len);
            out.bytes += u64::try_from(size).unwrap_or(u64::MAX);
            match self.convert(&record) {
                Ok(converted) => out.records.push(converted),
                Err(failure) if self.errors.is_interrupted(&failure.error) => {
                    // The whole batch is read again.
                    out.clear();
                    return Ok(());
                }
                Err(mut failure) => self.skip(&record, &mut failure)?,
            }
        }
        Ok(())
    }

    /// Hands records that the sink reported to the dead letter queue, original bytes if they are
    /// still at hand.
    ///
    /// # Errors
    ///
    /// The dead letter queue does not take one.
    pub fn bury(&mut self, reports: Vec<Report>, batch: &Batch) -> Result<()> {
        for (record, error) in reports {
            let class = "sink task".into();
            let mut failure = Failure { stage: Stage::TaskPut, class, error };
            self.errors.tolerate(&mut failure, &SinkPlace(&record))?;
            let Some(queue) = &self.dead_letters else { continue };
            let same = |read: &Record<'_>| {
                read.offset() == record.offset
                    && read.partition() == record.partition
                    && read.topic() == &*record.original_topic
            };
            match batch.iter().find(same) {
                Some(read) => queue.send(&DeadLetter::of(&read), &failure)?,
                None => bury_converted(&mut self.converters, queue, &record, &failure)?,
            }
        }
        Ok(())
    }

    /// Notes that a record was read, converted or not.
    fn cover(&mut self, record: &Record<'_>, stretches: &mut Vec<Stretch>) {
        let topic = record.topic();
        if *self.topic != *topic {
            self.topic = Arc::from(topic);
        }
        let next = record.offset() + 1;
        if let Some(last) = stretches.last_mut()
            && last.partition.partition == record.partition()
            && last.partition.topic == self.topic
        {
            last.next = next;
            return;
        }
        let partition =
            TopicPartition { topic: Arc::clone(&self.topic), partition: record.partition() };
        stretches.push(Stretch { partition, first: record.offset(), next });
    }

    fn convert(&mut self, record: &Record<'_>) -> Result<SinkRecord, Failure> {
        let topic = &*self.topic;
        let Converters { key, value, header } = &mut self.converters;
        let failed = |stage, class: &Arc<str>, error| {
            let class = Arc::clone(class);
            Failure { stage, class, error }
        };
        let mut raw = Vec::new();
        let mut headers = Vec::new();
        for (name, bytes) in record.headers() {
            let name: Arc<str> = name.into();
            let (schema, value) = self
                .errors
                .retrying(|| header.converter.to_connect_header(topic, &name, bytes))
                .map_err(|error| failed(Stage::HeaderConverter, &header.class, error))?;
            raw.push(RawHeader { key: Arc::clone(&name), value: bytes.map(<[u8]>::to_vec) });
            headers.push(Header { key: name, schema, value });
        }
        let (key_schema, key_value) = self
            .errors
            .retrying(|| key.converter.to_connect(topic, &raw, record.key()))
            .map_err(|error| failed(Stage::KeyConverter, &key.class, error))?;
        let (value_schema, value_value) = self
            .errors
            .retrying(|| value.converter.to_connect(topic, &raw, record.value()))
            .map_err(|error| failed(Stage::ValueConverter, &value.class, error))?;
        let (timestamp, timestamp_type) = timestamp(record);
        Ok(SinkRecord {
            topic: Arc::clone(&self.topic),
            partition: record.partition(),
            key_schema,
            key: key_value,
            value_schema,
            value: value_value,
            timestamp,
            timestamp_type,
            headers,
            offset: record.offset(),
            original_topic: Arc::clone(&self.topic),
        })
    }

    fn skip(&self, record: &Record<'_>, failure: &mut Failure) -> Result<()> {
        self.errors.tolerate(failure, &Place(record))?;
        match &self.dead_letters {
            Some(queue) => queue.send(&DeadLetter::of(record), failure),
            None => Ok(()),
        }
    }
}

/// Queues a record whose original bytes are gone, converted back.
fn bury_converted(
    converters: &mut Converters,
    queue: &DeadLetterQueue,
    record: &SinkRecord,
    failure: &Failure,
) -> Result<()> {
    let mut headers = Vec::new();
    let topic = &*record.original_topic;
    let key = converters.key.converter.from_connect(
        topic,
        &mut headers,
        record.key_schema.as_ref(),
        &record.key,
    )?;
    let value = converters.value.converter.from_connect(
        topic,
        &mut headers,
        record.value_schema.as_ref(),
        &record.value,
    )?;
    let letter = DeadLetter {
        topic,
        partition: record.partition,
        offset: record.offset,
        key: key.as_deref(),
        value: value.as_deref(),
        headers: headers.iter().map(|entry| (&*entry.key, entry.value.as_deref())).collect(),
    };
    queue.send(&letter, failure)
}

fn timestamp(record: &Record<'_>) -> (Option<i64>, TimestampType) {
    let (time, kind) = record.timestamp();
    match kind {
        client::TimestampType::NotAvailable => (None, TimestampType::NoTimestampType),
        client::TimestampType::CreateTime => (Some(time), TimestampType::CreateTime),
        client::TimestampType::LogAppendTime => (Some(time), TimestampType::LogAppendTime),
    }
}

/// Names a record by its place in Kafka.
struct Place<'a, 'b>(&'a Record<'b>);

impl fmt::Display for Place<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
        let (time, _) = record.timestamp();
        write!(f, "{{topic='{topic}', partition={partition}, offset={offset}, timestamp={time}}}")
    }
}

/// Names a converted record by its place in Kafka.
struct SinkPlace<'a>(&'a SinkRecord);

impl fmt::Display for SinkPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SinkRecord { original_topic, partition, offset, .. } = self.0;
        write!(f, "{{topic='{original_topic}', partition={partition}, offset={offset}}}")
    }
}

/// Error of a task whose client reported one that no retry can mend.
#[must_use]
pub fn consume_error(error: client::ConsumeError) -> ConnectError {
    ConnectError::fatal(format!("read from Kafka: {error}")).because(error)
}
