//! What every handler is given: the parts of the broker, and who calls.
//!
//! A handler is a file `handlers/<api>.rs` with two items:
//!
//! ```text
//! pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=4;
//! pub(crate) async fn handle(ctx: &Context, call: &Call, request: HeartbeatRequest) -> HeartbeatResponse
//! ```
//!
//! and one line in the table of `server/dispatch.rs`. A handler never fails: what went wrong is
//! an error code in its response.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::BrokerConfig;
use crate::group::GroupCoordinator;
use crate::log::{Clock, LogDirectory};
use crate::metadata::ClusterMetadata;

/// The parts of the broker, shared by every connection.
#[derive(Debug)]
pub(crate) struct Context {
    /// The settings that the broker was started with.
    pub(crate) config: Arc<BrokerConfig>,
    /// Topics, their ids and settings, producer ids.
    pub(crate) metadata: Arc<ClusterMetadata>,
    /// The partitions on disk.
    pub(crate) logs: Arc<LogDirectory>,
    /// The consumer groups.
    pub(crate) groups: Arc<GroupCoordinator>,
    /// The time of day.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Who sent a request, and in which version.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The version that the request came in, inside the handler's `VERSIONS`.
    pub(crate) version: i16,
    /// The name that the client gives itself; empty when it gives none.
    pub(crate) client_id: String,
    /// The client's address as Kafka prints it in groups: `/127.0.0.1`.
    pub(crate) client_host: String,
    /// The address on which the client reached this broker.
    pub(crate) local_address: SocketAddr,
    /// Which listener took the connection, as an index into `config.listeners`.
    pub(crate) listener: usize,
}
