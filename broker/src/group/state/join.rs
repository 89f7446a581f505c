//! JoinGroup: how a member gets into a group, and a generation into being.

use super::group::{Due, Group, Round, State, millis};
use super::member::Member;
use crate::group::error::GroupError;
use crate::group::event::{
    Answer, Effects, Join, JoinAbilities, Joined, MemberIdentity, Now, Ticket,
};
use crate::group::record::MAX_TEXT;

/// Most ids given to members of one group that have not joined with them yet.
const MAX_PENDING_MEMBERS: usize = 100_000;

/// How long a new member may wait for its first generation.
///
/// It cannot send heartbeats, for it does not know its id; if its connection is lost it comes
/// back as another member, and this one must not stay for ever.
const NEW_MEMBER_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// A request to join, as the group knows it, and when it came.
#[derive(Debug, Clone, Copy)]
pub(in crate::group) struct Asked {
    pub(in crate::group) ticket: Ticket,
    pub(in crate::group) now: Now,
}

impl Group {
    pub(in crate::group) fn join(&mut self, join: Join, asked: Asked, effects: &mut Effects) {
        let Asked { ticket, now } = asked;
        if let Err(error) = self.check_join(&join) {
            effects.refuse_join(ticket, error, &join.member_id);
        } else if !self.has_room(&join) {
            self.put_out(&join.member_id, now, effects);
            effects.refuse_join(ticket, GroupError::GroupFull, "");
        } else if join.member_id.is_empty() {
            self.join_new(join, asked, effects);
        } else if self.members.pending.contains(&join.member_id) {
            if join.instance_id.is_some() {
                effects.refuse_join(ticket, GroupError::UnknownMember, &join.member_id);
            } else {
                self.due.clear(&Due::Pending(join.member_id.clone()));
                let id = join.member_id.clone();
                self.admit(id, join, asked, effects);
            }
        } else {
            self.join_again(&join, asked, effects);
        }
        self.try_complete_join(now, effects);
    }

    fn check_join(&self, join: &Join) -> Result<(), GroupError> {
        let session = u64::try_from(join.session_timeout_ms).unwrap_or(0);
        let shortest = millis(self.settings.min_session_timeout);
        let longest = millis(self.settings.max_session_timeout);
        if self.state == State::Dead {
            Err(GroupError::NotAvailable)
        } else if session < shortest || session > longest {
            Err(GroupError::InvalidSessionTimeout)
        } else if join.instance_id.as_ref().is_some_and(|id| id.len() > MAX_TEXT) {
            Err(GroupError::InvalidInstanceId)
        } else if !is_usable(join) {
            Err(GroupError::InconsistentProtocol)
        } else if self.members.is_empty() {
            Ok(())
        } else if self.protocol_type.as_deref() != Some(&join.protocol_type)
            || !self.members.share_one_of(&join.protocols)
        {
            Err(GroupError::InconsistentProtocol)
        } else {
            Ok(())
        }
    }

    fn has_room(&self, join: &Join) -> bool {
        let most = self.settings.max_size;
        let holder = join.instance_id.as_deref().and_then(|id| self.members.holder(id));
        let known = holder.or(Some(join.member_id.as_str()));
        let known = known.and_then(|id| self.members.get(id));
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                known.is_some_and(|member| member.joining.is_some())
                    || self.members.joining() < most
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < most
            }
        }
    }

    fn join_new(&mut self, join: Join, asked: Asked, effects: &mut Effects) {
        let Asked { ticket, now } = asked;
        let id = join.fresh_member_id.clone();
        let holder = join.instance_id.as_deref().and_then(|instance| self.members.holder(instance));
        if let Some(old_id) = holder.map(str::to_owned) {
            self.take_over(&old_id, &join, asked, effects);
        } else if join.instance_id.is_some() || join.abilities < JoinAbilities::TwoSteps {
            self.admit(id, join, asked, effects);
        } else if self.members.pending.len() >= MAX_PENDING_MEMBERS {
            effects.refuse_join(ticket, GroupError::GroupFull, "");
        } else {
            let session_ms = u64::try_from(join.session_timeout_ms).unwrap_or(0).max(1);
            self.due.set(Due::Pending(id.clone()), now.elapsed_ms.saturating_add(session_ms));
            effects.refuse_join(ticket, GroupError::MemberIdRequired, &id);
            self.members.pending.insert(id);
        }
    }

    /// Adds a member and calls the others to join again.
    fn admit(&mut self, id: String, join: Join, asked: Asked, effects: &mut Effects) {
        let Asked { ticket, now } = asked;
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        if let Round::Initial { grew, .. } = &mut self.round {
            *grew = true;
        }
        self.members.insert(id.clone(), Member::new(join));
        self.members.wait_for_join(&id, ticket);
        let at_ms = now.elapsed_ms.saturating_add(NEW_MEMBER_TIMEOUT_MS);
        self.due.set(Due::Session(id), at_ms);
        self.rebalance(now, effects);
    }

    fn join_again(&mut self, join: &Join, asked: Asked, effects: &mut Effects) {
        let Asked { ticket, now } = asked;
        let id = join.member_id.as_str();
        let identity =
            MemberIdentity { member_id: id.to_owned(), instance_id: join.instance_id.clone() };
        if let Err(error) = self.check_member(&identity) {
            effects.refuse_join(ticket, error, id);
            return;
        }
        let unchanged = self.members.get(id).is_some_and(|known| known.protocols == join.protocols);
        let leads = self.members.is_leader(id);
        match self.state {
            State::CompletingRebalance if unchanged => {
                // The first answer may have been lost.
                let joined = self.joined(id, leads);
                effects.answer(ticket, Answer::Join(Ok(joined)));
            }
            State::Stable if unchanged && !leads => {
                let joined = self.joined(id, false);
                effects.answer(ticket, Answer::Join(Ok(joined)));
            }
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.members.update(id, join);
                if let Some(before) = self.members.wait_for_join(id, ticket) {
                    effects.refuse_join(before, GroupError::RebalanceInProgress, id);
                }
                self.rebalance(now, effects);
            }
            State::Empty | State::Dead => {
                effects.refuse_join(ticket, GroupError::UnknownMember, id);
            }
        }
    }

    /// Lets a new process take the place of a static member (KIP-345).
    fn take_over(&mut self, old_id: &str, join: &Join, asked: Asked, effects: &mut Effects) {
        let Asked { ticket, now } = asked;
        let id = join.fresh_member_id.as_str();
        let led_by = self.members.leader().unwrap_or_default().to_owned();
        self.due.clear(&Due::Session(old_id.to_owned()));
        if let Some(old) = self.members.replace(old_id, id) {
            if let Some(joining) = old.joining {
                effects.refuse_join(joining, GroupError::FencedInstance, old_id);
            }
            if let Some(syncing) = old.syncing {
                effects.answer(syncing, Answer::Sync(Err(GroupError::FencedInstance)));
            }
        }
        self.members.update(id, join);
        self.renew_session(id, now);
        if self.state != State::Stable || self.members.choose_protocol() != self.protocol {
            self.members.wait_for_join(id, ticket);
            self.rebalance(now, effects);
            return;
        }
        self.record(effects);
        let skips = join.abilities >= JoinAbilities::SkipAssignment;
        let leads = self.members.is_leader(id);
        let mut joined = self.joined(id, leads && skips);
        joined.skip_assignment = leads && skips;
        if !skips {
            // A leader that cannot be told to skip the assignment must not take itself for one.
            joined.leader = led_by;
        }
        effects.answer(ticket, Answer::Join(Ok(joined)));
    }

    /// Describes the current generation to a member.
    pub(in crate::group) fn joined(&self, id: &str, lists_members: bool) -> Joined {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.members.leader().unwrap_or_default().to_owned(),
            skip_assignment: false,
            member_id: id.to_owned(),
            members: if lists_members { self.members.listing(protocol) } else { Vec::new() },
        }
    }

    /// Takes a member that finds no room out of the group.
    fn put_out(&mut self, id: &str, now: Now, effects: &mut Effects) {
        if self.members.contains(id) {
            self.remove_member(id, now, effects);
        } else if self.members.pending.contains(id) {
            self.forget_pending(id, now, effects);
        }
    }
}

/// Tells whether a member names its protocols, in texts that a record holds.
fn is_usable(join: &Join) -> bool {
    let fits = |name: &str| name.len() <= MAX_TEXT;
    let kind = &join.protocol_type;
    let named = !kind.is_empty() && !join.protocols.is_empty();
    named && fits(kind) && join.protocols.iter().all(|protocol| fits(&protocol.name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::group::State;
    use super::MAX_TEXT;
    use crate::group::error::GroupError::{self, *};
    use crate::group::event::{Answer, Event, Join, JoinAbilities, JoinedMember};
    use crate::group::testing::*;

    #[test]
    fn first_member_leads_the_first_generation_at_once() {
        let mut bench = Bench::new();
        let ticket = bench.send(Event::Join(join("m0")));
        let joined = bench.joined(ticket);
        assert_eq!(joined.generation, 1);
        assert_eq!((joined.member_id.as_str(), joined.leader.as_str()), ("m0", "m0"));
        assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
        assert_eq!(joined.protocol.as_deref(), Some("range"));
        let metadata = "metadata of range".into();
        let own = JoinedMember { member_id: "m0".into(), instance_id: None, metadata };
        assert_eq!(joined.members, [own]);
        assert_eq!(bench.state(), Some(State::CompletingRebalance));
    }

    #[test]
    fn second_member_waits_until_the_first_joins_again() {
        let mut bench = Bench::new();
        bench.stable(1);
        let second = bench.send(Event::Join(join("m1")));
        assert_eq!(bench.answer(second), None);
        assert_eq!(bench.heartbeat("m0", 1), Err(RebalanceInProgress));
        let first = bench.send(Event::Join(rejoin("m0")));
        let (first, second) = (bench.joined(first), bench.joined(second));
        assert_eq!((first.generation, second.generation), (2, 2));
        assert_eq!(first.members.len(), 2);
        assert!(second.members.is_empty());
        assert_eq!(second.leader, "m0");
    }

    #[test]
    fn member_id_comes_first_for_clients_that_can_join_in_two_steps() {
        let mut bench = Bench::new();
        let two_steps = Join { abilities: JoinAbilities::TwoSteps, ..join("m0") };
        let ticket = bench.send(Event::Join(two_steps));
        let refused = bench.refused(ticket);
        assert_eq!((refused.error, refused.member_id.as_str()), (MemberIdRequired, "m0"));
        assert_eq!(bench.state(), Some(State::Empty));
        let ticket = bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.joined(ticket).member_id, "m0");
    }

    #[test]
    fn unused_member_id_is_forgotten_after_the_session_timeout() {
        let mut bench = Bench::new();
        bench.send(Event::Join(Join { abilities: JoinAbilities::TwoSteps, ..join("m0") }));
        bench.advance(SESSION_MS);
        assert_eq!(bench.state(), None);
        let ticket = bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.refused(ticket).error, UnknownMember);
    }

    #[test]
    fn a_rebalance_waits_for_a_member_that_was_just_given_its_id() {
        let mut bench = Bench::new();
        bench.stable(1);
        bench.send(Event::Join(Join { abilities: JoinAbilities::TwoSteps, ..join("m1") }));
        let leader = bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.answer(leader), None);
        let second = bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.joined(leader).members.len(), 2);
        assert_eq!(bench.joined(second).generation, 2);
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut Join), expected: GroupError) {
        let mut bench = Bench::new();
        bench.stable(1);
        let before = bench.records.len();
        let mut request = join("m1");
        change(&mut request);
        let ticket = bench.send(Event::Join(request));
        assert_eq!(bench.refused(ticket).error, expected);
        assert_eq!(bench.state(), Some(State::Stable));
        assert_eq!(bench.records.len(), before);
    }

    #[test]
    fn unfit_members_are_refused_and_change_nothing() {
        check_refused(|join| join.session_timeout_ms = 99, InvalidSessionTimeout);
        check_refused(|join| join.session_timeout_ms = -1, InvalidSessionTimeout);
        check_refused(|join| join.session_timeout_ms = 100_001, InvalidSessionTimeout);
        check_refused(|join| join.protocol_type = "connect".into(), InconsistentProtocol);
        check_refused(|join| join.protocol_type = String::new(), InconsistentProtocol);
        check_refused(|join| join.protocols = protocols(&["sticky"]), InconsistentProtocol);
        check_refused(|join| join.protocols = Vec::new(), InconsistentProtocol);
        let long = || "x".repeat(MAX_TEXT + 1);
        check_refused(|join| join.instance_id = Some(long()), InvalidInstanceId);
        check_refused(|join| join.protocols[0].name = long(), InconsistentProtocol);
        check_refused(|join| join.member_id = "stranger".into(), UnknownMember);
        let stranger = |join: &mut Join| {
            join.member_id = "m0".into();
            join.instance_id = Some("nobody's".into());
        };
        check_refused(stranger, UnknownMember);
    }

    #[test]
    fn an_empty_group_takes_any_protocol_type() {
        for kind in ["consumer", "connect", "sr"] {
            let mut bench = Bench::new();
            bench.stable(1);
            bench.leave(vec![member("m0", None)]);
            let ticket = bench.send(Event::Join(Join { protocol_type: kind.into(), ..join("n") }));
            assert_eq!(bench.joined(ticket).protocol_type.as_deref(), Some(kind));
        }
    }

    #[test]
    fn a_full_group_takes_known_members_only() {
        let mut bench = Bench::with(crate::config::GroupSettings { max_size: 2, ..settings() });
        bench.stable(2);
        let ticket = bench.send(Event::Join(join("m2")));
        assert_eq!(bench.refused(ticket).error, GroupFull);
        assert_eq!(bench.state(), Some(State::Stable));
        let ticket = bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.joined(ticket).member_id, "m1");
    }

    #[test]
    fn while_a_full_group_rebalances_the_last_to_come_back_is_put_out() {
        let mut bench = Bench::with(crate::config::GroupSettings { max_size: 2, ..settings() });
        bench.stable(2);
        bench.send(Event::Join(rejoin("m0")));
        bench.send(Event::Join(join("m2")));
        let late = bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.refused(late).error, GroupFull);
        assert_eq!(bench.group().members.ids(), ["m0", "m2"]);
        assert_eq!(bench.state(), Some(State::CompletingRebalance));
    }

    #[test]
    fn a_follower_that_joins_again_unchanged_gets_its_place_told_again() {
        let mut bench = Bench::new();
        let generation = bench.stable(2);
        let ticket = bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.joined(ticket).generation, generation);
        assert_eq!(bench.state(), Some(State::Stable));
    }

    #[test]
    fn a_leader_or_a_changed_member_that_joins_again_starts_a_rebalance() {
        let mut bench = Bench::new();
        bench.stable(2);
        bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.state(), Some(State::PreparingRebalance));
        let mut bench = Bench::new();
        bench.stable(2);
        let changed = Join { protocols: protocols(&["range", "sticky"]), ..rejoin("m1") };
        bench.send(Event::Join(changed));
        assert_eq!(bench.state(), Some(State::PreparingRebalance));
    }

    #[test]
    fn a_lost_answer_is_given_again_while_the_rebalance_completes() {
        let mut bench = Bench::new();
        bench.send(Event::Join(join("m0")));
        let again = bench.send(Event::Join(rejoin("m0")));
        let joined = bench.joined(again);
        assert_eq!((joined.generation, joined.members.len()), (1, 1));
    }

    #[test]
    fn the_older_of_two_joins_of_a_member_is_answered_too() {
        let mut bench = Bench::new();
        bench.stable(2);
        let older = bench.send(Event::Join(rejoin("m0")));
        let newer = bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.refused(older).error, RebalanceInProgress);
        assert_eq!(bench.answer(newer), None);
        bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.joined(newer).generation, 3);
    }

    #[test]
    fn a_new_member_that_waits_too_long_for_a_generation_is_dropped() {
        let mut bench = Bench::new();
        let slow =
            Join { rebalance_timeout_ms: 10_000_000, session_timeout_ms: 100_000, ..join("m0") };
        bench.send(Event::Join(slow));
        bench.send(Event::Sync(sync("m0", 1, shares(&[]))));
        let waiting = bench.send(Event::Join(join("m1")));
        for _ in 0..6 {
            bench.advance(50_000);
            let _ = bench.heartbeat("m0", 1);
        }
        let refused = bench.refused(waiting);
        assert_eq!((refused.error, refused.member_id.as_str()), (UnknownMember, ""));
    }

    fn with_static_members(abilities: JoinAbilities) -> (Bench, i32) {
        let mut bench = Bench::new();
        for (id, instance) in [("a1", "a"), ("b1", "b")] {
            bench.send(Event::Join(Join { abilities, ..static_join(id, instance) }));
        }
        bench.send(Event::Join(Join { member_id: "a1".into(), abilities, ..static_join("", "a") }));
        let generation = bench.group().generation;
        bench.send(Event::Sync(sync("b1", generation, shares(&[]))));
        let given = shares(&[("a1", "for a"), ("b1", "for b")]);
        bench.send(Event::Sync(sync("a1", generation, given)));
        assert_eq!(bench.state(), Some(State::Stable));
        (bench, generation)
    }

    #[test]
    fn a_static_member_that_comes_back_takes_its_place_without_a_rebalance() {
        let (mut bench, generation) = with_static_members(JoinAbilities::SkipAssignment);
        let ticket = bench.send(Event::Join(static_join("b2", "b")));
        let joined = bench.joined(ticket);
        assert_eq!((joined.generation, joined.member_id.as_str()), (generation, "b2"));
        assert!(!joined.skip_assignment);
        assert_eq!(bench.state(), Some(State::Stable));
        let ticket = bench.send(Event::Sync(sync("b2", generation, shares(&[]))));
        assert_eq!(bench.synced(ticket).unwrap().assignment, "for b");
        assert_eq!(bench.heartbeat("b1", generation), Err(UnknownMember));
    }

    #[test]
    fn a_static_leader_that_comes_back_is_told_to_skip_the_assignment() {
        let (mut bench, _) = with_static_members(JoinAbilities::SkipAssignment);
        let ticket = bench.send(Event::Join(static_join("a2", "a")));
        let joined = bench.joined(ticket);
        assert!(joined.skip_assignment);
        assert_eq!((joined.leader.as_str(), joined.members.len()), ("a2", 2));
    }

    #[test]
    fn an_old_static_leader_that_comes_back_does_not_learn_that_it_leads() {
        let (mut bench, _) = with_static_members(JoinAbilities::TwoSteps);
        let again = Join { abilities: JoinAbilities::TwoSteps, ..static_join("a2", "a") };
        let ticket = bench.send(Event::Join(again));
        let joined = bench.joined(ticket);
        assert_eq!((joined.leader.as_str(), joined.skip_assignment), ("a1", false));
        assert!(joined.members.is_empty());
        assert_eq!(bench.group().members.leader(), Some("a2"));
    }

    #[test]
    fn the_process_that_was_replaced_is_fenced() {
        let (mut bench, generation) = with_static_members(JoinAbilities::SkipAssignment);
        bench.send(Event::Join(static_join("b2", "b")));
        let old = || member("b1", Some("b"));
        let beat = Event::Heartbeat { member: old(), generation };
        assert_eq!(bench.done(beat), Err(FencedInstance));
        let mut late = sync("b1", generation, shares(&[]));
        late.member = old();
        let ticket = bench.send(Event::Sync(late));
        assert_eq!(bench.synced(ticket), Err(FencedInstance));
        assert_eq!(bench.leave(vec![old()]), [Err(FencedInstance)]);
        let again = Join { member_id: "b1".into(), ..static_join("", "b") };
        let ticket = bench.send(Event::Join(again));
        assert_eq!(bench.refused(ticket).error, FencedInstance);
    }

    #[test]
    fn open_requests_of_a_replaced_process_are_fenced() {
        let (mut bench, generation) = with_static_members(JoinAbilities::SkipAssignment);
        let leader = Join { member_id: "a1".into(), ..static_join("", "a") };
        let joining = bench.send(Event::Join(leader));
        bench.send(Event::Join(static_join("a2", "a")));
        let refused = bench.refused(joining);
        assert_eq!((refused.error, refused.member_id.as_str()), (FencedInstance, "a1"));
        bench.send(Event::Join(Join { member_id: "b1".into(), ..static_join("", "b") }));
        assert_eq!(bench.group().generation, generation + 1);
        let syncing = bench.send(Event::Sync(sync("b1", generation + 1, shares(&[]))));
        bench.send(Event::Join(static_join("b2", "b")));
        assert_eq!(bench.answer(syncing), Some(Answer::Sync(Err(FencedInstance))));
        assert_eq!(bench.state(), Some(State::PreparingRebalance));
    }

    #[test]
    fn a_static_member_that_changes_the_choice_of_protocol_starts_a_rebalance() {
        let mut bench = Bench::new();
        let both = |join: Join| Join { protocols: protocols(&["range", "sticky"]), ..join };
        bench.send(Event::Join(both(static_join("a1", "a"))));
        bench.send(Event::Sync(sync("a1", 1, shares(&[]))));
        let only = Join { protocols: protocols(&["sticky"]), ..static_join("a2", "a") };
        // A member has to share a protocol with the members before it, itself included.
        let ticket = bench.send(Event::Join(only));
        let joined = bench.joined(ticket);
        assert_eq!((joined.generation, joined.protocol.as_deref()), (2, Some("sticky")));
    }

    #[test]
    fn an_empty_group_waits_for_more_members_if_told_to() {
        let delay = Duration::from_millis(3_000);
        let mut bench = Bench::with(crate::config::GroupSettings {
            initial_rebalance_delay: delay,
            ..settings()
        });
        let first = bench.send(Event::Join(join("m0")));
        bench.advance(2_999);
        assert_eq!(bench.answer(first), None);
        let second = bench.send(Event::Join(join("m1")));
        bench.advance(2_999);
        assert_eq!(bench.answer(first), None);
        bench.advance(2);
        assert_eq!(bench.joined(first).members.len(), 2);
        assert_eq!(bench.joined(second).generation, 1);
    }
}
