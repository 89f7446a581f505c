//! The owner of one partition of `__consumer_offsets`: its groups, their timers, its appends.
//!
//! One task; nobody else touches the groups, so there is no lock. Events are taken in while an
//! append is on its way, and their records go out together with the next one. An answer that
//! rests on records leaves when they are durable. If an append fails, memory may be ahead of the
//! log: it is thrown away with all open requests, and read anew.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, error};

use super::codec;
use super::error::GroupError;
use super::event::{Answer, Effects, Event, Now, Ticket};
use super::loading::load;
use super::offsets_log::{LogFuture, OffsetsLog, OffsetsLogError};
use super::state::{Groups, ListedGroup, millis};
use crate::config::GroupSettings;
use crate::log::Clock;

/// Most records that wait for an append; then no more events are taken in.
const MAX_WAITING_RECORDS: usize = 20_000;

/// Size in bytes at which a batch is closed; a single record may be larger.
const BATCH_SIZE: usize = 1 << 20;

/// How long requests are refused after the log could not be used.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Longest sleep between two looks at the clock.
const LONGEST_SLEEP_MS: u64 = 60_000;

/// What the owner of a partition is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Something happens to a group.
    Event {
        /// The group.
        group_id: String,
        /// What happens.
        event: Event,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer>,
    },
    /// All groups are asked for.
    List(oneshot::Sender<Vec<ListedGroup>>),
    /// A topic is gone.
    TopicDeleted(String, oneshot::Sender<()>),
}

/// An answer that waits for records to be durable.
#[derive(Debug)]
struct Held {
    /// How many records have to be durable.
    after: u64,
    reply: oneshot::Sender<Answer>,
    answer: Answer,
}

/// An append on its way.
struct Writing {
    /// How many records are durable when it succeeds.
    upto: u64,
    append: LogFuture<'static, ()>,
}

/// How a shard stopped serving.
#[derive(Debug, PartialEq, Eq)]
enum Stopped {
    /// Nobody can ask any more.
    Ended,
    /// The log failed.
    LogFailed,
}

/// One partition's groups and what they wait for.
pub(super) struct Shard {
    partition: i32,
    settings: Arc<GroupSettings>,
    log: Arc<dyn OffsetsLog>,
    clock: Arc<dyn Clock>,
    commands: mpsc::Receiver<Command>,
    groups: Groups,
    open: HashMap<Ticket, oneshot::Sender<Answer>>,
    last_ticket: u64,
    unwritten: VecDeque<codec::KeyValue>,
    decided: u64,
    durable: u64,
    held: VecDeque<Held>,
    next_expiry_ms: u64,
    /// Whether memory holds something that the log can never hold.
    broken: bool,
}

impl Shard {
    pub(super) fn new(
        partition: i32,
        settings: Arc<GroupSettings>,
        log: Arc<dyn OffsetsLog>,
        clock: Arc<dyn Clock>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            partition,
            groups: Groups::new(Arc::clone(&settings)),
            settings,
            log,
            clock,
            commands,
            open: HashMap::new(),
            last_ticket: 0,
            unwritten: VecDeque::new(),
            decided: 0,
            durable: 0,
            held: VecDeque::new(),
            next_expiry_ms: 0,
            broken: false,
        }
    }

    /// Owns the partition until nobody can ask any more; what was decided is written before.
    pub(super) async fn run(mut self) {
        loop {
            if self.load().await && self.serve().await == Stopped::Ended {
                return;
            }
            self.forget();
            if self.refuse_for(RETRY_AFTER).await == Stopped::Ended {
                return;
            }
        }
    }

    /// Reads the groups from the log; false if that fails.
    async fn load(&mut self) -> bool {
        let now = self.now();
        match load(&*self.log, self.partition, &self.settings, now).await {
            Ok(groups) => self.groups = groups,
            Err(failure) => {
                self.report(&failure, "cannot load consumer groups");
                return false;
            }
        }
        let now = self.now();
        self.groups.resume(now);
        self.next_expiry_ms = self.expiry_after(now);
        debug!(partition = self.partition, groups = self.groups.list().len(), "groups loaded");
        true
    }

    async fn serve(&mut self) -> Stopped {
        let mut writing: Option<Writing> = None;
        let mut ended = false;
        loop {
            if self.broken {
                return Stopped::LogFailed;
            }
            if writing.is_none() && !self.unwritten.is_empty() {
                match self.next_append() {
                    Ok(next) => writing = Some(next),
                    Err(failure) => {
                        self.report(&failure, "cannot batch group records");
                        return Stopped::LogFailed;
                    }
                }
            }
            if ended && writing.is_none() {
                return Stopped::Ended;
            }
            // A flood of commands must not keep sessions from ending.
            if !ended && self.until_next_deadline().is_zero() {
                self.do_what_is_due();
            }
            let has_room = self.unwritten.len() < MAX_WAITING_RECORDS;
            let pause = self.until_next_deadline();
            tokio::select! {
                biased;
                outcome = finish(writing.as_mut()), if writing.is_some() => {
                    let upto = writing.take().map_or(self.durable, |done| done.upto);
                    if let Err(failure) = outcome {
                        self.report(&failure, "cannot keep group records");
                        return Stopped::LogFailed;
                    }
                    self.durable = upto;
                    self.release();
                }
                command = self.commands.recv(), if has_room && !ended => match command {
                    Some(command) => self.take(command),
                    None => ended = true,
                },
                () = sleep(pause), if !ended => self.do_what_is_due(),
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Event { group_id, event, reply } => {
                self.last_ticket += 1;
                let ticket = Ticket(self.last_ticket);
                self.open.insert(ticket, reply);
                let effects = self.groups.step(&group_id, event, ticket, self.now());
                self.carry_out(effects);
            }
            Command::List(reply) => {
                // Nobody listens any more: nothing is lost.
                let _ = reply.send(self.groups.list());
            }
            Command::TopicDeleted(topic, reply) => {
                let effects = self.groups.drop_topic(&topic);
                self.carry_out(effects);
                let _ = reply.send(());
            }
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.now();
        let effects = self.groups.tick(now);
        self.carry_out(effects);
        if now.elapsed_ms >= self.next_expiry_ms {
            self.next_expiry_ms = self.expiry_after(now);
            let effects = self.groups.expire_offsets(now);
            self.carry_out(effects);
        }
    }

    fn carry_out(&mut self, effects: Effects) {
        let rests_on_records = !effects.records.is_empty();
        for record in &effects.records {
            match codec::encode(record) {
                Ok(encoded) => self.unwritten.push_back(encoded),
                Err(failure) => {
                    self.report(&failure, "cannot encode a group record");
                    self.broken = true;
                }
            }
            self.decided += 1;
        }
        for (ticket, answer) in effects.answers {
            let Some(reply) = self.open.remove(&ticket) else { continue };
            let waits = rests_on_records || tells_what_is_kept(&answer);
            if waits && self.durable < self.decided {
                self.held.push_back(Held { after: self.decided, reply, answer });
            } else {
                // The client may be gone; the group goes on without it until its session ends.
                let _ = reply.send(answer);
            }
        }
    }

    fn release(&mut self) {
        while self.held.front().is_some_and(|held| held.after <= self.durable) {
            if let Some(held) = self.held.pop_front() {
                let _ = held.reply.send(held.answer);
            }
        }
    }

    /// Makes a batch of what waits, as far as it fits, and begins to append it.
    fn next_append(&mut self) -> Result<Writing, protocol::records::BuildError> {
        let (batch, count) = codec::batch(&self.unwritten, self.clock.now_ms(), BATCH_SIZE)?;
        self.unwritten.drain(..count);
        let waiting = u64::try_from(self.unwritten.len()).unwrap_or(u64::MAX);
        let (log, partition) = (Arc::clone(&self.log), self.partition);
        let append = Box::pin(async move { log.append(partition, batch).await });
        Ok(Writing { upto: self.decided.saturating_sub(waiting), append })
    }

    /// Drops all memory of the groups, and with it the open requests.
    fn forget(&mut self) {
        self.groups = Groups::new(Arc::clone(&self.settings));
        self.open.clear();
        self.held.clear();
        self.unwritten.clear();
        self.durable = self.decided;
        self.broken = false;
    }

    fn report(&self, failure: &(dyn Error + 'static), what: &str) {
        error!(partition = self.partition, failure, "{what}; groups are read anew");
    }

    async fn refuse_for(&mut self, pause: Duration) -> Stopped {
        let refuse = async {
            while let Some(command) = self.commands.recv().await {
                if let Command::Event { event, reply, .. } = command {
                    let _ = reply.send(event.refused(GroupError::NotAvailable));
                }
            }
        };
        match tokio::time::timeout(pause, refuse).await {
            Ok(()) => Stopped::Ended,
            Err(_) => Stopped::LogFailed,
        }
    }

    fn until_next_deadline(&self) -> Duration {
        let next = self.groups.next_deadline_ms().unwrap_or(u64::MAX).min(self.next_expiry_ms);
        let pause_ms = next.saturating_sub(self.now().elapsed_ms);
        Duration::from_millis(pause_ms.min(LONGEST_SLEEP_MS))
    }

    fn expiry_after(&self, now: Now) -> u64 {
        let interval_ms = millis(self.settings.offsets_retention_check_interval).max(1);
        now.elapsed_ms.saturating_add(interval_ms)
    }

    fn now(&self) -> Now {
        Now { elapsed_ms: millis(self.clock.monotonic()), unix_ms: self.clock.now_ms() }
    }
}

/// Tells whether an answer says what is kept, so that it must not run ahead of the log.
const fn tells_what_is_kept(answer: &Answer) -> bool {
    match answer {
        Answer::Sync(_) | Answer::Commit(_) | Answer::Offsets(_) | Answer::Description(_) => true,
        Answer::Join(_) | Answer::Left(_) | Answer::Done(_) => false,
    }
}

async fn finish(writing: Option<&mut Writing>) -> Result<(), OffsetsLogError> {
    match writing {
        Some(writing) => writing.append.as_mut().await,
        None => Ok(()),
    }
}
