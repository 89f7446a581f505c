//! The broker as a whole: start, addresses, shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::BrokerConfig;
use crate::context::Context;
use crate::error::StartError;
use crate::group::GroupCoordinator;
use crate::log::{Clock, LogDirectory, LogDirectoryConfig, OsFileSystem, SystemClock};
use crate::metadata::ClusterMetadata;
use crate::server::{self, Listening, Server};
use crate::topic_config;

/// How long requests that are under way may take when the broker stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the log does its periodic work.
const TICK: Duration = Duration::from_secs(1);

/// Starts brokers.
#[derive(Debug)]
pub struct Broker;

/// A broker that serves. Dropping it ends the tasks with the runtime and leaves the data as after
/// a crash: call [`RunningBroker::shutdown`].
#[derive(Debug)]
pub struct RunningBroker {
    addresses: Vec<SocketAddr>,
    context: Arc<Context>,
    stop: CancellationToken,
    abort: CancellationToken,
    tasks: TaskTracker,
}

impl Broker {
    /// Opens the data directory and the listeners; when it returns, clients are served.
    ///
    /// Needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`], with what to change.
    pub async fn start(config: BrokerConfig) -> Result<RunningBroker, StartError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        if !config.without_effect.is_empty() {
            let keys = config.without_effect.join(", ");
            tracing::info!(keys, "settings that mean nothing to a broker of one node");
        }
        let config = Arc::new(config);
        // The port first: a broker that cannot listen must not touch the data.
        let listening = server::bind(&config)?;
        let addresses = listening.addresses().to_vec();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let context = open(&config, &listening, clock).await?;
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let server = Server::new(Arc::clone(&context), stop.clone(), abort.clone());
        server::serve(listening, &server, &tasks);
        tasks.spawn(tick(Arc::clone(&context.logs), stop.clone()));
        tracing::info!(
            node_id = config.node_id,
            cluster_id = context.logs.cluster_id(),
            directory = %config.log_directory.display(),
            addresses = ?addresses,
            "broker serves"
        );
        Ok(RunningBroker { addresses, context, stop, abort, tasks })
    }
}

/// Has the log do its periodic work until the broker stops.
async fn tick(logs: Arc<LogDirectory>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(interval.tick()).await.is_some() {
        let logs = Arc::clone(&logs);
        if let Err(error) = tokio::task::spawn_blocking(move || logs.tick()).await {
            tracing::error!(%error, "periodic work of the log");
        }
    }
}

async fn open(
    config: &Arc<BrokerConfig>,
    listening: &Listening,
    clock: Arc<dyn Clock>,
) -> Result<Arc<Context>, StartError> {
    let (broker, time) = (Arc::clone(config), Arc::clone(&clock));
    let opened = tokio::task::spawn_blocking(move || {
        let settings = log_directory_config(&broker)?;
        let logs = LogDirectory::open(settings, Arc::new(OsFileSystem), Arc::clone(&time))?;
        let logs = Arc::new(logs);
        let metadata = ClusterMetadata::open(Arc::clone(&logs), broker, time)?;
        Ok::<_, StartError>((logs, metadata))
    });
    let (logs, metadata) =
        opened.await.map_err(|error| StartError::Interrupted(error.into()))??;
    let metadata = Arc::new(metadata);
    let groups = GroupCoordinator::start(
        config.group.clone(),
        Arc::clone(&logs),
        Arc::clone(&metadata),
        clock,
    );
    Ok(Arc::new(Context {
        config: Arc::clone(config),
        ports: listening.ports(),
        metadata,
        logs,
        groups,
    }))
}

fn log_directory_config(broker: &BrokerConfig) -> Result<LogDirectoryConfig, StartError> {
    let defaults = topic_config::log_config(&std::collections::BTreeMap::new(), broker)
        .map_err(StartError::TopicDefaults)?;
    let values = &broker.values;
    let threads = values.int("num.recovery.threads.per.data.dir");
    Ok(LogDirectoryConfig {
        node_id: broker.node_id,
        defaults,
        retention_check_interval_ms: values.long("log.retention.check.interval.ms"),
        checkpoint_interval_ms: i64::from(values.int("log.flush.offset.checkpoint.interval.ms")),
        producer_id_expiration_ms: i64::from(values.int("producer.id.expiration.ms")),
        recovery_threads: usize::try_from(threads).unwrap_or(1),
        ..LogDirectoryConfig::new(&broker.log_directory)
    })
}

impl RunningBroker {
    /// Every address that the broker listens at, in the order of the listeners.
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// The id of the cluster.
    pub fn cluster_id(&self) -> String {
        self.context.logs.cluster_id().to_owned()
    }

    /// Ends the broker: no more connections, requests under way are answered, everything is flushed,
    /// the data directory is marked as cleanly closed. Takes a bounded time.
    ///
    /// # Errors
    ///
    /// What the system said when the last flush failed: the next start recovers.
    pub async fn shutdown(self) -> io::Result<()> {
        self.stop.cancel();
        self.tasks.close();
        if timeout(DRAIN_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "connections are cut off");
            self.abort.cancel();
            self.tasks.wait().await;
        }
        self.context.groups.shutdown().await;
        let logs = Arc::clone(&self.context.logs);
        let closed = tokio::task::spawn_blocking(move || logs.close()).await;
        closed.map_err(io::Error::other)?.map_err(io::Error::other)
    }
}
