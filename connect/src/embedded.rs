//! Broker and schema registry in this process, for a worker file with `embedded=true`.
//!
//! The only file that names the two servers. They listen where `bootstrap.servers` and
//! `schema.registry.url` say, and everything else reaches them there over loopback, as it would
//! reach a cluster. Data: `<embedded.data.dir>/broker`; the registry keeps its data in the broker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use broker::{Broker, BrokerConfig, RunningBroker};
use schema_registry::{RegistryConfig, RunningRegistry, SchemaRegistry};

use crate::config::{EmbeddedSettings, WorkerConfig};

/// Why the embedded servers did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There is not exactly one address for the broker.
    #[error(
        "embedded=true needs exactly one host:port in bootstrap.servers, found {found}; remove \
         embedded=true to use a cluster that runs elsewhere"
    )]
    Address {
        /// What is configured.
        found: String,
    },
    /// The broker's settings are wrong.
    #[error("settings of the embedded broker: {0}")]
    BrokerConfig(#[from] broker::ConfigError),
    /// The broker's address is taken.
    #[error(
        "the embedded broker cannot listen on {address} (bootstrap.servers): {source}. Stop the \
         program that has the port, change bootstrap.servers, or remove embedded=true to use the \
         cluster that already runs there"
    )]
    BrokerAddress {
        /// The address.
        address: String,
        /// What the broker says.
        source: Box<broker::StartError>,
    },
    /// The broker did not start.
    #[error("the embedded broker did not start: {0}")]
    Broker(#[source] Box<broker::StartError>),
    /// The registry's settings are wrong.
    #[error("settings of the embedded schema registry: {0}")]
    RegistryConfig(#[from] schema_registry::ConfigError),
    /// The registry's address is taken.
    #[error(
        "the embedded schema registry cannot listen on {url} (schema.registry.url), another \
         program does: stop it, or change schema.registry.url"
    )]
    RegistryAddress {
        /// The address.
        url: String,
    },
    /// The registry did not start.
    #[error("the embedded schema registry did not start on {url} (schema.registry.url): {source}")]
    Registry {
        /// The address.
        url: String,
        /// What the registry says.
        source: Box<schema_registry::StartError>,
    },
}

/// The servers that run in this process.
pub struct Embedded {
    broker: RunningBroker,
    registry: Option<RunningRegistry>,
}

/// Directory of the broker's data.
#[must_use]
pub fn broker_directory(settings: &EmbeddedSettings) -> PathBuf {
    settings.data_dir.join("broker")
}

impl Embedded {
    /// Starts the broker, and the registry if `schema.registry.url` is set; when it returns, they
    /// serve.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError`], with what to change.
    pub async fn start(
        worker: &WorkerConfig,
        settings: &EmbeddedSettings,
    ) -> Result<Self, EmbeddedError> {
        let broker = start_broker(worker, settings).await?;
        match start_registry(worker, settings).await {
            Ok(registry) => Ok(Self { broker, registry }),
            Err(error) => {
                Self { broker, registry: None }.shutdown().await;
                Err(error)
            }
        }
    }

    /// The id of the cluster that the broker is.
    #[must_use]
    pub fn cluster_id(&self) -> String {
        self.broker.cluster_id()
    }

    /// Ends the registry, then the broker.
    pub async fn shutdown(self) {
        if let Some(registry) = self.registry {
            registry.shutdown().await;
        }
        if let Err(error) = self.broker.shutdown().await {
            tracing::error!(
                "the embedded broker did not end cleanly, its next start recovers: {error}"
            );
        }
    }
}

async fn start_broker(
    worker: &WorkerConfig,
    settings: &EmbeddedSettings,
) -> Result<RunningBroker, EmbeddedError> {
    let [address] = worker.bootstrap_servers.as_slice() else {
        let found = worker.bootstrap_servers.join(",");
        return Err(EmbeddedError::Address { found });
    };
    let directory = broker_directory(settings);
    let mut keys = BTreeMap::from([
        ("listeners".to_owned(), format!("PLAINTEXT://{address}")),
        ("log.dirs".to_owned(), directory.display().to_string()),
        ("default.replication.factor".to_owned(), "1".to_owned()),
        ("group.initial.rebalance.delay.ms".to_owned(), "0".to_owned()),
    ]);
    keys.extend(settings.broker.clone());
    let config = BrokerConfig::from_map(keys)?;
    Broker::start(config).await.map_err(|error| match error {
        broker::StartError::Listen { .. } => {
            EmbeddedError::BrokerAddress { address: address.clone(), source: Box::new(error) }
        }
        other => EmbeddedError::Broker(Box::new(other)),
    })
}

async fn start_registry(
    worker: &WorkerConfig,
    settings: &EmbeddedSettings,
) -> Result<Option<RunningRegistry>, EmbeddedError> {
    let Some(url) = &worker.schema_registry_url else { return Ok(None) };
    let brokers: Vec<String> =
        worker.bootstrap_servers.iter().map(|address| format!("PLAINTEXT://{address}")).collect();
    let mut keys = BTreeMap::from([
        ("listeners".to_owned(), url.clone()),
        ("kafkastore.bootstrap.servers".to_owned(), brokers.join(",")),
        ("kafkastore.topic.replication.factor".to_owned(), "1".to_owned()),
    ]);
    keys.extend(settings.registry.clone());
    let started = SchemaRegistry::start(RegistryConfig::from_map(&keys)?).await;
    started.map(Some).map_err(|error| match error {
        schema_registry::StartError::InUse { .. } => {
            EmbeddedError::RegistryAddress { url: url.clone() }
        }
        other => EmbeddedError::Registry { url: url.clone(), source: Box::new(other) },
    })
}
