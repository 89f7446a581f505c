//! From a source record to Kafka: headers, key and value are converted, then handed to the
//! producer, which answers on its own thread.
//!
//! Per record there is no lock, no channel and no text formatting; converted bytes are borrowed
//! from the record where the converter allows it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::{ClientSettings, Delivery, ErrorCode, KafkaError, OutRecord, Producer, SendError};
use connect_api::convert::RawHeaders;
use connect_api::{ConnectError, Result, SourceRecord};
use parking_lot::Mutex;

use super::control::TaskControl;
use super::converters::Converters;
use super::error_handling::{ErrorHandling, Failure, Stage};
use super::source_task::client_error;
use super::submitted::{Acks, Committable, Submitted};
use super::topic_creator::TopicCreator;
use crate::progress::TaskProgress;

/// Most runs of records that may wait for acknowledgements.
const MAX_RUNS: usize = 16_384;
/// How long to wait for room in the producer before looking whether the task is to stop.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(100);

/// What one batch amounted to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Records handed to the producer.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// What the producer's thread reports.
struct Deliveries {
    acks: Arc<Acks>,
    tolerant: bool,
    progress: Arc<TaskProgress>,
    failed: AtomicBool,
    failure: Mutex<Option<KafkaError>>,
}

impl Deliveries {
    fn delivered(&self, delivery: Delivery) {
        match delivery.result {
            Ok(_) => self.acks.acknowledge(delivery.token),
            Err(error) if self.tolerant && is_about_the_record(&error) => {
                tracing::error!("record skipped, Kafka refused it: {error}");
                self.progress.add_error();
                self.acks.acknowledge(delivery.token);
            }
            Err(error) => {
                self.failure.lock().get_or_insert(error);
                self.failed.store(true, Ordering::Release);
            }
        }
    }
}

/// A cluster that is away, or a producer that is closed, says nothing about the record.
fn is_about_the_record(error: &KafkaError) -> bool {
    let is_purged =
        matches!(error.code(), ErrorCode::PURGED_FROM_QUEUE | ErrorCode::PURGED_IN_FLIGHT);
    !is_purged && !error.is_fatal() && !error.is_retriable()
}

/// The way of one task's records to Kafka.
pub struct RecordSender {
    producer: Producer,
    deliveries: Arc<Deliveries>,
    submitted: Submitted,
    converters: Converters,
    errors: ErrorHandling,
    topics: TopicCreator,
    control: TaskControl,
}

impl RecordSender {
    /// Starts a producer.
    ///
    /// # Errors
    ///
    /// Fatal: its settings are refused.
    pub fn new(
        settings: &ClientSettings,
        converters: Converters,
        errors: ErrorHandling,
        topics: TopicCreator,
        control: TaskControl,
    ) -> Result<Self> {
        let submitted = Submitted::new(MAX_RUNS);
        let deliveries = Arc::new(Deliveries {
            acks: submitted.acks(),
            tolerant: errors.tolerates(),
            progress: Arc::clone(errors.progress()),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        });
        let receiver = Arc::clone(&deliveries);
        let producer =
            Producer::new(settings, Arc::new(move |delivery| receiver.delivered(delivery)))
                .map_err(client_error)?;
        Ok(Self { producer, deliveries, submitted, converters, errors, topics, control })
    }

    /// Sends a batch, in order. Records that are left when the task is told to stop are dropped:
    /// their offsets are not counted, so they are read again.
    ///
    /// # Errors
    ///
    /// The task is to fail with this; what was sent before stays counted.
    pub fn send(
        &mut self,
        records: Vec<SourceRecord>,
        uncommitted: &mut Vec<Committable>,
    ) -> Result<Sent> {
        let mut sent = Sent::default();
        let mut headers = RawHeaders::new();
        for mut record in records {
            self.topics.prepare(&record.topic).inspect_err(|_| self.submitted.close())?;
            if !self.wait_for_run(uncommitted)? {
                break;
            }
            let token = self.submitted.token(&record.source_partition);
            headers.clear();
            let bytes = match self.convert_and_send(&record, &mut headers, token) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(failure) if self.errors.is_interrupted(&failure.error) => break,
                Err(mut failure) => {
                    self.errors.tolerate(&mut failure, &Place(&record)).inspect_err(|_| {
                        self.submitted.close();
                    })?;
                    self.submitted.count(std::mem::take(&mut record.source_offset));
                    self.deliveries.acks.acknowledge(token);
                    continue;
                }
            };
            self.submitted.count(std::mem::take(&mut record.source_offset));
            sent.records += 1;
            sent.bytes += bytes;
        }
        self.submitted.close();
        Ok(sent)
    }

    /// Moves the offsets that may be stored now into `uncommitted`.
    pub fn take_committable(&mut self, uncommitted: &mut Vec<Committable>) {
        for (partition, offset) in self.submitted.take_committable() {
            match uncommitted.iter_mut().find(|(known, _)| *known == partition) {
                Some(entry) => entry.1 = offset,
                None => uncommitted.push((partition, offset)),
            }
        }
    }

    /// Waits until everything is acknowledged; false when some is not in time.
    pub fn flush(&mut self, timeout: Duration) -> bool {
        self.producer.flush(timeout).is_ok() && !self.deliveries.failed.load(Ordering::Acquire)
    }

    /// Looks for what went wrong behind the task's back.
    ///
    /// # Errors
    ///
    /// A record was refused, or the producer cannot go on.
    pub fn check(&self) -> Result<()> {
        if self.deliveries.failed.load(Ordering::Acquire) {
            let error = self.deliveries.failure.lock().clone();
            let text = "Kafka refused a record";
            return Err(match error {
                Some(error) => ConnectError::fatal(format!("{text}: {error}")).because(error),
                None => ConnectError::fatal(text),
            });
        }
        match self.producer.fatal_error() {
            Some(error) => {
                let text = format!("the producer cannot go on: {error}");
                Err(ConnectError::fatal(text).because(error))
            }
            None => Ok(()),
        }
    }

    /// Waits until one more run may begin; false when the task is to stop.
    fn wait_for_run(&mut self, uncommitted: &mut Vec<Committable>) -> Result<bool> {
        while !self.submitted.has_room() {
            self.submitted.close();
            self.take_committable(uncommitted);
            if self.submitted.has_room() {
                break;
            }
            self.producer.wait_for_room(WAIT_FOR_ROOM);
            self.check()?;
            if self.control.is_stopping() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the bytes sent, or none when the task is to stop.
    fn convert_and_send(
        &mut self,
        record: &SourceRecord,
        headers: &mut RawHeaders,
        token: u64,
    ) -> Result<Option<u64>, Failure> {
        let topic = &*record.topic;
        let Converters { key, value, header } = &mut self.converters;
        let failed = |stage, class: &Arc<str>, error| {
            let class = Arc::clone(class);
            Failure { stage, class, error }
        };
        for entry in &record.headers {
            let bytes = self
                .errors
                .retrying(|| {
                    let schema = entry.schema.as_ref();
                    header.converter.from_connect_header(topic, &entry.key, schema, &entry.value)
                })
                .map_err(|error| failed(Stage::HeaderConverter, &header.class, error))?;
            headers.push(connect_api::convert::RawHeader {
                key: Arc::clone(&entry.key),
                value: bytes,
            });
        }
        let key_bytes = self
            .errors
            .retrying(|| {
                let schema = record.key_schema.as_ref();
                key.converter.from_connect(topic, headers, schema, &record.key)
            })
            .map_err(|error| failed(Stage::KeyConverter, &key.class, error))?;
        let value_bytes = self
            .errors
            .retrying(|| {
                let schema = record.value_schema.as_ref();
                value.converter.from_connect(topic, headers, schema, &record.value)
            })
            .map_err(|error| failed(Stage::ValueConverter, &value.class, error))?;
        let out = OutRecord {
            topic,
            partition: record.partition,
            key: key_bytes.as_deref(),
            value: value_bytes.as_deref(),
            timestamp: record.timestamp,
            headers: &[],
        };
        let size = out.key.map_or(0, <[u8]>::len) + out.value.map_or(0, <[u8]>::len);
        let taken = if headers.is_empty() {
            self.hand_over(&out, token)
        } else {
            let borrowed: Vec<(&str, Option<&[u8]>)> =
                headers.iter().map(|entry| (&*entry.key, entry.value.as_deref())).collect();
            self.hand_over(&OutRecord { headers: &borrowed, ..out }, token)
        }?;
        Ok(taken.then(|| u64::try_from(size).unwrap_or(u64::MAX)))
    }

    /// Hands a record to the producer; false when the task is to stop and there is no room.
    fn hand_over(&self, record: &OutRecord<'_>, token: u64) -> Result<bool, Failure> {
        loop {
            let error = match self.producer.send(record, token) {
                Ok(()) => return Ok(true),
                Err(SendError::QueueFull) => {
                    self.producer.wait_for_room(WAIT_FOR_ROOM);
                    if self.control.is_stopping() {
                        return Ok(false);
                    }
                    if self.deliveries.failed.load(Ordering::Acquire) {
                        return Ok(false);
                    }
                    continue;
                }
                Err(error @ SendError::Fatal(_)) => client_error(error),
                Err(error) => ConnectError::data(error.to_string()).because(error),
            };
            return Err(Failure { stage: Stage::KafkaProduce, class: "producer".into(), error });
        }
    }
}

/// Names a record by where it comes from and where it goes.
struct Place<'a>(&'a SourceRecord);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(f, "a record for topic {} from", record.topic)?;
        for (key, value) in record.source_partition.iter().chain(record.source_offset.iter()) {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: ErrorCode, is_skipped: bool) {
        let submitted = Submitted::new(2);
        let deliveries = Deliveries {
            acks: submitted.acks(),
            tolerant: true,
            progress: Arc::default(),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let result = Err(KafkaError::from_code(code));
        deliveries.delivered(Delivery { token: 0, result });
        assert_eq!(deliveries.acks.acknowledged() == 1, is_skipped, "{code:?}");
        assert_eq!(!deliveries.failed.load(Ordering::Acquire), is_skipped, "{code:?}");
    }

    #[test]
    fn record_is_skipped_for_its_own_fault_only() {
        check(ErrorCode::MESSAGE_TOO_LARGE, true);
        check(ErrorCode::MESSAGE_TIMED_OUT, false);
        check(ErrorCode::TRANSPORT, false);
        check(ErrorCode::PURGED_FROM_QUEUE, false);
        check(ErrorCode::FATAL, false);
    }
}
