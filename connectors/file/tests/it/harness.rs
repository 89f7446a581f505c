//! What stands in for the worker.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use connect_api::connector::{OffsetReader, Settings};
use connect_api::{
    ConnectError, ConnectorContext, ErrantRecordReporter, OffsetMap, PartitionMap, Result,
    SinkConnector, SinkRecord, SinkTask, SinkTaskContext, SourceConnector, SourceRecord,
    SourceTask, SourceTaskContext, TimestampType, TopicPartition, Value,
};
use connector_file::{FileStreamSinkConnector, FileStreamSourceConnector};

/// How long something that must happen may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Makes settings of pairs.
pub(crate) fn settings(entries: &[(&str, &str)]) -> Settings {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Appends text to a file, which is made when missing.
pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

/// A connector's context that expects to be left alone.
pub(crate) struct NoContext;

impl ConnectorContext for NoContext {
    fn request_task_reconfiguration(&self) {
        panic!("the file connectors never ask for this");
    }

    fn raise_error(&self, error: ConnectError) {
        panic!("{error}");
    }
}

struct Stored(Option<OffsetMap>);

#[async_trait]
impl OffsetReader for Stored {
    async fn offset(&self, _partition: &PartitionMap) -> Result<Option<OffsetMap>> {
        Ok(self.0.clone())
    }
}

/// Makes an offset as Java stores it.
pub(crate) fn java_offset(position: i64) -> OffsetMap {
    OffsetMap::new([("position", Value::Int64(position))])
}

/// A source task and what it has returned.
pub(crate) struct Source {
    path: PathBuf,
    task: Box<dyn SourceTask>,
    pub(crate) records: Vec<SourceRecord>,
    given: usize,
}

impl Source {
    /// Starts a task that has never run before.
    pub(crate) async fn start(path: &Path) -> Self {
        Self::start_with(path, None, &[]).await
    }

    /// Starts a task with a stored offset and further settings.
    pub(crate) async fn start_with(
        path: &Path,
        stored: Option<OffsetMap>,
        more: &[(&str, &str)],
    ) -> Self {
        let mut settings = settings(more);
        settings.insert("file".to_owned(), path.to_str().unwrap().to_owned());
        settings.insert("topic".to_owned(), "lines".to_owned());
        let mut connector = FileStreamSourceConnector::new();
        connector.start(Arc::new(NoContext), &settings).await.unwrap();
        let configs = connector.task_configs(3).unwrap();
        assert_eq!(configs.len(), 1);
        let mut task = connector.task();
        let context = SourceTaskContext {
            connector: Arc::from("source"),
            task: 0,
            offsets: Arc::new(Stored(stored)),
        };
        task.start(context, &configs[0]).await.unwrap();
        Self { path: path.to_owned(), task, records: Vec::new(), given: 0 }
    }

    /// Polls once.
    pub(crate) async fn poll(&mut self) -> Result<usize> {
        let records = self.task.poll().await?;
        let count = records.len();
        self.records.extend(records);
        Ok(count)
    }

    /// Polls until these lines, and no other ones, have come.
    #[track_caller]
    pub(crate) fn expect(&mut self, lines: &[&str]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + DEADLINE;
            while self.records.len() < self.given + lines.len() {
                assert!(Instant::now() < deadline, "{caller}: only {:?} came", self.texts());
                self.poll().await.unwrap();
            }
            assert_eq!(self.texts(), lines, "{caller}");
            self.given = self.records.len();
        }
    }

    /// Polls for a while, in which nothing must come.
    pub(crate) async fn expect_nothing(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(400) {
            assert_eq!(self.poll().await.unwrap(), 0, "{:?}", self.texts());
        }
    }

    /// The lines that have come since the last expectation.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.records[self.given..].iter().map(|r| r.value.as_str().unwrap()).collect()
    }

    /// Offset of the last record.
    pub(crate) fn offset(&self) -> OffsetMap {
        self.records.last().unwrap().source_offset.clone()
    }

    /// Stops the task and starts another one from the last record's offset.
    pub(crate) async fn restart(mut self) -> Self {
        self.task.stop().await;
        let offset = self.records.last().map(|record| record.source_offset.clone());
        Self::start_with(&self.path, offset, &[]).await
    }

    /// Stops the task, and tells where the next one is to go on.
    pub(crate) async fn stop(mut self) -> Option<OffsetMap> {
        self.task.stop().await;
        self.records.last().map(|record| record.source_offset.clone())
    }
}

struct NoSinkContext;

#[async_trait]
impl SinkTaskContext for NoSinkContext {
    fn request_commit(&self) {}

    fn set_timeout_ms(&self, _timeout_ms: u64) {}

    fn seek(&self, _offsets: Vec<(TopicPartition, i64)>) {
        panic!("the file sink never seeks");
    }

    fn pause(&self, _partitions: Vec<TopicPartition>) {}

    fn resume(&self, _partitions: Vec<TopicPartition>) {}

    fn reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>> {
        None
    }
}

/// Starts a sink task of a connector.
pub(crate) async fn start_sink(connector_name: &str, path: &Path) -> Result<Box<dyn SinkTask>> {
    let mut connector = FileStreamSinkConnector::new();
    let settings = settings(&[("name", connector_name), ("file", path.to_str().unwrap())]);
    connector.start(Arc::new(NoContext), &settings).await?;
    let configs = connector.task_configs(2)?;
    assert_eq!(configs.len(), 2);
    let mut task = connector.task();
    task.start(Arc::new(NoSinkContext), &configs[1]).await?;
    Ok(task)
}

/// Makes sink records of texts.
pub(crate) fn sink_records(texts: &[&str]) -> Vec<SinkRecord> {
    let record = |text: &&str| SinkRecord {
        topic: Arc::from("lines"),
        partition: 0,
        key_schema: None,
        key: Value::Null,
        value_schema: None,
        value: Value::from(*text),
        timestamp: None,
        timestamp_type: TimestampType::CreateTime,
        headers: Vec::new(),
        offset: 0,
        original_topic: Arc::from("lines"),
    };
    texts.iter().map(record).collect()
}
