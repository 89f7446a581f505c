//! One member of a group, and what it waits for.

use bytes::Bytes;

use crate::group::event::{Client, Join, Protocol, Ticket};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::group) struct Member {
    pub(in crate::group) instance_id: Option<String>,
    pub(in crate::group) client: Client,
    pub(in crate::group) session_timeout_ms: i32,
    pub(in crate::group) rebalance_timeout_ms: i32,
    pub(in crate::group) protocols: Vec<Protocol>,
    pub(in crate::group) assignment: Bytes,
    /// Never yet in a generation: its client does not know its id, so it cannot send heartbeats.
    pub(in crate::group) is_new: bool,
    /// The JoinGroup request that waits for the next generation.
    pub(in crate::group) joining: Option<Ticket>,
    /// The SyncGroup request that waits for the leader.
    pub(in crate::group) syncing: Option<Ticket>,
}

impl Member {
    pub(in crate::group) fn new(join: Join) -> Self {
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
    pub(in crate::group) const fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub(in crate::group) fn session_timeout(&self) -> u64 {
        u64::try_from(self.session_timeout_ms).unwrap_or(0)
    }

    pub(in crate::group) fn rebalance_timeout(&self) -> u64 {
        u64::try_from(self.rebalance_timeout_ms).unwrap_or(0)
    }

    /// Returns the member's subscription in `protocol`; empty if it does not speak it.
    pub(in crate::group) fn metadata(&self, protocol: &str) -> Bytes {
        let own = self.protocols.iter().find(|own| own.name == protocol);
        own.map(|own| own.metadata.clone()).unwrap_or_default()
    }
}
