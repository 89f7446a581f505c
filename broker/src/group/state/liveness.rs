//! Signs of life and their absence: heartbeats, leaving, sessions that end.

use super::group::{Due, Group, State};
use crate::group::error::GroupError;
use crate::group::event::{Answer, Effects, MemberIdentity, MemberLeft, Now};

impl Group {
    pub(in crate::group) fn heartbeat(
        &mut self,
        member: &MemberIdentity,
        generation: i32,
        now: Now,
    ) -> Result<(), GroupError> {
        if self.state == State::Dead {
            return Err(GroupError::NotAvailable);
        }
        self.check_member(member)?;
        if generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        self.renew_session(&member.member_id, now);
        if self.state == State::PreparingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    pub(in crate::group) fn leave(
        &mut self,
        members: Vec<MemberIdentity>,
        now: Now,
        effects: &mut Effects,
    ) -> Vec<MemberLeft> {
        let mut left = Vec::with_capacity(members.len());
        for member in members {
            let result = self.leave_one(&member, now, effects);
            left.push(MemberLeft { member, result });
        }
        left
    }

    fn leave_one(
        &mut self,
        member: &MemberIdentity,
        now: Now,
        effects: &mut Effects,
    ) -> Result<(), GroupError> {
        if member.member_id.is_empty() {
            let instance_id = member.instance_id.as_deref();
            let holder = instance_id.and_then(|id| self.members.holder(id)).map(str::to_owned);
            let id = holder.ok_or(GroupError::UnknownMember)?;
            self.remove_member(&id, now, effects);
        } else if self.members.pending.contains(&member.member_id) {
            self.forget_pending(&member.member_id, now, effects);
        } else {
            self.check_member(member)?;
            self.remove_member(&member.member_id, now, effects);
        }
        Ok(())
    }

    pub(in crate::group) fn session_ended(&mut self, id: &str, now: Now, effects: &mut Effects) {
        let Some(member) = self.members.get(id) else { return };
        if member.is_new || !member.waits() {
            self.remove_member(id, now, effects);
        }
        // A known member that waits is alive; its session begins again with the answer.
    }

    pub(in crate::group) fn forget_pending(&mut self, id: &str, now: Now, effects: &mut Effects) {
        self.due.clear(&Due::Pending(id.to_owned()));
        self.members.pending.remove(id);
        self.try_complete_join(now, effects);
    }

    /// Takes a member out, answers what it waits for, and calls the others to join again.
    pub(in crate::group) fn remove_member(&mut self, id: &str, now: Now, effects: &mut Effects) {
        self.due.clear(&Due::Session(id.to_owned()));
        let Some(member) = self.members.remove(id) else { return };
        if let Some(ticket) = member.joining {
            effects.refuse_join(ticket, GroupError::UnknownMember, "");
        }
        if let Some(ticket) = member.syncing {
            effects.answer(ticket, Answer::Sync(Err(GroupError::UnknownMember)));
        }
        if self.members.unsynced.is_empty() {
            self.due.clear(&Due::Sync);
        }
        match self.state {
            State::Stable | State::CompletingRebalance => self.rebalance(now, effects),
            State::PreparingRebalance => self.try_complete_join(now, effects),
            State::Empty | State::Dead => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::State;
    use crate::group::error::GroupError::{self, *};
    use crate::group::event::{Event, Join, JoinAbilities};
    use crate::group::testing::*;

    #[test]
    fn heartbeats_keep_a_member_and_their_absence_drops_it() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        for _ in 0..10 {
            bench.advance(SESSION_MS - 1);
            assert_eq!(bench.heartbeat("m0", generation), Ok(()));
        }
        bench.advance(SESSION_MS);
        assert_eq!(bench.heartbeat("m0", generation), Err(UnknownMember));
        assert_eq!(bench.state(), Some(State::Empty));
    }

    #[track_caller]
    fn check_heartbeat(id: &str, instance_id: Option<&str>, generation: i32, expected: GroupError) {
        let mut bench = Bench::new();
        bench.stable(1);
        let beat = Event::Heartbeat { member: member(id, instance_id), generation };
        assert_eq!(bench.done(beat), Err(expected));
    }

    #[test]
    fn heartbeats_are_checked_against_member_and_generation() {
        check_heartbeat("stranger", None, 1, UnknownMember);
        check_heartbeat("", None, 1, UnknownMember);
        check_heartbeat("m0", Some("nobody's"), 1, UnknownMember);
        check_heartbeat("m0", None, 0, IllegalGeneration);
        check_heartbeat("m0", None, 2, IllegalGeneration);
    }

    #[test]
    fn heartbeat_to_a_group_that_is_not_there_is_refused() {
        assert_eq!(Bench::new().heartbeat("m0", 1), Err(UnknownMember));
    }

    #[test]
    fn heartbeats_count_while_the_assignment_is_awaited() {
        let mut bench = Bench::new();
        bench.send(Event::Join(join("m0")));
        bench.advance(SESSION_MS - 1);
        assert_eq!(bench.heartbeat("m0", 1), Ok(()));
        bench.advance(SESSION_MS - 1);
        assert_eq!(bench.state(), Some(State::CompletingRebalance));
    }

    #[test]
    fn a_known_member_that_waits_to_join_does_not_lose_its_session() {
        let mut bench = Bench::new();
        bench.stable(2);
        let waiting = bench.send(Event::Join(rejoin("m0")));
        for _ in 0..2 {
            bench.advance(SESSION_MS - 1);
            assert_eq!(bench.heartbeat("m1", 2), Err(RebalanceInProgress));
        }
        assert_eq!(bench.answer(waiting), None);
        bench.send(Event::Join(rejoin("m1")));
        assert_eq!(bench.joined(waiting).members.len(), 2);
    }

    #[test]
    fn leaving_calls_the_others_to_join_again() {
        let mut bench = Bench::new();
        let generation = bench.stable(2);
        assert_eq!(bench.leave(vec![member("m1", None)]), [Ok(())]);
        assert_eq!(bench.heartbeat("m0", generation), Err(RebalanceInProgress));
    }

    #[test]
    fn leaving_in_a_batch_has_a_result_per_member() {
        let mut bench = Bench::new();
        bench.stable(2);
        bench.send(Event::Join(Join { abilities: JoinAbilities::TwoSteps, ..join("pending") }));
        let leaving = ["m1", "stranger", "pending", ""].map(|id| member(id, None)).to_vec();
        let expected = [Ok(()), Err(UnknownMember), Ok(()), Err(UnknownMember)];
        assert_eq!(bench.leave(leaving), expected);
        assert_eq!(bench.group().members.ids(), ["m0"]);
        assert!(bench.group().members.pending.is_empty());
    }

    #[test]
    fn leaving_a_group_that_is_not_there_is_refused_for_each_member() {
        let mut bench = Bench::new();
        assert_eq!(bench.leave(vec![member("m0", None)]), [Err(UnknownMember)]);
    }

    #[test]
    fn an_administrator_removes_a_static_member_by_its_instance_id() {
        let mut bench = Bench::new();
        bench.send(Event::Join(static_join("a1", "a")));
        let named = |instance| member("", Some(instance));
        assert_eq!(bench.leave(vec![named("b"), named("a")]), [Err(UnknownMember), Ok(())]);
        assert_eq!(bench.state(), Some(State::Empty));
    }

    #[test]
    fn a_member_that_leaves_while_it_waits_is_answered() {
        let mut bench = Bench::new();
        bench.stable(2);
        let joining = bench.send(Event::Join(rejoin("m0")));
        bench.leave(vec![member("m0", None)]);
        assert_eq!(bench.refused(joining).error, UnknownMember);
        bench.send(Event::Join(rejoin("m1")));
        bench.send(Event::Join(join("m2")));
        bench.send(Event::Join(rejoin("m1")));
        let generation = bench.group().generation;
        let syncing = bench.send(Event::Sync(sync("m2", generation, shares(&[]))));
        bench.leave(vec![member("m2", None)]);
        assert_eq!(bench.synced(syncing), Err(UnknownMember));
    }

    #[test]
    fn a_static_member_that_is_silent_stays_until_its_session_ends() {
        let mut bench = Bench::new();
        bench.send(Event::Join(static_join("a1", "a")));
        bench.send(Event::Sync(sync("a1", 1, shares(&[]))));
        bench.advance(SESSION_MS - 1);
        assert_eq!(bench.state(), Some(State::Stable));
        assert_eq!(bench.done(Event::Delete), Err(GroupNotEmpty));
        bench.advance(1);
        assert_eq!(bench.state(), Some(State::Empty));
    }
}
