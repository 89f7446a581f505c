//! The registry as a program part: start, addresses, shutdown.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::RegistryConfig;
use crate::registry::Registry;
use crate::rest::listener::Listener;
use crate::rest::router;
use crate::store::KafkaStore;

/// How long requests under way may take when the registry ends.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// Why the registry does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program has the port.
    #[error(
        "{listener} is in use by another program: stop that program, or change listeners in the \
         registry's properties"
    )]
    InUse {
        /// The listener.
        listener: Listener,
    },
    /// The system refuses the listener.
    #[error("listen on {listener} (listeners): {reason}")]
    Listen {
        /// The listener.
        listener: Listener,
        /// Why.
        reason: io::Error,
    },
    /// The system gives no thread.
    #[error("start a thread: {0}")]
    Thread(io::Error),
}

/// Starts registries.
#[derive(Debug)]
pub struct SchemaRegistry;

/// A registry that serves. To be ended by [`RunningRegistry::shutdown`].
pub struct RunningRegistry {
    addresses: Vec<SocketAddr>,
    registry: Arc<Registry>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl SchemaRegistry {
    /// Opens the listeners and begins to read the topic; requests wait until it is read.
    ///
    /// Needs a tokio runtime, on which it serves. Kafka need not be there yet.
    ///
    /// # Errors
    ///
    /// [`StartError`], with what to change.
    pub async fn start(config: RegistryConfig) -> Result<RunningRegistry, StartError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let mut sockets = Vec::new();
        for listener in &config.listeners {
            sockets.extend(open(listener).await?);
        }
        let addresses: Vec<SocketAddr> =
            sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let config = Arc::new(config);
        let store = KafkaStore::start(Arc::clone(&config)).map_err(StartError::Thread)?;
        let registry = Arc::new(Registry::new(store, Arc::clone(&config)));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let app = router::app(Arc::clone(&registry));
        for socket in sockets {
            let end = stop.clone().cancelled_owned();
            let server = axum::serve(socket, app.clone()).with_graceful_shutdown(end);
            tasks.spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(%error, "a listener failed");
                }
            });
        }
        tasks.close();
        tracing::info!(
            ?addresses,
            kafka = config.bootstrap_servers,
            topic = config.topic,
            "schema registry serves"
        );
        Ok(RunningRegistry { addresses, registry, stop, tasks })
    }
}

impl RunningRegistry {
    /// Every address that the registry listens at, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until the topic has been read, for at most the time that a request would.
    ///
    /// # Errors
    ///
    /// Why it has not been read.
    pub async fn ready(&self) -> Result<(), crate::registry::RegistryError> {
        self.registry.read(|_| ()).await
    }

    /// Ends the registry: no new connections, requests under way get a little time.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_REQUESTS, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests are cut off");
        }
        self.registry.close();
        let registry = self.registry;
        let ended = tokio::task::spawn_blocking(move || drop(registry)).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the store did not end cleanly");
        }
    }
}

/// A listener on `localhost` serves both address families, others what their name stands for.
async fn open(listener: &Listener) -> Result<Vec<TcpListener>, StartError> {
    let failed = |source: io::Error| {
        let listener = listener.clone();
        if source.kind() == io::ErrorKind::AddrInUse {
            StartError::InUse { listener }
        } else {
            StartError::Listen { listener, reason: source }
        }
    };
    let found = tokio::net::lookup_host((listener.host.as_str(), listener.port)).await;
    let mut addresses: BTreeSet<SocketAddr> = found.map_err(failed)?.collect();
    if listener.port == 0 {
        addresses = addresses.into_iter().take(1).collect();
    }
    let mut sockets = Vec::new();
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(socket) => sockets.push(socket),
            // A machine may name an IPv6 loopback that it does not have.
            Err(error)
                if error.kind() == io::ErrorKind::AddrNotAvailable && !sockets.is_empty() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    if sockets.is_empty() {
        return Err(failed(io::ErrorKind::AddrNotAvailable.into()));
    }
    Ok(sockets)
}
