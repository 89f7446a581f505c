//! The consumer: subscribing, assigning, polling, closing.
//!
//! With `group.id` it is a member of that group. Without, it reads the partitions that it is
//! told to, and never asks for a group's coordinator.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::bindings as rd;

use super::batch::Batch;
use super::rebalance::{Decision, Direction, Shared, from_code};
use crate::TopicPartition;
use crate::error::{ConsumeError, ErrorCode, KafkaError, StartError};
use crate::native::{Handle, Kind, PartitionList, Queue, error_from_ptr, last_error, millis};
use crate::settings::{ClientSettings, Role};

/// How long closing waits for the broker when a consumer is just dropped.
const CLOSE_ON_DROP: Duration = Duration::from_secs(5);

/// Where to start reading a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the group's committed offset, else where `auto.offset.reset` says.
    Committed,
    /// At the first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
    /// At this offset.
    At(i64),
}

impl Start {
    pub(super) fn native(self) -> i64 {
        match self {
            Self::Committed => i64::from(rd::RD_KAFKA_OFFSET_STORED),
            Self::Earliest => i64::from(rd::RD_KAFKA_OFFSET_BEGINNING),
            Self::Latest => i64::from(rd::RD_KAFKA_OFFSET_END),
            Self::At(offset) => offset,
        }
    }
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// Nothing, in the time given or until woken.
    Empty,
    /// Records, now in the batch.
    Records,
    /// The group gave these partitions. Their records come after the next poll has confirmed
    /// it; until then `seek` and `pause` decide how they start.
    Assigned(Vec<TopicPartition>),
    /// The group wants these back. The next poll gives them up: commit before.
    Revoked(Vec<TopicPartition>),
    /// These are gone without asking; a commit would be refused.
    Lost(Vec<TopicPartition>),
}

/// Reads records from a cluster.
///
/// One thread polls; other threads may use everything that takes `&self`.
pub struct Consumer {
    pub(super) handle: Arc<Handle>,
    pub(super) shared: Arc<Shared>,
    /// Where records come from.
    queue: Arc<Queue>,
    /// Where commits are answered.
    pub(super) commits: Queue,
    /// The decision that the next poll answers.
    pub(super) pending: Mutex<Option<Decision>>,
    pub(super) group: bool,
    /// Where a partition starts that has no committed offset; none when that is an error.
    reset: Option<Start>,
    /// Partitions read without a group, and the topic handles that keep them going.
    direct: BTreeMap<TopicPartition, DirectTopic>,
    closed: bool,
}

/// A topic's handle of a partition that is read without a group.
struct DirectTopic(*mut rd::rd_kafka_topic_t);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for DirectTopic {}
// SAFETY: as above.
unsafe impl Sync for DirectTopic {}

impl Drop for DirectTopic {
    fn drop(&mut self) {
        // SAFETY: ours; the consumer drops these before its client.
        unsafe { rd::rd_kafka_topic_destroy(self.0) };
    }
}

/// Makes a consumer's poll return at once, from any thread.
#[derive(Clone)]
pub struct Waker {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

impl Waker {
    /// Ends the poll under way, or the next one.
    pub fn wake(&self) {
        // librdkafka forgets a wake-up when it has something else to do; the flag does not
        self.shared.wake();
        self.queue.wake();
    }
}

impl Consumer {
    /// Starts a consumer, which connects in the background.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the settings are another role's or refused.
    pub fn new(settings: &ClientSettings) -> Result<Self, StartError> {
        if settings.role() != Role::Consumer {
            let wanted = Role::Consumer;
            return Err(StartError::WrongRole { found: settings.role(), wanted });
        }
        let shared = Arc::new(Shared::default());
        let handle = Arc::new(Handle::new(Kind::Consumer, settings.conf()?, shared.clone())?);
        let main = Queue::main(&handle);
        let group = Queue::consumer(&handle);
        let is_group = group.is_some();
        let queue = Arc::new(group.unwrap_or_else(|| Queue::new(&handle)));
        // SAFETY: both queues are live. Errors of the client then come with its records.
        unsafe { rd::rd_kafka_queue_forward(main.as_ptr(), queue.as_ptr()) };
        shared.wake_with(&queue);
        let commits = Queue::new(&handle);
        Ok(Self {
            handle,
            shared,
            queue,
            commits,
            pending: Mutex::new(None),
            group: is_group,
            reset: match settings.native("auto.offset.reset") {
                Some("earliest") => Some(Start::Earliest),
                Some("latest") => Some(Start::Latest),
                _ => None,
            },
            direct: BTreeMap::new(),
            closed: false,
        })
    }

    /// Joins the group for these topics, in place of those before.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::NoGroup`] without `group.id`; [`ConsumeError::Kafka`] when refused.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), ConsumeError> {
        if !self.group {
            return Err(ConsumeError::NoGroup);
        }
        let mut list = PartitionList::new();
        for topic in topics {
            list.push(topic, -1, 0).map_err(|_| ConsumeError::ZeroByte)?;
        }
        // SAFETY: client and list are live; the list is copied.
        Ok(from_code(unsafe { rd::rd_kafka_subscribe(self.handle.as_ptr(), list.as_ptr()) })?)
    }

    /// Joins the group for all topics whose whole name matches, also those to come.
    ///
    /// The expression is POSIX extended, without look-around.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<(), ConsumeError> {
        // librdkafka takes a name that begins with ^ as an expression
        self.subscribe(&[&format!("^({pattern})$")])
    }

    /// Reads these partitions, in place of those before, without asking a group.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`] when librdkafka refuses.
    pub fn assign(&mut self, partitions: &[(TopicPartition, Start)]) -> Result<(), ConsumeError> {
        if !self.group {
            return self.assign_direct(partitions);
        }
        let entries = partitions.iter().map(|(partition, start)| (partition, start.native()));
        let list = PartitionList::with_offsets(entries).map_err(|_| ConsumeError::ZeroByte)?;
        // SAFETY: client and list are live; the list is copied.
        Ok(from_code(unsafe { rd::rd_kafka_assign(self.handle.as_ptr(), list.as_ptr()) })?)
    }

    fn assign_direct(
        &mut self,
        partitions: &[(TopicPartition, Start)],
    ) -> Result<(), ConsumeError> {
        self.stop_direct();
        for (partition, start) in partitions {
            let name = CString::new(&*partition.topic).map_err(|_| ConsumeError::ZeroByte)?;
            let topic = DirectTopic(self.handle.open_topic(&name)?);
            let start = match start {
                // without a group nothing is committed
                Start::Committed => Start::Earliest.native(),
                start => start.native(),
            };
            // SAFETY: topic and queue are live.
            let code = unsafe {
                let queue = self.queue.as_ptr();
                rd::rd_kafka_consume_start_queue(topic.0, partition.partition, start, queue)
            };
            if code != 0 {
                return Err(last_error().into());
            }
            self.direct.insert(partition.clone(), topic);
        }
        Ok(())
    }

    fn stop_direct(&mut self) {
        for (partition, topic) in std::mem::take(&mut self.direct) {
            // SAFETY: the topic is live and the partition was started.
            let code = unsafe { rd::rd_kafka_consume_stop(topic.0, partition.partition) };
            if code != 0 {
                tracing::debug!(%partition, error = %last_error(), "stop of a partition");
            }
        }
    }

    /// The partitions that are read now.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Kafka`] when librdkafka does not say.
    pub fn assignment(&self) -> Result<Vec<TopicPartition>, ConsumeError> {
        if !self.group {
            return Ok(self.direct.keys().cloned().collect());
        }
        let mut list = std::ptr::null_mut();
        // SAFETY: the client is live; the list is ours when there is no error.
        unsafe {
            from_code(rd::rd_kafka_assignment(self.handle.as_ptr(), &raw mut list))?;
            Ok(PartitionList::take(list).partitions())
        }
    }

    /// Waits for records, or for a decision of the group.
    ///
    /// The batch is emptied first. A decision that the last poll returned is confirmed now.
    /// Records of partitions that are lost are dropped; those of partitions about to be
    /// revoked come before the decision.
    ///
    /// # Errors
    ///
    /// One [`ConsumeError`] at a time. Polling may go on when it [is
    /// retriable](ConsumeError::is_retriable).
    pub fn poll_batch(
        &mut self,
        max_records: usize,
        timeout: Duration,
        batch: &mut Batch,
    ) -> Result<Polled, ConsumeError> {
        batch.clear();
        if let Some(mut decision) = self.pending.get_mut().take() {
            if let Some(reset) = self.reset
                && decision.direction == Direction::Assigned
            {
                decision.choose_starts(&self.handle, reset.native());
            }
            decision.answer(&self.handle)?;
        }
        if let Some(polled) = self.take_decision() {
            return Ok(polled);
        }
        if let Some(error) = self.shared.next_error() {
            return Err(classify(error));
        }
        let most = max_records.max(1);
        batch.fill(&self.queue, 0, most);
        if batch.is_empty() && !self.shared.has_decision() && !self.shared.take_wake() {
            batch.fill(&self.queue, millis(timeout), 1);
            if batch.len() == 1 && most > 1 {
                batch.fill(&self.queue, 0, most - 1);
            }
            // a wake-up that ended this wait is spent
            self.shared.take_wake();
        }
        self.sort_out(batch);
        if !batch.is_empty() {
            return Ok(Polled::Records);
        }
        if let Some(polled) = self.take_decision() {
            return Ok(polled);
        }
        match self.shared.next_error() {
            Some(error) => Err(classify(error)),
            None => Ok(Polled::Empty),
        }
    }

    /// Takes errors out of a batch, and records of lost partitions.
    fn sort_out(&self, batch: &mut Batch) {
        let lost: BTreeSet<TopicPartition> = self.shared.lost();
        batch.retain(|record| {
            if record.code() != 0 {
                let text = record.error_text();
                let mut error = KafkaError::with_reason(ErrorCode::from_raw(record.code()), text);
                if is_unknown_topic(error.code()) {
                    let topic = record.topic().to_owned();
                    error = KafkaError::with_reason(error.code(), topic);
                }
                self.shared.push_error(error);
                return false;
            }
            lost.is_empty()
                || !lost.contains(&TopicPartition::new(record.topic(), record.partition()))
        });
    }

    fn take_decision(&mut self) -> Option<Polled> {
        let decision = self.shared.next_decision()?;
        let partitions = decision.list.partitions();
        let polled = match decision.direction {
            Direction::Assigned => Polled::Assigned(partitions),
            Direction::Revoked => Polled::Revoked(partitions),
            Direction::Lost => Polled::Lost(partitions),
        };
        *self.pending.get_mut() = Some(decision);
        Some(polled)
    }

    /// Something that makes the poll of this consumer return at once.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { queue: self.queue.clone(), shared: self.shared.clone() }
    }

    /// The last trouble with a connection, which librdkafka retries by itself.
    #[must_use]
    pub fn last_error(&self) -> Option<KafkaError> {
        self.shared.last_error()
    }

    /// Leaves the group, so that the others need not wait for the session to end.
    ///
    /// Commit before: what is assigned is given up without a [`Polled::Revoked`]. True when the
    /// group was left in time; if not, a thread of its own waits on.
    pub fn close(mut self, timeout: Duration) -> bool {
        let is_left = self.shut(timeout);
        if !is_left {
            // librdkafka ends a member only when the group has answered, which may take as long
            // as a session
            let waiting = std::thread::Builder::new().name("close-consumer".to_owned());
            if let Err(error) = waiting.spawn(move || drop(self)) {
                tracing::warn!(%error, "no thread to wait for the consumer group");
            }
        }
        is_left
    }

    fn shut(&mut self, timeout: Duration) -> bool {
        if std::mem::replace(&mut self.closed, true) {
            return true;
        }
        self.shared.close();
        if !self.group {
            self.stop_direct();
            return true;
        }
        if let Some(decision) = self.pending.get_mut().take() {
            // what fails here is given up by the close below
            let _ = decision.answer(&self.handle);
        }
        while let Some(decision) = self.shared.next_decision() {
            let _ = decision.answer(&self.handle);
        }
        let deadline = Instant::now() + timeout;
        let rk = self.handle.as_ptr();
        // the group's own queue is forwarded to this one, so it must be another
        let last = Queue::new(&self.handle);
        // SAFETY: client and queue are live.
        let started =
            unsafe { error_from_ptr(rd::rd_kafka_consumer_close_queue(rk, last.as_ptr())) };
        if started.is_err() {
            return false;
        }
        // callbacks run inside of the fill; records that still come are given back
        let mut rest = Batch::new();
        // SAFETY: the client is live.
        while unsafe { rd::rd_kafka_consumer_closed(rk) } == 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            rest.fill(&last, millis(left.min(Duration::from_millis(20))), 1);
            rest.clear();
        }
        true
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if !self.shut(CLOSE_ON_DROP) {
            tracing::warn!("the group was not left in time; it waits for the session to end");
        }
    }
}

const fn is_unknown_topic(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::LOCAL_UNKNOWN_TOPIC
            | ErrorCode::LOCAL_UNKNOWN_PARTITION
    )
}

/// Tells the errors apart that a caller treats differently.
fn classify(error: KafkaError) -> ConsumeError {
    match error.code() {
        code if is_unknown_topic(code) => {
            ConsumeError::UnknownTopic { topic: error.reason().to_owned() }
        }
        ErrorCode::AUTO_OFFSET_RESET | ErrorCode::NO_OFFSET => ConsumeError::NoOffset(error),
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::SASL_AUTHENTICATION_FAILED
        | ErrorCode::AUTHENTICATION => ConsumeError::NotAllowed(error),
        _ => ConsumeError::Kafka(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::{Delivery, OutRecord, Producer};
    use crate::test_cluster::{TestCluster, settings};

    const LONG: Duration = Duration::from_secs(30);

    fn produce(cluster: &TestCluster, topic: &str, count: u64) {
        let settings = settings(Role::Producer, cluster, &[("linger.ms", "5")]);
        let check = |delivery: Delivery| assert!(delivery.result.is_ok());
        let producer = Producer::new(&settings, Arc::new(check)).unwrap();
        for number in 0..count {
            let value = number.to_string();
            let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1")), ("h", None)];
            let record = OutRecord {
                topic,
                partition: Some(0),
                key: Some(b""),
                value: Some(value.as_bytes()),
                timestamp: Some(1_700_000_000_000),
                headers: if number == 0 { headers } else { &[] },
            };
            while producer.send(&record, number).is_err() {
                producer.wait_for_room(LONG);
            }
        }
        producer.flush(LONG).unwrap();
    }

    fn member(cluster: &TestCluster, more: &[(&str, &str)]) -> Consumer {
        let mut pairs = vec![
            ("group.id", "g"),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("fetch.wait.max.ms", "20"),
            ("heartbeat.interval.ms", "100"),
            ("session.timeout.ms", "3000"),
        ];
        pairs.extend(more);
        Consumer::new(&settings(Role::Consumer, cluster, &pairs)).unwrap()
    }

    /// Polls until something else than nothing comes.
    fn next(consumer: &mut Consumer, batch: &mut Batch) -> Polled {
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            match consumer.poll_batch(1000, Duration::from_millis(100), batch) {
                Ok(Polled::Empty) => {}
                Ok(polled) => return polled,
                Err(error) => assert!(error.is_retriable(), "{error}"),
            }
        }
        panic!("nothing came");
    }

    fn read(consumer: &mut Consumer, batch: &mut Batch, count: usize) -> Vec<i64> {
        let mut offsets = Vec::new();
        while offsets.len() < count {
            match next(consumer, batch) {
                Polled::Records => offsets.extend(batch.iter().map(|record| record.offset())),
                other => panic!("{other:?} among records"),
            }
        }
        offsets
    }

    #[test]
    fn a_group_member_reads_everything_in_order_and_goes_on_where_it_committed() {
        let cluster = TestCluster::start(&[("t", 1)]);
        produce(&cluster, "t", 10_000);
        let partition = TopicPartition::new("t", 0);
        let mut batch = Batch::new();

        let mut first = member(&cluster, &[]);
        first.subscribe(&["t"]).unwrap();
        assert_eq!(next(&mut first, &mut batch), Polled::Assigned(vec![partition.clone()]));
        let offsets = read(&mut first, &mut batch, 10_000);
        assert!(offsets.into_iter().eq(0..10_000));
        let position = first.position(std::slice::from_ref(&partition)).unwrap();
        assert_eq!(position[&partition], Some(10_000));
        assert_eq!(first.watermarks(&partition, LONG).unwrap(), (0, 10_000));
        first.commit_sync(&BTreeMap::from([(partition.clone(), 9_990)]), LONG).unwrap();
        assert!(first.close(LONG));

        let mut second = member(&cluster, &[]);
        second.subscribe(&["t"]).unwrap();
        assert_eq!(next(&mut second, &mut batch), Polled::Assigned(vec![partition.clone()]));
        let committed = second.committed(std::slice::from_ref(&partition), LONG).unwrap();
        assert_eq!(committed[&partition], Some(9_990));
        let offsets = read(&mut second, &mut batch, 10);
        assert!(offsets.into_iter().eq(9_990..10_000));
    }

    #[test]
    fn a_record_gives_back_what_was_sent() {
        let cluster = TestCluster::start(&[("t", 1)]);
        produce(&cluster, "t", 2);
        let settings = settings(Role::Consumer, &cluster, &[("fetch.wait.max.ms", "20")]);
        let mut reader = Consumer::new(&settings).unwrap();
        let partition = TopicPartition::new("t", 0);
        reader.assign(&[(partition.clone(), Start::Earliest)]).unwrap();
        assert_eq!(reader.assignment().unwrap(), [partition]);
        let mut batch = Batch::new();
        while batch.is_empty() {
            next(&mut reader, &mut batch);
        }
        let record = batch.get(0).unwrap();
        assert_eq!((record.topic(), record.partition(), record.offset()), ("t", 0, 0));
        assert_eq!(record.key(), Some(&b""[..]));
        assert_eq!(record.value(), Some(&b"0"[..]));
        assert_eq!(record.timestamp().0, 1_700_000_000_000);
        let headers: Vec<_> = record.headers().collect();
        assert_eq!(headers, [("h", Some(&b"1"[..])), ("h", None)]);
        let none = BTreeMap::from([(TopicPartition::new("t", 0), 1)]);
        assert_eq!(reader.commit_sync(&none, LONG), Err(ConsumeError::NoGroup));
        drop(reader);
        // the batch keeps what it lends alive
        assert_eq!(batch.get(0).unwrap().value(), Some(&b"0"[..]));
    }

    #[test]
    fn partitions_move_to_a_second_member_and_each_is_told() {
        for strategy in ["range", "cooperative-sticky"] {
            let cluster = TestCluster::start(&[("t", 2)]);
            let mut batch = Batch::new();
            let more = [("partition.assignment.strategy", strategy)];
            let mut one = member(&cluster, &more);
            one.subscribe(&["t"]).unwrap();
            let Polled::Assigned(all) = next(&mut one, &mut batch) else { panic!("no assignment") };
            assert_eq!(all.len(), 2, "{strategy}");

            let mut two = member(&cluster, &more);
            two.subscribe(&["t"]).unwrap();
            let (mut owned_by_one, mut owned_by_two) = (2, 0);
            let deadline = Instant::now() + LONG;
            while (owned_by_one, owned_by_two) != (1, 1) && Instant::now() < deadline {
                for (consumer, owned) in
                    [(&mut one, &mut owned_by_one), (&mut two, &mut owned_by_two)]
                {
                    match consumer.poll_batch(10, Duration::from_millis(20), &mut batch).unwrap() {
                        Polled::Assigned(partitions) => *owned += partitions.len(),
                        Polled::Revoked(partitions) | Polled::Lost(partitions) => {
                            *owned -= partitions.len();
                        }
                        Polled::Records | Polled::Empty => {}
                    }
                }
            }
            assert_eq!((owned_by_one, owned_by_two), (1, 1), "{strategy}");
        }
    }

    #[test]
    fn a_seek_before_the_assignment_is_confirmed_decides_the_start() {
        let cluster = TestCluster::start(&[("t", 1)]);
        produce(&cluster, "t", 100);
        let partition = TopicPartition::new("t", 0);
        let mut batch = Batch::new();
        let mut consumer = member(&cluster, &[]);
        consumer.subscribe(&["t"]).unwrap();
        assert!(matches!(next(&mut consumer, &mut batch), Polled::Assigned(_)));
        consumer.seek(&partition, Start::At(97)).unwrap();
        assert_eq!(read(&mut consumer, &mut batch, 3), [97, 98, 99]);
        consumer.seek(&partition, Start::At(42)).unwrap();
        assert_eq!(read(&mut consumer, &mut batch, 1)[0], 42);
    }

    #[test]
    fn a_paused_partition_gives_nothing_until_it_is_resumed() {
        let cluster = TestCluster::start(&[("t", 1)]);
        produce(&cluster, "t", 10);
        let partition = [TopicPartition::new("t", 0)];
        let mut batch = Batch::new();
        let mut consumer = member(&cluster, &[]);
        consumer.subscribe(&["t"]).unwrap();
        assert!(matches!(next(&mut consumer, &mut batch), Polled::Assigned(_)));
        consumer.pause(&partition).unwrap();
        for _ in 0..10 {
            let polled = consumer.poll_batch(10, Duration::from_millis(30), &mut batch).unwrap();
            assert_eq!(polled, Polled::Empty);
        }
        consumer.resume(&partition).unwrap();
        assert_eq!(read(&mut consumer, &mut batch, 10).len(), 10);
    }

    #[test]
    fn a_commit_without_waiting_is_answered_with_its_token() {
        let cluster = TestCluster::start(&[("t", 1)]);
        produce(&cluster, "t", 10);
        let mut batch = Batch::new();
        let mut consumer = member(&cluster, &[]);
        consumer.subscribe(&["t"]).unwrap();
        assert!(matches!(next(&mut consumer, &mut batch), Polled::Assigned(_)));
        read(&mut consumer, &mut batch, 10);
        let offsets = BTreeMap::from([(TopicPartition::new("t", 0), 5)]);
        consumer.commit_async(&offsets, u64::MAX).unwrap();
        let deadline = Instant::now() + LONG;
        let mut results = Vec::new();
        while results.is_empty() && Instant::now() < deadline {
            let _ = consumer.poll_batch(10, Duration::from_millis(10), &mut batch);
            results = consumer.take_commit_results();
        }
        assert_eq!(results.len(), 1);
        assert_eq!((results[0].token, &results[0].result), (u64::MAX, &Ok(())));
    }

    #[test]
    fn a_waker_ends_a_poll() {
        let cluster = TestCluster::start(&[("t", 1)]);
        let mut consumer = member(&cluster, &[]);
        let waker = consumer.waker();
        let waking = std::thread::spawn(move || waker.wake());
        let start = Instant::now();
        let polled = consumer.poll_batch(10, LONG, &mut Batch::new()).unwrap();
        assert_eq!(polled, Polled::Empty);
        assert!(start.elapsed() < LONG / 2);
        waking.join().unwrap();
    }

    #[test]
    fn a_group_needs_a_name() {
        let cluster = TestCluster::start(&[]);
        let consumer = Consumer::new(&settings(Role::Consumer, &cluster, &[])).unwrap();
        assert_eq!(consumer.subscribe(&["t"]), Err(ConsumeError::NoGroup));
        let producer = settings(Role::Producer, &cluster, &[]);
        assert!(matches!(Consumer::new(&producer), Err(StartError::WrongRole { .. })));
    }

    #[test]
    fn a_member_without_a_cluster_closes_in_time() {
        let mut pairs = BTreeMap::new();
        pairs.insert("bootstrap.servers".to_owned(), "127.0.0.1:1".to_owned());
        pairs.insert("group.id".to_owned(), "g".to_owned());
        let settings = ClientSettings::from_properties(Role::Consumer, &pairs).unwrap();
        let mut consumer = Consumer::new(&settings).unwrap();
        consumer.subscribe(&["t"]).unwrap();
        let polled = consumer.poll_batch(1, Duration::from_millis(50), &mut Batch::new());
        assert_eq!(polled.unwrap(), Polled::Empty);
        let start = Instant::now();
        consumer.close(Duration::from_secs(1));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn close_ends_in_time_when_the_group_does_not_answer() {
        let cluster = TestCluster::start(&[("t", 1)]);
        let mut batch = Batch::new();
        let mut consumer = member(&cluster, &[]);
        consumer.subscribe(&["t"]).unwrap();
        assert!(matches!(next(&mut consumer, &mut batch), Polled::Assigned(_)));
        batch.clear();
        cluster.slow_down(Duration::from_secs(3));
        let begun = Instant::now();
        assert!(!consumer.close(Duration::from_millis(200)));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    #[test]
    fn commit_waits_no_longer_than_its_caller() {
        let cluster = TestCluster::start(&[("t", 1)]);
        let mut batch = Batch::new();
        let mut consumer = member(&cluster, &[]);
        consumer.subscribe(&["t"]).unwrap();
        assert!(matches!(next(&mut consumer, &mut batch), Polled::Assigned(_)));
        batch.clear();
        cluster.slow_down(Duration::from_secs(2));
        let offsets = BTreeMap::from([(TopicPartition::new("t", 0), 0)]);
        let (begun, mut asked) = (Instant::now(), 0);
        let outcome = consumer.commit_sync_while(&offsets, LONG, || {
            asked += 1;
            asked < 3
        });
        assert!(outcome.is_err());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        consumer.close(Duration::ZERO);
    }
}
