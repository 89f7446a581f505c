//! What the group decided, from librdkafka's callback to the caller's answer.
//!
//! ```text
//! callback ──> queue of decisions ──> given to the caller ──> answered at its next poll
//! ```
//!
//! librdkafka waits for the answer, so a caller has until then to commit what is revoked, or to
//! choose where to start what is assigned.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::bindings as rd;

use crate::TopicPartition;
use crate::error::{ErrorCode, KafkaError};
use crate::native::{
    Callbacks, Handle, LastError, PartitionList, Queue, error_from_ptr, millis, text,
};

/// How many errors are kept for a caller that does not poll.
const MOST_ERRORS: usize = 64;
/// How long an assignment waits for the committed offsets.
const COMMITTED: Duration = Duration::from_secs(1);

/// Which way partitions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Assigned,
    Revoked,
    /// Taken away without asking: others may own them already.
    Lost,
}

/// One decision of the group, not yet answered.
pub(super) struct Decision {
    pub(super) direction: Direction,
    pub(super) list: PartitionList,
    /// Whether the list is a change (cooperative) or the whole (eager).
    incremental: bool,
    /// Partitions to be paused as soon as they are assigned.
    pub(super) paused: BTreeSet<TopicPartition>,
}

impl Decision {
    /// Starts partitions without a committed offset at `reset`.
    ///
    /// librdkafka would do the same, 100 ms later. What cannot be found out in time is left to
    /// it, and so is what has a committed offset, whose leader epoch it checks.
    pub(super) fn choose_starts(&mut self, handle: &Handle, reset: i64) {
        let invalid = i64::from(rd::RD_KAFKA_OFFSET_INVALID);
        let open = self.list.entries().into_iter().filter(|entry| entry.offset == invalid);
        let open: Vec<TopicPartition> = open.map(|entry| entry.partition).collect();
        let Ok(list) = PartitionList::of(&open) else { return };
        if open.is_empty() {
            return;
        }
        let timeout = millis(COMMITTED);
        // SAFETY: client and list are live.
        let code = unsafe { rd::rd_kafka_committed(handle.as_ptr(), list.as_ptr(), timeout) };
        if from_code(code).is_err() {
            return;
        }
        for entry in list.entries() {
            if entry.offset == invalid && entry.code == ErrorCode::NONE {
                self.list.set_offset(&entry.partition, reset);
            }
        }
    }

    /// Tells librdkafka that the caller has dealt with it.
    pub(super) fn answer(&self, handle: &Handle) -> Result<(), KafkaError> {
        let rk = handle.as_ptr();
        let assigned = self.direction == Direction::Assigned;
        // SAFETY: client and list are live; the list is copied.
        unsafe {
            let result = match (self.incremental, assigned) {
                (true, true) => {
                    error_from_ptr(rd::rd_kafka_incremental_assign(rk, self.list.as_ptr()))
                }
                (true, false) => {
                    error_from_ptr(rd::rd_kafka_incremental_unassign(rk, self.list.as_ptr()))
                }
                (false, true) => from_code(rd::rd_kafka_assign(rk, self.list.as_ptr())),
                (false, false) => from_code(rd::rd_kafka_assign(rk, std::ptr::null())),
            };
            if !self.paused.is_empty()
                && let Ok(paused) = PartitionList::of(&self.paused)
            {
                rd::rd_kafka_pause_partitions(rk, paused.as_ptr());
            }
            result
        }
    }
}

pub(super) fn from_code(code: rd::rd_kafka_resp_err_t) -> Result<(), KafkaError> {
    match ErrorCode::from_raw(code as i32) {
        ErrorCode::NONE => Ok(()),
        code => Err(KafkaError::from_code(code)),
    }
}

/// What the callbacks and the consumer share.
#[derive(Default)]
pub(super) struct Shared {
    decisions: Mutex<VecDeque<Decision>>,
    errors: Mutex<VecDeque<KafkaError>>,
    last_error: LastError,
    closing: AtomicBool,
    woken: AtomicBool,
    /// Wakes the poll in which the callback runs, so that the decision is seen at once.
    pub(super) waker: OnceLock<WakeUp>,
}

/// A queue to be woken, without keeping its client alive.
pub(super) struct WakeUp(pub(super) *mut rd::rd_kafka_queue_t);

// SAFETY: librdkafka's queues may be used from any thread; see `Shared::wake` for its life.
unsafe impl Send for WakeUp {}
// SAFETY: as above.
unsafe impl Sync for WakeUp {}

impl Shared {
    /// The oldest decision that the caller has not seen.
    pub(super) fn next_decision(&self) -> Option<Decision> {
        self.decisions.lock().pop_front()
    }

    /// Whether there is a decision that the caller has not seen.
    pub(super) fn has_decision(&self) -> bool {
        !self.decisions.lock().is_empty()
    }

    /// The partitions lost by decisions that the caller has not seen.
    pub(super) fn lost(&self) -> BTreeSet<TopicPartition> {
        self.decisions
            .lock()
            .iter()
            .filter(|decision| decision.direction == Direction::Lost)
            .flat_map(|decision| decision.list.partitions())
            .collect()
    }

    /// The oldest error that the caller has not seen.
    pub(super) fn next_error(&self) -> Option<KafkaError> {
        self.errors.lock().pop_front()
    }

    /// Keeps an error for the caller; the oldest go when there are too many.
    pub(super) fn push_error(&self, error: KafkaError) {
        let mut errors = self.errors.lock();
        if errors.len() == MOST_ERRORS {
            errors.pop_front();
        }
        errors.push_back(error);
    }

    /// The last trouble with a connection.
    pub(super) fn last_error(&self) -> Option<KafkaError> {
        self.last_error.get()
    }

    /// Notes that somebody wants the poll to end.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
    }

    /// Whether somebody wanted the poll to end, and forgets it.
    pub(super) fn take_wake(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    /// From now on, decisions are answered at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Lets the callbacks wake this queue, which must live until the client is closed.
    pub(super) fn wake_with(&self, queue: &Queue) {
        let _ = self.waker.set(WakeUp(queue.as_ptr()));
    }
}

impl Callbacks for Shared {
    fn error(&self, error: KafkaError) {
        if error.is_fatal() || error.code() == ErrorCode::AUTHENTICATION {
            self.push_error(error.clone().into_fatal());
        }
        self.last_error.note(error);
    }

    fn delivered(&self, _: u64, _: Result<(i32, i64), KafkaError>) {
        // a consumer sends nothing
    }

    unsafe fn rebalance(
        &self,
        rk: *mut rd::rd_kafka_t,
        code: ErrorCode,
        list: *mut rd::rd_kafka_topic_partition_list_t,
    ) {
        const ASSIGN: i32 = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as i32;
        const REVOKE: i32 = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS as i32;
        // SAFETY: client and list are live for the call.
        unsafe {
            let incremental = text(rd::rd_kafka_rebalance_protocol(rk)) == "COOPERATIVE";
            let direction = match code.raw() {
                ASSIGN => Direction::Assigned,
                REVOKE if rd::rd_kafka_assignment_lost(rk) != 0 => Direction::Lost,
                REVOKE => Direction::Revoked,
                _ => {
                    self.push_error(KafkaError::from_code(code));
                    rd::rd_kafka_assign(rk, std::ptr::null());
                    return;
                }
            };
            if self.closing.load(Ordering::Acquire) {
                if incremental && direction != Direction::Assigned {
                    let _ = error_from_ptr(rd::rd_kafka_incremental_unassign(rk, list));
                } else {
                    rd::rd_kafka_assign(rk, std::ptr::null());
                }
                return;
            }
            let list = PartitionList::copy_of(list);
            let paused = BTreeSet::new();
            self.decisions.lock().push_back(Decision { direction, list, incremental, paused });
            if let Some(waker) = self.waker.get() {
                // the poll that runs this callback would otherwise go on waiting for a record
                rd::rd_kafka_queue_yield(waker.0);
            }
        }
    }
}
