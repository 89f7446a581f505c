//! A librdkafka client, its callbacks, and its queues.
//!
//! Callbacks find their state through the client's opaque pointer. It points to memory that the
//! handle owns and frees only after the client is destroyed.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;

use crate::error::{ErrorCode, KafkaError, StartError};
use crate::native::{Conf, log, text};

/// What librdkafka makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sends; also what administrative requests go through.
    Producer,
    /// Reads.
    Consumer,
}

/// What librdkafka tells a client. Called on the thread that polls, unless said otherwise.
pub(crate) trait Callbacks: Send + Sync {
    /// A connection or the client as a whole has trouble.
    fn error(&self, error: KafkaError);
    /// One record was acknowledged or given up.
    fn delivered(&self, token: u64, result: Result<(i32, i64), KafkaError>);
    /// The group assigns or revokes partitions.
    ///
    /// # Safety
    ///
    /// Both pointers are live for the call.
    unsafe fn rebalance(
        &self,
        rk: *mut rd::rd_kafka_t,
        code: ErrorCode,
        list: *mut rd::rd_kafka_topic_partition_list_t,
    );
}

/// Owns a client. Destroyed with its last owner: records that are still lent keep it alive.
pub(crate) struct Handle {
    ptr: *mut rd::rd_kafka_t,
    callbacks: *mut Arc<dyn Callbacks>,
    kind: Kind,
}

// SAFETY: librdkafka's client may be used from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Makes a client. It connects in the background.
    pub(crate) fn new(
        kind: Kind,
        conf: Conf,
        callbacks: Arc<dyn Callbacks>,
    ) -> Result<Self, StartError> {
        let callbacks = Box::into_raw(Box::new(callbacks));
        let mut reason = [0 as c_char; 512];
        // SAFETY: `conf` is live; the callbacks' memory outlives the client (see `Drop`); the
        // buffer's size is given with it.
        let ptr = unsafe {
            let raw = conf.as_ptr();
            rd::rd_kafka_conf_set_opaque(raw, callbacks.cast());
            rd::rd_kafka_conf_set_log_cb(raw, Some(log::write_line));
            rd::rd_kafka_conf_set_error_cb(raw, Some(on_error));
            let kind = match kind {
                Kind::Producer => {
                    rd::rd_kafka_conf_set_dr_msg_cb(raw, Some(on_delivery));
                    rd::rd_kafka_type_t::RD_KAFKA_PRODUCER
                }
                Kind::Consumer => {
                    rd::rd_kafka_conf_set_rebalance_cb(raw, Some(on_rebalance));
                    rd::rd_kafka_type_t::RD_KAFKA_CONSUMER
                }
            };
            rd::rd_kafka_new(kind, raw, reason.as_mut_ptr(), reason.len())
        };
        if ptr.is_null() {
            // SAFETY: no client was made, so nobody else holds the callbacks.
            drop(unsafe { Box::from_raw(callbacks) });
            // SAFETY: librdkafka ends what it writes with a zero byte.
            return Err(StartError::Refused { reason: unsafe { text(reason.as_ptr()) } });
        }
        conf.release();
        Ok(Self { ptr, callbacks, kind })
    }

    /// The client, still owned by `self`.
    pub(crate) fn as_ptr(&self) -> *mut rd::rd_kafka_t {
        self.ptr
    }

    /// The error after which the client can only be replaced.
    pub(crate) fn fatal_error(&self) -> Option<KafkaError> {
        let mut reason = [0 as c_char; 512];
        // SAFETY: the buffer's size is given with it.
        let code =
            unsafe { rd::rd_kafka_fatal_error(self.ptr, reason.as_mut_ptr(), reason.len()) as i32 };
        if code == 0 {
            return None;
        }
        // SAFETY: librdkafka ends what it writes with a zero byte.
        let reason = unsafe { text(reason.as_ptr()) };
        Some(KafkaError::with_reason(ErrorCode::from_raw(code), reason).into_fatal())
    }

    /// A handle on a topic, which lives until it is destroyed by the caller.
    pub(crate) fn open_topic(
        &self,
        topic: &CString,
    ) -> Result<*mut rd::rd_kafka_topic_t, KafkaError> {
        // SAFETY: the name ends in a zero byte; no settings of its own.
        let raw = unsafe { rd::rd_kafka_topic_new(self.ptr, topic.as_ptr(), std::ptr::null_mut()) };
        if raw.is_null() {
            return Err(last_error());
        }
        Ok(raw)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let flags = match self.kind {
            Kind::Producer => 0,
            // a consumer is closed by its owner, with a deadline
            Kind::Consumer => rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE,
        };
        // SAFETY: the last owner; after this no callback can run, so their memory may go.
        unsafe {
            rd::rd_kafka_destroy_flags(self.ptr, flags);
            drop(Box::from_raw(self.callbacks));
        }
    }
}

/// What the last call of this thread that returned a bare failure meant.
pub(crate) fn last_error() -> KafkaError {
    // SAFETY: has no arguments.
    let code = unsafe { rd::rd_kafka_last_error() as i32 };
    KafkaError::from_code(ErrorCode::from_raw(code))
}

/// A time as librdkafka takes it: whole milliseconds, rounded up so that a short wait is one.
pub(crate) fn millis(timeout: Duration) -> c_int {
    let whole = timeout.as_nanos().div_ceil(1_000_000);
    c_int::try_from(whole).unwrap_or(c_int::MAX)
}

/// Owns a reference to one of a client's queues, and the client with it.
pub(crate) struct Queue {
    ptr: *mut rd::rd_kafka_queue_t,
    // dropped after `ptr` is given back
    handle: Arc<Handle>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// A new, empty queue.
    pub(crate) fn new(handle: &Arc<Handle>) -> Self {
        // SAFETY: the client is live; aborts when memory is out, so never null.
        Self { ptr: unsafe { rd::rd_kafka_queue_new(handle.as_ptr()) }, handle: handle.clone() }
    }

    /// The queue on which a client's own events come.
    pub(crate) fn main(handle: &Arc<Handle>) -> Self {
        // SAFETY: the client is live.
        let ptr = unsafe { rd::rd_kafka_queue_get_main(handle.as_ptr()) };
        Self { ptr, handle: handle.clone() }
    }

    /// The queue on which a group member's records come; none without `group.id`.
    pub(crate) fn consumer(handle: &Arc<Handle>) -> Option<Self> {
        // SAFETY: the client is live.
        let ptr = unsafe { rd::rd_kafka_queue_get_consumer(handle.as_ptr()) };
        (!ptr.is_null()).then(|| Self { ptr, handle: handle.clone() })
    }

    /// The queue, still owned by `self`.
    pub(crate) fn as_ptr(&self) -> *mut rd::rd_kafka_queue_t {
        self.ptr
    }

    /// The client that it belongs to.
    pub(crate) fn client(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Makes who waits on the queue return at once.
    pub(crate) fn wake(&self) {
        // SAFETY: live.
        unsafe { rd::rd_kafka_queue_yield(self.ptr) };
    }

    /// Waits for one event.
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: live; the event is ours.
        let ptr = unsafe { rd::rd_kafka_queue_poll(self.ptr, millis(timeout)) };
        (!ptr.is_null()).then_some(Event { ptr })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: our reference; the client is still live.
        unsafe { rd::rd_kafka_queue_destroy(self.ptr) };
    }
}

/// Owns one event of a queue.
pub(crate) struct Event {
    ptr: *mut rd::rd_kafka_event_t,
}

impl Event {
    /// The event, still owned by `self`.
    pub(crate) fn as_ptr(&self) -> *mut rd::rd_kafka_event_t {
        self.ptr
    }

    /// Which kind it is, a `RD_KAFKA_EVENT_…`.
    pub(crate) fn kind(&self) -> c_int {
        // SAFETY: live.
        unsafe { rd::rd_kafka_event_type(self.ptr) }
    }

    /// What was given with the request that this answers.
    pub(crate) fn opaque(&self) -> *mut c_void {
        // SAFETY: live.
        unsafe { rd::rd_kafka_event_opaque(self.ptr) }
    }

    /// Whether the request as a whole failed.
    pub(crate) fn result(&self) -> Result<(), KafkaError> {
        // SAFETY: live; the text lives as long as the event.
        let (code, reason) = unsafe {
            (rd::rd_kafka_event_error(self.ptr) as i32, rd::rd_kafka_event_error_string(self.ptr))
        };
        if code == 0 {
            return Ok(());
        }
        // SAFETY: ends in a zero byte.
        Err(KafkaError::with_reason(ErrorCode::from_raw(code), unsafe { text(reason) }))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { rd::rd_kafka_event_destroy(self.ptr) };
    }
}

/// Runs a callback; a panic must not cross into C.
///
/// # Safety
///
/// `opaque` is what [`Handle::new`] set.
unsafe fn with_callbacks(opaque: *mut c_void, call: impl FnOnce(&dyn Callbacks)) {
    // SAFETY: the handle frees this memory only after its client is gone.
    let callbacks = unsafe { &*opaque.cast::<Arc<dyn Callbacks>>() };
    if catch_unwind(AssertUnwindSafe(|| call(&**callbacks))).is_err() {
        tracing::error!("a callback of a Kafka client panicked");
    }
}

unsafe extern "C" fn on_error(
    rk: *mut rd::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a live client and strings that end in a zero byte.
    unsafe {
        let mut error = KafkaError::with_reason(ErrorCode::from_raw(code), text(reason));
        if error.code() == ErrorCode::FATAL {
            let mut detail = [0 as c_char; 512];
            let code = rd::rd_kafka_fatal_error(rk, detail.as_mut_ptr(), detail.len()) as i32;
            error = KafkaError::with_reason(ErrorCode::from_raw(code), text(detail.as_ptr()))
                .into_fatal();
        }
        with_callbacks(opaque, |callbacks| callbacks.error(error));
    }
}

unsafe extern "C" fn on_delivery(
    _rk: *mut rd::rd_kafka_t,
    message: *const rd::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: the message is live for the call. Its code is read as a number, because a broker
    // may send one that the enum does not have.
    unsafe {
        let message = &*message;
        let code = std::ptr::addr_of!(message.err).cast::<i32>().read();
        let result = if code == 0 {
            Ok((message.partition, message.offset))
        } else {
            // rd_kafka_message_produce_errstr points to freed memory in 2.12, so the code's own text
            Err(KafkaError::from_code(ErrorCode::from_raw(code)))
        };
        let token = message._private as u64;
        with_callbacks(opaque, |callbacks| callbacks.delivered(token, result));
    }
}

unsafe extern "C" fn on_rebalance(
    rk: *mut rd::rd_kafka_t,
    code: rd::rd_kafka_resp_err_t,
    list: *mut rd::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    let code = ErrorCode::from_raw(code as i32);
    // SAFETY: client and list are live for the call.
    unsafe { with_callbacks(opaque, |callbacks| callbacks.rebalance(rk, code, list)) };
}
