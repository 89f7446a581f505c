//! The two sparse indexes of a segment: from offset to position, and from time to offset.
//!
//! | file | entry, big-endian |
//! |---|---|
//! | `<base offset>.index` | offset less base `u32`, position in the `.log` in bytes `u32` |
//! | `<base offset>.timeindex` | timestamp in ms `i64`, offset less base `u32` |
//!
//! The offset is the *last* one of the batch that the entry stands for; the position is where
//! that batch starts. A time entry says: up to and with this batch no record is newer.
//!
//! Invariants: both columns rise from entry to entry; the file may be short of what memory
//! holds, and is a whole number of entries up to where it was last written; the index of a
//! segment that is written to lives in memory, that of a closed one is read from its file.
//! Layout of Apache Kafka's `OffsetIndex` and `TimeIndex`.

use std::{
    fmt,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;

use super::file_system::{FileHandle, FileSystem, OpenMode, read_exact_at, write_all_at};

/// One entry as it lies in its file.
pub(super) trait Entry: Copy + fmt::Debug + PartialEq {
    /// Bytes of an entry.
    const SIZE: usize;

    /// Appends the bytes of this entry.
    fn encode(&self, into: &mut Vec<u8>);

    /// Reads an entry from exactly [`Entry::SIZE`] bytes.
    fn decode(bytes: &[u8]) -> Self;
}

/// Where the batch that ends at an offset starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// Last offset of the batch, less the segment's base offset.
    pub relative: u32,
    /// Start of the batch in the `.log`.
    pub position: u32,
}

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.relative.to_be_bytes());
        into.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative: be_u32(&bytes[..4]), position: be_u32(&bytes[4..8]) }
    }
}

/// The newest timestamp up to an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Last offset of the batch that holds it, less the segment's base offset.
    pub relative: u32,
}

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.timestamp.to_be_bytes());
        into.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let timestamp = bytes[..8].try_into().map_or(0, i64::from_be_bytes);
        Self { timestamp, relative: be_u32(&bytes[8..12]) }
    }
}

fn be_u32(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_be_bytes)
}

/// A list of rising entries in one file.
#[derive(Debug)]
pub(super) struct Index<E> {
    path: PathBuf,
    state: RwLock<State<E>>,
}

#[derive(Debug)]
enum State<E> {
    /// Not looked at since start.
    Unopened,
    /// Of the segment that is written to; the first `persisted` entries are in the file.
    Resident { entries: Vec<E>, persisted: usize, file: Option<Arc<dyn FileHandle>> },
    /// Of a closed segment.
    OnFile { file: Arc<dyn FileHandle>, count: usize },
}

impl<E: Entry> Index<E> {
    /// Names an index whose file is opened at its first use.
    pub(super) const fn unopened(path: PathBuf) -> Self {
        Self { path, state: RwLock::new(State::Unopened) }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for lookups, without a check of its content.
    ///
    /// # Errors
    ///
    /// `NotFound` when the file is missing, `InvalidData` when its length is no multiple of
    /// the entry's, else as the system says.
    pub(super) fn open(&self, fs: &dyn FileSystem) -> io::Result<()> {
        let mut state = self.state.write();
        if !matches!(*state, State::Unopened) {
            return Ok(());
        }
        let file = fs.open(&self.path, OpenMode::Read)?;
        let size = usize::try_from(file.size_bytes()?).map_err(|_| io::ErrorKind::InvalidData)?;
        if !size.is_multiple_of(E::SIZE) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        *state = State::OnFile { file, count: size / E::SIZE };
        Ok(())
    }

    /// Replaces the content by entries in memory.
    pub(super) fn reset(&self, entries: Vec<E>) {
        *self.state.write() = State::Resident { entries, persisted: 0, file: None };
    }

    /// Reads all entries; used when the last segment of a partition is loaded.
    ///
    /// # Errors
    ///
    /// As [`Index::open`].
    pub(super) fn load(&self, fs: &dyn FileSystem) -> io::Result<Vec<E>> {
        self.open(fs)?;
        match &*self.state.read() {
            State::OnFile { file, count } => {
                let mut bytes = vec![0; count * E::SIZE];
                read_exact_at(&**file, &mut bytes, 0)?;
                Ok(bytes.chunks_exact(E::SIZE).map(E::decode).collect())
            }
            State::Resident { entries, .. } => Ok(entries.clone()),
            State::Unopened => Ok(Vec::new()),
        }
    }

    /// Adds an entry to an index in memory.
    pub(super) fn push(&self, entry: E) {
        if let State::Resident { entries, .. } = &mut *self.state.write() {
            entries.push(entry);
        }
    }

    /// Returns how many entries there are.
    pub(super) fn len(&self) -> usize {
        match &*self.state.read() {
            State::Unopened => 0,
            State::Resident { entries, .. } => entries.len(),
            State::OnFile { count, .. } => *count,
        }
    }

    /// Returns how many entries are in memory only.
    pub(super) fn unpersisted(&self) -> usize {
        match &*self.state.read() {
            State::Resident { entries, persisted, .. } => entries.len() - persisted,
            _ => 0,
        }
    }

    /// Returns the last entry.
    ///
    /// # Errors
    ///
    /// As the file system says.
    pub(super) fn last(&self) -> io::Result<Option<E>> {
        let state = self.state.read();
        state.len().checked_sub(1).map(|at| state.get(at)).transpose()
    }

    /// Returns the last entry for which `holds` is true; it must be true for a prefix.
    ///
    /// # Errors
    ///
    /// As the file system says.
    pub(super) fn last_where(&self, holds: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let state = self.state.read();
        let split = state.partition_point(holds)?;
        split.checked_sub(1).map(|at| state.get(at)).transpose()
    }

    /// Returns the first entry for which `holds` is false; it must be true for a prefix.
    ///
    /// # Errors
    ///
    /// As the file system says.
    pub(super) fn first_where_not(&self, holds: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let state = self.state.read();
        let split = state.partition_point(holds)?;
        if split < state.len() { state.get(split).map(Some) } else { Ok(None) }
    }

    /// Writes what is in memory only to the file; waits for no disk.
    ///
    /// # Errors
    ///
    /// As the file system says; the entries stay in memory and are tried again next time.
    pub(super) fn persist(&self, fs: &dyn FileSystem) -> io::Result<()> {
        let mut state = self.state.write();
        let State::Resident { entries, persisted, file } = &mut *state else { return Ok(()) };
        let opened = match file {
            Some(opened) => Arc::clone(opened),
            None => {
                let opened = fs.open(&self.path, OpenMode::Create)?;
                *file = Some(Arc::clone(&opened));
                *persisted = 0;
                opened
            }
        };
        if *persisted == entries.len() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity((entries.len() - *persisted) * E::SIZE);
        entries[*persisted..].iter().for_each(|entry| entry.encode(&mut bytes));
        let position = (*persisted * E::SIZE) as u64;
        write_all_at(&*opened, &mut [IoSlice::new(&bytes)], position)?;
        *persisted = entries.len();
        Ok(())
    }

    /// Persists and lets go of the memory; the index no longer grows.
    ///
    /// # Errors
    ///
    /// As [`Index::persist`]; the index then stays in memory.
    pub(super) fn seal(&self, fs: &dyn FileSystem) -> io::Result<()> {
        self.persist(fs)?;
        let mut state = self.state.write();
        if let State::Resident { entries, file: Some(file), .. } = &*state {
            *state = State::OnFile { file: Arc::clone(file), count: entries.len() };
        }
        Ok(())
    }
}

impl<E: Entry> State<E> {
    fn len(&self) -> usize {
        match self {
            Self::Unopened => 0,
            Self::Resident { entries, .. } => entries.len(),
            Self::OnFile { count, .. } => *count,
        }
    }

    fn get(&self, at: usize) -> io::Result<E> {
        match self {
            Self::Resident { entries, .. } => {
                entries.get(at).copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Self::OnFile { file, .. } => {
                let mut bytes = [0; 16];
                let bytes = &mut bytes[..E::SIZE];
                read_exact_at(&**file, bytes, (at * E::SIZE) as u64)?;
                Ok(E::decode(bytes))
            }
            Self::Unopened => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn partition_point(&self, holds: impl Fn(&E) -> bool) -> io::Result<usize> {
        if let Self::Resident { entries, .. } = self {
            return Ok(entries.partition_point(holds));
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(&self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file_system::OsFileSystem, *};

    fn entries(count: u32) -> Vec<OffsetEntry> {
        (1..=count).map(|n| OffsetEntry { relative: n * 10, position: n * 100 }).collect()
    }

    #[test]
    fn entries_have_the_published_bytes() {
        let mut bytes = Vec::new();
        OffsetEntry { relative: 7, position: 4096 }.encode(&mut bytes);
        TimeEntry { timestamp: 1_700_000_000_000, relative: 9 }.encode(&mut bytes);
        assert_eq!(
            bytes,
            [0, 0, 0, 7, 0, 0, 0x10, 0, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0, 0, 0, 9]
        );
        assert_eq!(OffsetEntry::decode(&bytes[..8]), OffsetEntry { relative: 7, position: 4096 });
    }

    #[track_caller]
    fn check_lookups(index: &Index<OffsetEntry>) {
        for (target, expected) in
            [(0, None), (9, None), (10, Some(100)), (25, Some(200)), (999, Some(300))]
        {
            let found = index.last_where(|entry| entry.relative <= target).unwrap();
            assert_eq!(found.map(|entry| entry.position), expected, "target {target}");
        }
        assert_eq!(index.last().unwrap().unwrap().position, 300);
        let next = index.first_where_not(|entry| entry.relative <= 10).unwrap();
        assert_eq!(next.unwrap().position, 200);
    }

    #[test]
    fn lookups_agree_in_memory_and_on_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.index");
        let index = Index::unopened(path.clone());
        index.reset(entries(2));
        index.persist(&OsFileSystem).unwrap();
        index.push(entries(3)[2]);
        check_lookups(&index);
        index.seal(&OsFileSystem).unwrap();
        check_lookups(&index);
        let reopened = Index::<OffsetEntry>::unopened(path);
        reopened.open(&OsFileSystem).unwrap();
        check_lookups(&reopened);
        assert_eq!(reopened.load(&OsFileSystem).unwrap(), entries(3));
    }

    #[test]
    fn file_of_a_broken_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.index");
        std::fs::write(&path, [0; 12]).unwrap();
        let error = Index::<OffsetEntry>::unopened(path).open(&OsFileSystem).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
