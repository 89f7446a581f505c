//! Consumer groups: members, generations, assignments, committed offsets.
//!
//! | file | owns |
//! |---|---|
//! | `coordinator` | the way in: finds the owner of a group, waits for its answer |
//! | `shard` | the owner of one partition of `__consumer_offsets`: timers, appends, answers |
//! | `groups` | the groups of one partition |
//! | `group` | the state machine of one group; `join`, `rebalance`, `sync`, `liveness`, `offsets` are its parts |
//! | `membership`, `member`, `deadlines` | who is in, who leads, who waits, what is due |
//! | `event`, `error`, `record` | what goes in and comes out, as plain values |
//! | `offsets_log`, `topic_log`, `codec`, `loading` | the log, its encoding, and the way from it to the groups |
//! | `partitioning` | which partition a group lives in |

mod codec;
mod coordinator;
mod deadlines;
mod error;
mod event;
mod group;
mod groups;
mod join;
mod liveness;
mod loading;
mod member;
mod membership;
mod offsets;
mod offsets_log;
mod partitioning;
mod rebalance;
mod record;
mod shard;
mod sync;
#[cfg(test)]
mod testing;
mod topic_log;

pub(crate) use coordinator::GroupCoordinator;
pub(crate) use error::GroupError;
pub(crate) use event::{
    Client, Commit, Committed, FetchedOffset, Join, JoinAbilities, JoinRefused, Joined,
    JoinedMember, MemberDescription, MemberIdentity, OffsetQuery, OffsetToCommit, Protocol, Sync,
};
pub(crate) use group::State;
pub(crate) use topic_log::offsets_topic;
