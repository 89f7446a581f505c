//! Consumer groups: members, generations, assignments, committed offsets.
//!
//! | part | owns |
//! |---|---|
//! | `state/` | the state machine: groups, members, what is due; no clock, no I/O |
//! | `event`, `error`, `record` | what goes into it and comes out, as plain values |
//! | `coordinator` | the way in: finds the owner of a group, waits for its answer |
//! | `shard` | the owner of one partition of `__consumer_offsets`: timers, appends, answers |
//! | `offsets_log`, `topic_log`, `codec`, `loading` | the log, its encoding, and the way from it to the groups |
//! | `partitioning` | which partition a group lives in |

mod codec;
mod coordinator;
mod error;
mod event;
mod loading;
mod offsets_log;
mod partitioning;
mod record;
mod shard;
mod state;
#[cfg(test)]
mod testing;
mod topic_log;

pub(crate) use coordinator::GroupCoordinator;
pub(crate) use error::GroupError;
pub(crate) use event::{
    Client, Commit, Committed, FetchedOffset, Join, JoinAbilities, JoinRefused, Joined,
    JoinedMember, MemberDescription, MemberIdentity, OffsetQuery, OffsetToCommit, Protocol, Sync,
};
pub(crate) use state::State;
pub(crate) use topic_log::offsets_topic;
