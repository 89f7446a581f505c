//! Which source offsets may be stored: those whose records, and all before them, are acknowledged.
//!
//! Records are counted in runs: consecutive records of one source partition. The token that the
//! producer carries per record is the number of its run, so an acknowledgement is one atomic
//! subtraction in a ring, whatever thread it comes from.
//!
//! Invariants: an offset is given out only when every record of its run and of all earlier runs
//! of the same source partition is acknowledged; a lost acknowledgement holds back its own
//! partition only; a ring place is reused only after its run has been taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use connect_api::{OffsetMap, PartitionMap};

/// Most records in one run: how fine-grained offsets are within one poll.
const MAX_RUN: u32 = 500;
/// Added while a run is open, so that acknowledgements cannot complete it too early.
const OPEN: u32 = 1 << 31;

/// Where acknowledgements arrive; shared with the producer's thread.
#[derive(Debug)]
pub struct Acks {
    outstanding: Box<[AtomicU32]>,
    mask: u64,
    acknowledged: AtomicU64,
}

impl Acks {
    fn new(capacity: usize) -> Self {
        let capacity = capacity.next_power_of_two();
        let outstanding = (0..capacity).map(|_| AtomicU32::new(0)).collect();
        let mask = u64::try_from(capacity - 1).expect("a ring is far below 2^64 places");
        Self { outstanding, mask, acknowledged: AtomicU64::new(0) }
    }

    fn place(&self, token: u64) -> &AtomicU32 {
        let index =
            usize::try_from(token & self.mask).expect("the mask is below the ring's length");
        &self.outstanding[index]
    }

    /// Counts one record of run `token` as acknowledged (or skipped for good).
    pub fn acknowledge(&self, token: u64) {
        self.place(token).fetch_sub(1, Ordering::AcqRel);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many records were acknowledged since the start.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }
}

/// A source partition and the offset up to which it may be resumed.
pub type Committable = (Arc<PartitionMap>, OffsetMap);

#[derive(Debug)]
struct Run {
    partition: Arc<PartitionMap>,
    offset: OffsetMap,
    count: u32,
    taken: bool,
}

/// The runs of one task that are under way, in the order of their records.
#[derive(Debug)]
pub struct Submitted {
    acks: Arc<Acks>,
    runs: VecDeque<Run>,
    first: u64,
    open: bool,
}

impl Submitted {
    /// Makes a tracker for at most `capacity` runs (rounded up to a power of two).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { acks: Arc::new(Acks::new(capacity)), runs: VecDeque::new(), first: 0, open: false }
    }

    /// The end that the producer's thread uses.
    #[must_use]
    pub fn acks(&self) -> Arc<Acks> {
        Arc::clone(&self.acks)
    }

    /// Tells whether one more run fits; if not, take committable offsets and wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.runs.len() < self.acks.outstanding.len()
    }

    /// Token for the next record of `partition`; the record is not counted yet.
    ///
    /// Needs [`Submitted::has_room`].
    pub fn token(&mut self, partition: &Arc<PartitionMap>) -> u64 {
        if self.open {
            let run = self.runs.back().expect("an open run is the last one");
            let same = Arc::ptr_eq(&run.partition, partition) || run.partition == *partition;
            if !same || run.count >= MAX_RUN {
                self.close();
            }
        }
        if !self.open {
            assert!(self.has_room(), "the caller checks for room before it asks for a token");
            let token = self.next();
            self.acks.place(token).store(OPEN, Ordering::Release);
            self.runs.push_back(Run {
                partition: Arc::clone(partition),
                offset: OffsetMap::default(),
                count: 0,
                taken: false,
            });
            self.open = true;
        }
        self.next() - 1
    }

    /// Counts one record, handed over (or dropped on purpose) under the current token.
    pub fn count(&mut self, offset: OffsetMap) {
        let run = self.runs.back_mut().expect("a token was asked for before");
        run.count += 1;
        run.offset = offset;
    }

    /// Ends the current run: its offsets can be taken once all its records are acknowledged.
    pub fn close(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        let count = self.runs.back().map_or(0, |run| run.count);
        if count == 0 {
            self.runs.pop_back();
            return;
        }
        let token = self.next() - 1;
        self.acks.place(token).fetch_sub(OPEN - count, Ordering::AcqRel);
    }

    /// Takes the offsets that may be stored now: at most one per source partition, the latest.
    pub fn take_committable(&mut self) -> Vec<Committable> {
        let mut latest: Vec<Committable> = Vec::new();
        let mut blocked: Vec<Arc<PartitionMap>> = Vec::new();
        let open_at = if self.open { self.runs.len() - 1 } else { self.runs.len() };
        for index in 0..open_at {
            let token = self.first + u64::try_from(index).expect("a ring is far below 2^64 places");
            let run = &mut self.runs[index];
            if run.taken || is_in(&blocked, &run.partition) {
                continue;
            }
            if self.acks.place(token).load(Ordering::Acquire) != 0 {
                blocked.push(Arc::clone(&run.partition));
                continue;
            }
            run.taken = true;
            let offset = std::mem::take(&mut run.offset);
            match latest.iter_mut().find(|(partition, _)| same(partition, &run.partition)) {
                Some(entry) => entry.1 = offset,
                None => latest.push((Arc::clone(&run.partition), offset)),
            }
        }
        while self.runs.front().is_some_and(|run| run.taken) {
            self.runs.pop_front();
            self.first += 1;
        }
        latest
    }

    /// Tells whether every record so far is acknowledged and its offset taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    fn next(&self) -> u64 {
        self.first + u64::try_from(self.runs.len()).expect("a ring is far below 2^64 places")
    }
}

fn same(left: &Arc<PartitionMap>, right: &Arc<PartitionMap>) -> bool {
    Arc::ptr_eq(left, right) || left == right
}

fn is_in(list: &[Arc<PartitionMap>], partition: &Arc<PartitionMap>) -> bool {
    list.iter().any(|entry| same(entry, partition))
}

#[cfg(test)]
mod tests {
    use connect_api::Value;

    use super::*;

    fn partition(name: &str) -> Arc<PartitionMap> {
        Arc::new(PartitionMap::new([("p", Value::from(name))]))
    }

    fn offset(position: i64) -> OffsetMap {
        OffsetMap::new([("position", Value::Int64(position))])
    }

    fn send(submitted: &mut Submitted, partition: &Arc<PartitionMap>, position: i64) -> u64 {
        let token = submitted.token(partition);
        submitted.count(offset(position));
        token
    }

    #[test]
    fn offset_waits_for_every_record_of_its_run() {
        let mut submitted = Submitted::new(8);
        let (acks, a) = (submitted.acks(), partition("a"));
        let first = send(&mut submitted, &a, 1);
        acks.acknowledge(first);
        assert_eq!(submitted.take_committable(), [], "the run is open");
        let second = send(&mut submitted, &a, 2);
        submitted.close();
        assert_eq!(submitted.take_committable(), [], "one record is under way");
        acks.acknowledge(second);
        assert_eq!(submitted.take_committable(), [(a, offset(2))]);
        assert!(submitted.is_empty());
    }

    #[test]
    fn lost_acknowledgement_holds_back_its_own_partition_only() {
        let mut submitted = Submitted::new(8);
        let (acks, a, b) = (submitted.acks(), partition("a"), partition("b"));
        let lost = send(&mut submitted, &a, 1);
        let other = send(&mut submitted, &b, 10);
        let later = send(&mut submitted, &a, 2);
        submitted.close();
        acks.acknowledge(other);
        acks.acknowledge(later);
        assert_eq!(submitted.take_committable(), [(b, offset(10))]);
        assert!(!submitted.is_empty());
        acks.acknowledge(lost);
        assert_eq!(submitted.take_committable(), [(a, offset(2))]);
        assert!(submitted.is_empty());
    }

    #[test]
    fn ring_is_full_until_its_oldest_run_is_taken() {
        let mut submitted = Submitted::new(2);
        let (acks, a, b) = (submitted.acks(), partition("a"), partition("b"));
        let first = send(&mut submitted, &a, 1);
        let second = send(&mut submitted, &b, 1);
        submitted.close();
        assert!(!submitted.has_room());
        acks.acknowledge(second);
        submitted.take_committable();
        assert!(!submitted.has_room(), "the older run still holds its place");
        acks.acknowledge(first);
        submitted.take_committable();
        assert!(submitted.has_room());
        for round in 0..10 {
            let token = send(&mut submitted, &a, round);
            submitted.close();
            acks.acknowledge(token);
            assert_eq!(submitted.take_committable(), [(Arc::clone(&a), offset(round))]);
        }
    }

    #[test]
    fn long_run_is_cut() {
        let mut submitted = Submitted::new(8);
        let a = partition("a");
        let tokens: Vec<_> =
            (0..i64::from(MAX_RUN) + 1).map(|i| send(&mut submitted, &a, i)).collect();
        assert_eq!(tokens.first(), Some(&0));
        assert_eq!(tokens.last(), Some(&1));
    }

    #[test]
    fn run_without_a_record_leaves_no_trace() {
        let mut submitted = Submitted::new(8);
        submitted.token(&partition("a"));
        submitted.close();
        assert!(submitted.is_empty());
    }
}
