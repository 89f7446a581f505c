//! The dead letter queue of a sink: records that cannot be processed, as their original bytes,
//! with headers that say where and why they failed (KIP-298).
//!
//! Offsets are committed only when the queue has taken the records before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::{Admin, ClientSettings, Delivery, NewTopic, OutRecord, Producer, Record, SendError};
use config::Config;
use connect_api::{ConnectError, Result};

use super::error_handling::Failure;
use super::source_task::client_error;
use super::topic_creator;
use crate::connector_config::DLQ_TOPIC;
use crate::status::TaskId;

const WAIT_FOR_ROOM: Duration = Duration::from_millis(100);
const PREFIX: &str = "__connect.errors.";

/// The clients that the queue needs.
pub struct DeadLetterClients {
    /// Writes the records.
    pub producer: ClientSettings,
    /// Creates the topic.
    pub admin: ClientSettings,
}

/// The dead letter queue of one task.
pub struct DeadLetterQueue {
    topic: String,
    with_context: bool,
    id: TaskId,
    producer: Producer,
    failed: Arc<AtomicBool>,
}

/// A record for the queue.
pub struct DeadLetter<'a> {
    /// Topic that it came from.
    pub topic: &'a str,
    /// Partition that it came from.
    pub partition: i32,
    /// Offset that it had.
    pub offset: i64,
    /// Original key.
    pub key: Option<&'a [u8]>,
    /// Original value.
    pub value: Option<&'a [u8]>,
    /// Original headers.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

impl<'a> DeadLetter<'a> {
    /// Takes a record as it was read.
    #[must_use]
    pub fn of(record: &Record<'a>) -> Self {
        Self {
            topic: record.topic(),
            partition: record.partition(),
            offset: record.offset(),
            key: record.key(),
            value: record.value(),
            headers: record.headers().collect(),
        }
    }
}

impl DeadLetterQueue {
    /// Opens the queue that the settings name, and creates its topic; none when they name none.
    ///
    /// # Errors
    ///
    /// Fatal: the topic cannot be created, or a client not be started.
    pub fn open(
        parsed: &Config,
        id: TaskId,
        clients: impl FnOnce() -> Result<DeadLetterClients>,
    ) -> Result<Option<Self>> {
        let topic = parsed.string(DLQ_TOPIC).trim().to_owned();
        if topic.is_empty() {
            return Ok(None);
        }
        let clients = clients()?;
        let admin = Admin::new(&clients.admin).map_err(client_error)?;
        let factor = parsed.short("errors.deadletterqueue.topic.replication.factor");
        let new_topic = NewTopic {
            name: topic.clone(),
            partitions: 1,
            replication_factor: i32::from(factor),
            configs: std::collections::BTreeMap::new(),
        };
        topic_creator::create(&admin, new_topic)?;
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let on_delivery = move |delivery: Delivery| {
            if let Err(error) = delivery.result {
                tracing::error!("the dead letter queue did not take a record: {error}");
                flag.store(true, Ordering::Release);
            }
        };
        let producer =
            Producer::new(&clients.producer, Arc::new(on_delivery)).map_err(client_error)?;
        let with_context = parsed.boolean("errors.deadletterqueue.context.headers.enable");
        Ok(Some(Self { topic, with_context, id, producer, failed }))
    }

    /// Queues a record.
    ///
    /// # Errors
    ///
    /// Fatal: it cannot be queued, so the task must not go on.
    pub fn send(&self, letter: &DeadLetter<'_>, failure: &Failure) -> Result<()> {
        let context = if self.with_context { self.context(letter, failure) } else { Vec::new() };
        let mut headers = letter.headers.clone();
        headers.extend(context.iter().map(|(key, value)| (key.as_str(), Some(value.as_bytes()))));
        let record = OutRecord {
            topic: &self.topic,
            partition: None,
            key: letter.key,
            value: letter.value,
            timestamp: None,
            headers: &headers,
        };
        loop {
            match self.producer.send(&record, 0) {
                Ok(()) => return Ok(()),
                Err(SendError::QueueFull) => {
                    self.producer.wait_for_room(WAIT_FOR_ROOM);
                    self.check()?;
                }
                Err(error) => return Err(client_error(error)),
            }
        }
    }

    /// Waits until all queued records are acknowledged; false when some are not in time.
    ///
    /// # Errors
    ///
    /// Fatal: one was refused.
    pub fn flush(&self, timeout: Duration) -> Result<bool> {
        let flushed = self.producer.flush(timeout);
        self.check()?;
        Ok(flushed.is_ok())
    }

    fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            let text = format!("dead letter queue {} did not take a record", self.topic);
            return Err(ConnectError::fatal(text));
        }
        Ok(())
    }

    fn context(&self, letter: &DeadLetter<'_>, failure: &Failure) -> Vec<(String, String)> {
        [
            ("topic", letter.topic.to_owned()),
            ("partition", letter.partition.to_string()),
            ("offset", letter.offset.to_string()),
            ("connector.name", self.id.connector.to_string()),
            ("task.id", self.id.task.to_string()),
            ("stage", failure.stage.name().to_owned()),
            ("class.name", failure.class.to_string()),
            ("exception.class.name", failure.error.java_class().to_owned()),
            ("exception.message", failure.error.to_string()),
            ("exception.stacktrace", failure.error.trace()),
        ]
        .map(|(name, value)| (format!("{PREFIX}{name}"), value))
        .into()
    }
}
