//! Broker and schema registry in this process, for a worker file with `embedded=true`.
//!
//! The only file that names the two servers. They listen where `bootstrap.servers` and
//! `schema.registry.url` say, and everything else reaches them there over loopback, as it would
//! reach a cluster. Data: `<embedded.data.dir>/broker`; the registry keeps its data in the broker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use broker::{Broker, BrokerConfig, RunningBroker};

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
}

/// The servers that run in this process.
#[derive(Debug)]
pub struct Embedded {
    broker: RunningBroker,
}

/// Directory of the broker's data.
#[must_use]
pub fn broker_directory(settings: &EmbeddedSettings) -> PathBuf {
    settings.data_dir.join("broker")
}

impl Embedded {
    /// Starts both servers; when it returns, they serve.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError`], with what to change.
    pub async fn start(
        worker: &WorkerConfig,
        settings: &EmbeddedSettings,
    ) -> Result<Self, EmbeddedError> {
        let broker = start_broker(worker, settings).await?;
        Ok(Self { broker })
    }

    /// The id of the cluster that the broker is.
    #[must_use]
    pub fn cluster_id(&self) -> String {
        self.broker.cluster_id()
    }

    /// Ends the registry, then the broker.
    pub async fn shutdown(self) {
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
        ("offsets.topic.replication.factor".to_owned(), "1".to_owned()),
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
