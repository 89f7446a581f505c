//! Listeners: binding every address of a host, and taking connections within their caps.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::Budget;
use super::connection::Connection;
use crate::config::{BrokerConfig, Listener, NetworkSettings};
use crate::context::Context;
use crate::error::StartError;

/// How long accepting pauses when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the same trouble with accepting is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// How often another free port is tried when a host has several addresses and port 0 is asked for.
const PORT_ATTEMPTS: usize = 20;

/// The sockets that are open, and where.
#[derive(Debug)]
pub(crate) struct Listening {
    sockets: Vec<(usize, TcpListener)>,
    addresses: Vec<SocketAddr>,
}

impl Listening {
    /// Every address, in the order of the listeners.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port of each listener.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = Vec::new();
        for ((listener, _), address) in self.sockets.iter().zip(&self.addresses) {
            if *listener == ports.len() {
                ports.push(address.port());
            }
        }
        ports
    }
}

/// Opens every listener on every address of its host.
///
/// # Errors
///
/// [`StartError::Listen`] with the listener and what to change, [`StartError::NoAddress`].
pub(crate) fn bind(config: &BrokerConfig) -> Result<Listening, StartError> {
    let mut listening = Listening { sockets: Vec::new(), addresses: Vec::new() };
    for (index, listener) in config.listeners.iter().enumerate() {
        for socket in bind_listener(listener, config.network.backlog)? {
            let (socket, address) = adopt(socket).map_err(|source| refused(listener, source))?;
            listening.sockets.push((index, socket));
            listening.addresses.push(address);
        }
    }
    Ok(listening)
}

fn adopt(socket: Socket) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::from_std(socket.into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn bind_listener(listener: &Listener, backlog: i32) -> Result<Vec<Socket>, StartError> {
    let ips = resolve(listener)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match bind_all(&ips, listener.port, backlog) {
            Ok(sockets) => return Ok(sockets),
            Err(error) if is_in_use(&error) && listener.port == 0 && attempt < PORT_ATTEMPTS => {}
            Err(error) => return Err(refused(listener, error)),
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn refused(listener: &Listener, source: io::Error) -> StartError {
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop the program that listens there, or change the port in listeners"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine does not have the address: change the host in listeners"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a privilege: change the port in listeners"
        }
        _ => "; change listeners",
    };
    StartError::Listen {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        advice,
        source,
    }
}

fn resolve(listener: &Listener) -> Result<Vec<IpAddr>, StartError> {
    if listener.host.is_empty() {
        return Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]);
    }
    if listener.host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let no_address =
        || StartError::NoAddress { name: listener.name.clone(), host: listener.host.clone() };
    let resolved = (listener.host.as_str(), 0).to_socket_addrs().map_err(|_| no_address())?;
    let mut ips: Vec<IpAddr> = Vec::new();
    for address in resolved {
        if !ips.contains(&address.ip()) {
            ips.push(address.ip());
        }
    }
    if ips.is_empty() { Err(no_address()) } else { Ok(ips) }
}

/// Binds all addresses to one port; an address family that the machine lacks is left out.
fn bind_all(ips: &[IpAddr], mut port: u16, backlog: i32) -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = Vec::new();
    let mut lacking = None;
    for ip in ips {
        match bind_one(SocketAddr::new(*ip, port), backlog) {
            Ok(socket) => {
                if port == 0 {
                    let bound = socket.local_addr()?.as_socket();
                    port = bound.map_or(0, |address| address.port());
                }
                sockets.push(socket);
            }
            Err(error) if ips.len() > 1 && is_lacking(&error) => lacking = Some(error),
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

fn is_lacking(error: &io::Error) -> bool {
    const AFNOSUPPORT: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(AFNOSUPPORT)
}

fn bind_one(address: SocketAddr, backlog: i32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket)
}

/// What the connections of a server share.
#[derive(Debug)]
pub(crate) struct Server {
    /// The parts of the broker.
    pub(crate) context: Arc<Context>,
    /// Bytes of requests in memory.
    pub(crate) budget: Budget,
    /// Cancelled when the broker stops.
    pub(crate) stop: CancellationToken,
    /// Cancelled when connections have had their time to end by themselves.
    abort: CancellationToken,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_ip: HashMap<IpAddr, usize>,
}

/// A place among the connections; given back on drop.
#[derive(Debug)]
struct Place {
    server: Arc<Server>,
    ip: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.server.counts.lock();
        counts.total -= 1;
        if let Some(count) = counts.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.per_ip.remove(&self.ip);
            }
        }
    }
}

impl Server {
    /// Makes the shared part of a server that has no connections yet.
    pub(crate) fn new(
        context: Arc<Context>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Arc<Self> {
        let budget = Budget::new(context.config.network.max_bytes_in_flight);
        Arc::new(Self { context, budget, stop, abort, counts: Mutex::default() })
    }

    fn network(&self) -> &NetworkSettings {
        &self.context.config.network
    }

    fn place(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let limits = self.network();
        let mut counts = self.counts.lock();
        let of_ip = counts.per_ip.get(&ip).copied().unwrap_or(0);
        if counts.total >= limits.max_connections || of_ip >= limits.max_connections_per_ip {
            return None;
        }
        counts.total += 1;
        counts.per_ip.insert(ip, of_ip + 1);
        Some(Place { server: Arc::clone(self), ip })
    }
}

/// Takes connections until the server stops; each has its own task under `tasks`.
pub(crate) fn serve(listening: Listening, server: &Arc<Server>, tasks: &TaskTracker) {
    for (index, socket) in listening.sockets {
        let server = Arc::clone(server);
        let connections = tasks.clone();
        tasks.spawn(async move { accept_all(index, &socket, &server, &connections).await });
    }
}

/// Says at most once in a while that something goes on.
#[derive(Debug, Default)]
struct Pace(Option<Instant>);

impl Pace {
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now - last >= LOG_INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

async fn accept_all(
    index: usize,
    socket: &TcpListener,
    server: &Arc<Server>,
    connections: &TaskTracker,
) {
    let (mut refusals, mut failures) = (Pace::default(), Pace::default());
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = server.place(peer.ip()) else {
                    if refusals.is_due() {
                        tracing::warn!(%peer, "connection refused: max.connections or max.connections.per.ip is reached");
                    }
                    continue;
                };
                tune(&stream, server.network());
                let connection = Connection::new(Arc::clone(server), index, stream, peer);
                let abort = server.abort.clone();
                connections.spawn(async move {
                    let _place = place;
                    abort.run_until_cancelled(connection.run()).await;
                });
            }
            Err(error) => {
                if failures.is_due() {
                    tracing::warn!(%error, "accepting pauses");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn tune(stream: &TcpStream, limits: &NetworkSettings) {
    let socket = SockRef::from(stream);
    let mut results = vec![socket.set_tcp_nodelay(true), socket.set_keepalive(true)];
    if let Some(size) = limits.send_buffer_bytes {
        results.push(socket.set_send_buffer_size(size));
    }
    if let Some(size) = limits.receive_buffer_bytes {
        results.push(socket.set_recv_buffer_size(size));
    }
    for error in results.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "socket option");
    }
}
