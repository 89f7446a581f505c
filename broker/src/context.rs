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

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use protocol::ErrorCode;

use crate::config::BrokerConfig;
use crate::group::{self, GroupCoordinator};
use crate::log::{LogDirectory, Partition};
use crate::metadata::{ClusterMetadata, LEADER_EPOCH, NewTopic, TopicImage};

/// The parts of the broker, shared by every connection.
#[derive(Debug)]
pub(crate) struct Context {
    /// The settings that the broker was started with.
    pub(crate) config: Arc<BrokerConfig>,
    /// The port of each listener, in the order of `config.listeners`.
    pub(crate) ports: Vec<u16>,
    /// Topics, their ids and settings, producer ids.
    pub(crate) metadata: Arc<ClusterMetadata>,
    /// The partitions on disk.
    pub(crate) logs: Arc<LogDirectory>,
    /// The consumer groups.
    pub(crate) groups: Arc<GroupCoordinator>,
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

impl Context {
    /// Looks a partition up by its topic's name.
    ///
    /// # Errors
    ///
    /// The code that a client sees.
    pub(crate) fn partition(&self, topic: &str, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let topic = self.metadata.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.partition_of(&topic, index)
    }

    /// Looks a partition of a topic up.
    ///
    /// # Errors
    ///
    /// The code that a client sees.
    pub(crate) fn partition_of(
        &self,
        topic: &TopicImage,
        index: i32,
    ) -> Result<Arc<Partition>, ErrorCode> {
        if !(0..topic.partitions).contains(&index) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        // A partition of another id is that of an earlier or later topic of this name.
        let found = self.logs.partition(&topic.name, index);
        found.filter(|found| found.topic_id() == topic.id).ok_or(ErrorCode::KafkaStorageError)
    }

    /// The topic of the committed offsets, as it is made.
    pub(crate) fn offsets_topic(&self) -> NewTopic {
        group::offsets_topic(&self.config.group)
    }

    /// The host and port that clients of a listener are told.
    pub(crate) fn advertised(&self, call: &Call) -> (String, i32) {
        let listener = &self.config.listeners[call.listener];
        if let Some((host, port)) = &listener.advertised {
            return (host.clone(), i32::from(*port));
        }
        let port = self.ports.get(call.listener).copied().unwrap_or(listener.port);
        let wildcard = listener.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        let host = if listener.host.is_empty() || wildcard {
            call.local_address.ip().to_canonical().to_string()
        } else {
            listener.host.clone()
        };
        (host, i32::from(port))
    }
}

/// Checks the epoch in which a client believes a partition to be.
///
/// # Errors
///
/// The code that a client sees: it is behind, or ahead of this broker.
pub(crate) fn check_leader_epoch(client: i32) -> Result<(), ErrorCode> {
    match client.cmp(&LEADER_EPOCH) {
        _ if client == -1 => Ok(()),
        Ordering::Less => Err(ErrorCode::FencedLeaderEpoch),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(ErrorCode::UnknownLeaderEpoch),
    }
}
