//! The way in to the groups: finds the owner of a group and waits, never for ever, for its answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;
use uuid::Uuid;

use super::error::GroupError;
use super::event::{
    Answer, Commit, Event, FetchedOffset, GroupDescription, Join, JoinRefused, Joined,
    MemberIdentity, MemberLeft, OffsetQuery, Sync, Synced,
};
use super::offsets_log::OffsetsLog;
use super::partitioning::partition_of;
use super::record::MAX_TEXT;
use super::shard::{Command, Shard};
use super::state::ListedGroup;
use super::topic_log::TopicLog;
use crate::config::GroupSettings;
use crate::log::{Clock, LogDirectory};
use crate::metadata::ClusterMetadata;

/// Most commands that wait for the owner of a partition.
const QUEUE: usize = 1_024;

/// Most characters of a client's name in its member id.
const MAX_NAME_IN_MEMBER_ID: usize = 249;

/// How long the owners may take to end, all together.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// The consumer groups of this broker.
#[derive(Debug)]
pub(crate) struct GroupCoordinator {
    settings: Arc<GroupSettings>,
    log: Arc<dyn OffsetsLog>,
    clock: Arc<dyn Clock>,
    shards: Mutex<Shards>,
}

#[derive(Debug, Default)]
struct Shards {
    ended: bool,
    running: HashMap<i32, (mpsc::Sender<Command>, JoinHandle<()>)>,
}

impl GroupCoordinator {
    /// Starts the coordinator over `__consumer_offsets` of this broker.
    ///
    /// Has to be called inside a runtime. Requests wait until their partition is loaded.
    pub(crate) fn start(
        settings: GroupSettings,
        logs: Arc<LogDirectory>,
        metadata: Arc<ClusterMetadata>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let log = Arc::new(TopicLog::new(settings.clone(), logs, metadata));
        Arc::new(Self::over(settings, log, clock))
    }

    /// Starts the owners of the partitions that hold records; the others start when needed.
    pub(super) fn over(
        settings: GroupSettings,
        log: Arc<dyn OffsetsLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let coordinator =
            Self { settings: Arc::new(settings), log, clock, shards: Mutex::default() };
        for partition in coordinator.log.used_partitions() {
            coordinator.owner(partition);
        }
        coordinator
    }

    /// JoinGroup: answers when the member has a place in a generation.
    ///
    /// `join.fresh_member_id` is filled in here.
    ///
    /// # Errors
    ///
    /// [`JoinRefused`], with the member id to go on with.
    pub(crate) async fn join(&self, group_id: &str, mut join: Join) -> Result<Joined, JoinRefused> {
        let member_id = join.member_id.clone();
        let refused = |error| JoinRefused { error, member_id };
        if let Err(error) = check_named(group_id) {
            return Err(refused(error));
        }
        let name = join.instance_id.as_deref().unwrap_or(&join.client.id);
        join.fresh_member_id = fresh_member_id(name);
        match self.ask(group_id, Event::Join(join)).await {
            Some(Answer::Join(result)) => result,
            _ => Err(refused(GroupError::NotAvailable)),
        }
    }

    /// SyncGroup: answers when the leader has brought the assignment.
    ///
    /// # Errors
    ///
    /// [`GroupError`].
    pub(crate) async fn sync(&self, group_id: &str, sync: Sync) -> Result<Synced, GroupError> {
        check_named(group_id)?;
        match self.ask(group_id, Event::Sync(sync)).await {
            Some(Answer::Sync(result)) => result,
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// Heartbeat.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; `RebalanceInProgress` calls the member to join again.
    pub(crate) async fn heartbeat(
        &self,
        group_id: &str,
        member: MemberIdentity,
        generation: i32,
    ) -> Result<(), GroupError> {
        check_named(group_id)?;
        match self.ask_soon(group_id, Event::Heartbeat { member, generation }).await? {
            Answer::Done(result) => result,
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// LeaveGroup: one result per member, in the order of the request.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if the request as a whole is refused.
    pub(crate) async fn leave(
        &self,
        group_id: &str,
        members: Vec<MemberIdentity>,
    ) -> Result<Vec<MemberLeft>, GroupError> {
        check_named(group_id)?;
        match self.ask_soon(group_id, Event::Leave(members)).await? {
            Answer::Left(left) => Ok(left),
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// OffsetCommit: one result per offset, in the order of the request.
    ///
    /// # Errors
    ///
    /// [`GroupError`] if the request as a whole is refused; `GroupNotFound` for a generation of a
    /// group that does not exist.
    pub(crate) async fn commit(
        &self,
        group_id: &str,
        commit: Commit,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        match self.ask_soon(group_id, Event::Commit(commit)).await? {
            Answer::Commit(result) => result,
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// OffsetFetch, in the order of the query; a group that does not exist has no offsets.
    ///
    /// # Errors
    ///
    /// [`GroupError::NotAvailable`].
    pub(crate) async fn offsets(
        &self,
        group_id: &str,
        query: OffsetQuery,
    ) -> Result<Vec<FetchedOffset>, GroupError> {
        match self.ask_soon(group_id, Event::FetchOffsets(query)).await? {
            Answer::Offsets(offsets) => Ok(offsets),
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// DescribeGroups, for one group.
    ///
    /// # Errors
    ///
    /// [`GroupError::GroupNotFound`], [`GroupError::NotAvailable`].
    pub(crate) async fn describe(&self, group_id: &str) -> Result<GroupDescription, GroupError> {
        match self.ask_soon(group_id, Event::Describe).await? {
            Answer::Description(result) => result,
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// DeleteGroups, for one group.
    ///
    /// # Errors
    ///
    /// [`GroupError::GroupNotFound`], [`GroupError::GroupNotEmpty`], [`GroupError::NotAvailable`].
    pub(crate) async fn delete(&self, group_id: &str) -> Result<(), GroupError> {
        match self.ask_soon(group_id, Event::Delete).await? {
            Answer::Done(result) => result,
            _ => Err(GroupError::NotAvailable),
        }
    }

    /// Lists all groups, by name.
    ///
    /// # Errors
    ///
    /// [`GroupError::NotAvailable`]: at least one partition could not be asked.
    pub(crate) async fn list(&self) -> Result<Vec<ListedGroup>, GroupError> {
        let owners = self.owners();
        let mut listed = Vec::new();
        for owner in owners {
            let (reply, answer) = oneshot::channel();
            let ask = async {
                owner.send(Command::List(reply)).await.ok()?;
                answer.await.ok()
            };
            let groups = timeout(self.settings.offsets_commit_timeout, ask).await.ok().flatten();
            listed.extend(groups.ok_or(GroupError::NotAvailable)?);
        }
        listed.sort_unstable_by(|one, other| one.group_id.cmp(&other.group_id));
        Ok(listed)
    }

    /// Drops the offsets of a topic that was deleted, so that a new one of its name begins afresh.
    pub(crate) async fn topic_deleted(&self, topic: &str) {
        for owner in self.owners() {
            let (reply, done) = oneshot::channel();
            let ask = async {
                owner.send(Command::TopicDeleted(topic.to_owned(), reply)).await.ok()?;
                done.await.ok()
            };
            if timeout(self.settings.offsets_commit_timeout, ask).await.ok().flatten().is_none() {
                warn!(topic, "offsets of a deleted topic may be left");
            }
        }
    }

    /// Ends the owners when they have written what they decided; requests that wait are refused.
    pub(crate) async fn shutdown(&self) {
        let running = {
            let mut shards = self.shards.lock();
            shards.ended = true;
            std::mem::take(&mut shards.running)
        };
        let mut owners = Vec::with_capacity(running.len());
        for (partition, (commands, owner)) in running {
            drop(commands);
            owners.push((partition, owner));
        }
        let deadline = Instant::now() + SHUTDOWN_LIMIT;
        for (partition, owner) in owners {
            if timeout_at(deadline, owner).await.is_err() {
                warn!(partition, "owner of consumer groups did not end in time");
            }
        }
    }

    /// Asks something that is answered as soon as it is durable.
    async fn ask_soon(&self, group_id: &str, event: Event) -> Result<Answer, GroupError> {
        check_length(group_id)?;
        let limit = self.settings.offsets_commit_timeout;
        let answer = timeout(limit, self.ask(group_id, event)).await.ok().flatten();
        answer.ok_or(GroupError::NotAvailable)
    }

    /// Asks the owner of a group; nothing if it is not there or its log fails.
    ///
    /// The wait for members and for the leader is limited by their own timeouts.
    async fn ask(&self, group_id: &str, event: Event) -> Option<Answer> {
        let owner = self.owner(partition_of(group_id, self.log.partitions()))?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Event { group_id: group_id.to_owned(), event, reply };
        timeout(self.settings.offsets_commit_timeout, owner.send(command)).await.ok()?.ok()?;
        drop(owner);
        answer.await.ok()
    }

    fn owners(&self) -> Vec<mpsc::Sender<Command>> {
        let shards = self.shards.lock();
        shards.running.values().map(|(commands, _)| commands.clone()).collect()
    }

    fn owner(&self, partition: i32) -> Option<mpsc::Sender<Command>> {
        let mut shards = self.shards.lock();
        if shards.ended {
            return None;
        }
        let start = || {
            let (commands, queue) = mpsc::channel(QUEUE);
            let settings = Arc::clone(&self.settings);
            let (log, clock) = (Arc::clone(&self.log), Arc::clone(&self.clock));
            let shard = Shard::new(partition, settings, log, clock, queue);
            (commands, tokio::spawn(shard.run()))
        };
        Some(shards.running.entry(partition).or_insert_with(start).0.clone())
    }
}

fn check_named(group_id: &str) -> Result<(), GroupError> {
    if group_id.is_empty() { Err(GroupError::InvalidGroupId) } else { check_length(group_id) }
}

fn check_length(group_id: &str) -> Result<(), GroupError> {
    if group_id.len() > MAX_TEXT { Err(GroupError::InvalidGroupId) } else { Ok(()) }
}

/// Makes an id that begins with the name of the client, as far as it is of use to a reader.
fn fresh_member_id(name: &str) -> String {
    let name: String = name.chars().take(MAX_NAME_IN_MEMBER_ID).collect();
    format!("{name}-{}", Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Instant;

    use bytes::Bytes;

    use super::super::event::{JoinAbilities, OffsetToCommit};
    use super::super::state::State;
    use super::super::testing::*;
    use super::*;
    use crate::log::SystemClock;

    fn coordinator(log: &Arc<MemoryLog>) -> Arc<GroupCoordinator> {
        let log: Arc<dyn OffsetsLog> = Arc::clone(log) as _;
        Arc::new(GroupCoordinator::over(settings(), log, Arc::new(SystemClock::new())))
    }

    fn simple(offsets: Vec<OffsetToCommit>) -> Commit {
        let member = MemberIdentity::default();
        Commit { member, generation: -1, retention_ms: None, offsets }
    }

    async fn committed(coordinator: &GroupCoordinator, group: &str) -> Vec<(i32, i64)> {
        let offsets = coordinator.offsets(group, OffsetQuery::All).await.unwrap();
        let plain = |one: FetchedOffset| (one.partition, one.committed.unwrap().offset);
        offsets.into_iter().map(plain).collect()
    }

    /// Joins and syncs until the group is stable with this member in it, as a consumer does.
    ///
    /// The leader gives each member its own id.
    async fn take_part(coordinator: Arc<GroupCoordinator>, members: usize) -> (Joined, Synced) {
        let mut request = Join { abilities: JoinAbilities::TwoSteps, ..join("") };
        loop {
            let joined = match coordinator.join("g", request.clone()).await {
                Ok(joined) => joined,
                Err(refused) => {
                    request.member_id = refused.member_id;
                    continue;
                }
            };
            request.member_id.clone_from(&joined.member_id);
            if joined.leader == joined.member_id && joined.members.len() < members {
                tokio::task::yield_now().await;
                continue;
            }
            let own = |one: &super::super::JoinedMember| {
                (one.member_id.clone(), Bytes::from(one.member_id.clone()))
            };
            let assignments: HashMap<_, _> = joined.members.iter().map(own).collect();
            let sync = sync(&joined.member_id, joined.generation, assignments);
            match coordinator.sync("g", sync).await {
                Ok(synced) => return (joined, synced),
                Err(GroupError::RebalanceInProgress) => {}
                Err(other) => panic!("sync: {other}"),
            }
        }
    }

    #[track_caller]
    fn check_shares(members: &[(Joined, Synced)]) {
        for (joined, synced) in members {
            assert_eq!(joined.generation, members[0].0.generation);
            assert_eq!(synced.assignment, joined.member_id);
        }
    }

    async fn storm(coordinator: &Arc<GroupCoordinator>, members: usize) -> Vec<(Joined, Synced)> {
        let start = |_| tokio::spawn(take_part(Arc::clone(coordinator), members));
        let tasks: Vec<_> = (0..members).map(start).collect();
        let mut done = Vec::new();
        for task in tasks {
            let limit = Duration::from_secs(60);
            done.push(timeout(limit, task).await.expect("members settle in time").unwrap());
        }
        done
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_consumers_share_and_the_second_takes_over() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        let members = storm(&coordinator, 2).await;
        check_shares(&members);
        let (gone, left) = (&members[0].0, &members[1].0);
        let leaving = member(&gone.member_id, None);
        let result = coordinator.leave("g", vec![leaving]).await.unwrap();
        assert_eq!(result[0].result, Ok(()));
        let beat = coordinator.heartbeat("g", member(&left.member_id, None), left.generation).await;
        assert_eq!(beat, Err(GroupError::RebalanceInProgress));
        let joined = coordinator.join("g", rejoin(&left.member_id)).await.unwrap();
        assert_eq!((joined.members.len(), joined.generation), (1, left.generation + 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_members_settle_quickly_and_leave_an_empty_group() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        let begun = Instant::now();
        let members = storm(&coordinator, 1_000).await;
        check_shares(&members);
        let leave = |(joined, _): &(Joined, Synced)| member(&joined.member_id, None);
        for result in coordinator.leave("g", members.iter().map(leave).collect()).await.unwrap() {
            assert_eq!(result.result, Ok(()));
        }
        assert_eq!(coordinator.describe("g").await.unwrap().state, "Empty");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "took {took:?}");
    }

    #[tokio::test]
    async fn a_commit_is_answered_when_it_is_durable_and_not_read_before() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        log.hold(true);
        let first = {
            let coordinator = Arc::clone(&coordinator);
            let commit = simple(vec![offset("t", 0, 5)]);
            tokio::spawn(async move { coordinator.commit("g", commit).await })
        };
        let pause = Duration::from_millis(50);
        let read = {
            let coordinator = Arc::clone(&coordinator);
            tokio::time::sleep(pause).await;
            tokio::spawn(async move { committed(&coordinator, "g").await })
        };
        tokio::time::sleep(pause).await;
        assert!(!first.is_finished() && !read.is_finished());
        log.hold(false);
        assert_eq!(first.await.unwrap(), Ok(vec![Ok(())]));
        assert_eq!(read.await.unwrap(), [(0, 5)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commits_that_come_during_an_append_share_the_next_one() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        log.hold(true);
        let commit = |partition| {
            let coordinator = Arc::clone(&coordinator);
            let commit = simple(vec![offset("t", partition, 5)]);
            tokio::spawn(async move { coordinator.commit("g", commit).await })
        };
        let tasks: Vec<_> = (0..100).map(commit).collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!tasks.iter().any(JoinHandle::is_finished), "answered before it is durable");
        log.hold(false);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(vec![Ok(())]));
        }
        assert_eq!(committed(&coordinator, "g").await.len(), 100);
        assert!(log.batches() < 50, "{} appends for 100 commits", log.batches());
    }

    #[tokio::test]
    async fn what_could_not_be_kept_is_refused_and_forgotten() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        coordinator.commit("g", simple(vec![offset("t", 0, 5)])).await.unwrap();
        log.fail(1);
        let refused = coordinator.commit("g", simple(vec![offset("t", 0, 6)])).await;
        assert_eq!(refused, Err(GroupError::NotAvailable));
        let deadline = Instant::now() + Duration::from_secs(30);
        let offsets = loop {
            match coordinator.offsets("g", OffsetQuery::All).await {
                Ok(offsets) => break offsets,
                Err(error) => assert_eq!(error, GroupError::NotAvailable),
            }
            assert!(Instant::now() < deadline, "the groups are not read anew");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(offsets[0].committed.as_ref().unwrap().offset, 5);
        coordinator.commit("g", simple(vec![offset("t", 0, 7)])).await.unwrap();
        assert_eq!(committed(&coordinator, "g").await, [(0, 7)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn groups_and_offsets_outlive_the_coordinator() {
        let log = Arc::new(MemoryLog::default());
        let first = coordinator(&log);
        let members = storm(&first, 3).await;
        let before = first.describe("g").await.unwrap();
        first.commit("other", simple(vec![offset("t", 1, 9)])).await.unwrap();
        first.shutdown().await;
        let second = coordinator(&log);
        let listed = second.list().await.unwrap();
        let listed: Vec<_> = listed.iter().map(|one| (one.group_id.as_str(), one.state)).collect();
        assert_eq!(listed, [("g", State::Stable), ("other", State::Empty)]);
        assert_eq!(second.describe("g").await.unwrap(), before);
        assert_eq!(committed(&second, "other").await, [(1, 9)]);
        for (joined, synced) in &members {
            let id = member(&joined.member_id, None);
            assert_eq!(second.heartbeat("g", id, joined.generation).await, Ok(()));
            let again = sync(&joined.member_id, joined.generation, HashMap::new());
            assert_eq!(second.sync("g", again).await.unwrap().assignment, synced.assignment);
        }
    }

    #[tokio::test]
    async fn a_silent_member_is_dropped_by_the_clock_alone() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        let short = Join { session_timeout_ms: 150, ..join("") };
        let joined = coordinator.join("g", short).await.unwrap();
        let sync = sync(&joined.member_id, joined.generation, HashMap::new());
        coordinator.sync("g", sync).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while coordinator.describe("g").await.unwrap().state != "Empty" {
            assert!(Instant::now() < deadline, "the session does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn shutdown_refuses_those_who_wait() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        coordinator.join("g", join("")).await.unwrap();
        let waiting = {
            let coordinator = Arc::clone(&coordinator);
            tokio::spawn(async move { coordinator.join("g", join("")).await })
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while coordinator.describe("g").await.unwrap().members.len() < 2 {
            assert!(Instant::now() < deadline, "the member does not join");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        coordinator.shutdown().await;
        let refused = waiting.await.unwrap().unwrap_err();
        assert_eq!(refused.error, GroupError::NotAvailable);
        let late = coordinator.commit("g", simple(Vec::new())).await;
        assert_eq!(late, Err(GroupError::NotAvailable));
    }

    #[tokio::test]
    async fn a_flood_of_requests_keeps_no_session_from_ending() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        let short = Join { session_timeout_ms: 150, ..join("") };
        let joined = coordinator.join("g", short).await.unwrap();
        let sync = sync(&joined.member_id, joined.generation, HashMap::new());
        coordinator.sync("g", sync).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let flood = (0..QUEUE).map(|_| {
            let coordinator = Arc::clone(&coordinator);
            tokio::spawn(async move {
                while Instant::now() < deadline {
                    if coordinator.describe("g").await.unwrap().state == "Empty" {
                        return true;
                    }
                }
                false
            })
        });
        for one in flood.collect::<Vec<_>>() {
            assert!(one.await.unwrap(), "the session does not end");
        }
    }

    #[tokio::test]
    async fn group_ids_are_checked() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        let refused = coordinator.join("", join("")).await.unwrap_err();
        assert_eq!(refused.error, GroupError::InvalidGroupId);
        let nobody = MemberIdentity::default();
        let beat = coordinator.heartbeat("", nobody, 1).await;
        assert_eq!(beat, Err(GroupError::InvalidGroupId));
        assert_eq!(coordinator.leave("", Vec::new()).await, Err(GroupError::InvalidGroupId));
        let long = "g".repeat(40_000);
        let commit = coordinator.commit(&long, simple(Vec::new())).await;
        assert_eq!(commit, Err(GroupError::InvalidGroupId));
        // Clients outside the group protocol may use the empty id.
        let commit = coordinator.commit("", simple(vec![offset("t", 0, 1)])).await;
        assert_eq!(commit, Ok(vec![Ok(())]));
    }

    #[tokio::test]
    async fn offsets_of_a_deleted_topic_are_dropped_in_all_groups() {
        let log = Arc::new(MemoryLog::default());
        let coordinator = coordinator(&log);
        for group in ["a", "b", "c"] {
            coordinator.commit(group, simple(vec![offset("t", 0, 1)])).await.unwrap();
        }
        coordinator.topic_deleted("t").await;
        for group in ["a", "b", "c"] {
            assert!(committed(&coordinator, group).await.is_empty(), "{group}");
        }
    }
}
