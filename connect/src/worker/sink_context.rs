//! What a sink task asked of the worker: kept until the worker's thread gets to it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::{
    ConnectError, ErrantRecordReporter, Result, SinkRecord, SinkTaskContext, TopicPartition,
};
use parking_lot::Mutex;

use crate::progress::TaskProgress;

/// Most reported records that wait for the dead letter queue.
const MAX_REPORTS: usize = 100_000;

/// One record that a sink reported, and why.
pub type Report = (SinkRecord, ConnectError);

/// Wishes of a task, taken all at once.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Commit soon.
    pub commit: bool,
    /// Wait this long before the next try of a failed put.
    pub timeout: Option<Duration>,
    /// Go to these offsets.
    pub seeks: Vec<(TopicPartition, i64)>,
    /// Give no records of these.
    pub pause: Vec<TopicPartition>,
    /// Give records of these again.
    pub resume: Vec<TopicPartition>,
}

/// The context of one sink task.
#[derive(Default)]
pub struct SinkContext {
    wishes: Mutex<Wishes>,
    reporter: Option<Arc<Reporter>>,
}

impl SinkContext {
    /// Makes a context; with a reporter when errors are tolerated.
    #[must_use]
    pub fn new(reporter: Option<Arc<Reporter>>) -> Self {
        Self { wishes: Mutex::default(), reporter }
    }

    /// Takes what was asked since the last time.
    pub fn take_wishes(&self) -> Wishes {
        std::mem::take(&mut self.wishes.lock())
    }
}

#[async_trait]
impl SinkTaskContext for SinkContext {
    fn request_commit(&self) {
        self.wishes.lock().commit = true;
    }

    fn set_timeout_ms(&self, timeout_ms: u64) {
        self.wishes.lock().timeout = Some(Duration::from_millis(timeout_ms));
    }

    fn seek(&self, offsets: Vec<(TopicPartition, i64)>) {
        self.wishes.lock().seeks.extend(offsets);
    }

    fn pause(&self, partitions: Vec<TopicPartition>) {
        let mut wishes = self.wishes.lock();
        wishes.resume.retain(|partition| !partitions.contains(partition));
        wishes.pause.extend(partitions);
    }

    fn resume(&self, partitions: Vec<TopicPartition>) {
        let mut wishes = self.wishes.lock();
        wishes.pause.retain(|partition| !partitions.contains(partition));
        wishes.resume.extend(partitions);
    }

    fn reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>> {
        self.reporter.clone().map(|reporter| reporter as _)
    }
}

/// Takes single records that a sink could not deliver.
pub struct Reporter {
    reports: Mutex<Vec<Report>>,
    progress: Arc<TaskProgress>,
}

impl Reporter {
    /// Makes a reporter that counts errors in `progress`.
    #[must_use]
    pub fn new(progress: Arc<TaskProgress>) -> Self {
        Self { reports: Mutex::default(), progress }
    }

    /// Takes what was reported since the last time.
    pub fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.reports.lock())
    }
}

impl ErrantRecordReporter for Reporter {
    fn report(&self, record: SinkRecord, error: ConnectError) -> Result<()> {
        let mut reports = self.reports.lock();
        if reports.len() >= MAX_REPORTS {
            return Err(ConnectError::fatal(format!(
                "{MAX_REPORTS} failed records wait for the dead letter queue already"
            ))
            .because(error));
        }
        self.progress.add_error();
        reports.push((record, error));
        Ok(())
    }
}
