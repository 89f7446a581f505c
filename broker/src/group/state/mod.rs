//! The state machine of consumer groups: an event and the time in, records and answers out.
//!
//! | file | owns |
//! |---|---|
//! | `groups` | the groups of one partition: events find their group, time finds its own |
//! | `group` | one group; `join`, `rebalance`, `sync`, `liveness`, `offsets` are its parts |
//! | `membership`, `member` | who is in, who leads, who waits, which protocol is chosen |
//! | `deadlines` | what is due when |

mod deadlines;
mod group;
mod groups;
mod join;
mod liveness;
mod member;
mod membership;
mod offsets;
mod rebalance;
mod sync;

#[cfg(test)]
pub(in crate::group) use group::Group;
pub(crate) use group::State;
pub(in crate::group) use group::millis;
pub(in crate::group) use groups::Groups;
pub(crate) use groups::ListedGroup;
