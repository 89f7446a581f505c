//! Producer state up to an offset: `<offset>.snapshot` of a partition.
//!
//! | bytes | content, big-endian |
//! |---|---|
//! | 0–1 | version `i16`, 1 |
//! | 2–5 | CRC-32C `u32` of all bytes from 6 on |
//! | 6–9 | count `i32` |
//! | then per batch, 46 | producer id `i64`, epoch `i16`, last sequence `i32`, last offset `i64`, offset delta `i32`, timestamp `i64`, coordinator epoch `i32`, first offset of the open transaction `i64` or -1 |
//!
//! There is an entry for each batch that a producer may still repeat, the newest last. Apache
//! Kafka writes the newest alone, and takes the last when it finds several. The file can be
//! rebuilt from the batches, so nobody waits for it to reach the disk, and one that is damaged
//! is passed over. Layout of Apache Kafka's `ProducerStateManager`.

use std::{collections::VecDeque, io, path::Path};

use super::{
    super::file_system::{FileSystem, read_small_file, replace_file_unsynced},
    BatchOrigin, Producer, Producers,
    state::WINDOW,
};

/// Ending of the file name after the 20-digit offset.
pub(in super::super) const FILE_SUFFIX: &str = "snapshot";

const VERSION: i16 = 1;
const PREFIX: usize = 6;
const ENTRY: usize = 46;
const LIMIT_BYTES: u64 = 1 << 30;

/// Why a snapshot was not read.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum SnapshotError {
    #[error("read failed")]
    Io(#[from] io::Error),
    #[error("version {found} is not known")]
    Version { found: i16 },
    #[error("checksum does not match")]
    Crc,
    #[error("{found} bytes for {count} producers")]
    Size { count: i64, found: usize },
}

/// Writes the state of all producers.
pub(in super::super) fn write_snapshot(
    fs: &dyn FileSystem,
    path: &Path,
    producers: &Producers,
) -> io::Result<()> {
    replace_file_unsynced(fs, path, &encode(producers))
}

/// Reads the state of all producers.
pub(in super::super) fn read_snapshot(
    fs: &dyn FileSystem,
    path: &Path,
) -> Result<Producers, SnapshotError> {
    decode(&read_small_file(fs, path, LIMIT_BYTES)?)
}

fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    for (producer_id, producer) in producers.iter() {
        if producer.batches.is_empty() {
            encode_entry(producer_id, producer, None, &mut entries);
        }
        for batch in &producer.batches {
            encode_entry(producer_id, producer, Some(batch), &mut entries);
        }
    }
    let mut bytes = Vec::with_capacity(PREFIX + 4 + entries.len());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let count = i32::try_from(entries.len() / ENTRY).unwrap_or(i32::MAX);
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(&entries);
    let crc = crc32c::crc32c(&bytes[PREFIX..]);
    bytes[2..PREFIX].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn encode_entry(
    producer_id: i64,
    producer: &Producer,
    batch: Option<&BatchOrigin>,
    into: &mut Vec<u8>,
) {
    let timestamp = batch.map_or(producer.last_timestamp, |batch| batch.timestamp);
    into.extend_from_slice(&producer_id.to_be_bytes());
    into.extend_from_slice(&producer.epoch.to_be_bytes());
    into.extend_from_slice(&batch.map_or(-1, |batch| batch.last_sequence).to_be_bytes());
    into.extend_from_slice(&batch.map_or(-1, |batch| batch.last_offset).to_be_bytes());
    into.extend_from_slice(&batch.map_or(0, |batch| batch.offset_delta).to_be_bytes());
    into.extend_from_slice(&timestamp.to_be_bytes());
    into.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
    into.extend_from_slice(&producer.transaction_start.unwrap_or(-1).to_be_bytes());
}

fn decode(bytes: &[u8]) -> Result<Producers, SnapshotError> {
    let wrong_size = |count| SnapshotError::Size { count, found: bytes.len() };
    let mut fields = Fields(bytes);
    let version = i16::from_be_bytes(fields.take().ok_or(wrong_size(0))?);
    if version != VERSION {
        return Err(SnapshotError::Version { found: version });
    }
    let crc = u32::from_be_bytes(fields.take().ok_or(wrong_size(0))?);
    if crc32c::crc32c(fields.0) != crc {
        return Err(SnapshotError::Crc);
    }
    let count = i32::from_be_bytes(fields.take().ok_or(wrong_size(0))?);
    if usize::try_from(count).ok().and_then(|n| n.checked_mul(ENTRY)) != Some(fields.0.len()) {
        return Err(wrong_size(count.into()));
    }
    let mut producers = Producers::default();
    while let Some((producer_id, mut producer)) = entry(&mut fields) {
        if let Some(before) = producers.get(producer_id).filter(|p| p.epoch == producer.epoch) {
            let newest = std::mem::take(&mut producer.batches);
            let skipped = (before.batches.len() + newest.len()).saturating_sub(WINDOW);
            producer.batches = before.batches.iter().copied().chain(newest).skip(skipped).collect();
        }
        producers.restore(producer_id, Some(producer));
    }
    Ok(producers)
}

fn entry(fields: &mut Fields<'_>) -> Option<(i64, Producer)> {
    let producer_id = i64::from_be_bytes(fields.take()?);
    let epoch = i16::from_be_bytes(fields.take()?);
    let last_sequence = i32::from_be_bytes(fields.take()?);
    let last_offset = i64::from_be_bytes(fields.take()?);
    let offset_delta = i32::from_be_bytes(fields.take()?);
    let timestamp = i64::from_be_bytes(fields.take()?);
    let coordinator_epoch = i32::from_be_bytes(fields.take()?);
    let transaction_start = i64::from_be_bytes(fields.take()?);
    let mut batches = VecDeque::new();
    if last_offset >= 0 && last_sequence >= 0 {
        batches.push_back(BatchOrigin {
            first_sequence: sequence_before(last_sequence, offset_delta),
            last_sequence,
            last_offset,
            offset_delta,
            timestamp,
        });
    }
    let producer = Producer {
        epoch,
        batches,
        coordinator_epoch,
        last_timestamp: timestamp,
        transaction_start: (transaction_start >= 0).then_some(transaction_start),
    };
    Some((producer_id, producer))
}

/// The sequence that many records before; the number before 0 is `i32::MAX`.
fn sequence_before(sequence: i32, count: i32) -> i32 {
    let difference = i64::from(sequence) - i64::from(count);
    i32::try_from(difference.rem_euclid(1 << 31)).unwrap_or(0)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producers() -> Producers {
        let origin = BatchOrigin {
            first_sequence: 3,
            last_sequence: 5,
            last_offset: 41,
            offset_delta: 2,
            timestamp: 1000,
        };
        let earlier = BatchOrigin {
            first_sequence: 1,
            last_sequence: 2,
            last_offset: 38,
            offset_delta: 1,
            timestamp: 900,
        };
        let producer = Producer {
            epoch: 1,
            batches: VecDeque::from([earlier, origin]),
            coordinator_epoch: -1,
            last_timestamp: 1000,
            transaction_start: Some(30),
        };
        let mut producers = Producers::default();
        producers.restore(9, Some(producer));
        producers
    }

    #[test]
    fn snapshot_has_the_published_layout_and_reads_back() {
        let bytes = encode(&producers());
        assert_eq!(bytes.len(), 10 + 2 * 46);
        assert_eq!(bytes[..2], [0, 1]);
        assert_eq!(bytes[6..10], [0, 0, 0, 2]);
        assert_eq!(bytes[10..24], [0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 2]);
        assert_eq!(bytes[56..70], [0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 5]);
        assert_eq!(decode(&bytes).unwrap(), producers());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode(&producers());
        for at in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[at / 8] ^= 1 << (at % 8);
            assert!(decode(&broken).is_err(), "bit {at}");
        }
        for size in 0..bytes.len() {
            assert!(decode(&bytes[..size]).is_err(), "{size} bytes");
        }
    }

    #[test]
    fn first_sequence_is_found_across_the_wrap() {
        for (last, count, expected) in
            [(5, 2, 3), (0, 0, 0), (0, 1, i32::MAX), (1, 3, i32::MAX - 1)]
        {
            assert_eq!(sequence_before(last, count), expected, "{last} - {count}");
        }
    }
}
