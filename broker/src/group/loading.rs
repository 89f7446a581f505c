//! From the log to the groups: the fold of one partition of `__consumer_offsets`.
//!
//! Offsets committed inside a transaction count from the transaction's commit marker on. Records
//! of kinds that this coordinator does not keep are passed over: newer brokers write them too.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use protocol::records::{
    BatchError, BatchHeader, Batches, ControlError, ControlRecord, ControlType, RecordIter,
};
use tracing::warn;

use super::codec::{self, Decoded, RecordError};
use super::event::Now;
use super::offsets_log::{OFFSETS_TOPIC, OffsetsLog, OffsetsLogError};
use super::record::GroupRecord;
use super::state::Groups;
use crate::config::GroupSettings;

/// Largest batch after decompression, in bytes.
const MAX_BATCH_SIZE: usize = 256 << 20;

/// Why the groups of a partition cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] OffsetsLogError),
    /// A batch is damaged.
    #[error("batch of {OFFSETS_TOPIC}-{partition} after offset {offset}")]
    Batch { partition: i32, offset: i64, source: BatchError },
    /// A transaction marker is damaged.
    #[error("marker of {OFFSETS_TOPIC}-{partition} at offset {offset}")]
    Marker { partition: i32, offset: i64, source: ControlError },
}

/// Reads a partition from its beginning to its end.
pub(super) async fn load(
    log: &dyn OffsetsLog,
    partition: i32,
    settings: &Arc<GroupSettings>,
    now: Now,
) -> Result<Groups, LoadError> {
    let mut fold = Fold {
        partition,
        groups: Groups::new(Arc::clone(settings)),
        now,
        next_offset: 0,
        open: HashMap::new(),
    };
    let mut from = None;
    loop {
        let chunk = log.read(partition, from).await?;
        if chunk.is_empty() {
            return Ok(fold.groups);
        }
        let before = fold.next_offset;
        fold.chunk(&chunk)?;
        if from.is_some() && fold.next_offset == before {
            return Ok(fold.groups);
        }
        from = Some(fold.next_offset);
        tokio::task::yield_now().await;
    }
}

struct Fold {
    partition: i32,
    groups: Groups,
    now: Now,
    next_offset: i64,
    /// Records of transactions without a marker yet, by producer id.
    open: HashMap<i64, Vec<GroupRecord>>,
}

impl Fold {
    fn chunk(&mut self, chunk: &Bytes) -> Result<(), LoadError> {
        let (partition, offset) = (self.partition, self.next_offset);
        for batch in Batches::new(chunk) {
            let failed = |source| LoadError::Batch { partition, offset, source };
            let (header, bytes) = batch.map_err(failed)?;
            if header.next_offset() > self.next_offset {
                self.batch(&header, &chunk.slice_ref(bytes))?;
                self.next_offset = header.next_offset();
            }
        }
        Ok(())
    }

    fn batch(&mut self, header: &BatchHeader, bytes: &Bytes) -> Result<(), LoadError> {
        let (partition, offset) = (self.partition, self.next_offset);
        let failed = |source| LoadError::Batch { partition, offset, source };
        for record in RecordIter::new(bytes, MAX_BATCH_SIZE).map_err(failed)? {
            let record = record.map_err(failed)?;
            if record.offset < self.next_offset {
                continue;
            }
            if header.is_control() {
                let marker = ControlRecord::parse(&record).map_err(|source| LoadError::Marker {
                    partition,
                    offset: record.offset,
                    source,
                })?;
                self.end_transaction(header.producer_id, marker.kind == ControlType::Commit);
                continue;
            }
            match codec::decode(record.key.as_ref(), record.value.as_ref()) {
                Ok(Decoded::Group(kept)) if header.is_transactional() => {
                    self.open.entry(header.producer_id).or_default().push(kept);
                }
                Ok(Decoded::Group(kept)) => self.groups.apply(kept, self.now),
                Ok(Decoded::OtherKind(_)) => {}
                Err(reason) => self.pass_over(record.offset, &reason),
            }
        }
        Ok(())
    }

    fn end_transaction(&mut self, producer_id: i64, committed: bool) {
        let records = self.open.remove(&producer_id).unwrap_or_default();
        if committed {
            for record in records {
                self.groups.apply(record, self.now);
            }
        }
    }

    fn pass_over(&self, offset: i64, reason: &RecordError) {
        warn!(partition = self.partition, offset, %reason, "passing over a group record");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use protocol::records::{BatchBuilder, Compression, NewRecord};

    use super::super::event::{Committed, FetchedOffset, OffsetQuery};
    use super::super::testing::{MemoryLog, settings};
    use super::*;

    const NOW: Now = Now { elapsed_ms: 0, unix_ms: 0 };

    fn offset(partition: i32, offset: i64) -> GroupRecord {
        let committed = Committed {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
            commit_timestamp_ms: 0,
            expire_timestamp_ms: None,
        };
        GroupRecord::Offset {
            group_id: "g".into(),
            topic: "t".into(),
            partition,
            committed: Some(committed),
        }
    }

    fn batch(records: &[GroupRecord]) -> Bytes {
        let records: VecDeque<_> =
            records.iter().map(|record| codec::encode(record).unwrap()).collect();
        codec::batch(&records, 0, usize::MAX).unwrap().0
    }

    /// The same batch, inside a transaction of producer 7.
    fn transactional(record: &GroupRecord) -> Bytes {
        let plain = batch(std::slice::from_ref(record));
        let record = RecordIter::new(&plain, MAX_BATCH_SIZE).unwrap().next().unwrap().unwrap();
        let mut builder = BatchBuilder::new(Compression::None).producer(7, 0, 0).transactional();
        builder.push(NewRecord {
            timestamp: 0,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &[],
        });
        builder.build().unwrap()
    }

    fn marker(kind: ControlType) -> Bytes {
        ControlRecord { kind, coordinator_epoch: 0 }.batch((7, 0), 0).unwrap()
    }

    async fn offsets(batches: &[Bytes]) -> Vec<(i32, i64)> {
        let log = MemoryLog::default();
        for batch in batches {
            log.put(0, batch);
        }
        let groups = load(&log, 0, &Arc::new(settings()), NOW).await.unwrap();
        let sorted = groups.sorted();
        let Some(group) = sorted.get("g") else { return Vec::new() };
        let plain = |one: FetchedOffset| (one.partition, one.committed.unwrap().offset);
        group.offsets.fetch(OffsetQuery::All).into_iter().map(plain).collect()
    }

    #[tokio::test]
    async fn later_records_win() {
        let batches = [batch(&[offset(0, 1), offset(1, 2)]), batch(&[offset(0, 3)])];
        assert_eq!(offsets(&batches).await, [(0, 3), (1, 2)]);
    }

    #[tokio::test]
    async fn an_empty_partition_has_no_groups() {
        assert_eq!(offsets(&[]).await, []);
    }

    #[tokio::test]
    async fn offsets_of_a_transaction_count_from_its_commit_on() {
        let before = batch(&[offset(0, 1)]);
        let inside = transactional(&offset(0, 9));
        let open = [before.clone(), inside.clone()];
        assert_eq!(offsets(&open).await, [(0, 1)]);
        let aborted = [before.clone(), inside.clone(), marker(ControlType::Abort)];
        assert_eq!(offsets(&aborted).await, [(0, 1)]);
        let committed = [before, inside, marker(ControlType::Commit)];
        assert_eq!(offsets(&committed).await, [(0, 9)]);
    }

    #[tokio::test]
    async fn records_of_other_kinds_and_damaged_ones_are_passed_over() {
        let mut builder = BatchBuilder::new(Compression::None);
        for key in [&[0, 3, 1][..], &[0], &[0, 1, 0, 99]] {
            let value = Some(&b"?"[..]);
            builder.push(NewRecord { timestamp: 0, key: Some(key), value, headers: &[] });
        }
        let strange = builder.build().unwrap();
        let batches = [batch(&[offset(0, 1)]), strange, batch(&[offset(1, 2)])];
        assert_eq!(offsets(&batches).await, [(0, 1), (1, 2)]);
    }

    #[tokio::test]
    async fn a_damaged_batch_keeps_the_partition_from_being_served() {
        let mut damaged = batch(&[offset(0, 1)]).to_vec();
        damaged[61] = 0xff;
        let log = MemoryLog::default();
        log.put(0, &damaged);
        assert!(load(&log, 0, &Arc::new(settings()), NOW).await.is_err());
    }
}
