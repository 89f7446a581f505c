//! Records that librdkafka lends: nothing is copied, and each is given back with the batch.
#![expect(unsafe_code, reason = "reads librdkafka's memory")]

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use rdkafka::bindings as rd;

use crate::native::Handle;

/// The records of one poll. To be reused: a poll empties it first.
///
/// Not to be shared between threads: librdkafka parses a record's headers at the first look.
#[derive(Default)]
pub struct Batch {
    messages: Vec<*mut rd::rd_kafka_message_t>,
    /// Keeps the client alive while records are lent.
    client: Option<Arc<Handle>>,
}

// SAFETY: the messages belong to the batch alone, and librdkafka lets any thread free them.
unsafe impl Send for Batch {}
impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The records, each partition's in the order of their offsets.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        // SAFETY: every pointer is a live message that this batch owns.
        self.messages.iter().map(|&message| Record { message: unsafe { &*message } })
    }

    /// One record by its place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        // SAFETY: as in `iter`.
        self.messages.get(index).map(|&message| Record { message: unsafe { &*message } })
    }

    /// Gives all records back.
    pub fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: ours, and the client is still alive.
            unsafe { rd::rd_kafka_message_destroy(message) };
        }
        self.client = None;
    }

    /// Takes up to `most` messages from a queue, waiting for the room to be filled.
    pub(super) fn fill(&mut self, queue: &crate::native::Queue, timeout_ms: i32, most: usize) {
        self.client.get_or_insert_with(|| queue.client().clone());
        self.messages.reserve(most);
        // SAFETY: there is room for `most` pointers behind the last one; as many as the call
        // returns are set. It returns -1 on failure.
        unsafe {
            let room = self.messages.as_mut_ptr().add(self.messages.len());
            let taken = rd::rd_kafka_consume_batch_queue(queue.as_ptr(), timeout_ms, room, most);
            let taken = usize::try_from(taken).unwrap_or(0);
            self.messages.set_len(self.messages.len() + taken);
        }
    }

    /// Gives back the messages that `keep` refuses.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Record<'_>) -> bool) {
        self.messages.retain(|&message| {
            // SAFETY: live and ours; not used after it is destroyed.
            let kept = keep(&Record { message: unsafe { &*message } });
            if !kept {
                // SAFETY: as above.
                unsafe { rd::rd_kafka_message_destroy(message) };
            }
            kept
        });
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a record's timestamp means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The record has none.
    NotAvailable,
    /// When the producer made it.
    CreateTime,
    /// When the broker appended it.
    LogAppendTime,
}

/// One record of a batch.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    message: &'a rd::rd_kafka_message_t,
}

impl<'a> Record<'a> {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        if self.message.rkt.is_null() {
            return "";
        }
        // SAFETY: the message keeps the topic's handle alive, and that the name.
        let name = unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(self.message.rkt)) };
        // Kafka's topic names are ASCII
        name.to_str().unwrap_or("")
    }

    /// The partition.
    #[must_use]
    pub const fn partition(&self) -> i32 {
        self.message.partition
    }

    /// The offset.
    #[must_use]
    pub const fn offset(&self) -> i64 {
        self.message.offset
    }

    /// The key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: the message owns that many bytes.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    /// The value; none is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: the message owns that many bytes.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// Milliseconds since 1970 and what they mean; -1 when there is none.
    #[must_use]
    pub fn timestamp(&self) -> (i64, TimestampType) {
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a live message.
        let time = unsafe { rd::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        let kind = match kind {
            rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => {
                TimestampType::NotAvailable
            }
            rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => {
                TimestampType::CreateTime
            }
            rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => {
                TimestampType::LogAppendTime
            }
        };
        (time, kind)
    }

    /// The headers in their order; names may repeat.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        let mut list = std::ptr::null_mut();
        // SAFETY: a live message; librdkafka parses the headers at the first call and keeps them
        // with the message.
        let code = unsafe { rd::rd_kafka_message_headers(self.message, &raw mut list) };
        let found = code == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let list = if found { list.cast_const() } else { std::ptr::null() };
        Headers { list, next: 0, message: std::marker::PhantomData }
    }

    /// librdkafka's code: 0 on a record, another on an error in a record's clothes.
    pub(super) fn code(&self) -> i32 {
        // SAFETY: read as a number, because a broker may send one that the enum does not have.
        unsafe { std::ptr::addr_of!(self.message.err).cast::<i32>().read() }
    }

    /// The text of an error in a record's clothes.
    pub(super) fn error_text(&self) -> String {
        // SAFETY: a live message with an error.
        unsafe { crate::native::text(rd::rd_kafka_message_errstr(self.message)) }
    }
}

/// Iterates over a record's headers.
pub struct Headers<'a> {
    list: *const rd::rd_kafka_headers_t,
    next: usize,
    message: std::marker::PhantomData<&'a rd::rd_kafka_message_t>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.list.is_null() {
            return None;
        }
        let mut name = std::ptr::null();
        let mut value: *const c_void = std::ptr::null();
        let mut size = 0;
        // SAFETY: the list lives as long as the message; the call fails behind its end.
        unsafe {
            let code = rd::rd_kafka_header_get_all(
                self.list,
                self.next,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            );
            if code != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            self.next += 1;
            let name = CStr::from_ptr(name).to_str().unwrap_or("");
            Some((name, bytes(value.cast_mut(), size)))
        }
    }
}

/// # Safety
///
/// `ptr` is null or points to `len` bytes that live as long as the result.
unsafe fn bytes<'a>(ptr: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: says the caller.
    (!ptr.is_null()).then(|| unsafe { std::slice::from_raw_parts(ptr.cast(), len) })
}
