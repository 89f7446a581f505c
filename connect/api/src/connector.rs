//! The contract between the worker and a connector.
//!
//! A connector splits work into task configurations; a task moves records. The worker runs each
//! task on a thread of its own: a task may block there without harm to others, but it must
//! return from `poll` and `put` within reasonable time so that pause, stop and commit work.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use config::ConfigDef;

use crate::error::Result;
use crate::record::{OffsetMap, PartitionMap, SinkRecord, SourceRecord, TopicPartition};

/// Settings of one connector or task: names and values, references already resolved.
pub type Settings = BTreeMap<String, String>;

/// What a connector may ask of the worker while it runs.
pub trait ConnectorContext: Send + Sync {
    /// Asks the worker to call `task_configs` again and restart tasks whose settings changed.
    fn request_task_reconfiguration(&self);

    /// Fails the connector from a thread of its own; the reason shows in its status.
    fn raise_error(&self, error: crate::ConnectError);
}

/// Whether a source can deliver exactly once under given settings (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    /// Offsets say exactly what has been delivered.
    Supported,
    /// A restart may repeat or lose records.
    Unsupported,
}

/// Splits reading from an outside system into tasks.
///
/// The worker calls `start` once, `task_configs` after it and on request, then `stop` once.
#[async_trait]
pub trait SourceConnector: Send + Sync {
    /// Describes the connector's own settings (not the ones that every connector has).
    fn config(&self) -> &'static ConfigDef;

    /// Version, as `/connector-plugins` shows it.
    fn version(&self) -> String;

    /// Takes the settings; may start watching the outside system.
    ///
    /// # Errors
    ///
    /// Any error fails the connector with that reason.
    async fn start(
        &mut self,
        context: Arc<dyn ConnectorContext>,
        settings: &Settings,
    ) -> Result<()>;

    /// Splits the work into at most `max_tasks` task settings; none when there is nothing to do.
    ///
    /// # Errors
    ///
    /// Any error fails the connector with that reason.
    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Settings>>;

    /// Makes a task; its settings come with [`SourceTask::start`].
    fn task(&self) -> Box<dyn SourceTask>;

    /// Checks settings beyond what [`SourceConnector::config`] says: one message per key.
    async fn validate(&self, _settings: &Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Tells whether exactly-once delivery holds under these settings.
    fn exactly_once_support(&self, _settings: &Settings) -> ExactlyOnceSupport {
        ExactlyOnceSupport::Unsupported
    }

    /// Checks offsets that an operator wants to store (KIP-875); `None` resets a partition.
    ///
    /// Returns true when the connector itself took note of them.
    ///
    /// # Errors
    ///
    /// The message says what is wrong with which partition or offset.
    fn alter_offsets(
        &self,
        _settings: &Settings,
        _offsets: &[(PartitionMap, Option<OffsetMap>)],
    ) -> Result<bool> {
        Ok(false)
    }

    /// Ends what `start` began.
    async fn stop(&mut self);
}

/// Reads the offsets that were stored for this connector before.
#[async_trait]
pub trait OffsetReader: Send + Sync {
    /// Returns the last stored offset of a source partition, if any.
    ///
    /// # Errors
    ///
    /// Retriable: the store is away.
    async fn offset(&self, partition: &PartitionMap) -> Result<Option<OffsetMap>>;
}

/// What a source task may ask of the worker.
pub struct SourceTaskContext {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number of the task, from 0.
    pub task: usize,
    /// Offsets stored before.
    pub offsets: Arc<dyn OffsetReader>,
}

/// Reads one share of an outside system.
///
/// The worker calls `start` once, then `poll` and `commit` in turn, then `stop` once.
#[async_trait]
pub trait SourceTask: Send {
    /// Takes the settings and the stored offsets.
    ///
    /// # Errors
    ///
    /// Any error fails the task with that reason.
    async fn start(&mut self, context: SourceTaskContext, settings: &Settings) -> Result<()>;

    /// Returns the next records, in the order to be written; none means "not yet".
    ///
    /// An empty answer is followed by the next call at once, so wait inside for an event or for
    /// about a second, whichever comes first.
    ///
    /// # Errors
    ///
    /// Retriable: polled again after a pause. Any other error fails the task.
    ///
    /// # Cancellation
    ///
    /// Dropped on pause and on stop: progress lives in `self`, not in this future, and a record
    /// counts as read only once it has been returned.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>>;

    /// Says that everything up to the given offsets is acknowledged and stored.
    ///
    /// # Errors
    ///
    /// Logged; the task goes on.
    async fn commit(&mut self, _offsets: &[(Arc<PartitionMap>, OffsetMap)]) -> Result<()> {
        Ok(())
    }

    /// Ends what `start` began.
    async fn stop(&mut self);
}

/// Splits delivery to an outside system into tasks.
///
/// The worker calls `start` once, `task_configs` after it and on request, then `stop` once.
#[async_trait]
pub trait SinkConnector: Send + Sync {
    /// Describes the connector's own settings (not the ones that every connector has).
    fn config(&self) -> &'static ConfigDef;

    /// Version, as `/connector-plugins` shows it.
    fn version(&self) -> String;

    /// Takes the settings.
    ///
    /// # Errors
    ///
    /// Any error fails the connector with that reason.
    async fn start(
        &mut self,
        context: Arc<dyn ConnectorContext>,
        settings: &Settings,
    ) -> Result<()>;

    /// Splits the work into at most `max_tasks` task settings.
    ///
    /// # Errors
    ///
    /// Any error fails the connector with that reason.
    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Settings>>;

    /// Makes a task; its settings come with [`SinkTask::start`].
    fn task(&self) -> Box<dyn SinkTask>;

    /// Checks settings beyond what [`SinkConnector::config`] says: one message per key.
    async fn validate(&self, _settings: &Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Ends what `start` began.
    async fn stop(&mut self);
}

/// Takes records that a sink could not deliver, one by one (KIP-610).
pub trait ErrantRecordReporter: Send + Sync {
    /// Hands one record to the error handling that the connector is configured with.
    ///
    /// # Errors
    ///
    /// Errors are not tolerated: the task is to fail with this error.
    fn report(&self, record: SinkRecord, error: crate::ConnectError) -> Result<()>;
}

/// What a sink task may ask of the worker.
#[async_trait]
pub trait SinkTaskContext: Send + Sync {
    /// Asks to commit soon instead of at the next interval.
    fn request_commit(&self);

    /// Sets how long to wait before a batch that failed retriably is put again.
    fn set_timeout_ms(&self, timeout_ms: u64);

    /// Goes back (or forward) to these offsets with the next fetch.
    fn seek(&self, offsets: Vec<(TopicPartition, i64)>);

    /// Stops delivery of these partitions until `resume`.
    fn pause(&self, partitions: Vec<TopicPartition>);

    /// Resumes delivery of these partitions.
    fn resume(&self, partitions: Vec<TopicPartition>);

    /// Error handling for single records; none when errors are not tolerated.
    fn reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>>;
}

/// Delivers records to one outside system.
///
/// The worker calls `start` once; then `open` with partitions, `put` with their records and
/// `pre_commit` before each offset commit; `close` when partitions go away; then `stop` once.
#[async_trait]
pub trait SinkTask: Send {
    /// Takes the settings.
    ///
    /// # Errors
    ///
    /// Any error fails the task with that reason.
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, settings: &Settings)
    -> Result<()>;

    /// Says which partitions were added to this task.
    ///
    /// # Errors
    ///
    /// Any error fails the task with that reason.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Delivers records in order; may buffer until `pre_commit`.
    ///
    /// # Errors
    ///
    /// Retriable: the same records are put again after a pause, so nothing of them may be
    /// delivered twice by that. Any other error fails the task.
    async fn put(&mut self, records: &[SinkRecord]) -> Result<()>;

    /// Makes delivered records durable and returns the offsets to commit: by partition, the
    /// offset of the next record. The default keeps what the worker has counted.
    ///
    /// # Errors
    ///
    /// The worker goes back to the last committed offsets and delivers again.
    async fn pre_commit(
        &mut self,
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<(TopicPartition, i64)>> {
        self.flush().await?;
        Ok(offsets)
    }

    /// Makes everything that `put` took durable.
    ///
    /// # Errors
    ///
    /// The worker goes back to the last committed offsets and delivers again.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Says which partitions go away; the worker has committed before.
    ///
    /// # Errors
    ///
    /// Logged.
    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Ends what `start` began.
    async fn stop(&mut self);
}
