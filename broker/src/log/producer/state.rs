//! Sequence numbers of idempotent producers: what was appended, what is a repetition, what is
//! a gap. Pure.
//!
//! Rules (KIP-98, KIP-360): a producer that is not known may start at any sequence; a new epoch
//! starts at 0; a batch equal to one of the last five is a repetition and gets their answer; any
//! other must start right after the last. Sequences wrap to 0 after `i32::MAX`.
//!
//! Invariants: the batches of a producer rise in offset and follow each other in sequence; an
//! open transaction has a first offset, and the last stable offset is the least of these.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::records::BatchHeader;

/// Batches per producer among which a repetition is recognized.
pub(super) const WINDOW: usize = 5;

/// One appended batch of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct BatchOrigin {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub last_offset: i64,
    /// Last offset less first.
    pub offset_delta: i32,
    pub timestamp: i64,
}

impl BatchOrigin {
    /// Offset of the first record.
    pub(in super::super) fn base_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Producer {
    pub epoch: i16,
    /// At most [`WINDOW`], oldest first; empty after a marker of a newer epoch.
    pub batches: VecDeque<BatchOrigin>,
    pub coordinator_epoch: i32,
    pub last_timestamp: i64,
    pub transaction_start: Option<i64>,
}

/// What a sequence number says about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Sequence {
    /// It comes next.
    Next,
    /// It was appended before, as this.
    Duplicate(BatchOrigin),
}

/// Why a batch does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum SequenceError {
    OutOfOrder { expected: i32, found: i32 },
    OldEpoch { current: i16, found: i16 },
}

/// All producers of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Producers {
    by_id: BTreeMap<i64, Producer>,
    /// (first offset, producer id) of each open transaction.
    open_transactions: BTreeSet<(i64, i64)>,
}

impl Producers {
    /// Decides about a batch before it is appended; other than idempotent ones are always next.
    pub(in super::super) fn check(&self, header: &BatchHeader) -> Result<Sequence, SequenceError> {
        if !header.has_producer_id() || header.is_control() {
            return Ok(Sequence::Next);
        }
        let Some(producer) = self.by_id.get(&header.producer_id) else { return Ok(Sequence::Next) };
        let (epoch, found) = (header.producer_epoch, header.base_sequence);
        if epoch < producer.epoch {
            return Err(SequenceError::OldEpoch { current: producer.epoch, found: epoch });
        }
        if epoch > producer.epoch {
            return expect(0, found);
        }
        let repeated = producer.batches.iter().find(|batch| {
            batch.first_sequence == found && batch.last_sequence == header.last_sequence()
        });
        if let Some(batch) = repeated {
            return Ok(Sequence::Duplicate(*batch));
        }
        match producer.batches.back() {
            Some(last) => expect(next_sequence(last.last_sequence), found),
            None => expect(0, found),
        }
    }

    /// Notes an appended batch, given its header as it lies in the log.
    pub(in super::super) fn note(&mut self, header: &BatchHeader) {
        if !header.has_producer_id() || header.is_control() {
            return;
        }
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::new(),
            coordinator_epoch: -1,
            last_timestamp: header.max_timestamp,
            transaction_start: None,
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == WINDOW {
            producer.batches.pop_front();
        }
        producer.batches.push_back(BatchOrigin {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        producer.last_timestamp = header.max_timestamp;
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.open_transactions.insert((header.base_offset, header.producer_id));
        }
    }

    /// Notes the marker that ends a producer's transaction.
    pub(in super::super) fn note_marker(&mut self, header: &BatchHeader, coordinator_epoch: i32) {
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::new(),
            coordinator_epoch,
            last_timestamp: header.max_timestamp,
            transaction_start: None,
        });
        if header.producer_epoch > producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.coordinator_epoch = coordinator_epoch;
        producer.last_timestamp = header.max_timestamp;
        if let Some(start) = producer.transaction_start.take() {
            self.open_transactions.remove(&(start, header.producer_id));
        }
    }

    /// The first offset of the oldest open transaction.
    pub(in super::super) fn first_unstable_offset(&self) -> Option<i64> {
        self.open_transactions.first().map(|(start, _)| *start)
    }

    /// Looks a producer up.
    pub(in super::super) fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.by_id.get(&producer_id)
    }

    /// Puts a producer back as it was, or away if it was not there.
    pub(in super::super) fn restore(&mut self, producer_id: i64, producer: Option<Producer>) {
        if let Some(start) = self.by_id.remove(&producer_id).and_then(|was| was.transaction_start) {
            self.open_transactions.remove(&(start, producer_id));
        }
        let Some(producer) = producer else { return };
        if let Some(start) = producer.transaction_start {
            self.open_transactions.insert((start, producer_id));
        }
        self.by_id.insert(producer_id, producer);
    }

    /// Forgets producers without an open transaction that were silent for too long.
    pub(in super::super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_id.retain(|_, producer| {
            producer.transaction_start.is_some()
                || now_ms.saturating_sub(producer.last_timestamp) < expiration_ms
        });
    }

    /// Iterates by producer id.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, producer)| (*id, producer))
    }
}

fn expect(expected: i32, found: i32) -> Result<Sequence, SequenceError> {
    if expected == found {
        Ok(Sequence::Next)
    } else {
        Err(SequenceError::OutOfOrder { expected, found })
    }
}

fn next_sequence(last: i32) -> i32 {
    last.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(base_offset: i64, epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset,
            batch_length: 100,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 1000,
            max_timestamp: 1000,
            producer_id: 9,
            producer_epoch: epoch,
            base_sequence: sequence,
            records_count: count,
        }
    }

    fn after(batches: &[BatchHeader]) -> Producers {
        let mut producers = Producers::default();
        batches.iter().for_each(|batch| producers.note(batch));
        producers
    }

    #[test]
    fn unknown_producer_may_start_anywhere() {
        assert_eq!(Producers::default().check(&header(0, 0, 77, 1)), Ok(Sequence::Next));
    }

    #[test]
    fn batch_must_follow_the_last_one() {
        let producers = after(&[header(0, 0, 0, 3)]);
        assert_eq!(producers.check(&header(0, 0, 3, 2)), Ok(Sequence::Next));
        let gap = SequenceError::OutOfOrder { expected: 3, found: 4 };
        assert_eq!(producers.check(&header(0, 0, 4, 2)), Err(gap));
        let overlap = SequenceError::OutOfOrder { expected: 3, found: 0 };
        assert_eq!(producers.check(&header(0, 0, 0, 2)), Err(overlap));
    }

    #[test]
    fn each_of_the_last_five_batches_is_recognized_and_the_sixth_is_not() {
        let list: Vec<_> = (0..6).map(|n| header(i64::from(n) * 2, 0, n * 2, 2)).collect();
        let producers = after(&list);
        for batch in &list[1..] {
            match producers.check(batch) {
                Ok(Sequence::Duplicate(origin)) => {
                    assert_eq!(origin.base_offset(), batch.base_offset);
                }
                other => panic!("{other:?}"),
            }
        }
        let expected = SequenceError::OutOfOrder { expected: 12, found: 0 };
        assert_eq!(producers.check(&list[0]), Err(expected));
    }

    #[test]
    fn newer_epoch_starts_at_zero_and_fences_the_older() {
        let mut producers = after(&[header(0, 1, 0, 3)]);
        let wrong = SequenceError::OutOfOrder { expected: 0, found: 3 };
        assert_eq!(producers.check(&header(0, 2, 3, 1)), Err(wrong));
        assert_eq!(producers.check(&header(0, 2, 0, 1)), Ok(Sequence::Next));
        producers.note(&header(3, 2, 0, 1));
        let old = SequenceError::OldEpoch { current: 2, found: 1 };
        assert_eq!(producers.check(&header(0, 1, 3, 1)), Err(old));
    }

    #[test]
    fn sequence_wraps_to_zero() {
        let producers = after(&[header(0, 0, i32::MAX - 1, 2)]);
        assert_eq!(producers.check(&header(0, 0, 0, 1)), Ok(Sequence::Next));
        let producers = after(&[header(0, 0, i32::MAX, 3)]);
        assert_eq!(producers.check(&header(0, 0, 2, 1)), Ok(Sequence::Next));
    }

    #[test]
    fn silent_producer_is_forgotten_but_not_inside_a_transaction() {
        let mut open = header(0, 0, 0, 1);
        (open.attributes, open.producer_id) = (0x10, 10);
        let mut producers = after(&[header(5, 0, 0, 1), open]);
        assert_eq!(producers.first_unstable_offset(), Some(0));
        producers.expire(1000 + 50, 51);
        assert_eq!(producers.iter().count(), 2);
        producers.expire(1000 + 51, 51);
        assert_eq!(producers.iter().map(|(id, _)| id).collect::<Vec<_>>(), [10]);
        producers.note_marker(&open, 0);
        assert_eq!(producers.first_unstable_offset(), None);
    }

    #[test]
    fn restored_producer_is_as_before() {
        let mut open = header(8, 0, 2, 1);
        open.attributes = 0x10;
        let mut producers = after(&[header(0, 0, 0, 2)]);
        let before = producers.clone();
        let saved = producers.get(9).cloned();
        producers.note(&open);
        producers.restore(9, saved);
        assert_eq!(producers, before);
        producers.restore(9, None);
        assert_eq!(producers, Producers::default());
    }
}
