//! From one generation to the next: who is awaited, for how long, and what comes of it.

use bytes::Bytes;
use std::collections::HashMap;

use super::group::{Due, Group, Round, State, millis};
use crate::group::error::GroupError;
use crate::group::event::{Answer, Effects, Now};

/// Shortest wait for static members of whom none has come back.
const SHORTEST_EXTENSION_MS: u64 = 1_000;

impl Group {
    /// Calls all members to join again, unless they are called already.
    pub(in crate::group) fn rebalance(&mut self, now: Now, effects: &mut Effects) {
        match self.state {
            State::PreparingRebalance | State::Dead => return,
            State::CompletingRebalance => {
                self.members.assign(&HashMap::<String, Bytes>::new());
                self.answer_syncs(Err(GroupError::RebalanceInProgress), now, effects);
            }
            State::Empty | State::Stable => {}
        }
        self.members.unsynced.clear();
        self.due.clear(&Due::Sync);
        let was_empty = self.state == State::Empty;
        self.enter(State::PreparingRebalance, now);
        self.round = Round::Rejoin;
        let timeout_ms = self.members.rebalance_timeout();
        let delay_ms = millis(self.settings.initial_rebalance_delay);
        if !was_empty {
            self.await_joins(timeout_ms, now);
            self.try_complete_join(now, effects);
        } else if delay_ms == 0 {
            self.complete_join(now, effects);
        } else {
            let remaining_ms = timeout_ms.saturating_sub(delay_ms);
            self.round = Round::Initial { remaining_ms, grew: false };
            self.await_joins(delay_ms, now);
        }
    }

    /// Ends the wait if nobody is awaited any more.
    pub(in crate::group) fn try_complete_join(&mut self, now: Now, effects: &mut Effects) {
        let waits = self.state == State::PreparingRebalance && self.round == Round::Rejoin;
        if waits && self.members.all_joined() {
            self.complete_join(now, effects);
        }
    }

    pub(in crate::group) fn join_time_is_up(&mut self, now: Now, effects: &mut Effects) {
        if self.state != State::PreparingRebalance {
            return;
        }
        if let Round::Initial { remaining_ms, grew: true } = self.round
            && remaining_ms > 0
        {
            let delay_ms = millis(self.settings.initial_rebalance_delay).min(remaining_ms);
            self.round = Round::Initial { remaining_ms: remaining_ms - delay_ms, grew: false };
            self.await_joins(delay_ms, now);
            return;
        }
        self.complete_join(now, effects);
    }

    /// Drops the members that had their assignment coming and never asked for it.
    pub(in crate::group) fn sync_time_is_up(&mut self, now: Now, effects: &mut Effects) {
        let settled = matches!(self.state, State::CompletingRebalance | State::Stable);
        if !settled || self.members.unsynced.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.members.unsynced) {
            self.due.clear(&Due::Session(id.clone()));
            self.members.remove(&id);
        }
        self.rebalance(now, effects);
    }

    /// Answers all members that wait for their assignments.
    pub(in crate::group) fn answer_syncs(
        &mut self,
        outcome: Result<(), GroupError>,
        now: Now,
        effects: &mut Effects,
    ) {
        for id in self.members.ids() {
            let Some(ticket) = self.members.take_sync(&id) else { continue };
            let answer = outcome.map(|()| self.synced(&id));
            effects.answer(ticket, Answer::Sync(answer));
            self.renew_session(&id, now);
        }
    }

    fn await_joins(&mut self, timeout_ms: u64, now: Now) {
        self.due.set(Due::Join, now.elapsed_ms.saturating_add(timeout_ms.max(1)));
    }

    fn complete_join(&mut self, now: Now, effects: &mut Effects) {
        for id in self.members.missing_dynamic() {
            self.due.clear(&Due::Session(id.clone()));
            self.members.remove(&id);
        }
        self.round = Round::Rejoin;
        if !self.members.is_empty() && !self.members.elect_joined_leader() {
            // Static members alone are left, and none is here: their sessions decide.
            let timeout_ms = self.members.rebalance_timeout().max(SHORTEST_EXTENSION_MS);
            self.await_joins(timeout_ms, now);
            return;
        }
        self.due.clear(&Due::Join);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.protocol = None;
            self.enter(State::Empty, now);
            self.record(effects);
            return;
        }
        self.protocol = self.members.choose_protocol();
        self.enter(State::CompletingRebalance, now);
        let ids = self.members.ids();
        self.members.unsynced = ids.iter().cloned().collect();
        let timeout_ms = self.members.rebalance_timeout().max(1);
        self.due.set(Due::Sync, now.elapsed_ms.saturating_add(timeout_ms));
        for id in ids {
            if let Some(ticket) = self.members.take_join(&id) {
                let joined = self.joined(&id, self.members.is_leader(&id));
                effects.answer(ticket, Answer::Join(Ok(joined)));
            }
            self.members.settle(&id);
            self.renew_session(&id, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::State;
    use crate::group::error::GroupError::*;
    use crate::group::event::{Event, Join, JoinAbilities};
    use crate::group::testing::*;

    #[test]
    fn dynamic_members_that_do_not_join_in_time_are_dropped() {
        let mut bench = Bench::new();
        bench.stable(2);
        let leader = bench.send(Event::Join(rejoin("m0")));
        for _ in 0..5 {
            bench.advance(REBALANCE_MS / 5);
            if bench.answer(leader).is_some_and(|answer| {
                matches!(answer, super::Answer::Join(Ok(joined)) if joined.members.len() == 1)
            }) {
                assert_eq!(bench.heartbeat("m1", 3), Err(UnknownMember));
                return;
            }
            let _ = bench.heartbeat("m1", 2);
        }
        panic!("the rebalance did not end with its timeout");
    }

    #[test]
    fn another_member_leads_if_the_leader_does_not_come_back() {
        let mut bench = Bench::new();
        bench.stable(2);
        let changed = Join { protocols: protocols(&["range", "more"]), ..rejoin("m1") };
        let follower = bench.send(Event::Join(changed));
        bench.advance(REBALANCE_MS);
        let joined = bench.joined(follower);
        assert_eq!((joined.leader.as_str(), joined.members.len()), ("m1", 1));
    }

    #[test]
    fn static_members_that_do_not_come_back_stay_until_their_sessions_end() {
        let mut bench = Bench::new();
        let long = |join: Join| Join { session_timeout_ms: 90_000, ..join };
        bench.send(Event::Join(long(static_join("a1", "a"))));
        bench.send(Event::Sync(sync("a1", 1, shares(&[]))));
        bench.send(Event::Join(long(static_join("b1", "b"))));
        bench.advance(REBALANCE_MS);
        assert_eq!(bench.group().generation, 2);
        assert_eq!(bench.group().members.ids(), ["a1", "b1"]);
        assert_eq!(bench.group().members.leader(), Some("b1"));
    }

    #[test]
    fn a_member_that_never_syncs_is_dropped_after_the_rebalance_timeout() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        let second = bench.send(Event::Join(join("m1")));
        bench.send(Event::Join(rejoin("m0")));
        bench.send(Event::Sync(sync("m0", generation + 1, shares(&[("m0", "all")]))));
        assert!(bench.joined(second).members.is_empty());
        for _ in 0..10 {
            bench.advance(REBALANCE_MS / 10);
            let _ = bench.heartbeat("m0", generation + 1);
            let _ = bench.heartbeat("m1", generation + 1);
        }
        assert_eq!(bench.state(), Some(State::PreparingRebalance));
        assert_eq!(bench.group().members.ids(), ["m0"]);
        let late = bench.send(Event::Sync(sync("m1", generation + 1, shares(&[]))));
        assert_eq!(bench.synced(late), Err(UnknownMember));
    }

    #[test]
    fn a_rebalance_timeout_of_zero_drops_a_member_that_does_not_sync_at_once() {
        let mut bench = Bench::new();
        bench.send(Event::Join(Join { rebalance_timeout_ms: 0, ..join("m0") }));
        bench.advance(1);
        let ticket = bench.send(Event::Sync(sync("m0", 1, shares(&[]))));
        assert_eq!(bench.synced(ticket), Err(UnknownMember));
        assert_eq!(bench.state(), Some(State::Empty));
    }

    #[test]
    fn members_that_wait_for_their_assignment_are_called_back_when_another_joins() {
        let mut bench = Bench::new();
        let generation = bench.stable(2);
        bench.send(Event::Join(rejoin("m0")));
        bench.send(Event::Join(rejoin("m1")));
        let waiting = bench.send(Event::Sync(sync("m1", generation + 1, shares(&[]))));
        assert_eq!(bench.state(), Some(State::CompletingRebalance));
        bench.send(Event::Join(join("m2")));
        assert_eq!(bench.synced(waiting), Err(RebalanceInProgress));
    }

    #[test]
    fn a_group_whose_last_member_leaves_is_recorded_as_empty() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        assert_eq!(bench.leave(vec![member("m0", None)]), [Ok(())]);
        assert_eq!(bench.state(), Some(State::Empty));
        assert_eq!(bench.group().generation, generation + 1);
        assert_eq!(bench.replayed().sorted()["g"].snapshot(), bench.group().snapshot());
    }

    #[test]
    fn a_thousand_members_join_and_leave_in_a_few_generations() {
        let mut bench = Bench::new();
        for index in 0..1_000 {
            let two_steps =
                Join { abilities: JoinAbilities::TwoSteps, ..join(&format!("m{index}")) };
            bench.send(Event::Join(two_steps));
        }
        let tickets: Vec<_> =
            (0..1_000).map(|index| bench.send(Event::Join(rejoin(&format!("m{index}"))))).collect();
        bench.joined(tickets[0]);
        bench.send(Event::Join(rejoin("m0")));
        assert_eq!(bench.group().generation, 2);
        assert_eq!(bench.group().members.len(), 1_000);
        for ticket in &tickets[1..] {
            assert_eq!(bench.joined(*ticket).generation, 2);
        }
        for index in 0..1_000 {
            bench.send(Event::Sync(sync(&format!("m{index}"), 2, shares(&[]))));
        }
        assert_eq!(bench.state(), Some(State::Stable));
        for index in 0..1_000 {
            bench.leave(vec![member(&format!("m{index}"), None)]);
        }
        assert_eq!(bench.state(), Some(State::Empty));
        assert_eq!(bench.group().generation, 3);
    }
}
