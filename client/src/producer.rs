//! Sends records, and tells what became of each by the token that was given with it.
//!
//! Records are copied into librdkafka's queue, which is bounded: a full queue is an error that
//! the caller answers with [`Producer::wait_for_room`]. A thread of the producer's own polls for
//! acknowledgements. Every record that was taken is reported exactly once, also when the
//! producer is dropped.
#![expect(unsafe_code, reason = "the safe wrapper allocates for every record")]

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use rdkafka::bindings as rd;

use crate::error::{ErrorCode, KafkaError, SendError, StartError};
use crate::native::{Callbacks, Handle, Kind, LastError, Queue, error_from_ptr, millis};
use crate::settings::{ClientSettings, Role};

/// How long the poll thread waits when nothing happens; it is woken to stop.
const POLL: Duration = Duration::from_millis(500);
/// Answers with metadata after which an idempotent producer has its id: the first may come over a
/// connection that librdkafka closes at once.
const QUESTIONS: u32 = 2;
/// How long one question for metadata may keep the poll thread from deliveries.
const ASK: Duration = Duration::from_millis(100);
/// How long a dropped producer waits for the reports of what it gave up.
const LAST_REPORTS: Duration = Duration::from_secs(2);
/// Topic, partition, key, value, token, flags, timestamp, headers.
const MOST_ARGUMENTS: usize = 8;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What was given with the record.
    pub token: u64,
    /// Partition and offset (-1 with `acks=0`), or why it was given up.
    pub result: Result<(i32, i64), KafkaError>,
}

/// A record to be sent. Its bytes are copied.
#[derive(Debug, Clone, Copy)]
pub struct OutRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; by the key's hash when none.
    pub partition: Option<i32>,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since 1970; the time of sending when none.
    pub timestamp: Option<i64>,
    /// Headers in their order; names may repeat.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Sends records to a cluster.
pub struct Producer {
    handle: Arc<Handle>,
    shared: Arc<Shared>,
    topics: RwLock<HashMap<Box<str>, Topic>>,
    main: Arc<Queue>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

/// A topic's handle, given back when the producer is dropped.
struct Topic(*mut rd::rd_kafka_topic_t);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: ours; the producer drops its topics before its client.
        unsafe { rd::rd_kafka_topic_destroy(self.0) };
    }
}

/// What the callbacks and the callers share.
struct Shared {
    on_delivery: Arc<dyn Fn(Delivery) + Send + Sync>,
    last_error: LastError,
    refused: Mutex<Option<KafkaError>>,
    /// Counts rounds of the poll thread that reported deliveries.
    rounds: Mutex<u64>,
    room: Condvar,
}

impl Callbacks for Shared {
    fn error(&self, error: KafkaError) {
        if error.is_fatal() || error.code() == ErrorCode::AUTHENTICATION {
            *self.refused.lock() = Some(error.clone());
        }
        self.last_error.note(error);
    }

    fn delivered(&self, token: u64, result: Result<(i32, i64), KafkaError>) {
        (self.on_delivery)(Delivery { token, result });
    }

    unsafe fn rebalance(
        &self,
        _: *mut rd::rd_kafka_t,
        _: ErrorCode,
        _: *mut rd::rd_kafka_topic_partition_list_t,
    ) {
        // a producer has no group
    }
}

impl Producer {
    /// Starts a producer, which connects in the background.
    ///
    /// With idempotence, librdkafka sends nothing in the first half second: it asks for its
    /// producer id once before the first connection stands, and again 500 ms later. Start such
    /// a producer before it is needed.
    ///
    /// `on_delivery` is called once for each record taken, mostly on the producer's own thread
    /// and during [`flush`](Self::flush) also on the caller's: it must be short.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the settings are another role's or refused, or no thread can start.
    pub fn new(
        settings: &ClientSettings,
        on_delivery: Arc<dyn Fn(Delivery) + Send + Sync>,
    ) -> Result<Self, StartError> {
        if settings.role() != Role::Producer {
            let wanted = Role::Producer;
            return Err(StartError::WrongRole { found: settings.role(), wanted });
        }
        let shared = Arc::new(Shared {
            on_delivery,
            last_error: LastError::default(),
            refused: Mutex::new(None),
            rounds: Mutex::new(0),
            room: Condvar::new(),
        });
        let handle = Arc::new(Handle::new(Kind::Producer, settings.conf()?, shared.clone())?);
        let main = Arc::new(Queue::main(&handle));
        let stop = Arc::new(AtomicBool::new(false));
        let poller = {
            let (main, shared, stop) = (main.clone(), shared.clone(), stop.clone());
            let is_idempotent = settings.native("enable.idempotence") == Some("true");
            let questions = if is_idempotent { QUESTIONS } else { 0 };
            let name = settings.native("client.id").unwrap_or("producer");
            std::thread::Builder::new().name(format!("poll-{name}")).spawn(move || {
                ask_for_metadata(&main, &shared, &stop, questions);
                poll(&main, &shared, &stop);
            })?
        };
        let topics = RwLock::new(HashMap::new());
        Ok(Self { handle, shared, topics, main, stop, poller: Some(poller) })
    }

    /// Takes a record for sending; never waits.
    ///
    /// # Errors
    ///
    /// [`SendError::QueueFull`] when there is no room: nothing was taken, and
    /// [`wait_for_room`](Self::wait_for_room) tells when to try again. Others are final.
    pub fn send(&self, record: &OutRecord<'_>, token: u64) -> Result<(), SendError> {
        if let Some(topic) = self.topics.read().get(record.topic) {
            return self.send_to(topic, record, token);
        }
        let name = CString::new(record.topic).map_err(|_| SendError::ZeroByte)?;
        let opened = self.handle.open_topic(&name).map_err(|e| refused(record, e))?;
        let opened = Topic(opened);
        let mut topics = self.topics.write();
        let topic = topics.entry(record.topic.into()).or_insert(opened);
        self.send_to(topic, record, token)
    }

    fn send_to(&self, topic: &Topic, record: &OutRecord<'_>, token: u64) -> Result<(), SendError> {
        let mut arguments = Arguments::new();
        arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, Field { rkt: topic.0 });
        if let Some(partition) = record.partition {
            let field = Field { i32_: partition };
            arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION, field);
        }
        if let Some(key) = record.key {
            arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, memory(key));
        }
        if let Some(value) = record.value {
            arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, memory(value));
        }
        if let Some(timestamp) = record.timestamp {
            let field = Field { i64_: timestamp };
            arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP, field);
        }
        let copy = Field { i: rd::RD_KAFKA_MSG_F_COPY };
        arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS, copy);
        let opaque = Field { ptr: token_pointer(token) };
        arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE, opaque);
        let headers = native_headers(record.headers)?;
        if !headers.is_null() {
            arguments.push(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, Field { headers });
        }
        // SAFETY: topic, bytes and headers live through the call, which copies the bytes.
        let result = unsafe {
            let error = rd::rd_kafka_produceva(
                self.handle.as_ptr(),
                arguments.fields.as_ptr().cast(),
                arguments.count,
            );
            error_from_ptr(error)
        };
        let Err(error) = result else { return Ok(()) };
        if !headers.is_null() {
            // SAFETY: headers are taken over only by a call that succeeds.
            unsafe { rd::rd_kafka_headers_destroy(headers) };
        }
        Err(self.send_error(record, error))
    }

    fn send_error(&self, record: &OutRecord<'_>, error: KafkaError) -> SendError {
        match error.code() {
            ErrorCode::QUEUE_FULL => SendError::QueueFull,
            ErrorCode::MESSAGE_TOO_LARGE => SendError::TooLarge {
                size: record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len),
            },
            ErrorCode::LOCAL_UNKNOWN_PARTITION => SendError::UnknownPartition {
                topic: record.topic.to_owned(),
                partition: record.partition.unwrap_or(-1),
            },
            ErrorCode::FATAL => SendError::Fatal(self.handle.fatal_error().unwrap_or(error)),
            _ if error.is_fatal() => SendError::Fatal(error),
            _ => refused(record, error),
        }
    }

    /// Waits until some records have left the queue; false when none did in that time.
    pub fn wait_for_room(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut rounds = self.shared.rounds.lock();
        let before = *rounds;
        while *rounds == before {
            if self.shared.room.wait_until(&mut rounds, deadline).timed_out() {
                return *rounds != before;
            }
        }
        true
    }

    /// Sends what is queued without lingering, and waits until every record is reported.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TIMED_OUT`] when some are still under way at the deadline.
    pub fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        // SAFETY: the client is live.
        let code = unsafe { rd::rd_kafka_flush(self.handle.as_ptr(), millis(timeout)) };
        match ErrorCode::from_raw(code as i32) {
            ErrorCode::NONE => Ok(()),
            code => Err(KafkaError::from_code(code)),
        }
    }

    /// How many records were taken and not yet reported.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        // SAFETY: the client is live.
        let count = unsafe { rd::rd_kafka_outq_len(self.handle.as_ptr()) };
        usize::try_from(count).unwrap_or(0)
    }

    /// The error after which this producer can only be replaced: fenced, out of order, or
    /// refused by the broker for who it is.
    #[must_use]
    pub fn fatal_error(&self) -> Option<KafkaError> {
        self.handle.fatal_error().or_else(|| self.shared.refused.lock().clone())
    }

    /// The last trouble with a connection, which librdkafka retries by itself.
    #[must_use]
    pub fn last_error(&self) -> Option<KafkaError> {
        self.shared.last_error.get()
    }

    /// Gives up every record that is not yet acknowledged. Each is reported as failed, soon.
    pub fn purge(&self) {
        let flags = rd::RD_KAFKA_PURGE_F_QUEUE | rd::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client is live. The only failure is a client that is not a producer.
        let _ = unsafe { rd::rd_kafka_purge(self.handle.as_ptr(), flags) };
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.purge();
        let deadline = Instant::now() + LAST_REPORTS;
        while self.in_flight() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(records = self.in_flight(), "records left without a report");
                break;
            }
            self.wait_for_room(left.min(Duration::from_millis(10)));
        }
        self.stop.store(true, Ordering::Release);
        self.main.wake();
        if let Some(poller) = self.poller.take()
            && poller.thread().id() != std::thread::current().id()
            && poller.join().is_err()
        {
            tracing::error!("the poll thread of a producer panicked");
        }
        self.topics.get_mut().clear();
    }
}

/// Asks until that many answers have come, reporting deliveries in between.
///
/// librdkafka looks for a producer id when it gets metadata, and otherwise every 500 ms; without
/// a question, the first record of an idempotent producer waits for that.
fn ask_for_metadata(main: &Queue, shared: &Shared, stop: &AtomicBool, mut questions: u32) {
    while questions > 0 && !stop.load(Ordering::Acquire) {
        let mut metadata = std::ptr::null();
        let none = std::ptr::null_mut();
        // SAFETY: the queue keeps the client alive; what was answered is given back.
        let is_answered = unsafe {
            let client = main.client().as_ptr();
            let code = rd::rd_kafka_metadata(client, 0, none, &raw mut metadata, millis(ASK));
            let is_answered = ErrorCode::from_raw(code as i32) == ErrorCode::NONE;
            if is_answered {
                rd::rd_kafka_metadata_destroy(metadata);
            }
            is_answered
        };
        questions -= u32::from(is_answered);
        serve(main, shared, if is_answered { Duration::ZERO } else { ASK });
    }
}

/// The poll thread: reports deliveries until told to stop.
fn poll(main: &Queue, shared: &Shared, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        serve(main, shared, POLL);
    }
}

/// Reports deliveries, waiting for the first.
fn serve(main: &Queue, shared: &Shared, wait: Duration) {
    // SAFETY: the queue keeps the client alive.
    let served = unsafe { rd::rd_kafka_poll(main.client().as_ptr(), millis(wait)) };
    if served > 0 {
        *shared.rounds.lock() += 1;
        shared.room.notify_all();
    }
}

use rd::rd_kafka_vu_s__bindgen_ty_1 as Field;

/// The arguments of one call, on the stack.
struct Arguments {
    fields: [MaybeUninit<rd::rd_kafka_vu_t>; MOST_ARGUMENTS],
    count: usize,
}

impl Arguments {
    const fn new() -> Self {
        Self { fields: [const { MaybeUninit::uninit() }; MOST_ARGUMENTS], count: 0 }
    }

    fn push(&mut self, vtype: rd::rd_kafka_vtype_t, u: Field) {
        self.fields[self.count].write(rd::rd_kafka_vu_t { vtype, u });
        self.count += 1;
    }
}

fn memory(bytes: &[u8]) -> Field {
    Field {
        mem: rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
            ptr: bytes.as_ptr().cast_mut().cast(),
            size: bytes.len(),
        },
    }
}

/// A token in the place of a pointer, which librdkafka hands back and never follows.
fn token_pointer(token: u64) -> *mut c_void {
    const { assert!(size_of::<usize>() == size_of::<u64>(), "tokens need 64-bit pointers") };
    std::ptr::without_provenance_mut(usize::from_ne_bytes(token.to_ne_bytes()))
}

/// Headers as librdkafka takes them; null when there are none.
fn native_headers(
    headers: &[(&str, Option<&[u8]>)],
) -> Result<*mut rd::rd_kafka_headers_t, SendError> {
    if headers.is_empty() {
        return Ok(std::ptr::null_mut());
    }
    if headers.iter().any(|(name, _)| name.contains('\0')) {
        return Err(SendError::ZeroByte);
    }
    // SAFETY: the count is a hint; names and values are copied with the lengths given.
    unsafe {
        let native = rd::rd_kafka_headers_new(headers.len());
        for (name, value) in headers {
            let (ptr, size) = match value {
                Some(value) => (value.as_ptr().cast(), value.len()),
                None => (std::ptr::null(), 0),
            };
            rd::rd_kafka_header_add(
                native,
                name.as_ptr().cast(),
                isize::try_from(name.len()).unwrap_or(isize::MAX),
                ptr,
                isize::try_from(size).unwrap_or(isize::MAX),
            );
        }
        Ok(native)
    }
}

fn refused(record: &OutRecord<'_>, source: KafkaError) -> SendError {
    SendError::Refused { topic: record.topic.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::test_cluster::{TestCluster, settings};

    fn counting(deliveries: &Arc<Mutex<Vec<Delivery>>>) -> Arc<dyn Fn(Delivery) + Send + Sync> {
        let deliveries = deliveries.clone();
        Arc::new(move |delivery| deliveries.lock().push(delivery))
    }

    fn record(value: &[u8]) -> OutRecord<'_> {
        OutRecord {
            topic: "t",
            partition: None,
            key: None,
            value: Some(value),
            timestamp: None,
            headers: &[],
        }
    }

    #[test]
    fn every_record_is_reported_once_with_its_token() {
        let cluster = TestCluster::start(&[("t", 3)]);
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let settings = settings(Role::Producer, &cluster, &[]);
        let producer = Producer::new(&settings, counting(&deliveries)).unwrap();
        for token in 0..10_000 {
            producer.send(&record(b"value"), token).unwrap();
        }
        producer.flush(Duration::from_secs(20)).unwrap();
        assert_eq!(producer.in_flight(), 0);
        let mut tokens: Vec<u64> = deliveries.lock().iter().map(|d| d.token).collect();
        tokens.sort_unstable();
        assert!(tokens.into_iter().eq(0..10_000));
        assert!(deliveries.lock().iter().all(|d| d.result.is_ok()));
        assert_eq!(producer.fatal_error(), None);
    }

    #[test]
    fn a_full_queue_is_said_and_room_is_waited_for() {
        let cluster = TestCluster::start(&[("t", 1)]);
        let settings =
            settings(Role::Producer, &cluster, &[("queue.buffering.max.messages", "50")]);
        let sum = Arc::new(AtomicU64::new(0));
        let producer = {
            let sum = sum.clone();
            let add = move |delivery: Delivery| {
                sum.fetch_add(delivery.token, Ordering::Relaxed);
            };
            Producer::new(&settings, Arc::new(add)).unwrap()
        };
        let mut full = 0;
        for token in 1..=1000 {
            while let Err(error) = producer.send(&record(b"value"), token) {
                assert_eq!(error, SendError::QueueFull);
                full += 1;
                producer.wait_for_room(Duration::from_secs(10));
                assert!(full < 100_000, "the queue never drains");
            }
        }
        assert!(full > 0, "1000 records fit a queue of 50");
        producer.flush(Duration::from_secs(20)).unwrap();
        assert_eq!(sum.load(Ordering::Relaxed), 500_500);
    }

    #[test]
    fn a_record_that_is_too_large_is_refused_with_its_size() {
        let cluster = TestCluster::start(&[("t", 1)]);
        let settings = settings(Role::Producer, &cluster, &[("max.request.size", "2000")]);
        let producer = Producer::new(&settings, Arc::new(|_| {})).unwrap();
        let error = producer.send(&record(&[0; 5000]), 1).unwrap_err();
        assert_eq!(error, SendError::TooLarge { size: 5000 });
    }

    #[test]
    fn what_is_left_when_a_producer_is_dropped_is_reported_as_failed() {
        let settings = crate::test_cluster::unreachable(Role::Producer);
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let producer = Producer::new(&settings, counting(&deliveries)).unwrap();
        for token in 0..10 {
            producer.send(&record(b"value"), token).unwrap();
        }
        assert!(producer.flush(Duration::from_millis(50)).is_err());
        drop(producer);
        let deliveries = deliveries.lock();
        assert_eq!(deliveries.len(), 10);
        assert!(deliveries.iter().all(|delivery| delivery.result.is_err()));
    }

    #[test]
    fn a_zero_byte_in_a_name_is_refused() {
        let settings = crate::test_cluster::unreachable(Role::Producer);
        let producer = Producer::new(&settings, Arc::new(|_| {})).unwrap();
        let bad = OutRecord { topic: "a\0b", ..record(b"") };
        assert_eq!(producer.send(&bad, 0), Err(SendError::ZeroByte));
        let headers: &[(&str, Option<&[u8]>)] = &[("a\0b", None)];
        let bad = OutRecord { headers, ..record(b"") };
        assert_eq!(producer.send(&bad, 0), Err(SendError::ZeroByte));
    }
}
