//! What every connector and task is doing: the states that the REST API shows.
//!
//! Written by the herder and by task threads, read by everybody; a write is one short lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

/// Name of a connector and number of one of its tasks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number of the task, from 0.
    pub task: usize,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// State of a connector or task, as the REST API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody runs it.
    Unassigned,
    /// At work.
    Running,
    /// Waiting for a resume.
    Paused,
    /// Ended until a resume; has no tasks.
    Stopped,
    /// Ended by an error.
    Failed,
    /// About to start again.
    Restarting,
}

impl State {
    /// Name as the REST API and the status topic spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
        }
    }
}

/// A state and, when it is a failure, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// One sentence, then the causes, one on each line.
    pub trace: Option<String>,
    /// Host and port of the worker that reported it.
    pub worker_id: Arc<str>,
}

/// Status of a connector with all its tasks, by task number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorStatus {
    /// The connector itself.
    pub connector: Status,
    /// Its tasks.
    pub tasks: BTreeMap<usize, Status>,
}

/// The states of all connectors and tasks of one worker.
#[derive(Debug)]
pub struct StatusStore {
    worker_id: Arc<str>,
    connectors: RwLock<BTreeMap<Arc<str>, ConnectorStatus>>,
}

impl StatusStore {
    /// Makes an empty store; `worker_id` is the advertised host and port.
    #[must_use]
    pub fn new(worker_id: impl Into<Arc<str>>) -> Self {
        Self { worker_id: worker_id.into(), connectors: RwLock::new(BTreeMap::new()) }
    }

    /// Host and port under which this worker reports.
    #[must_use]
    pub fn worker_id(&self) -> &Arc<str> {
        &self.worker_id
    }

    fn status(&self, state: State, trace: Option<String>) -> Status {
        Status { state, trace, worker_id: Arc::clone(&self.worker_id) }
    }

    /// Sets the state of a connector; its tasks keep theirs.
    pub fn set_connector(&self, name: &Arc<str>, state: State, trace: Option<String>) {
        let status = self.status(state, trace);
        let mut connectors = self.connectors.write();
        match connectors.get_mut(name) {
            Some(entry) => entry.connector = status,
            None => {
                let entry = ConnectorStatus { connector: status, tasks: BTreeMap::new() };
                connectors.insert(Arc::clone(name), entry);
            }
        }
    }

    /// Sets the state of a task; without effect when its connector is gone.
    pub fn set_task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let status = self.status(state, trace);
        if let Some(entry) = self.connectors.write().get_mut(&id.connector) {
            entry.tasks.insert(id.task, status);
        }
    }

    /// Forgets a task.
    pub fn remove_task(&self, id: &TaskId) {
        if let Some(entry) = self.connectors.write().get_mut(&id.connector) {
            entry.tasks.remove(&id.task);
        }
    }

    /// Forgets a connector and its tasks.
    pub fn remove_connector(&self, name: &str) {
        self.connectors.write().remove(name);
    }

    /// Status of a connector with its tasks.
    #[must_use]
    pub fn connector(&self, name: &str) -> Option<ConnectorStatus> {
        self.connectors.read().get(name).cloned()
    }

    /// Status of one task.
    #[must_use]
    pub fn task(&self, connector: &str, task: usize) -> Option<Status> {
        self.connectors.read().get(connector).and_then(|entry| entry.tasks.get(&task).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_report_of_a_deleted_connector_leaves_no_ghost() {
        let store = StatusStore::new("localhost:8083");
        let name: Arc<str> = "c".into();
        let task = TaskId { connector: Arc::clone(&name), task: 0 };
        store.set_connector(&name, State::Running, None);
        store.set_task(&task, State::Running, None);
        assert_eq!(store.connector("c").unwrap().tasks.len(), 1);
        store.remove_connector("c");
        store.set_task(&task, State::Unassigned, None);
        assert_eq!(store.connector("c"), None);
        assert_eq!(store.task("c", 0), None);
    }
}
