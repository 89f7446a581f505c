//! One connection: frames in, responses out, in the order of the requests.
//!
//! A request is begun when all before it are answered. Produce requests are the exception: some
//! may be under way together, so that they share a flush; their appends are begun in order, and
//! their answers are in order. One frame is read ahead of what is begun.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use protocol::ApiKey;
use tokio::net::TcpStream;

use super::accept::Server;
use super::dispatch::{Incoming, RequestError};
use super::frame::{FrameError, FrameLimits, FrameReader};
use super::response::Outcome;
use crate::context::Call;

/// Most Produce requests of one connection under way at once.
const MAX_PRODUCES: usize = 16;

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("write: {0}")]
    Write(std::io::Error),
    #[error("{0} failed without a way to answer")]
    Unanswerable(ApiKey),
    #[error("the handler of {0} panicked")]
    Panic(ApiKey),
    #[error("the broker stops")]
    Stop,
}

type Answer = Result<Outcome, End>;

/// A client's connection.
pub(crate) struct Connection {
    server: Arc<Server>,
    listener: usize,
    stream: TcpStream,
    peer: SocketAddr,
}

/// The requests of a connection that are begun and not answered.
#[derive(Default)]
struct UnderWay {
    answers: FuturesOrdered<BoxFuture<'static, Answer>>,
    keys: VecDeque<ApiKey>,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn may_begin(&self, key: ApiKey) -> bool {
        let produces = key == ApiKey::Produce && self.only(ApiKey::Produce);
        self.is_empty() || (produces && self.keys.len() < MAX_PRODUCES)
    }

    fn only(&self, key: ApiKey) -> bool {
        self.keys.iter().all(|other| *other == key)
    }

    /// Says whether the first request may wait long for an event that a stopping broker will not see.
    fn is_parked(&self) -> bool {
        matches!(self.keys.front(), Some(ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup))
    }

    fn begin(&mut self, key: ApiKey, answer: BoxFuture<'static, Answer>) {
        self.keys.push_back(key);
        self.answers.push_back(answer);
    }

    async fn next(&mut self) -> Option<(ApiKey, Answer)> {
        let answer = self.answers.next().await?;
        Some((self.keys.pop_front()?, answer))
    }
}

impl Connection {
    /// Makes a connection of an accepted socket.
    pub(crate) const fn new(
        server: Arc<Server>,
        listener: usize,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Self {
        Self { server, listener, stream, peer }
    }

    /// Serves the connection to its end.
    pub(crate) async fn run(mut self) {
        let peer = self.peer;
        match self.serve().await {
            End::Frame(FrameError::Closed) | End::Stop => {
                tracing::debug!(%peer, "connection closed");
            }
            End::Frame(FrameError::Idle(time)) => {
                tracing::debug!(%peer, ?time, "connection closed: idle");
            }
            End::Frame(end @ (FrameError::Truncated { .. } | FrameError::Io(_))) => {
                tracing::debug!(%peer, reason = %end, "connection closed: the client went away");
            }
            End::Write(error) if error.kind() != std::io::ErrorKind::TimedOut => {
                tracing::debug!(%peer, reason = %error, "connection closed: the client went away");
            }
            End::Panic(key) => tracing::error!(%peer, api = %key, "handler panicked"),
            end => tracing::info!(%peer, reason = %end, "connection closed"),
        }
    }

    async fn serve(&mut self) -> End {
        let network = &self.server.context.config.network;
        let (stall, limits) = (network.stall_timeout, frame_limits(network));
        let Ok(local_address) = self.stream.local_addr() else { return End::Stop };
        let server = Arc::clone(&self.server);
        let mut reader = FrameReader::new(limits);
        let mut under_way = UnderWay::default();
        let mut held: Option<Incoming> = None;
        let mut end: Option<End> = None;
        loop {
            if let Some(incoming) = held.take_if(|held| under_way.may_begin(held.key())) {
                let call = self.call(&incoming, local_address);
                under_way.begin(incoming.key(), begin(&server, call, incoming));
                continue;
            }
            if under_way.is_empty()
                && let Some(end) = end
            {
                return end;
            }
            tokio::select! {
                biased;
                Some((key, answer)) = under_way.next(), if !under_way.is_empty() => {
                    if let Err(end) = self.answer(key, answer, stall).await {
                        return end;
                    }
                }
                () = server.stop.cancelled(), if end.is_none() => {
                    if under_way.is_parked() {
                        return End::Stop;
                    }
                    end = Some(End::Stop);
                }
                frame = reader.next(&mut self.stream, &server.budget), if end.is_none() && held.is_none() => {
                    match frame.map_err(End::from).and_then(|frame| Ok(Incoming::parse(frame)?)) {
                        Ok(incoming) => held = Some(incoming),
                        // A parked request is silence too.
                        Err(End::Frame(FrameError::Idle(_))) if !under_way.is_empty() => {}
                        // Nobody waits for the records any more.
                        Err(error) if under_way.only(ApiKey::Fetch) => return error,
                        Err(error) => end = Some(error),
                    }
                }
            }
        }
    }

    fn call(&self, incoming: &Incoming, local_address: SocketAddr) -> Call {
        Call {
            version: incoming.version(),
            client_id: incoming.client_id().to_owned(),
            client_host: format!("/{}", self.peer.ip().to_canonical()),
            local_address,
            listener: self.listener,
        }
    }

    async fn answer(&mut self, key: ApiKey, answer: Answer, stall: Duration) -> Result<(), End> {
        match answer? {
            Outcome::Send(response) => {
                response.send(&mut self.stream, stall).await.map_err(End::Write)
            }
            Outcome::Silence => Ok(()),
            Outcome::Close => Err(End::Unanswerable(key)),
        }
    }
}

const fn frame_limits(network: &crate::config::NetworkSettings) -> FrameLimits {
    FrameLimits {
        max_bytes: network.max_request_bytes,
        max_idle: network.max_idle,
        stall: network.stall_timeout,
    }
}

/// Begins a request; a panic in its handler ends the connection and nothing else.
fn begin(server: &Arc<Server>, call: Call, incoming: Incoming) -> BoxFuture<'static, Answer> {
    let key = incoming.key();
    let context = Arc::clone(&server.context);
    let serving = async move { incoming.serve(context, call).await };
    AssertUnwindSafe(serving)
        .catch_unwind()
        .map(move |result| match result {
            Ok(answer) => answer.map_err(End::from),
            Err(_) => Err(End::Panic(key)),
        })
        .boxed()
}
