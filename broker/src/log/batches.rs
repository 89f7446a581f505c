//! Walking the batches of a `.log` file from header to header.
//!
//! Invariants: a walk never reads past the end it was given, never trusts a length that leaves
//! it, and reports damage by the position of the batch that has it.

use std::{io, path::Path};

use protocol::records::{BatchHeader, HEADER_SIZE};

use super::file_system::{FileHandle, read_exact_at};

/// One batch and where it starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchAt {
    pub position: u64,
    pub header: BatchHeader,
}

impl BatchAt {
    /// Position right after the batch.
    pub(super) fn end(&self) -> u64 {
        self.position + self.header.size_in_bytes() as u64
    }
}

/// Why a walk stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error("read failed")]
    Io(#[from] io::Error),
    #[error("no batch at byte {position}")]
    Corrupt { position: u64 },
}

impl WalkError {
    /// Turns this into the error of a read.
    pub(super) fn into_read_error(self, path: &Path) -> super::ReadError {
        match self {
            Self::Io(source) => super::ReadError::Io { path: path.to_owned(), source },
            Self::Corrupt { position } => {
                super::ReadError::Corrupt { path: path.to_owned(), position }
            }
        }
    }
}

/// How much a walk reads at once while batches are small.
const CHUNK: usize = 16 << 10;

/// Headers of the batches between two positions of a file.
#[derive(Debug)]
pub(super) struct BatchWalk<'a> {
    file: &'a dyn FileHandle,
    position: u64,
    end: u64,
    last_offset: i64,
    chunk: Vec<u8>,
    chunk_start: u64,
    /// Bytes to read next time: little for large batches, a chunk for small ones.
    read_ahead: usize,
}

impl<'a> BatchWalk<'a> {
    /// Begins at `position`, which is that of a batch, and ends before `end`.
    pub(super) fn new(file: &'a dyn FileHandle, position: u64, end: u64) -> Self {
        Self {
            file,
            position,
            end,
            last_offset: -1,
            chunk: Vec::new(),
            chunk_start: 0,
            read_ahead: 1024,
        }
    }

    /// Where the next batch would start.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the next batch; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<BatchAt>, WalkError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let corrupt = WalkError::Corrupt { position: self.position };
        if self.end - self.position < HEADER_SIZE as u64 {
            return Err(corrupt);
        }
        let Ok(header) = BatchHeader::parse(self.header_bytes()?) else { return Err(corrupt) };
        let batch = BatchAt { position: self.position, header };
        let plausible = batch.end() <= self.end
            && header.last_offset_delta >= 0
            && header.base_offset > self.last_offset
            && header.last_offset() >= header.base_offset;
        if !plausible {
            return Err(corrupt);
        }
        self.position = batch.end();
        self.last_offset = header.last_offset();
        Ok(Some(batch))
    }

    fn header_bytes(&mut self) -> io::Result<&[u8]> {
        let chunk_end = self.chunk_start + self.chunk.len() as u64;
        let inside =
            self.position >= self.chunk_start && self.position + HEADER_SIZE as u64 <= chunk_end;
        if !inside {
            let was_near = self.position < chunk_end + CHUNK as u64 && !self.chunk.is_empty();
            self.read_ahead = if was_near { CHUNK } else { 1024 };
            let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
            self.chunk.resize(self.read_ahead.min(left), 0);
            self.chunk_start = self.position;
            if let Err(error) = read_exact_at(self.file, &mut self.chunk, self.position) {
                self.chunk.clear();
                return Err(error);
            }
        }
        let start = usize::try_from(self.position - self.chunk_start).unwrap_or(usize::MAX);
        Ok(&self.chunk[start..start + HEADER_SIZE])
    }
}

/// Offset in a batch of the first byte that its checksum covers.
const CRC_COVERS_FROM: u64 = 21;

/// Reads a batch and compares its checksum, with bounded memory.
pub(super) fn crc_matches(file: &dyn FileHandle, batch: &BatchAt) -> io::Result<bool> {
    let mut position = batch.position + CRC_COVERS_FROM;
    let mut buffer = [0; 16 << 10];
    let mut crc = 0;
    while position < batch.end() {
        let left = usize::try_from(batch.end() - position).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        read_exact_at(file, &mut buffer[..count], position)?;
        crc = crc32c::crc32c_append(crc, &buffer[..count]);
        position += count as u64;
    }
    Ok(crc == batch.header.crc)
}

/// Finds the next whole batch with a right checksum from a position that is not one.
///
/// Looks at every byte, so that a damaged header does not hide what follows it.
pub(super) fn find_batch(
    file: &dyn FileHandle,
    from: u64,
    end: u64,
    min_offset: i64,
) -> io::Result<Option<BatchAt>> {
    const MAGIC_AT: usize = 16;
    let mut start = from;
    let mut buffer = vec![0; 64 << 10];
    while start + HEADER_SIZE as u64 <= end {
        let left = usize::try_from(end - start).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        read_exact_at(file, &mut buffer[..count], start)?;
        for at in 0..=count - HEADER_SIZE {
            if buffer[at + MAGIC_AT] != 2 {
                continue;
            }
            let Ok(header) = BatchHeader::parse(&buffer[at..]) else { continue };
            let batch = BatchAt { position: start + at as u64, header };
            let plausible = batch.end() <= end
                && header.base_offset >= min_offset
                && header.last_offset_delta >= 0
                && header.last_offset() >= header.base_offset;
            if plausible && crc_matches(file, &batch)? {
                return Ok(Some(batch));
            }
        }
        start += (count - HEADER_SIZE + 1) as u64;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::{io::IoSlice, sync::Arc};

    use protocol::records::{BatchBuilder, Compression, NewRecord};

    use super::{
        super::file_system::{FileSystem, OpenMode, OsFileSystem, write_all_at},
        *,
    };

    fn batch(base_offset: i64, size: usize) -> Vec<u8> {
        let value = vec![b'v'; size];
        let mut builder = BatchBuilder::new(Compression::None).base_offset(base_offset);
        builder.push(NewRecord { value: Some(&value), ..NewRecord::default() });
        builder.build().unwrap().to_vec()
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, Arc<dyn FileHandle>) {
        let dir = tempfile::tempdir().unwrap();
        let file = OsFileSystem.open(&dir.path().join("log"), OpenMode::Create).unwrap();
        write_all_at(&*file, &mut [IoSlice::new(content)], 0).unwrap();
        (dir, file)
    }

    #[test]
    fn walk_finds_small_and_large_batches_where_they_are() {
        let sizes = [1, 900, 20_000, 3, 70_000, 16_384, 5];
        let batches: Vec<_> = (0..).zip(sizes).map(|(n, size)| batch(n, size)).collect();
        let content = batches.concat();
        let (_dir, file) = file(&content);
        let mut walk = BatchWalk::new(&*file, 0, content.len() as u64);
        let mut position = 0;
        for (offset, bytes) in (0..).zip(&batches) {
            let found = walk.next().unwrap().unwrap();
            assert_eq!((found.position, found.header.base_offset), (position, offset));
            assert!(crc_matches(&*file, &found).unwrap());
            position += bytes.len() as u64;
            assert_eq!(found.end(), position);
        }
        assert!(walk.next().unwrap().is_none());
    }

    #[test]
    fn walk_stops_at_what_is_no_batch() {
        let good = batch(3, 50);
        let end = good.len() as u64;
        let mut long = batch(4, 50);
        long[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
        for bad in [vec![0; 100], batch(4, 50)[..60].to_vec(), batch(3, 50), long] {
            let content = [&*good, &*bad].concat();
            let (_dir, file) = file(&content);
            let mut walk = BatchWalk::new(&*file, 0, content.len() as u64);
            walk.next().unwrap().unwrap();
            match walk.next() {
                Err(WalkError::Corrupt { position }) => assert_eq!(position, end),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn next_batch_is_found_behind_any_amount_of_damage() {
        for damage in [1, 61, 65_536 - 30, 65_536, 200_000] {
            let content = [vec![2; damage], batch(7, 10)].concat();
            let (_dir, file) = file(&content);
            let end = content.len() as u64;
            let found = find_batch(&*file, 0, end, 7).unwrap().unwrap();
            assert_eq!(found.position, damage as u64);
            assert!(find_batch(&*file, 0, end, 8).unwrap().is_none(), "below the least offset");
        }
    }
}
