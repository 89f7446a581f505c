//! Up to where each partition is known to be on the medium, noted after every flush:
//! `durable-points` of a log directory. Ours; Apache Kafka ignores it.
//!
//! | bytes of a slot | content |
//! |---|---|
//! | 0–15 | topic id |
//! | 16–19 | partition `i32`, big-endian |
//! | 20–27 | offset `i64`, big-endian |
//! | 28–31 | CRC-32C of bytes 0 to 27 |
//!
//! A slot is written in place *after* an `fdatasync` of the log succeeded, and nobody waits for
//! it. So whatever value is found later was true: after `kill -9` it is the newest, after a
//! power cut an older one. That tells recovery which damage is a torn tail and which is the
//! medium lying, at the price of one 32-byte write per flush.
//!
//! Invariants: a slot never crosses a sector; it belongs to one partition of one topic id
//! while the file lives; the offset of a partition only grows.

use std::{
    collections::HashMap,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use protocol::Uuid;

use super::{
    super::file_system::{FileHandle, FileSystem, OpenMode, read_small_file, write_all_at},
    LIMIT_BYTES,
};

/// Name of the file in a log directory.
const FILE_NAME: &str = "durable-points";

/// Bytes of a slot.
pub(in super::super) const SLOT_SIZE: usize = 32;

/// Offsets by topic id and partition.
pub(in super::super) type Points = HashMap<(Uuid, i32), i64>;

/// The open file of a log directory.
#[derive(Debug)]
pub(in super::super) struct DurablePoints {
    path: PathBuf,
    fs: Arc<dyn FileSystem>,
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    file: Option<Arc<dyn FileHandle>>,
    places: HashMap<(Uuid, i32), u64>,
    /// How many slots the file has.
    count: u64,
}

impl DurablePoints {
    /// Reads the slots that are whole; returns them and the file to go on with.
    pub(in super::super) fn open(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
    ) -> io::Result<(Self, Points)> {
        let path = dir.join(FILE_NAME);
        let content = match read_small_file(&*fs, &path, LIMIT_BYTES) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut points = Points::new();
        let mut places = HashMap::new();
        for (place, slot) in (0..).zip(content.chunks(SLOT_SIZE)) {
            let Some((topic_id, partition, offset)) = decode(slot) else { continue };
            let point = points.entry((topic_id, partition)).or_default();
            *point = offset.max(*point);
            places.insert((topic_id, partition), place);
        }
        let file = if content.is_empty() { None } else { Some(fs.open(&path, OpenMode::Write)?) };
        let count = content.len().div_ceil(SLOT_SIZE) as u64;
        Ok((Self { path, fs, slots: Mutex::new(Slots { file, places, count }) }, points))
    }

    /// Notes an offset; call only after the flush that made it true.
    pub(in super::super) fn note(
        &self,
        topic_id: Uuid,
        partition: i32,
        offset: i64,
    ) -> io::Result<()> {
        let mut slots = self.slots.lock();
        let file = match &slots.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = self.fs.open(&self.path, OpenMode::Create)?;
                slots.file = Some(Arc::clone(&file));
                file
            }
        };
        let next = slots.count;
        let place = *slots.places.entry((topic_id, partition)).or_insert(next);
        slots.count = next.max(place + 1);
        drop(slots);
        let slot = encode(topic_id, partition, offset);
        write_all_at(&*file, &mut [IoSlice::new(&slot)], place * SLOT_SIZE as u64)
    }

    /// Empties the file, once a checkpoint that covers it is durable.
    pub(in super::super) fn clear(&self) -> io::Result<()> {
        let mut slots = self.slots.lock();
        if let Some(file) = &slots.file {
            file.set_len(0)?;
        }
        slots.places.clear();
        slots.count = 0;
        Ok(())
    }
}

fn encode(topic_id: Uuid, partition: i32, offset: i64) -> [u8; SLOT_SIZE] {
    let mut slot = [0; SLOT_SIZE];
    slot[..16].copy_from_slice(&topic_id.0);
    slot[16..20].copy_from_slice(&partition.to_be_bytes());
    slot[20..28].copy_from_slice(&offset.to_be_bytes());
    let crc = crc32c::crc32c(&slot[..28]);
    slot[28..].copy_from_slice(&crc.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(Uuid, i32, i64)> {
    let slot: &[u8; SLOT_SIZE] = slot.try_into().ok()?;
    let crc = u32::from_be_bytes(*slot.last_chunk()?);
    if crc32c::crc32c(&slot[..28]) != crc {
        return None;
    }
    let topic_id = Uuid(*slot.first_chunk()?);
    let partition = i32::from_be_bytes(slot[16..20].try_into().ok()?);
    let offset = i64::from_be_bytes(slot[20..28].try_into().ok()?);
    Some((topic_id, partition, offset))
}

#[cfg(test)]
mod tests {
    use super::{super::super::file_system::OsFileSystem, *};

    fn open(dir: &Path) -> (DurablePoints, Points) {
        DurablePoints::open(Arc::new(OsFileSystem), dir).unwrap()
    }

    #[test]
    fn newest_offset_of_each_partition_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let (points, found) = open(dir.path());
        assert!(found.is_empty());
        let topic = Uuid([7; 16]);
        points.note(topic, 0, 10).unwrap();
        points.note(topic, 1, 20).unwrap();
        points.note(topic, 0, 30).unwrap();
        let (points, found) = open(dir.path());
        assert_eq!(found, HashMap::from([((topic, 0), 30), ((topic, 1), 20)]));
        points.note(topic, 1, 40).unwrap();
        assert_eq!(std::fs::metadata(dir.path().join(FILE_NAME)).unwrap().len(), 64);
        points.clear().unwrap();
        points.note(topic, 2, 50).unwrap();
        assert_eq!(open(dir.path()).1, HashMap::from([((topic, 2), 50)]));
    }

    #[test]
    fn damaged_slot_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (points, _) = open(dir.path());
        points.note(Uuid([7; 16]), 0, 10).unwrap();
        points.note(Uuid([7; 16]), 1, 20).unwrap();
        let path = dir.path().join(FILE_NAME);
        let mut content = std::fs::read(&path).unwrap();
        content[5] ^= 1;
        std::fs::write(&path, &content[..content.len() - 1]).unwrap();
        assert!(open(dir.path()).1.is_empty());
        content.extend([0; SLOT_SIZE]);
        std::fs::write(&path, &content).unwrap();
        assert_eq!(open(dir.path()).1, HashMap::from([((Uuid([7; 16]), 1), 20)]));
    }

    #[test]
    fn slot_has_its_documented_bytes() {
        let slot = encode(Uuid([0xab; 16]), 3, 258);
        assert_eq!(slot[16..28], [0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(decode(&slot), Some((Uuid([0xab; 16]), 3, 258)));
    }
}
