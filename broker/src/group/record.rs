//! What the coordinator decides, as it is kept in `__consumer_offsets`.
//!
//! A record without a value is a tombstone: what it names is gone. The state of a group is the
//! fold of its records; nothing else survives a restart.

use bytes::Bytes;

use super::event::{Client, Committed};

/// Longest text of a record in bytes: its length is an `i16`.
pub(super) const MAX_TEXT: usize = 32_767;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupRecord {
    /// A group came to rest: stable with its members, or empty.
    Metadata {
        /// The group.
        group_id: String,
        /// How it rests; nothing for a group that is gone.
        snapshot: Option<GroupSnapshot>,
    },
    /// An offset was committed or dropped.
    Offset {
        /// The group.
        group_id: String,
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
        /// What was committed; nothing for an offset that is gone.
        committed: Option<Committed>,
    },
}

impl GroupRecord {
    /// Returns the group that the record is about.
    pub(crate) fn group_id(&self) -> &str {
        match self {
            Self::Metadata { group_id, .. } | Self::Offset { group_id, .. } => group_id,
        }
    }
}

/// A group at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupSnapshot {
    /// Kind of group.
    pub(crate) protocol_type: String,
    /// The generation.
    pub(crate) generation: i32,
    /// Protocol chosen; nothing for an empty group.
    pub(crate) protocol: Option<String>,
    /// Member id of the leader; nothing for an empty group.
    pub(crate) leader: Option<String>,
    /// When the group came to this state, in ms since 1970; -1 in records of old brokers.
    pub(crate) state_timestamp_ms: i64,
    /// The members.
    pub(crate) members: Vec<MemberSnapshot>,
}

/// A member of a group at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberSnapshot {
    /// Member id.
    pub(crate) member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
    /// Client id and address.
    pub(crate) client: Client,
    /// Time that the member needs to join again.
    pub(crate) rebalance_timeout_ms: i32,
    /// Time between two signs of life.
    pub(crate) session_timeout_ms: i32,
    /// Subscription in the protocol chosen.
    pub(crate) subscription: Bytes,
    /// Assignment.
    pub(crate) assignment: Bytes,
}
