//! One consumer group: a state machine that knows neither clock nor disk nor socket.
//!
//! ```text
//!           first member joins            all joined, or time is up
//!   Empty ────────────────────▶ Preparing ────────────────────────▶ Completing
//!     ▲                         Rebalance ◀───────────┐             Rebalance
//!     │ nobody joined            │    ▲               │ member joins    │
//!     └──────────────────────────┘    │               │ or leaves       │ leader syncs
//!                                     └── Stable ◀────┴─────────────────┘
//! ```
//!
//! An event and the time go in, records to keep and answers to give come out; waiting requests
//! are known by their tickets. Dead is the end: the group is to be forgotten.
//!
//! Invariants: a ticket is answered once; what the coordinator needs after a restart is in the
//! records; a group at rest (Stable, or Empty after a generation) equals its latest record.
//!
//! Source: Kafka's protocol guide; KIP-62, KIP-134, KIP-345, KIP-394, KIP-814.

use std::sync::Arc;
use std::time::Duration;

use super::deadlines::Deadlines;
use super::join::Asked;
use super::member::Member;
use super::membership::Membership;
use super::offsets::Offsets;
use crate::config::GroupSettings;
use crate::group::error::GroupError;
use crate::group::event::{
    Answer, Client, Effects, Event, GroupDescription, MemberDescription, MemberIdentity, Now,
    Protocol, Ticket,
};
use crate::group::record::{GroupRecord, GroupSnapshot, MemberSnapshot};

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No members; maybe offsets.
    Empty,
    /// Members are to join.
    PreparingRebalance,
    /// Members have joined and wait for the leader's assignment.
    CompletingRebalance,
    /// Members have their assignments.
    Stable,
    /// To be forgotten.
    Dead,
}

impl State {
    /// Returns the name that Kafka's tools print.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// What a group does when its time comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::group) enum Due {
    /// A member gave no sign of life.
    Session(String),
    /// A member did not join with the id that it was given.
    Pending(String),
    /// The time to join is up.
    Join,
    /// The time to sync is up.
    Sync,
}

/// What ends the wait for members to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::group) enum Round {
    /// Time alone: the group was empty and waits for more members.
    Initial {
        /// How long the wait may still be extended.
        remaining_ms: u64,
        /// Whether a member came since the wait began.
        grew: bool,
    },
    /// All members have joined, or time.
    Rejoin,
}

/// A consumer group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(in crate::group) id: String,
    pub(in crate::group) settings: Arc<GroupSettings>,
    pub(in crate::group) state: State,
    pub(in crate::group) state_timestamp_ms: i64,
    pub(in crate::group) protocol_type: Option<String>,
    pub(in crate::group) generation: i32,
    pub(in crate::group) protocol: Option<String>,
    pub(in crate::group) members: Membership,
    pub(in crate::group) round: Round,
    pub(in crate::group) due: Deadlines<Due>,
    pub(in crate::group) offsets: Offsets,
    /// Whether the log holds a record of the group itself, beside its offsets.
    pub(in crate::group) recorded: bool,
}

impl Group {
    /// Makes a group that nobody has joined.
    pub(crate) fn new(id: String, settings: Arc<GroupSettings>, now: Now) -> Self {
        Self {
            id,
            settings,
            state: State::Empty,
            state_timestamp_ms: now.unix_ms,
            protocol_type: None,
            generation: 0,
            protocol: None,
            members: Membership::default(),
            round: Round::Rejoin,
            due: Deadlines::default(),
            offsets: Offsets::default(),
            recorded: false,
        }
    }

    /// Takes in what happens, under the name of the request that waits for the answer.
    ///
    /// A refused event changes nothing but, at most, the sessions of members.
    pub(crate) fn step(&mut self, event: Event, ticket: Ticket, now: Now) -> Effects {
        let mut effects = Effects::default();
        match event {
            Event::Join(join) => self.join(join, Asked { ticket, now }, &mut effects),
            Event::Sync(sync) => self.sync(&sync, ticket, now, &mut effects),
            Event::Heartbeat { member, generation } => {
                let result = self.heartbeat(&member, generation, now);
                effects.answer(ticket, Answer::Done(result));
            }
            Event::Leave(members) => {
                let left = self.leave(members, now, &mut effects);
                effects.answer(ticket, Answer::Left(left));
            }
            Event::Commit(commit) => {
                let result = self.commit(commit, now, &mut effects);
                effects.answer(ticket, Answer::Commit(result));
            }
            Event::FetchOffsets(query) => {
                effects.answer(ticket, Answer::Offsets(self.offsets.fetch(query)));
            }
            Event::Describe => effects.answer(ticket, Answer::Description(Ok(self.describe()))),
            Event::Delete => {
                let result = self.delete(&mut effects);
                effects.answer(ticket, Answer::Done(result));
            }
        }
        effects
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Now) -> Effects {
        let mut effects = Effects::default();
        while let Some(due) = self.due.take_due(now.elapsed_ms) {
            match due {
                Due::Session(id) => self.session_ended(&id, now, &mut effects),
                Due::Pending(id) => self.forget_pending(&id, now, &mut effects),
                Due::Join => self.join_time_is_up(now, &mut effects),
                Due::Sync => self.sync_time_is_up(now, &mut effects),
            }
        }
        effects
    }

    /// Returns when [`tick`](Self::tick) has something to do next.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.due.next()
    }

    /// Tells whether there is nothing to remember of the group.
    pub(crate) fn is_vacant(&self) -> bool {
        let unused = self.members.is_empty() && self.members.pending.is_empty();
        let nothing_kept = self.offsets.is_empty() && !self.recorded;
        self.state == State::Dead || (self.state == State::Empty && unused && nothing_kept)
    }

    /// Returns where the group stands.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Returns the kind of group; nothing if nobody ever joined.
    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// Names the members and what they do, for administrators.
    pub(crate) fn describe(&self) -> GroupDescription {
        let protocol = match self.state {
            State::Stable => self.protocol.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let describe = |(id, member): (&String, &Member)| {
            let settled = self.state == State::Stable;
            MemberDescription {
                member_id: id.clone(),
                instance_id: member.instance_id.clone(),
                client: member.client.clone(),
                metadata: member.metadata(&protocol),
                assignment: if settled { member.assignment.clone() } else { Default::default() },
            }
        };
        GroupDescription {
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: self.members.iter().map(describe).collect(),
            protocol,
        }
    }

    /// Checks that a member is who it says, as of now.
    pub(in crate::group) fn check_member(&self, member: &MemberIdentity) -> Result<(), GroupError> {
        if let Some(instance_id) = &member.instance_id {
            match self.members.holder(instance_id) {
                None => return Err(GroupError::UnknownMember),
                Some(holder) if holder != member.member_id => {
                    return Err(GroupError::FencedInstance);
                }
                Some(_) => return Ok(()),
            }
        }
        if self.members.contains(&member.member_id) {
            Ok(())
        } else {
            Err(GroupError::UnknownMember)
        }
    }

    pub(in crate::group) fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_timestamp_ms = now.unix_ms;
    }

    /// Starts a member's session anew.
    pub(in crate::group) fn renew_session(&mut self, id: &str, now: Now) {
        if let Some(member) = self.members.get(id) {
            let at_ms = now.elapsed_ms.saturating_add(member.session_timeout().max(1));
            self.due.set(Due::Session(id.to_owned()), at_ms);
        }
    }

    /// Records the group as it rests now.
    pub(in crate::group) fn record(&mut self, effects: &mut Effects) {
        self.recorded = true;
        let snapshot = Some(self.snapshot());
        effects.records.push(GroupRecord::Metadata { group_id: self.id.clone(), snapshot });
    }

    /// Returns the group as its record holds it.
    pub(in crate::group) fn snapshot(&self) -> GroupSnapshot {
        let protocol = self.protocol.clone().unwrap_or_default();
        let member = |(id, member): (&String, &Member)| MemberSnapshot {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client: member.client.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(&protocol),
            assignment: member.assignment.clone(),
        };
        GroupSnapshot {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.members.leader().map(str::to_owned),
            state_timestamp_ms: self.state_timestamp_ms,
            members: self.members.iter().map(member).collect(),
        }
    }

    /// Takes in a record of the group's log: the other way into its state.
    pub(crate) fn apply(&mut self, record: GroupRecord) {
        match record {
            GroupRecord::Offset { topic, partition, committed: Some(committed), .. } => {
                self.offsets.insert(&topic, partition, committed);
            }
            GroupRecord::Offset { topic, partition, committed: None, .. } => {
                self.offsets.remove(&topic, partition);
            }
            GroupRecord::Metadata { snapshot: Some(snapshot), .. } => self.restore(snapshot),
            GroupRecord::Metadata { snapshot: None, .. } => {
                self.members = Membership::default();
                self.protocol_type = None;
                self.protocol = None;
                self.generation = 0;
                self.state = State::Empty;
                self.recorded = false;
            }
        }
    }

    /// Begins the sessions of the members that the log knew.
    pub(crate) fn resume(&mut self, now: Now) {
        for id in self.members.ids() {
            self.renew_session(&id, now);
        }
    }

    fn restore(&mut self, snapshot: GroupSnapshot) {
        self.recorded = true;
        self.generation = snapshot.generation;
        self.protocol_type = Some(snapshot.protocol_type).filter(|name| !name.is_empty());
        self.state_timestamp_ms = snapshot.state_timestamp_ms;
        self.state = if snapshot.members.is_empty() { State::Empty } else { State::Stable };
        self.members = Membership::default();
        let protocol = snapshot.protocol.clone().unwrap_or_default();
        for member in snapshot.members {
            let metadata = member.subscription;
            let restored = Member {
                instance_id: member.instance_id,
                client: Client { id: member.client.id, host: member.client.host },
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: vec![Protocol { name: protocol.clone(), metadata }],
                assignment: member.assignment,
                is_new: false,
                joining: None,
                syncing: None,
            };
            self.members.insert(member.member_id, restored);
        }
        self.members.set_leader(snapshot.leader);
        self.protocol = snapshot.protocol;
    }
}

/// Returns a duration in ms; the longest one counts as "never".
pub(in crate::group) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
