//! The standalone herder's own task: the one owner of what is wanted, and of the worker.
//!
//! Requests come one at a time. Each changes what is wanted; then the plan is executed until
//! nothing is left to do. Readers look at the published view instead of asking.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_api::ConnectError;
use connect_api::connector::{ConnectorContext, Settings};
use tokio::sync::{mpsc, oneshot, watch};

use super::error::HerderError;
use super::plan::{Action, Running, Target, TaskSet, Wanted, plan};
use super::validation::Validator;
use super::view::{ConnectorInfo, ConnectorView, View, without_secrets};
use crate::plugin::PluginKind;
use crate::status::{ConnectorStatus, State, TaskId};
use crate::worker::control::TaskTarget;
use crate::worker::{Shared, StartConnector, Worker};

/// Most rounds of planning for one request; a plan needs four.
const MAX_ROUNDS: usize = 10;

/// Whether a put may replace a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Only a new connector.
    Create,
    /// New or not.
    Replace,
}

/// What a restart covers (KIP-745).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestartScope {
    /// The tasks too.
    pub include_tasks: bool,
    /// Only what has failed.
    pub only_failed: bool,
}

/// Where the answer to a request goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, HerderError>>;

/// A connector that is to be created or replaced.
pub(super) struct Put {
    /// Name.
    pub(super) name: Arc<str>,
    /// Settings, valid.
    pub(super) config: Settings,
    /// State; that of before, or started, when absent.
    pub(super) target: Option<Target>,
    /// Whether it may be there already.
    pub(super) mode: PutMode,
}

/// What the herder is asked.
pub(super) enum Request {
    /// Create or replace a connector; answers whether it is new.
    Put(Put, Reply<(bool, ConnectorInfo)>),
    /// Delete a connector.
    Delete(Arc<str>, Reply<()>),
    /// Start, pause or stop a connector.
    SetTarget(Arc<str>, Target, Reply<()>),
    /// Restart a connector; answers with the state at the start of it.
    Restart(Arc<str>, RestartScope, Reply<ConnectorStatus>),
    /// Restart one task.
    RestartTask(TaskId, Reply<()>),
    /// Hold the connector as it is while its offsets are changed.
    WithStopped(Arc<str>, oneshot::Receiver<()>, Reply<()>),
    /// The connector has other task settings.
    Reconfigure(Arc<str>),
    /// The connector reports that it failed.
    Failed(Arc<str>, ConnectError),
    /// Stop everything and end.
    Shutdown(oneshot::Sender<()>),
}

struct TaskConfigs {
    version: u64,
    configs: Vec<Settings>,
    shown: Arc<[Settings]>,
}

struct Entry {
    config: Arc<Settings>,
    kind: PluginKind,
    version: u64,
    target: Target,
    tasks: Option<TaskConfigs>,
}

impl Entry {
    fn wanted(&self) -> Wanted {
        let tasks = self.tasks.as_ref();
        Wanted {
            config_version: self.version,
            target: self.target,
            tasks: tasks
                .map(|tasks| TaskSet { version: tasks.version, count: tasks.configs.len() }),
        }
    }
}

/// The herder's state.
pub(super) struct Actor {
    worker: Worker,
    shared: Shared,
    validator: Validator,
    requests: mpsc::Receiver<Request>,
    own: mpsc::WeakSender<Request>,
    view: watch::Sender<Arc<View>>,
    entries: BTreeMap<Arc<str>, Entry>,
    running: BTreeMap<Arc<str>, Running>,
    next_version: u64,
}

impl Actor {
    /// Makes a herder without connectors.
    #[must_use]
    pub(super) fn new(
        worker: Worker,
        validator: Validator,
        requests: mpsc::Receiver<Request>,
        own: mpsc::WeakSender<Request>,
        view: watch::Sender<Arc<View>>,
    ) -> Self {
        let shared = worker.shared().clone();
        Self {
            worker,
            shared,
            validator,
            requests,
            own,
            view,
            entries: BTreeMap::new(),
            running: BTreeMap::new(),
            next_version: 1,
        }
    }

    /// Serves requests until a shutdown.
    pub(super) async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::Put(put, reply) => {
                    let outcome = self.put(put).await;
                    answer(reply, outcome);
                }
                Request::Delete(name, reply) => {
                    let outcome = self.delete(&name).await;
                    answer(reply, outcome);
                }
                Request::SetTarget(name, target, reply) => {
                    let outcome = self.set_target(&name, target).await;
                    answer(reply, outcome);
                }
                Request::Restart(name, scope, reply) => self.restart(&name, scope, reply).await,
                Request::RestartTask(id, reply) => {
                    let outcome = self.restart_task(id).await;
                    answer(reply, outcome);
                }
                Request::WithStopped(name, done, reply) => {
                    self.hold_stopped(&name, done, reply).await;
                }
                Request::Reconfigure(name) => {
                    self.compute_tasks(&name);
                    self.reconcile().await;
                }
                Request::Failed(name, error) => self.fail(&name, &error),
                Request::Shutdown(done) => {
                    self.worker.stop().await;
                    // Nobody to tell is no harm.
                    let _ = done.send(());
                    return;
                }
            }
        }
        self.worker.stop().await;
    }

    fn version(&mut self) -> u64 {
        self.next_version += 1;
        self.next_version
    }

    async fn put(&mut self, put: Put) -> Result<(bool, ConnectorInfo), HerderError> {
        let Put { name, config, target, mode } = put;
        let known = self.entries.get(&name);
        if known.is_some() && mode == PutMode::Create {
            return Err(HerderError::AlreadyExists(name.to_string()));
        }
        let created = known.is_none();
        let before = known.map(|entry| entry.target);
        let kind = self.validator.plugin(&config)?.kind();
        let target = target.or(before).unwrap_or(Target::Started);
        let version = self.version();
        let entry = Entry { config: Arc::new(config), kind, version, target, tasks: None };
        self.entries.insert(Arc::clone(&name), entry);
        if target == Target::Stopped && !self.running.contains_key(&name) {
            self.shared.status.set_connector(&name, State::Stopped, None);
        }
        self.reconcile().await;
        if let Some(running) = self.running.get(&name)
            && running.failed
        {
            let trace = self.shared.status.connector(&name).and_then(|s| s.connector.trace);
            return Err(ConnectError::fatal(trace.unwrap_or_default()).into());
        }
        let view = self.view_of(&name).ok_or(HerderError::NoConnector(name.to_string()))?;
        Ok((created, view.info(&name)))
    }

    async fn delete(&mut self, name: &Arc<str>) -> Result<(), HerderError> {
        self.entries.remove(name).ok_or_else(|| HerderError::NoConnector(name.to_string()))?;
        self.reconcile().await;
        self.forget(name);
        Ok(())
    }

    fn forget(&self, name: &str) {
        self.shared.status.remove_connector(name);
        self.shared.progress.remove_connector(name);
        self.shared.topics.reset(name);
    }

    async fn set_target(&mut self, name: &Arc<str>, target: Target) -> Result<(), HerderError> {
        let entry = self
            .entries
            .get_mut(name)
            .ok_or_else(|| HerderError::UnknownConnector(name.to_string()))?;
        let before = entry.target;
        entry.target = target;
        if target == Target::Stopped {
            entry.tasks = None;
            self.shared.status.set_connector(name, State::Stopped, None);
        } else if before == Target::Stopped && !self.running.contains_key(name) {
            entry.tasks = None;
        }
        self.reconcile().await;
        Ok(())
    }

    async fn restart(
        &mut self,
        name: &Arc<str>,
        scope: RestartScope,
        reply: Reply<ConnectorStatus>,
    ) {
        let Some(status) = self.shared.status.connector(name) else {
            return answer(reply, Err(HerderError::NoConnector(name.to_string())));
        };
        let picked = |state: State| !scope.only_failed || state == State::Failed;
        let connector = picked(status.connector.state);
        let tasks: Vec<usize> = status
            .tasks
            .iter()
            .filter(|(_, task)| scope.include_tasks && picked(task.state))
            .map(|(number, _)| *number)
            .collect();
        let stopped = self.entries.get(name).is_none_or(|entry| entry.target == Target::Stopped);
        if stopped {
            return answer(reply, Ok(status));
        }
        if connector {
            self.shared.status.set_connector(name, State::Restarting, None);
        }
        for task in &tasks {
            let id = TaskId { connector: Arc::clone(name), task: *task };
            self.shared.status.set_task(&id, State::Restarting, None);
        }
        answer(reply, Ok(self.shared.status.connector(name).unwrap_or(status)));
        if connector {
            self.restart_connector(name).await;
        }
        for task in tasks {
            let id = TaskId { connector: Arc::clone(name), task };
            // The task may be gone with the settings of before.
            let _ = self.restart_task(id).await;
        }
    }

    async fn restart_connector(&mut self, name: &Arc<str>) {
        self.worker.stop_connector(name).await;
        let tasks = self.running.remove(name).and_then(|running| running.tasks);
        self.start_connector(name, tasks).await;
        self.reconcile().await;
    }

    async fn restart_task(&mut self, id: TaskId) -> Result<(), HerderError> {
        let missing = || HerderError::NoTask { connector: id.connector.to_string(), task: id.task };
        let entry = self.entries.get(&id.connector).ok_or_else(missing)?;
        let tasks = entry.tasks.as_ref().ok_or_else(missing)?;
        let config = tasks.configs.get(id.task).ok_or_else(missing)?.clone();
        let target = task_target(entry.target);
        self.worker.stop_tasks(|running| *running == id).await;
        self.worker.start_task(id, config, target);
        Ok(())
    }

    /// Answers when the connector is known to be stopped, then waits until the asker is done: so
    /// nothing starts it meanwhile.
    async fn hold_stopped(&self, name: &Arc<str>, done: oneshot::Receiver<()>, reply: Reply<()>) {
        let outcome = match self.entries.get(name) {
            None => Err(HerderError::NoConnector(name.to_string())),
            Some(entry) if entry.target != Target::Stopped || self.running.contains_key(name) => {
                Err(HerderError::NotStopped(name.to_string()))
            }
            Some(_) => Ok(()),
        };
        let held = outcome.is_ok();
        answer(reply, outcome);
        if held {
            // An asker that gave up drops its end, which ends the wait too.
            let _ = done.await;
        }
    }

    fn fail(&mut self, name: &Arc<str>, error: &ConnectError) {
        if self.entries.contains_key(name) {
            let trace = self.redacted(name, error);
            tracing::error!("connector {name} failed: {trace}");
            self.shared.status.set_connector(name, State::Failed, Some(trace));
        }
    }

    async fn reconcile(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let wanted =
                self.entries.iter().map(|(name, entry)| (Arc::clone(name), entry.wanted()));
            let actions = plan(&wanted.collect(), &self.running);
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.execute(action).await;
            }
        }
        self.publish();
    }

    async fn execute(&mut self, action: Action) {
        match action {
            Action::StopTasks(name) => {
                self.worker.stop_tasks(|id| id.connector == name).await;
                if let Some(running) = self.running.get_mut(&name) {
                    for task in 0..running.tasks.take().map_or(0, |tasks| tasks.count) {
                        let id = TaskId { connector: Arc::clone(&name), task };
                        self.shared.status.remove_task(&id);
                    }
                }
            }
            Action::StopConnector(name) => {
                self.worker.stop_connector(&name).await;
                self.running.remove(&name);
            }
            Action::StartConnector(name) => self.start_connector(&name, None).await,
            Action::StartTasks(name) => self.start_tasks(&name),
            Action::Tell(name, target) => self.tell(&name, target),
        }
    }

    async fn start_connector(&mut self, name: &Arc<str>, tasks: Option<TaskSet>) {
        let Some(entry) = self.entries.get(name) else { return };
        let (version, target, config) = (entry.version, entry.target, Arc::clone(&entry.config));
        let outcome = self.try_start(name, &config).await;
        let failed = outcome.is_err();
        self.running
            .insert(Arc::clone(name), Running { config_version: version, target, failed, tasks });
        match outcome {
            Ok(()) => {
                self.shared.status.set_connector(name, connector_state(target), None);
                if target == Target::Started {
                    self.compute_tasks(name);
                }
            }
            Err(error) => self.mark_failed(name, &error),
        }
    }

    async fn try_start(&mut self, name: &Arc<str>, config: &Settings) -> Result<(), ConnectError> {
        let fatal = |error: HerderError| ConnectError::fatal(error.to_string());
        let plugin = *self.validator.plugin(config).map_err(fatal)?;
        let resolved = self.validator.resolve(config).map_err(fatal)?;
        let context = Context { name: Arc::clone(name), herder: self.own.clone() };
        self.worker
            .start_connector(StartConnector {
                name: Arc::clone(name),
                plugin,
                settings: Arc::new(resolved.settings),
                secrets: resolved.secrets.into(),
                context: Arc::new(context),
            })
            .await
    }

    /// An error of a connector, in words without its secrets.
    fn redacted(&self, name: &Arc<str>, error: &ConnectError) -> String {
        let secrets = self
            .entries
            .get(name)
            .and_then(|entry| self.validator.resolve(&entry.config).ok())
            .map(|resolved| resolved.secrets)
            .unwrap_or_default();
        config::redact(&error.trace(), secrets.iter().map(String::as_str))
    }

    /// Shows a connector as failed; its settings must change, or somebody restart it.
    fn mark_failed(&mut self, name: &Arc<str>, error: &ConnectError) {
        let trace = self.redacted(name, error);
        tracing::error!("Failed to start connector {name}: {trace}");
        self.shared.status.set_connector(name, State::Failed, Some(trace));
        if let Some(running) = self.running.get_mut(name) {
            running.failed = true;
        }
    }

    /// Asks the connector for its task settings; new ones get a new version.
    fn compute_tasks(&mut self, name: &Arc<str>) {
        let configs = match self.worker.task_configs(name) {
            Ok(configs) => configs,
            Err(error) => return self.mark_failed(name, &error),
        };
        let version = self.version();
        let Some(entry) = self.entries.get_mut(name) else { return };
        if entry.tasks.as_ref().is_some_and(|tasks| tasks.configs == configs) {
            return;
        }
        let secrets = self.validator.resolve(&entry.config).map(|resolved| resolved.secrets);
        let secrets = secrets.unwrap_or_default();
        let shown = configs.iter().map(|task| without_secrets(task, &entry.config, &secrets));
        let shown = shown.collect();
        entry.tasks = Some(TaskConfigs { version, configs, shown });
    }

    fn start_tasks(&mut self, name: &Arc<str>) {
        let Some(entry) = self.entries.get(name) else { return };
        let Some(tasks) = &entry.tasks else { return };
        self.worker.start_tasks(name, &tasks.configs, task_target(entry.target));
        if let Some(running) = self.running.get_mut(name) {
            running.tasks = entry.wanted().tasks;
        }
    }

    fn tell(&mut self, name: &Arc<str>, target: Target) {
        self.worker.tell_tasks(name, task_target(target));
        self.shared.status.set_connector(name, connector_state(target), None);
        if let Some(running) = self.running.get_mut(name) {
            running.target = target;
        }
        let has_tasks = self.entries.get(name).is_some_and(|entry| entry.tasks.is_some());
        if target == Target::Started && !has_tasks {
            self.compute_tasks(name);
        }
    }

    fn view_of(&self, name: &str) -> Option<ConnectorView> {
        let entry = self.entries.get(name)?;
        Some(ConnectorView {
            config: Arc::clone(&entry.config),
            kind: entry.kind,
            target: entry.target,
            tasks: entry.tasks.as_ref().map(|tasks| Arc::clone(&tasks.shown)).unwrap_or_default(),
        })
    }

    fn publish(&self) {
        let names = self.entries.keys();
        let views = names.filter_map(|name| Some((Arc::clone(name), self.view_of(name)?)));
        self.view.send_replace(Arc::new(views.collect()));
    }
}

/// Answers a request; an asker that has gone away is no harm.
fn answer<T>(reply: Reply<T>, outcome: Result<T, HerderError>) {
    let _ = reply.send(outcome);
}

const fn task_target(target: Target) -> TaskTarget {
    match target {
        Target::Started => TaskTarget::Running,
        Target::Paused => TaskTarget::Paused,
        Target::Stopped => TaskTarget::Stopping,
    }
}

const fn connector_state(target: Target) -> State {
    match target {
        Target::Started => State::Running,
        Target::Paused => State::Paused,
        Target::Stopped => State::Stopped,
    }
}

/// How a connector speaks to the herder.
struct Context {
    name: Arc<str>,
    herder: mpsc::WeakSender<Request>,
}

impl Context {
    fn send(&self, request: Request) {
        let sent = self.herder.upgrade().map(|herder| herder.try_send(request));
        if !matches!(sent, Some(Ok(()))) {
            tracing::warn!("connector {}: the herder is busy, a request is lost", self.name);
        }
    }
}

impl ConnectorContext for Context {
    fn request_task_reconfiguration(&self) {
        self.send(Request::Reconfigure(Arc::clone(&self.name)));
    }

    fn raise_error(&self, error: ConnectError) {
        self.send(Request::Failed(Arc::clone(&self.name), error));
    }
}
