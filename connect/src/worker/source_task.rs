//! The life of a source task: poll, convert, send, and store offsets behind acknowledgements.
//!
//! A batch from `poll` passes through [`RecordSender`] record by record; its offsets wait in
//! [`Submitted`] until the producer has all their acknowledgements. Offsets are stored every
//! `offset.flush.interval.ms` and at the end.
//!
//! Invariant: a stored offset never runs ahead of what Kafka has acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect_api::connector::Settings;
use connect_api::{ConnectError, OffsetMap, Result, SourceTask, SourceTaskContext};

use super::control::{TaskControl, TaskTarget};
use super::record_sender::RecordSender;
use super::submitted::Committable;
use crate::config::Timing;
use crate::offsets::ConnectorOffsets;
use crate::progress::TaskProgress;
use crate::status::{State, StatusStore, TaskId};

/// Pause after a poll that failed retriably; Java polls again at once.
const POLL_RETRY: Duration = Duration::from_millis(100);

/// A source task with all that it works on.
pub struct SourceTaskRun {
    /// Who it is.
    pub id: TaskId,
    /// The connector's task.
    pub task: Box<dyn SourceTask>,
    /// Its settings.
    pub settings: Settings,
    /// Where records go.
    pub sender: RecordSender,
    /// Where offsets go.
    pub offsets: Arc<ConnectorOffsets>,
    /// What it is told to do.
    pub control: TaskControl,
    /// Where its state shows.
    pub status: Arc<StatusStore>,
    /// Where it counts.
    pub progress: Arc<TaskProgress>,
    /// When it commits.
    pub timing: Timing,
    /// Offsets that are acknowledged but not stored yet.
    pub uncommitted: Vec<Committable>,
}

impl SourceTaskRun {
    /// Runs the task until it is told to stop.
    ///
    /// # Errors
    ///
    /// Whatever the task, a converter or Kafka could not recover from.
    pub fn run(mut self) -> Result<()> {
        if !self.wait_for_first_resume() {
            return Ok(());
        }
        let context = SourceTaskContext {
            connector: Arc::clone(&self.id.connector),
            task: self.id.task,
            offsets: Arc::clone(&self.offsets) as _,
        };
        self.control.block_on(self.task.start(context, &self.settings))?;
        tracing::info!("Source task {} finished initialization and start", self.id);
        let outcome = self.move_records();
        self.finish(outcome.is_ok());
        outcome
    }

    /// A task that is paused before it ever ran is not started; false when it is to end.
    fn wait_for_first_resume(&mut self) -> bool {
        loop {
            match self.control.target() {
                TaskTarget::Running => return true,
                TaskTarget::Stopping | TaskTarget::Abandoned => return false,
                TaskTarget::Paused => self.pause(),
            }
        }
    }

    fn pause(&mut self) {
        self.status.set_task(&self.id, State::Paused, None);
        self.control.wait_until(Instant::now() + self.timing.offset_flush_interval);
    }

    fn move_records(&mut self) -> Result<()> {
        if !self.control.is_stopping() {
            self.status.set_task(&self.id, State::Running, None);
        }
        let mut next_commit = Instant::now() + self.timing.offset_flush_interval;
        let mut paused = false;
        loop {
            match self.control.target() {
                TaskTarget::Stopping | TaskTarget::Abandoned => return Ok(()),
                TaskTarget::Paused => {
                    paused = true;
                    self.pause();
                }
                TaskTarget::Running if paused => {
                    paused = false;
                    self.status.set_task(&self.id, State::Running, None);
                }
                TaskTarget::Running => self.poll_once(next_commit)?,
            }
            self.sender.check()?;
            if Instant::now() >= next_commit {
                self.commit();
                next_commit = Instant::now() + self.timing.offset_flush_interval;
            }
        }
    }

    fn poll_once(&mut self, deadline: Instant) -> Result<()> {
        match self.control.block_on_until(self.task.poll(), deadline) {
            None => Ok(()),
            Some(Ok(records)) if records.is_empty() => Ok(()),
            Some(Ok(records)) => {
                let last = records.last().map(|record| record.source_offset.clone());
                let sent = self.sender.send(records, &mut self.uncommitted)?;
                self.progress.add(sent.records, sent.bytes);
                if let Some(last) = last {
                    self.progress.set_last_offset(offset_text(&last));
                }
                Ok(())
            }
            Some(Err(error)) if error.is_retriable() => {
                self.progress.add_error();
                tracing::warn!("poll of task {} failed, polling again: {}", self.id, error.trace());
                self.control.wait_until(Instant::now() + POLL_RETRY);
                Ok(())
            }
            Some(Err(error)) => Err(error),
        }
    }

    /// Stores what is acknowledged. A failure keeps the offsets for the next time.
    fn commit(&mut self) {
        if self.control.is_abandoned() {
            tracing::warn!("task {} was given up: its last offsets are not stored", self.id);
            return;
        }
        self.sender.take_committable(&mut self.uncommitted);
        if self.uncommitted.is_empty() {
            tracing::debug!(
                "Either no records were produced by task {} since the last offset commit, or every record has been filtered out",
                self.id
            );
            return;
        }
        if let Err(error) = self.offsets.commit(&self.uncommitted) {
            tracing::error!("commit of offsets of task {} failed: {error}", self.id);
            return;
        }
        let committed = std::mem::take(&mut self.uncommitted);
        tracing::debug!("Finished offset commit of task {}", self.id);
        if let Err(error) = self.control.block_on(self.task.commit(&committed)) {
            tracing::error!("task {} could not take note of a commit: {}", self.id, error.trace());
        }
    }

    /// Ends the task: waits for acknowledgements, stores offsets, stops.
    fn finish(&mut self, healthy: bool) {
        let all_sent = self.sender.flush(self.timing.last_wait());
        self.commit();
        if healthy && !all_sent {
            tracing::warn!(
                "task {} ends with records that Kafka has not acknowledged; they will be read again",
                self.id
            );
        }
        self.control.block_on(self.task.stop());
    }
}

/// An offset in a few words: its numbers, or everything if it has none.
fn offset_text(offset: &OffsetMap) -> String {
    let has_numbers = offset.iter().any(|(_, value)| value.as_i64().is_some());
    let shown = offset.iter().filter(|(_, value)| !has_numbers || value.as_i64().is_some());
    shown.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}

/// Makes the error of a client that could not be started.
#[must_use]
pub fn client_error(error: impl std::error::Error + Send + Sync + 'static) -> ConnectError {
    ConnectError::fatal(error.to_string()).because(error)
}

#[cfg(test)]
mod tests {
    use connect_api::Value;

    use super::*;

    #[track_caller]
    fn check(entries: &[(&str, Value)], expected: &str) {
        assert_eq!(offset_text(&OffsetMap::new(entries.to_vec())), expected);
    }

    #[test]
    fn offset_is_told_by_its_numbers() {
        check(&[("position", Value::Int64(5)), ("mark", "5:ab".into())], "position 5");
        check(&[("lsn", "0/16".into())], "lsn 0/16");
    }
}
