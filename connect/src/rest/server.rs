//! Serves the REST API on its listeners.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::RestState;
use super::error::RestError;
use super::listener::Listener;
use super::{connectors, offsets, plugins, root};

/// How long requests under way may take when the worker ends.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error(
        "{listener} is in use by another program: stop that program, or change listeners in the \
         worker's properties"
    )]
    InUse {
        /// The listener.
        listener: Listener,
    },
    /// The system refused.
    #[error("listen on {listener}: {source}")]
    Io {
        /// The listener.
        listener: Listener,
        /// Why.
        source: io::Error,
    },
}

/// Sockets that are open but not served yet.
pub struct Bound {
    sockets: Vec<TcpListener>,
}

/// A REST API that is served.
pub struct RestServer {
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

impl Bound {
    /// Opens all listeners.
    ///
    /// # Errors
    ///
    /// [`BindError`] names the listener.
    pub async fn open(listeners: &[Listener]) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for listener in listeners {
            sockets.extend(open(listener).await?);
        }
        Ok(Self { sockets })
    }

    /// Addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Begins to serve.
    #[must_use]
    pub fn serve(self, state: RestState) -> RestServer {
        let app = app(state);
        let (stop, stopped) = watch::channel(false);
        let servers = self.sockets.into_iter().map(|socket| {
            let (app, mut stopped) = (app.clone(), stopped.clone());
            tokio::spawn(async move {
                let end = async move {
                    // The sender gone means the same as a stop.
                    drop(stopped.wait_for(|stop| *stop).await);
                };
                axum::serve(socket, app).with_graceful_shutdown(end).await
            })
        });
        RestServer { servers: servers.collect(), stop }
    }
}

impl RestServer {
    /// Ends: no new requests; those under way get a little time.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + LAST_REQUESTS;
        for mut server in self.servers {
            if tokio::time::timeout_at(deadline, &mut server).await.is_err() {
                server.abort();
            }
        }
    }
}

/// A listener on `localhost` serves both address families, others what their name stands for.
async fn open(listener: &Listener) -> Result<Vec<TcpListener>, BindError> {
    let failed = |source: io::Error| {
        let listener = listener.clone();
        if source.kind() == io::ErrorKind::AddrInUse {
            BindError::InUse { listener }
        } else {
            BindError::Io { listener, source }
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

/// All routes, with JSON for what no route answers.
pub fn app(state: RestState) -> Router {
    Router::new()
        .merge(root::router())
        .merge(connectors::router())
        .merge(offsets::router())
        .merge(plugins::router())
        .fallback(|| async { RestError::http(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { RestError::http(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(middleware::from_fn(negotiate))
        .with_state(state)
}

/// Refuses a client that takes no JSON, and words refusals of the framework as JSON.
async fn negotiate(request: Request, next: Next) -> Response {
    let accepts = request.headers().get_all(header::ACCEPT).iter().collect::<Vec<_>>();
    let takes_json = accepts.is_empty()
        || accepts.iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value.split(',').any(|media| {
                let essence = media.split(';').next().unwrap_or("").trim();
                matches!(essence, "*/*" | "application/*" | "application/json")
            })
        });
    if !takes_json {
        return RestError::http(StatusCode::NOT_ACCEPTABLE).into_response();
    }
    let response = next.run(request).await;
    let media = response.headers().get(header::CONTENT_TYPE);
    let is_text = media.is_some_and(|media| media.as_bytes().starts_with(b"text/plain"));
    if response.status().is_client_error() && is_text {
        return RestError::http(response.status()).into_response();
    }
    response
}
