//! The offsets of a group: commit, fetch, expiry, deletion.
//!
//! Offsets expire `offsets.retention.minutes` after the group has lost its last member, or after
//! they were committed if that was later (KIP-211); an offset that carries its own time limit
//! (requests of version 2 to 4) expires by that.

use std::collections::BTreeMap;

use super::group::{Group, State, millis};
use crate::group::error::GroupError;
use crate::group::event::{Commit, Committed, Effects, FetchedOffset, Now, OffsetQuery};
use crate::group::record::{GroupRecord, MAX_TEXT};

/// Committed offsets by topic and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::group) struct Offsets(BTreeMap<String, BTreeMap<i32, Committed>>);

impl Offsets {
    pub(in crate::group) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::group) fn insert(&mut self, topic: &str, partition: i32, committed: Committed) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.insert(partition, committed);
        } else {
            self.0.insert(topic.to_owned(), BTreeMap::from([(partition, committed)]));
        }
    }

    pub(in crate::group) fn remove(&mut self, topic: &str, partition: i32) {
        let Some(partitions) = self.0.get_mut(topic) else { return };
        partitions.remove(&partition);
        if partitions.is_empty() {
            self.0.remove(topic);
        }
    }

    /// Answers in the order of the query; all offsets come by topic and partition.
    pub(in crate::group) fn fetch(&self, query: OffsetQuery) -> Vec<FetchedOffset> {
        match query {
            OffsetQuery::All => self.iter().map(FetchedOffset::from).collect(),
            OffsetQuery::Of(topics) => {
                let mut found = Vec::new();
                for (topic, partitions) in topics {
                    let kept = self.0.get(&topic);
                    for partition in partitions {
                        let committed = kept.and_then(|kept| kept.get(&partition)).cloned();
                        found.push(FetchedOffset { topic: topic.clone(), partition, committed });
                    }
                }
                found
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, i32, &Committed)> {
        self.0.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(move |(partition, committed)| (topic.as_str(), *partition, committed))
        })
    }
}

impl From<(&str, i32, &Committed)> for FetchedOffset {
    fn from((topic, partition, committed): (&str, i32, &Committed)) -> Self {
        Self { topic: topic.to_owned(), partition, committed: Some(committed.clone()) }
    }
}

impl Group {
    pub(in crate::group) fn commit(
        &mut self,
        commit: Commit,
        now: Now,
        effects: &mut Effects,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        self.check_commit(&commit)?;
        if matches!(self.state, State::Stable | State::PreparingRebalance) {
            self.renew_session(&commit.member.member_id, now);
        }
        let limit = self.settings.offset_metadata_max_bytes.min(MAX_TEXT);
        let expire = commit.retention_ms.map(|kept_ms| now.unix_ms.saturating_add(kept_ms));
        let mut results = Vec::with_capacity(commit.offsets.len());
        for offset in commit.offsets {
            if offset.metadata.len() > limit {
                results.push(Err(GroupError::OffsetMetadataTooLarge));
                continue;
            }
            let committed = Committed {
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata,
                commit_timestamp_ms: now.unix_ms,
                expire_timestamp_ms: expire,
            };
            self.offsets.insert(&offset.topic, offset.partition, committed.clone());
            effects.records.push(GroupRecord::Offset {
                group_id: self.id.clone(),
                topic: offset.topic,
                partition: offset.partition,
                committed: Some(committed),
            });
            results.push(Ok(()));
        }
        Ok(results)
    }

    fn check_commit(&self, commit: &Commit) -> Result<(), GroupError> {
        let anonymous = commit.member.member_id.is_empty() && commit.member.instance_id.is_none();
        if commit.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if commit.generation < 0 && anonymous {
            return Err(GroupError::UnknownMember);
        }
        self.check_member(&commit.member)?;
        if commit.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        if self.state == State::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    pub(in crate::group) fn delete(&mut self, effects: &mut Effects) -> Result<(), GroupError> {
        match self.state {
            State::Dead => Err(GroupError::GroupNotFound),
            State::Empty => {
                self.drop_offsets(effects, |_, _| true);
                self.end(effects);
                Ok(())
            }
            _ => Err(GroupError::GroupNotEmpty),
        }
    }

    pub(in crate::group) fn drop_topic(&mut self, topic: &str, effects: &mut Effects) {
        self.drop_offsets(effects, |name, _| name == topic);
    }

    pub(in crate::group) fn expire_offsets(&mut self, now: Now, effects: &mut Effects) {
        if self.state != State::Empty {
            return;
        }
        let kept_ms = i64::try_from(millis(self.settings.offsets_retention)).unwrap_or(i64::MAX);
        let empty_since_ms =
            if self.protocol_type.is_some() { self.state_timestamp_ms } else { -1 };
        self.drop_offsets(effects, |_, committed| {
            let expires_ms = committed.expire_timestamp_ms.unwrap_or_else(|| {
                committed.commit_timestamp_ms.max(empty_since_ms).saturating_add(kept_ms)
            });
            expires_ms <= now.unix_ms
        });
        let used = !self.offsets.is_empty() || !self.members.pending.is_empty();
        let rested = empty_since_ms.saturating_add(kept_ms) <= now.unix_ms;
        if !used && rested {
            self.end(effects);
        }
    }

    fn drop_offsets(&mut self, effects: &mut Effects, gone: impl Fn(&str, &Committed) -> bool) {
        let all = self.offsets.iter();
        let dropped: Vec<(String, i32)> = all
            .filter(|(topic, _, committed)| gone(topic, committed))
            .map(|(topic, partition, _)| (topic.to_owned(), partition))
            .collect();
        for (topic, partition) in dropped {
            self.offsets.remove(&topic, partition);
            let group_id = self.id.clone();
            effects.records.push(GroupRecord::Offset {
                group_id,
                topic,
                partition,
                committed: None,
            });
        }
    }

    fn end(&mut self, effects: &mut Effects) {
        if self.recorded {
            self.recorded = false;
            let group_id = self.id.clone();
            effects.records.push(GroupRecord::Metadata { group_id, snapshot: None });
        }
        self.state = State::Dead;
    }
}

#[cfg(test)]
mod tests {
    use super::GroupError::{self, *};
    use super::*;
    use crate::group::event::{Answer, Event, MemberIdentity};
    use crate::group::testing::*;

    fn simple(offsets: Vec<crate::group::event::OffsetToCommit>) -> Commit {
        Commit { member: MemberIdentity::default(), generation: -1, retention_ms: None, offsets }
    }

    fn by(id: &str, generation: i32) -> Commit {
        Commit { member: member(id, None), generation, ..simple(vec![offset("t", 0, 7)]) }
    }

    #[track_caller]
    fn fetch(bench: &mut Bench, query: OffsetQuery) -> Vec<(String, i32, Option<i64>)> {
        let ticket = bench.send(Event::FetchOffsets(query));
        let Some(Answer::Offsets(found)) = bench.answer(ticket) else { panic!("no offsets") };
        let plain = |one: FetchedOffset| {
            (one.topic, one.partition, one.committed.map(|committed| committed.offset))
        };
        found.into_iter().map(plain).collect()
    }

    #[test]
    fn committed_offsets_come_back_with_all_that_was_said() {
        let mut bench = Bench::new();
        let result = bench.commit(simple(vec![offset("t", 1, 9), offset("s", 0, 5)]));
        assert_eq!(result, Ok(vec![Ok(()), Ok(())]));
        let ticket = bench.send(Event::FetchOffsets(OffsetQuery::Of(vec![("t".into(), vec![1])])));
        let Some(Answer::Offsets(found)) = bench.answer(ticket) else { panic!("no offsets") };
        let committed = Committed {
            offset: 9,
            leader_epoch: 3,
            metadata: "note".into(),
            commit_timestamp_ms: bench.now.unix_ms,
            expire_timestamp_ms: None,
        };
        assert_eq!(found[0].committed, Some(committed));
        let all = [("s".to_owned(), 0, Some(5)), ("t".to_owned(), 1, Some(9))];
        assert_eq!(fetch(&mut bench, OffsetQuery::All), all);
    }

    #[test]
    fn what_was_never_committed_is_answered_as_missing_in_the_order_asked() {
        let mut bench = Bench::new();
        let query = || OffsetQuery::Of(vec![("t".into(), vec![2, 0]), ("a".into(), vec![1])]);
        let missing =
            [("t".to_owned(), 2, None), ("t".to_owned(), 0, None), ("a".to_owned(), 1, None)];
        assert_eq!(fetch(&mut bench, query()), missing);
        assert_eq!(fetch(&mut bench, OffsetQuery::All), []);
        bench.commit(simple(vec![offset("t", 0, 4)])).unwrap();
        assert_eq!(fetch(&mut bench, query())[1], ("t".to_owned(), 0, Some(4)));
    }

    #[test]
    fn metadata_that_is_too_long_is_refused_for_its_partition_alone() {
        let mut bench = Bench::new();
        let mut long = offset("t", 0, 1);
        long.metadata = "x".repeat(17);
        let result = bench.commit(simple(vec![long, offset("t", 1, 2)])).unwrap();
        assert_eq!(result, [Err(OffsetMetadataTooLarge), Ok(())]);
        assert_eq!(fetch(&mut bench, OffsetQuery::All), [("t".to_owned(), 1, Some(2))]);
    }

    #[track_caller]
    fn check_commit(
        prepare: impl FnOnce(&mut Bench),
        commit: Commit,
        expected: Result<(), GroupError>,
    ) {
        let mut bench = Bench::new();
        prepare(&mut bench);
        assert_eq!(bench.commit(commit).map(|_| ()), expected);
    }

    #[test]
    fn commits_are_checked_against_member_and_generation() {
        let stable = |bench: &mut Bench| assert_eq!(bench.stable(1), 1);
        let emptied = |bench: &mut Bench| {
            bench.stable(1);
            bench.leave(vec![member("m0", None)]);
        };
        check_commit(|_| (), by("m0", 1), Err(GroupNotFound));
        check_commit(|_| (), by("m0", -1), Ok(()));
        check_commit(stable, by("m0", 1), Ok(()));
        check_commit(stable, by("m0", 0), Err(IllegalGeneration));
        check_commit(stable, by("m0", 2), Err(IllegalGeneration));
        check_commit(stable, by("stranger", 1), Err(UnknownMember));
        check_commit(stable, by("", -1), Err(UnknownMember));
        check_commit(stable, by("m0", -1), Err(IllegalGeneration));
        check_commit(emptied, by("", -1), Ok(()));
        check_commit(emptied, by("m0", 1), Err(UnknownMember));
        let fenced = Commit { member: member("m0", Some("nobody's")), ..by("m0", 1) };
        check_commit(stable, fenced, Err(UnknownMember));
    }

    #[test]
    fn a_member_may_commit_while_others_are_awaited_but_not_before_its_assignment() {
        let rebalancing = |bench: &mut Bench| {
            bench.stable(1);
            bench.send(Event::Join(join("m1")));
        };
        check_commit(rebalancing, by("m0", 1), Ok(()));
        let completing = |bench: &mut Bench| {
            bench.send(Event::Join(join("m0")));
        };
        check_commit(completing, by("m0", 1), Err(RebalanceInProgress));
    }

    #[test]
    fn a_commit_is_a_sign_of_life() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        bench.advance(SESSION_MS - 1);
        bench.commit(by("m0", generation)).unwrap();
        bench.advance(SESSION_MS - 1);
        assert_eq!(bench.heartbeat("m0", generation), Ok(()));
    }

    #[test]
    fn offsets_of_a_simple_consumer_expire_after_their_commit() {
        let mut bench = Bench::new();
        bench.commit(simple(vec![offset("t", 0, 1)])).unwrap();
        bench.advance(600_000);
        bench.commit(simple(vec![offset("t", 1, 1)])).unwrap();
        bench.advance(400_000);
        bench.expire_offsets();
        assert_eq!(fetch(&mut bench, OffsetQuery::All), [("t".to_owned(), 1, Some(1))]);
        bench.advance(600_000);
        bench.expire_offsets();
        assert_eq!(bench.state(), None);
        assert!(bench.replayed().sorted().is_empty());
    }

    #[test]
    fn offsets_of_a_group_expire_after_its_last_member_left() {
        let mut bench = Bench::new();
        let generation = bench.stable(1);
        bench.commit(by("m0", generation)).unwrap();
        for _ in 0..200 {
            bench.advance(SESSION_MS - 1);
            assert_eq!(bench.heartbeat("m0", generation), Ok(()));
        }
        bench.expire_offsets();
        bench.leave(vec![member("m0", None)]);
        bench.advance(999_999);
        bench.expire_offsets();
        assert_eq!(fetch(&mut bench, OffsetQuery::All).len(), 1);
        bench.advance(1);
        bench.expire_offsets();
        assert_eq!(bench.state(), None);
        assert!(bench.replayed().sorted().is_empty());
    }

    #[test]
    fn an_offset_with_its_own_time_limit_expires_by_that() {
        let mut bench = Bench::new();
        let short = Commit { retention_ms: Some(5_000), ..simple(vec![offset("t", 0, 1)]) };
        bench.commit(short).unwrap();
        bench.advance(4_999);
        bench.expire_offsets();
        assert_eq!(fetch(&mut bench, OffsetQuery::All).len(), 1);
        bench.advance(1);
        bench.expire_offsets();
        assert_eq!(fetch(&mut bench, OffsetQuery::All), []);
    }

    #[test]
    fn only_an_empty_group_is_deleted_and_nothing_of_it_is_left() {
        let mut bench = Bench::new();
        assert_eq!(bench.done(Event::Delete), Err(GroupNotFound));
        let generation = bench.stable(1);
        bench.commit(by("m0", generation)).unwrap();
        assert_eq!(bench.done(Event::Delete), Err(GroupNotEmpty));
        bench.leave(vec![member("m0", None)]);
        assert_eq!(bench.done(Event::Delete), Ok(()));
        assert_eq!(bench.state(), None);
        assert!(bench.replayed().sorted().is_empty());
        assert_eq!(bench.done(Event::Delete), Err(GroupNotFound));
    }

    #[test]
    fn offsets_of_a_deleted_topic_are_dropped() {
        let mut bench = Bench::new();
        bench.commit(simple(vec![offset("t", 0, 1), offset("s", 0, 2)])).unwrap();
        bench.drop_topic("t");
        assert_eq!(fetch(&mut bench, OffsetQuery::All), [("s".to_owned(), 0, Some(2))]);
        bench.restart();
        assert_eq!(fetch(&mut bench, OffsetQuery::All), [("s".to_owned(), 0, Some(2))]);
    }
}
