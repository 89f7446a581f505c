//! A standalone worker that runs: REST, herder, and the embedded servers if asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use connect_api::connector::Settings;
use tokio::sync::watch;

use super::connector_files::ConnectorFile;
use super::error::StandaloneError;
use crate::config::WorkerConfig;
use crate::embedded::Embedded;
use crate::herder::standalone::HerderTask;
use crate::herder::{PutMode, StandaloneHerder};
use crate::offsets::FileOffsetStore;
use crate::plugin::PluginRegistry;
use crate::progress::ProgressBoard;
use crate::rest::server::{Bound, RestServer};
use crate::rest::{Health, RestState};
use crate::status::StatusStore;
use crate::topics::ActiveTopics;
use crate::worker::Shared;
use crate::worker::converters::Converters;

/// A worker that runs. Ends in order with [`RunningStandalone::shutdown`].
pub struct RunningStandalone {
    herder: StandaloneHerder,
    herder_task: HerderTask,
    rest: RestServer,
    addresses: Vec<SocketAddr>,
    health: watch::Sender<Health>,
    embedded: Option<Embedded>,
}

impl RunningStandalone {
    /// Starts a worker: REST first, so that `/health` answers from the first moment.
    ///
    /// # Errors
    ///
    /// [`StandaloneError`]; nothing runs then.
    pub async fn start(
        config: WorkerConfig,
        plugins: PluginRegistry,
    ) -> Result<Self, StandaloneError> {
        let config = Arc::new(config);
        Converters::of(&Settings::new(), &config, &plugins)?;
        let bound = Bound::open(&config.listeners).await?;
        let addresses = bound.addresses();
        let offsets = Arc::new(FileOffsetStore::open(&config.offsets_file)?);
        let worker_id = worker_id(&config, &addresses);
        let shared = Shared {
            plugins,
            offsets,
            status: Arc::new(StatusStore::new(worker_id)),
            progress: Arc::new(ProgressBoard::default()),
            topics: Arc::new(ActiveTopics::new(config.topic_tracking.enabled)),
            config: Arc::clone(&config),
        };
        tracing::info!("Herder starting");
        let (herder, herder_task) = StandaloneHerder::start(shared);
        let (health, seen) =
            watch::channel(Health::Starting { stage: "starting the embedded servers" });
        let rest = bound.serve(RestState { herder: herder.clone(), health: seen });
        let mut running = Self { herder, herder_task, rest, addresses, health, embedded: None };
        if let Some(settings) = &config.embedded {
            match Embedded::start(&config, settings).await {
                Ok(embedded) => running.embedded = Some(embedded),
                Err(error) => {
                    running.shutdown().await;
                    return Err(error.into());
                }
            }
        }
        let cluster_id = running.embedded.as_ref().map(Embedded::cluster_id);
        running.health.send_replace(Health::Started { cluster_id });
        Ok(running)
    }

    /// Creates the connectors of files, in order.
    ///
    /// # Errors
    ///
    /// [`StandaloneError::Create`] for the first that cannot be created.
    pub async fn create(&self, files: Vec<ConnectorFile>) -> Result<(), StandaloneError> {
        for ConnectorFile { name, config, target, lines } in files {
            let herder = self.herder.with_lines(lines);
            let created = herder.put(&name, config, target, PutMode::Replace).await;
            created.map_err(|source| StandaloneError::Create {
                name: name.clone(),
                source: Box::new(source),
            })?;
            tracing::info!("Created connector {name}");
        }
        Ok(())
    }

    /// The herder.
    #[must_use]
    pub const fn herder(&self) -> &StandaloneHerder {
        &self.herder
    }

    /// Addresses of the REST API.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends everything: connectors and tasks with a last commit, REST, registry, broker.
    pub async fn shutdown(self) {
        self.health.send_replace(Health::Stopping);
        self.herder.shutdown().await;
        if self.herder_task.await.is_err() {
            tracing::error!("the herder's task panicked");
        }
        self.rest.shutdown().await;
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// `host:port` under which this worker reports states.
fn worker_id(config: &WorkerConfig, addresses: &[SocketAddr]) -> String {
    let (host, port) = &config.advertised;
    let listener = config.listeners.first();
    let host = host.as_deref().or(listener.map(|listener| listener.host.as_str()));
    let bound = addresses.first().map_or(0, SocketAddr::port);
    format!("{}:{}", host.unwrap_or("localhost"), port.unwrap_or(bound))
}
