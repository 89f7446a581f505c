//! Starts and stops connectors and tasks, as the herder says, and knows which run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use connect_api::connector::{ConnectorContext, Settings};
use connect_api::{ConnectError, Result};

use super::connector_host::{Connector, Task};
use super::control::TaskTarget;
use super::task_builder::{self, TaskSettings};
use super::task_thread::{TaskHandle, ThreadContext};
use crate::config::WorkerConfig;
use crate::connector_config::{TASKS_MAX, TOPICS, TOPICS_REGEX};
use crate::offsets::OffsetBackingStore;
use crate::plugin::{Plugin, PluginKind, PluginRegistry};
use crate::progress::ProgressBoard;
use crate::status::{State, StatusStore, TaskId};
use crate::topics::ActiveTopics;

/// What the worker, the herder and the REST API share.
#[derive(Clone)]
pub struct Shared {
    /// The worker's settings.
    pub config: Arc<WorkerConfig>,
    /// The plug-ins.
    pub plugins: PluginRegistry,
    /// The offsets of sources.
    pub offsets: Arc<dyn OffsetBackingStore>,
    /// The states of connectors and tasks.
    pub status: Arc<StatusStore>,
    /// The counters of tasks.
    pub progress: Arc<ProgressBoard>,
    /// The topics of connectors.
    pub topics: Arc<ActiveTopics>,
}

/// A connector that is to be started.
pub struct StartConnector {
    /// Its name.
    pub name: Arc<str>,
    /// Its plug-in.
    pub plugin: Plugin,
    /// Its settings, references resolved.
    pub settings: Arc<Settings>,
    /// Values that must not show in errors.
    pub secrets: Arc<[String]>,
    /// How it speaks to the herder.
    pub context: Arc<dyn ConnectorContext>,
}

struct RunningConnector {
    connector: Connector,
    class: &'static str,
    settings: Arc<Settings>,
    secrets: Arc<[String]>,
}

/// Connectors and tasks that run in this process.
pub struct Worker {
    shared: Shared,
    connectors: BTreeMap<Arc<str>, RunningConnector>,
    tasks: BTreeMap<TaskId, TaskHandle>,
}

impl Worker {
    /// Makes a worker that runs nothing.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self { shared, connectors: BTreeMap::new(), tasks: BTreeMap::new() }
    }

    /// What this worker shares with others.
    #[must_use]
    pub const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Starts a connector.
    ///
    /// # Errors
    ///
    /// As the connector says. Secrets are removed from the text.
    pub async fn start_connector(&mut self, start: StartConnector) -> Result<()> {
        let StartConnector { name, plugin, settings, secrets, context } = start;
        let class = plugin.class;
        tracing::info!("Creating connector {name} of type {class}");
        let made = Connector::of(&plugin)
            .ok_or_else(|| ConnectError::fatal(format!("{class} is not a connector")))?;
        let connector = made.start(context, (*settings).clone()).await?;
        tracing::info!("Finished creating connector {name}");
        let running = RunningConnector { connector, class, settings, secrets };
        self.connectors.insert(name, running);
        Ok(())
    }

    /// Computes the task settings of a connector, complete with what the worker adds.
    ///
    /// # Errors
    ///
    /// The connector cannot, or wants more tasks than `tasks.max` and that is enforced.
    pub fn task_configs(&self, name: &str) -> Result<Vec<Settings>> {
        let running = self
            .connectors
            .get(name)
            .ok_or_else(|| ConnectError::fatal(format!("connector {name} does not run")))?;
        let most = running.settings.get(TASKS_MAX).and_then(|text| text.trim().parse().ok());
        let most: usize = most.unwrap_or(1);
        let mut configs = running.connector.task_configs(most)?;
        if configs.len() > most {
            let count = configs.len();
            let text = format!(
                "The connector {name} has generated {count} tasks, which is greater than {most}, \
                 the maximum number of tasks it is configured to create."
            );
            let enforce = running.settings.get("tasks.max.enforce").map(|text| text.trim());
            if !enforce.is_some_and(|text| text.eq_ignore_ascii_case("false")) {
                return Err(ConnectError::fatal(text));
            }
            tracing::warn!("{text}");
        }
        let task_class = task_class(running.class);
        for config in &mut configs {
            config.insert("task.class".to_owned(), task_class.clone());
            if running.connector.kind() == PluginKind::Sink {
                for key in [TOPICS, TOPICS_REGEX] {
                    if let Some(value) = running.settings.get(key) {
                        config.insert(key.to_owned(), value.clone());
                    }
                }
            }
        }
        Ok(configs)
    }

    /// Starts one thread per task.
    pub fn start_tasks(&mut self, name: &Arc<str>, configs: &[Settings], target: TaskTarget) {
        for (task, config) in configs.iter().enumerate() {
            let id = TaskId { connector: Arc::clone(name), task };
            self.start_task(id, config.clone(), target);
        }
    }

    /// Starts one task; a failure to do so shows in its status.
    pub fn start_task(&mut self, id: TaskId, config: Settings, target: TaskTarget) {
        let Some(running) = self.connectors.get(&id.connector) else { return };
        let context = ThreadContext {
            runtime: tokio::runtime::Handle::current(),
            status: Arc::clone(&self.shared.status),
            secrets: Arc::clone(&running.secrets),
        };
        let settings = TaskSettings { connector: Arc::clone(&running.settings), task: config };
        let shared = self.shared.clone();
        let task = running.connector.task();
        let task_id = id.clone();
        tracing::info!("Creating task {id}");
        let state = if target == TaskTarget::Paused { State::Paused } else { State::Running };
        self.shared.status.set_task(&id, state, None);
        let spawned = TaskHandle::spawn(id.clone(), context, target, move |control| match task {
            Task::Source(task) => {
                task_builder::run_source(&shared, task_id, settings, task, control)
            }
            Task::Sink(task) => task_builder::run_sink(&shared, task_id, settings, task, control),
        });
        match spawned {
            Ok(handle) => {
                self.tasks.insert(id, handle);
            }
            Err(error) => {
                let trace = format!("no thread for task {id}: {error}");
                tracing::error!("{trace}");
                self.shared.status.set_task(&id, State::Failed, Some(trace));
            }
        }
    }

    /// Tells all tasks of a connector to pause or to go on.
    pub fn tell_tasks(&self, name: &str, target: TaskTarget) {
        for (id, handle) in &self.tasks {
            if &*id.connector == name {
                handle.tell(target);
            }
        }
    }

    /// Stops the tasks that `wanted` picks, all at once, within the graceful timeout.
    pub async fn stop_tasks(&mut self, wanted: impl Fn(&TaskId) -> bool) {
        let picked: Vec<TaskId> = self.tasks.keys().filter(|id| wanted(id)).cloned().collect();
        let handles: Vec<TaskHandle> =
            picked.iter().filter_map(|id| self.tasks.remove(id)).collect();
        for handle in &handles {
            handle.tell(TaskTarget::Stopping);
        }
        let deadline = Instant::now() + self.shared.config.timing.task_shutdown_timeout;
        for handle in handles {
            handle.join(deadline).await;
        }
    }

    /// Stops a connector; its tasks were stopped before.
    pub async fn stop_connector(&mut self, name: &str) {
        if let Some(running) = self.connectors.remove(name) {
            tracing::info!("Stopping connector {name}");
            running.connector.stop().await;
        }
    }

    /// Stops everything.
    pub async fn stop(&mut self) {
        self.stop_tasks(|_| true).await;
        let names: Vec<Arc<str>> = self.connectors.keys().cloned().collect();
        for name in names {
            self.stop_connector(&name).await;
            self.shared.status.set_connector(&name, State::Unassigned, None);
        }
    }
}

/// Name of the Java class of a connector's tasks: `…SourceConnector` has `…SourceTask`.
fn task_class(connector: &str) -> String {
    format!("{}Task", connector.strip_suffix("Connector").unwrap_or(connector))
}
