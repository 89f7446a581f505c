//! Counters of every task, for the live lines: written by task threads, read once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::status::TaskId;

/// Lag of a task that has none, or does not know it.
const NO_LAG: i64 = -1;

/// What one task has done so far.
#[derive(Debug)]
pub struct TaskProgress {
    records: AtomicU64,
    bytes: AtomicU64,
    errors: AtomicU64,
    lag: AtomicI64,
    last_offset: Mutex<String>,
}

impl Default for TaskProgress {
    fn default() -> Self {
        Self {
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            lag: AtomicI64::new(NO_LAG),
            last_offset: Mutex::new(String::new()),
        }
    }
}

impl TaskProgress {
    /// Counts delivered records and the bytes of their keys and values.
    pub fn add(&self, records: u64, bytes: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts a record that failed.
    pub fn add_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many records are waiting; none when nobody knows.
    pub fn set_lag(&self, lag: Option<i64>) {
        self.lag.store(lag.unwrap_or(NO_LAG), Ordering::Relaxed);
    }

    /// Says how far the task is.
    pub fn set_last_offset(&self, text: String) {
        *self.last_offset.lock() = text;
    }
}

/// What all tasks of a connector have done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectorProgress {
    /// Records delivered.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Records that failed.
    pub errors: u64,
    /// Records that wait, if known.
    pub lag: Option<i64>,
    /// How far the tasks are, in words.
    pub last_offset: String,
}

/// The counters of all tasks of a worker. A task that was restarted goes on counting.
#[derive(Debug, Default)]
pub struct ProgressBoard {
    tasks: Mutex<BTreeMap<TaskId, Arc<TaskProgress>>>,
}

impl ProgressBoard {
    /// Counters of a task; new ones if it has none.
    pub fn task(&self, id: &TaskId) -> Arc<TaskProgress> {
        Arc::clone(self.tasks.lock().entry(id.clone()).or_default())
    }

    /// Forgets the tasks of a connector.
    pub fn remove_connector(&self, name: &str) {
        self.tasks.lock().retain(|id, _| &*id.connector != name);
    }

    /// Sums of a connector's tasks.
    #[must_use]
    pub fn connector(&self, name: &str) -> ConnectorProgress {
        let mut sum = ConnectorProgress::default();
        let tasks = self.tasks.lock();
        for (_, task) in tasks.iter().filter(|(id, _)| &*id.connector == name) {
            sum.records += task.records.load(Ordering::Relaxed);
            sum.bytes += task.bytes.load(Ordering::Relaxed);
            sum.errors += task.errors.load(Ordering::Relaxed);
            let lag = task.lag.load(Ordering::Relaxed);
            if lag != NO_LAG {
                sum.lag = Some(sum.lag.unwrap_or(0) + lag);
            }
            let last = task.last_offset.lock();
            if sum.last_offset.is_empty() {
                sum.last_offset.clone_from(&last);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connector_is_the_sum_of_its_tasks() {
        let board = ProgressBoard::default();
        let id = |connector: &str, task| TaskId { connector: connector.into(), task };
        board.task(&id("c", 0)).add(2, 20);
        board.task(&id("c", 1)).add(3, 30);
        board.task(&id("c", 1)).set_lag(Some(7));
        board.task(&id("d", 0)).add(100, 100);
        let sum = board.connector("c");
        assert_eq!((sum.records, sum.bytes, sum.lag), (5, 50, Some(7)));
        board.remove_connector("c");
        assert_eq!(board.connector("c"), ConnectorProgress::default());
    }
}
