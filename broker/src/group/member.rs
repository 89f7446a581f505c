//! One member of a group, and what it waits for.

use bytes::Bytes;

use super::event::{Client, Join, Protocol, Ticket};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) instance_id: Option<String>,
    pub(super) client: Client,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// Never yet in a generation: its client does not know its id, so it cannot send heartbeats.
    pub(super) is_new: bool,
    /// The JoinGroup request that waits for the next generation.
    pub(super) joining: Option<Ticket>,
    /// The SyncGroup request that waits for the leader.
    pub(super) syncing: Option<Ticket>,
}

impl Member {
    pub(super) fn new(join: Join) -> Self {
        Self {
            instance_id: join.instance_id,
            client: join.client,
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            assignment: Bytes::new(),
            is_new: true,
            joining: None,
            syncing: None,
        }
    }

    /// Tells whether the member waits for an answer, which is a sign of life too.
    pub(super) const fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub(super) fn session_timeout(&self) -> u64 {
        u64::try_from(self.session_timeout_ms).unwrap_or(0)
    }

    pub(super) fn rebalance_timeout(&self) -> u64 {
        u64::try_from(self.rebalance_timeout_ms).unwrap_or(0)
    }

    /// Returns the member's subscription in `protocol`; empty if it does not speak it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let own = self.protocols.iter().find(|own| own.name == protocol);
        own.map(|own| own.metadata.clone()).unwrap_or_default()
    }
}
