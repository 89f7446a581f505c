//! The herder of a worker that is alone: the end that the REST API and the programs hold.
//!
//! Reads look at the published view and at the shared stores; writes are validated here, then
//! sent to the herder's task, each with a time limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_api::connector::Settings;
use tokio::sync::{mpsc, oneshot, watch};

use super::actor::{Actor, Put, PutMode, Reply, Request, RestartScope};
use super::config_infos::ConfigInfos;
use super::error::HerderError;
use super::plan::Target;
use super::validation::Validator;
use super::view::{ConnectorInfo, ConnectorView, View};
use crate::connector_config::NAME;
use crate::status::{ConnectorStatus, TaskId};
use crate::worker::{Shared, Worker};

/// Longest wait for the answer to a request, as in Kafka Connect.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// Requests that may wait for the herder.
const QUEUE: usize = 64;

/// A standalone herder; clones speak to the same one.
#[derive(Clone)]
pub struct StandaloneHerder {
    requests: mpsc::Sender<Request>,
    view: watch::Receiver<Arc<View>>,
    shared: Shared,
    validator: Validator,
}

/// A herder's task, to be waited for after a shutdown.
pub type HerderTask = tokio::task::JoinHandle<()>;

impl StandaloneHerder {
    /// Starts a herder without connectors.
    #[must_use]
    pub fn start(shared: Shared) -> (Self, HerderTask) {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (publish, view) = watch::channel(Arc::new(View::new()));
        let validator = Validator::new(shared.plugins.clone(), Arc::clone(&shared.config));
        let worker = Worker::new(shared.clone());
        let own = requests.downgrade();
        let actor = Actor::new(worker, validator.clone(), receiver, own, publish);
        let task = tokio::spawn(actor.run());
        (Self { requests, view, shared, validator }, task)
    }

    /// The same herder for settings of a file, whose lines its warnings name.
    #[must_use]
    pub fn with_lines(&self, lines: BTreeMap<String, usize>) -> Self {
        Self { validator: self.validator.clone().with_lines(lines), ..self.clone() }
    }

    /// What the herder shares with the worker.
    #[must_use]
    pub const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// All connectors, as of now.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// One connector.
    ///
    /// # Errors
    ///
    /// [`HerderError::NoConnector`]
    pub fn connector(&self, name: &str) -> Result<ConnectorView, HerderError> {
        let missing = || HerderError::NoConnector(name.to_owned());
        self.view.borrow().get(name).cloned().ok_or_else(missing)
    }

    /// State of a connector and its tasks.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ConnectorStatus> {
        self.shared.status.connector(name)
    }

    /// Validates settings.
    ///
    /// # Errors
    ///
    /// As [`Validator::validate`], and when it takes too long.
    pub async fn validate(&self, settings: &Settings) -> Result<ConfigInfos, HerderError> {
        timed(self.validator.validate(settings)).await
    }

    /// Creates a connector, or replaces its settings; tells whether it is new.
    ///
    /// # Errors
    ///
    /// Wrong settings, a connector that is there already, or one that does not start.
    pub async fn put(
        &self,
        name: &str,
        mut config: Settings,
        target: Option<Target>,
        mode: PutMode,
    ) -> Result<(bool, ConnectorInfo), HerderError> {
        config.entry(NAME.to_owned()).or_insert_with(|| name.to_owned());
        timed(self.validator.require_valid(&config)).await?;
        let put = Put { name: name.into(), config, target, mode };
        self.ask(|reply| Request::Put(put, reply)).await
    }

    /// Changes some settings of a connector; `None` removes one.
    ///
    /// # Errors
    ///
    /// As [`StandaloneHerder::put`], and when there is no such connector.
    pub async fn patch(
        &self,
        name: &str,
        changes: BTreeMap<String, Option<String>>,
    ) -> Result<ConnectorInfo, HerderError> {
        let mut config = (*self.connector(name)?.config).clone();
        for (key, value) in changes {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
        Ok(self.put(name, config, None, PutMode::Replace).await?.1)
    }

    /// Deletes a connector; its offsets stay.
    ///
    /// # Errors
    ///
    /// [`HerderError::NoConnector`]
    pub async fn delete(&self, name: &str) -> Result<(), HerderError> {
        self.ask(|reply| Request::Delete(name.into(), reply)).await
    }

    /// Starts, pauses or stops a connector.
    ///
    /// # Errors
    ///
    /// [`HerderError::UnknownConnector`]
    pub async fn set_target(&self, name: &str, target: Target) -> Result<(), HerderError> {
        self.ask(|reply| Request::SetTarget(name.into(), target, reply)).await
    }

    /// Restarts a connector, its tasks, or what has failed of them.
    ///
    /// # Errors
    ///
    /// [`HerderError::NoConnector`]
    pub async fn restart(
        &self,
        name: &str,
        scope: RestartScope,
    ) -> Result<ConnectorStatus, HerderError> {
        self.ask(|reply| Request::Restart(name.into(), scope, reply)).await
    }

    /// Restarts one task.
    ///
    /// # Errors
    ///
    /// [`HerderError::NoTask`]
    pub async fn restart_task(&self, name: &str, task: usize) -> Result<(), HerderError> {
        let id = TaskId { connector: name.into(), task };
        self.ask(|reply| Request::RestartTask(id, reply)).await
    }

    /// Runs `change` while the connector is stopped and cannot be started.
    ///
    /// # Errors
    ///
    /// [`HerderError::NotStopped`], [`HerderError::NoConnector`], or what `change` says.
    pub async fn while_stopped<T: Send + 'static>(
        &self,
        name: &str,
        change: impl FnOnce() -> Result<T, HerderError> + Send + 'static,
    ) -> Result<T, HerderError> {
        let (done, wait) = oneshot::channel();
        self.ask(|reply| Request::WithStopped(name.into(), wait, reply)).await?;
        let outcome = timed(async {
            tokio::task::spawn_blocking(change).await.map_err(|_| HerderError::ShuttingDown)?
        });
        let outcome = outcome.await;
        // The herder may have ended meanwhile.
        let _ = done.send(());
        outcome
    }

    /// Stops everything; the herder's task ends.
    pub async fn shutdown(&self) {
        let (done, wait) = oneshot::channel();
        if self.requests.send(Request::Shutdown(done)).await.is_ok() {
            // It may have ended by itself.
            let _ = wait.await;
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, HerderError> {
        let (reply, answer) = oneshot::channel();
        timed(async {
            let sent = self.requests.send(request(reply)).await;
            sent.map_err(|_| HerderError::ShuttingDown)?;
            answer.await.map_err(|_| HerderError::ShuttingDown)?
        })
        .await
    }
}

async fn timed<T>(work: impl Future<Output = Result<T, HerderError>>) -> Result<T, HerderError> {
    let done = tokio::time::timeout(REQUEST_TIMEOUT, work).await;
    done.unwrap_or(Err(HerderError::TimedOut))
}
