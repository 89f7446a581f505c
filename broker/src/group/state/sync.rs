//! SyncGroup: the leader's assignment on its way to the members.

use super::group::{Due, Group, State};
use crate::group::error::GroupError;
use crate::group::event::{Answer, Effects, Now, Sync, Synced, Ticket};

/// Most bytes that the members of a group may put into its record.
const MAX_STATE_BYTES: usize = 16 << 20;

impl Group {
    pub(in crate::group) fn sync(
        &mut self,
        sync: &Sync,
        ticket: Ticket,
        now: Now,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.check_sync(sync) {
            effects.answer(ticket, Answer::Sync(Err(error)));
            return;
        }
        let id = sync.member.member_id.as_str();
        self.members.unsynced.remove(id);
        if self.members.unsynced.is_empty() {
            self.due.clear(&Due::Sync);
        }
        if self.state == State::Stable {
            effects.answer(ticket, Answer::Sync(Ok(self.synced(id))));
            self.renew_session(id, now);
            return;
        }
        if let Some(before) = self.members.wait_for_sync(id, ticket) {
            effects.answer(before, Answer::Sync(Err(GroupError::RebalanceInProgress)));
        }
        if self.members.is_leader(id) {
            self.distribute(sync, now, effects);
        }
    }

    /// Returns a member's share of the current assignment.
    pub(in crate::group) fn synced(&self, id: &str) -> Synced {
        let assignment = self.members.get(id).map(|member| member.assignment.clone());
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: assignment.unwrap_or_default(),
        }
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), GroupError> {
        if self.state == State::Dead {
            return Err(GroupError::NotAvailable);
        }
        self.check_member(&sync.member)?;
        let differs = |said: &Option<String>, ours: &Option<String>| said.is_some() && said != ours;
        if sync.generation != self.generation {
            Err(GroupError::IllegalGeneration)
        } else if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            Err(GroupError::InconsistentProtocol)
        } else if self.state == State::PreparingRebalance {
            Err(GroupError::RebalanceInProgress)
        } else {
            Ok(())
        }
    }

    fn distribute(&mut self, sync: &Sync, now: Now, effects: &mut Effects) {
        self.members.assign(&sync.assignments);
        let protocol = self.protocol.as_deref().unwrap_or_default();
        if self.members.state_bytes(protocol) > MAX_STATE_BYTES {
            self.answer_syncs(Err(GroupError::StateTooLarge), now, effects);
            self.rebalance(now, effects);
            return;
        }
        self.enter(State::Stable, now);
        self.record(effects);
        self.answer_syncs(Ok(()), now, effects);
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::State;
    use crate::group::error::GroupError::{self, *};
    use crate::group::event::{Event, Sync};
    use crate::group::testing::*;

    #[test]
    fn followers_wait_for_the_leader_and_get_its_bytes_untouched() {
        let mut bench = Bench::new();
        bench.stable(2);
        bench.send(Event::Join(rejoin("m0")));
        bench.send(Event::Join(rejoin("m1")));
        let follower = bench.send(Event::Sync(sync("m1", 3, shares(&[]))));
        assert_eq!(bench.answer(follower), None);
        let given = shares(&[("m0", "\u{0}\u{1}zero"), ("m1", "one"), ("nobody", "lost")]);
        let leader = bench.send(Event::Sync(sync("m0", 3, given)));
        assert_eq!(bench.synced(leader).unwrap().assignment, "\u{0}\u{1}zero");
        let synced = bench.synced(follower).unwrap();
        assert_eq!(synced.assignment, "one");
        assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
        assert_eq!(synced.protocol.as_deref(), Some("range"));
        assert_eq!(bench.state(), Some(State::Stable));
    }

    #[test]
    fn a_member_without_an_assignment_gets_empty_bytes() {
        let mut bench = Bench::new();
        let generation = bench.stable(2);
        bench.send(Event::Join(rejoin("m0")));
        bench.send(Event::Join(rejoin("m1")));
        bench.send(Event::Sync(sync("m0", generation + 1, shares(&[("m0", "all")]))));
        let ticket = bench.send(Event::Sync(sync("m1", generation + 1, shares(&[]))));
        assert_eq!(bench.synced(ticket).unwrap().assignment, "");
    }

    #[test]
    fn a_stable_group_tells_an_assignment_again() {
        let mut bench = Bench::new();
        let generation = bench.stable(2);
        let records = bench.records.len();
        let ticket = bench.send(Event::Sync(sync("m1", generation, shares(&[]))));
        assert_eq!(bench.synced(ticket).unwrap().assignment, "share 1");
        // Nor does a stable leader distribute anew.
        let ticket = bench.send(Event::Sync(sync("m0", generation, shares(&[("m1", "other")]))));
        assert_eq!(bench.synced(ticket).unwrap().assignment, "share 0");
        assert_eq!(bench.records.len(), records);
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut Sync), expected: GroupError) {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        let mut request = sync("m0", generation, shares(&[]));
        change(&mut request);
        let ticket = bench.send(Event::Sync(request));
        assert_eq!(bench.synced(ticket), Err(expected));
        assert_eq!(bench.state(), Some(State::Stable));
    }

    #[test]
    fn sync_is_checked_against_member_generation_and_protocol() {
        check_refused(|sync| sync.member = member("stranger", None), UnknownMember);
        check_refused(|sync| sync.member = member("m0", Some("nobody's")), UnknownMember);
        check_refused(|sync| sync.generation = 0, IllegalGeneration);
        check_refused(|sync| sync.generation = -1, IllegalGeneration);
        check_refused(|sync| sync.protocol_type = Some("connect".into()), InconsistentProtocol);
        check_refused(|sync| sync.protocol = Some("sticky".into()), InconsistentProtocol);
    }

    #[test]
    fn sync_during_the_next_rebalance_calls_the_member_back() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        bench.send(Event::Join(join("m1")));
        let ticket = bench.send(Event::Sync(sync("m0", generation, shares(&[]))));
        assert_eq!(bench.synced(ticket), Err(RebalanceInProgress));
    }

    #[test]
    fn sync_with_a_group_that_is_not_there_is_refused() {
        let mut bench = Bench::new();
        let ticket = bench.send(Event::Sync(sync("m0", 1, shares(&[]))));
        assert_eq!(bench.synced(ticket), Err(UnknownMember));
    }

    #[test]
    fn an_assignment_beyond_what_a_record_holds_is_refused() {
        let mut bench = Bench::new();
        bench.send(Event::Join(join("m0")));
        let large = "x".repeat(super::MAX_STATE_BYTES);
        let ticket = bench.send(Event::Sync(sync("m0", 1, shares(&[("m0", &large)]))));
        assert_eq!(bench.synced(ticket), Err(StateTooLarge));
        assert_eq!(bench.state(), Some(State::PreparingRebalance));
        assert!(bench.records.is_empty());
    }
}
