//! A bench for the state machine: groups, a clock that the test turns, and the log they write;
//! for the shell, a log in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::records::{BatchHeader, patch_base_offset};
use tokio::sync::watch;

use super::error::GroupError;
use super::event::{
    Answer, Client, Commit, Effects, Event, Join, JoinAbilities, JoinRefused, Joined,
    MemberIdentity, MemberLeft, Now, OffsetToCommit, Protocol, Sync, Synced, Ticket,
};
use super::offsets_log::{LogFuture, OffsetsLog, OffsetsLogError};
use super::record::GroupRecord;
use super::state::Groups;
use super::state::{Group, State};
use crate::config::GroupSettings;

/// Kafka's limits, with short times.
pub(super) fn settings() -> GroupSettings {
    GroupSettings {
        min_session_timeout: Duration::from_millis(100),
        max_session_timeout: Duration::from_millis(100_000),
        initial_rebalance_delay: Duration::ZERO,
        max_size: usize::MAX,
        offset_metadata_max_bytes: 16,
        offsets_retention: Duration::from_millis(1_000_000),
        offsets_retention_check_interval: Duration::from_millis(100_000),
        offsets_commit_timeout: Duration::from_secs(5),
        offsets_topic_partitions: 50,
        offsets_topic_segment_bytes: 1 << 20,
    }
}

/// Session timeout of members unless a test says otherwise.
pub(super) const SESSION_MS: u64 = 10_000;

/// Rebalance timeout of members unless a test says otherwise.
pub(super) const REBALANCE_MS: u64 = 30_000;

/// Group `g`, its clock, its log.
pub(super) struct Bench {
    pub(super) groups: Groups,
    pub(super) now: Now,
    pub(super) records: Vec<GroupRecord>,
    settings: Arc<GroupSettings>,
    answers: HashMap<Ticket, Answer>,
    tickets: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: GroupSettings) -> Self {
        let settings = Arc::new(settings);
        Self {
            groups: Groups::new(Arc::clone(&settings)),
            now: Now { elapsed_ms: 0, unix_ms: 1_700_000_000_000 },
            records: Vec::new(),
            settings,
            answers: HashMap::new(),
            tickets: 0,
        }
    }

    /// Lets something happen to a group.
    pub(super) fn send_to(&mut self, group_id: &str, event: Event) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let effects = self.groups.step(group_id, event, ticket, self.now);
        self.note(effects);
        ticket
    }

    pub(super) fn send(&mut self, event: Event) -> Ticket {
        self.send_to("g", event)
    }

    /// Turns the clock, stopping at each deadline.
    pub(super) fn advance(&mut self, ms: u64) {
        let target_ms = self.now.elapsed_ms + ms;
        while let Some(at_ms) = self.groups.next_deadline_ms().filter(|at_ms| *at_ms <= target_ms) {
            self.turn_to(at_ms.max(self.now.elapsed_ms));
            let effects = self.groups.tick(self.now);
            self.note(effects);
        }
        self.turn_to(target_ms);
    }

    pub(super) fn expire_offsets(&mut self) {
        let effects = self.groups.expire_offsets(self.now);
        self.note(effects);
    }

    pub(super) fn drop_topic(&mut self, topic: &str) {
        let effects = self.groups.drop_topic(topic);
        self.note(effects);
    }

    /// Takes the answer to a request, if it was given.
    pub(super) fn answer(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket)
    }

    #[track_caller]
    pub(super) fn joined(&mut self, ticket: Ticket) -> Joined {
        match self.answer(ticket) {
            Some(Answer::Join(Ok(joined))) => joined,
            other => panic!("not joined: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn refused(&mut self, ticket: Ticket) -> JoinRefused {
        match self.answer(ticket) {
            Some(Answer::Join(Err(refused))) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn synced(&mut self, ticket: Ticket) -> Result<Synced, GroupError> {
        match self.answer(ticket) {
            Some(Answer::Sync(result)) => result,
            other => panic!("no answer to sync: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn done(&mut self, event: Event) -> Result<(), GroupError> {
        let ticket = self.send(event);
        match self.answer(ticket) {
            Some(Answer::Done(result)) => result,
            other => panic!("no answer: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn heartbeat(&mut self, member_id: &str, generation: i32) -> Result<(), GroupError> {
        self.done(Event::Heartbeat { member: member(member_id, None), generation })
    }

    #[track_caller]
    pub(super) fn leave(&mut self, members: Vec<MemberIdentity>) -> Vec<Result<(), GroupError>> {
        let ticket = self.send(Event::Leave(members));
        match self.answer(ticket) {
            Some(Answer::Left(left)) => {
                left.into_iter().map(|MemberLeft { result, .. }| result).collect()
            }
            other => panic!("no answer to leave: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn commit(
        &mut self,
        commit: Commit,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        let ticket = self.send(Event::Commit(commit));
        match self.answer(ticket) {
            Some(Answer::Commit(result)) => result,
            other => panic!("no answer to commit: {other:?}"),
        }
    }

    /// Makes a stable group of members `m0`, `m1`, …, of which `m0` leads; returns the generation.
    #[track_caller]
    pub(super) fn stable(&mut self, members: usize) -> i32 {
        let tickets: Vec<Ticket> = (0..members)
            .map(|index| self.send(Event::Join(Join { ..join(&format!("m{index}")) })))
            .collect();
        if members > 1 {
            // The first member was alone in its generation: it joins the others.
            self.joined(tickets[0]);
            let mut again = join("m0");
            again.member_id = "m0".into();
            self.send(Event::Join(again));
        }
        let generation = self.group().generation;
        let mut assignments = HashMap::new();
        for index in 0..members {
            assignments.insert(format!("m{index}"), Bytes::from(format!("share {index}")));
        }
        for index in (0..members).rev() {
            let given = if index == 0 { assignments.clone() } else { HashMap::new() };
            self.send(Event::Sync(sync(&format!("m{index}"), generation, given)));
        }
        assert_eq!(self.state(), Some(State::Stable));
        self.answers.clear();
        generation
    }

    pub(super) fn group(&self) -> &Group {
        self.groups.sorted()["g"]
    }

    pub(super) fn state(&self) -> Option<State> {
        self.groups.sorted().get("g").map(|group| group.state())
    }

    /// Folds the log anew.
    pub(super) fn replayed(&self) -> Groups {
        let mut groups = Groups::new(Arc::clone(&self.settings));
        for record in &self.records {
            groups.apply(record.clone(), self.now);
        }
        groups
    }

    /// Begins again with what the log says; open requests are lost.
    pub(super) fn restart(&mut self) {
        self.groups = self.replayed();
        self.groups.resume(self.now);
        self.answers.clear();
    }

    fn turn_to(&mut self, elapsed_ms: u64) {
        let passed = i64::try_from(elapsed_ms - self.now.elapsed_ms).unwrap();
        self.now = Now { elapsed_ms, unix_ms: self.now.unix_ms + passed };
    }

    fn note(&mut self, effects: Effects) {
        self.records.extend(effects.records);
        for (ticket, answer) in effects.answers {
            let twice = self.answers.insert(ticket, answer);
            assert_eq!(twice, None, "{ticket:?} was answered twice");
        }
    }
}

/// A dynamic consumer of the old kind, which gets `id` if it has none.
pub(super) fn join(id: &str) -> Join {
    Join {
        member_id: String::new(),
        fresh_member_id: id.to_owned(),
        instance_id: None,
        client: Client { id: "client".into(), host: "/127.0.0.1".into() },
        session_timeout_ms: i32::try_from(SESSION_MS).unwrap(),
        rebalance_timeout_ms: i32::try_from(REBALANCE_MS).unwrap(),
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        abilities: JoinAbilities::Basic,
    }
}

/// The same as [`join`], from a member that has its id.
pub(super) fn rejoin(id: &str) -> Join {
    Join { member_id: id.to_owned(), ..join("unused") }
}

/// A static consumer of the newest kind.
pub(super) fn static_join(id: &str, instance_id: &str) -> Join {
    Join {
        instance_id: Some(instance_id.to_owned()),
        abilities: JoinAbilities::SkipAssignment,
        ..join(id)
    }
}

pub(super) fn protocols(names: &[&str]) -> Vec<Protocol> {
    let protocol = |name: &&str| Protocol {
        name: (*name).to_owned(),
        metadata: Bytes::from(format!("metadata of {name}")),
    };
    names.iter().map(protocol).collect()
}

pub(super) fn member(id: &str, instance_id: Option<&str>) -> MemberIdentity {
    MemberIdentity { member_id: id.to_owned(), instance_id: instance_id.map(str::to_owned) }
}

pub(super) fn sync(id: &str, generation: i32, assignments: HashMap<String, Bytes>) -> Sync {
    Sync { member: member(id, None), generation, protocol_type: None, protocol: None, assignments }
}

pub(super) fn shares(shares: &[(&str, &str)]) -> HashMap<String, Bytes> {
    let share = |(id, text): &(&str, &str)| ((*id).to_owned(), Bytes::from((*text).to_owned()));
    shares.iter().map(share).collect()
}

pub(super) fn offset(topic: &str, partition: i32, offset: i64) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.to_owned(),
        partition,
        offset,
        leader_epoch: 3,
        metadata: "note".into(),
    }
}

/// A log in memory, whose appends can be held up or made to fail.
#[derive(Debug, Default)]
pub(super) struct MemoryLog {
    batches: Mutex<BTreeMap<i32, Vec<Bytes>>>,
    held: watch::Sender<bool>,
    failures: AtomicUsize,
}

impl MemoryLog {
    /// Holds appends up, or lets them go.
    pub(super) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Lets the next appends fail.
    pub(super) fn fail(&self, appends: usize) {
        self.failures.store(appends, Ordering::SeqCst);
    }

    /// Counts the batches of all partitions.
    pub(super) fn batches(&self) -> usize {
        self.batches.lock().values().map(Vec::len).sum()
    }

    /// Puts a batch at the end of a partition.
    pub(super) fn put(&self, partition: i32, batch: &[u8]) {
        let mut all = self.batches.lock();
        let batches = all.entry(partition).or_default();
        let end = batches.last().map_or(0, |last| BatchHeader::parse(last).unwrap().next_offset());
        let mut batch = batch.to_vec();
        patch_base_offset(&mut batch, end).unwrap();
        batches.push(batch.into());
    }
}

impl OffsetsLog for MemoryLog {
    fn partitions(&self) -> i32 {
        50
    }

    fn used_partitions(&self) -> Vec<i32> {
        self.batches.lock().keys().copied().collect()
    }

    fn read(&self, partition: i32, offset: Option<i64>) -> LogFuture<'_, Bytes> {
        let all = self.batches.lock();
        let batches = all.get(&partition).map(Vec::as_slice).unwrap_or_default();
        let from = offset.unwrap_or(0);
        let next = batches
            .iter()
            .find(|batch| BatchHeader::parse(batch).unwrap().next_offset() > from)
            .cloned()
            .unwrap_or_default();
        Box::pin(async move { Ok(next) })
    }

    fn append(&self, partition: i32, batch: Bytes) -> LogFuture<'_, ()> {
        Box::pin(async move {
            let mut held = self.held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
            let fails = |left: usize| left.checked_sub(1);
            let failing = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails);
            if failing.is_ok() {
                let source = "the disk is gone".into();
                return Err(OffsetsLogError::Append { partition, source });
            }
            self.put(partition, &batch);
            Ok(())
        })
    }
}
