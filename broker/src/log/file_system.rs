//! The file system as the log sees it, and its real implementation.
//!
//! Invariants: nothing in `log` touches a file by another way, so that a test can lose, tear
//! and reorder what was not synced; a handle stays readable after its file is renamed or
//! removed; `sync_dir` makes creations, renames and removals in that directory durable,
//! `sync_data` the bytes of one file and its length, and neither stands in for the other.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A file for reading and writing; made when missing, emptied when there.
    Create,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Name without the directory; names that are not UTF-8 are never listed.
    pub name: String,
    /// True for a directory.
    pub is_dir: bool,
    /// Length in bytes; 0 for a directory.
    pub size_bytes: u64,
}

/// Why a lock file was not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("locked by process {}", pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    Held {
        /// Process id that the holder wrote; none when it could not be read.
        pid: Option<u32>,
    },
    /// The file could not be opened or locked.
    #[error("lock file could not be used")]
    Io(#[from] io::Error),
}

/// A held lock, released when dropped.
pub trait LockGuard: Send + Sync + fmt::Debug {}

/// Directory operations of one file system.
///
/// Every path is the caller's; no method keeps state between calls except [`FileSystem::lock`].
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As the system says; `NotFound` when the file is missing and `mode` does not create it.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn FileHandle>>;

    /// Creates a directory and its parents; succeeds when it is there.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Lists a directory, in no particular order.
    ///
    /// # Errors
    ///
    /// As the system says; `NotFound` when it is missing.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As the system says; `NotFound` when it is missing.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Locks a file against other processes and writes this process's id into it.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] with the holder's process id, or the system's error.
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError>;
}

/// One open file, shared by its readers and its one writer.
pub trait FileHandle: Send + Sync + fmt::Debug {
    /// Reads at a position; returns how many bytes, 0 at the end.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes the parts one after another at a position; returns how many bytes went in.
    ///
    /// # Errors
    ///
    /// As the system says; bytes may have been written all the same.
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize>;

    /// Makes bytes and length durable.
    ///
    /// # Errors
    ///
    /// As the system says. After an error the state of the file on the medium is unknown:
    /// a later success says nothing about bytes written before.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or extends the file.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn set_len(&self, size_bytes: u64) -> io::Result<()>;

    /// Returns the length in bytes.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn size_bytes(&self) -> io::Result<u64>;

    /// Returns the file of the operating system, if there is one, for `sendfile`.
    fn as_file(&self) -> Option<&File>;
}

/// Fills a buffer from a position.
pub(super) fn read_exact_at(
    file: &dyn FileHandle,
    mut buffer: &mut [u8],
    mut position: u64,
) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, position) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                position += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all parts at a position.
pub(super) fn write_all_at(
    file: &dyn FileHandle,
    mut parts: &mut [IoSlice<'_>],
    mut position: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        let most = parts.len().min(MAX_PARTS);
        match file.write_vectored_at(&parts[..most], position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                position += count as u64;
                IoSlice::advance_slices(&mut parts, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Most parts of one vectored write (`IOV_MAX` on Linux).
const MAX_PARTS: usize = 1024;

/// Reads a whole small file of at most `limit_bytes`.
pub(super) fn read_small_file(
    fs: &dyn FileSystem,
    path: &Path,
    limit_bytes: u64,
) -> io::Result<Vec<u8>> {
    let file = fs.open(path, OpenMode::Read)?;
    let size = file.size_bytes()?;
    let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
    if size > limit_bytes {
        return Err(too_large());
    }
    let mut content = vec![0; usize::try_from(size).map_err(|_| too_large())?];
    read_exact_at(&*file, &mut content, 0)?;
    Ok(content)
}

/// Replaces a file as a whole: temporary file, sync, rename, sync of the directory.
pub(super) fn replace_file(fs: &dyn FileSystem, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let file = fs.open(&temporary, OpenMode::Create)?;
    write_all_at(&*file, &mut [IoSlice::new(content)], 0)?;
    file.sync_data()?;
    fs.rename(&temporary, path)?;
    match path.parent() {
        Some(parent) => fs.sync_dir(parent),
        None => Ok(()),
    }
}

/// Replaces a file by a rename but waits for no disk: for what can be rebuilt.
pub(super) fn replace_file_unsynced(
    fs: &dyn FileSystem,
    path: &Path,
    content: &[u8],
) -> io::Result<()> {
    let temporary = temporary_path(path);
    let file = fs.open(&temporary, OpenMode::Create)?;
    write_all_at(&*file, &mut [IoSlice::new(content)], 0)?;
    fs.rename(&temporary, path)
}

fn temporary_path(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Removes a file; a missing one is as good.
pub(super) fn remove_if_there(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file system of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn FileHandle>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => _ = options.write(true),
            OpenMode::Create => _ = options.write(true).create(true).truncate(true),
        }
        Ok(Arc::new(OsFile(options.open(path)?)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_dir = entry.file_type()?.is_dir();
            let size_bytes = if is_dir { 0 } else { entry.metadata()?.len() };
            entries.push(DirEntry { name, is_dir, size_bytes });
        }
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
                return Err(LockError::Held { pid });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Box::new(OsLock { _file: file }))
    }
}

/// A file of the operating system.
#[derive(Debug)]
struct OsFile(File);

impl FileHandle for OsFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, parts, position)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, size_bytes: u64) -> io::Result<()> {
        self.0.set_len(size_bytes)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.0)
    }
}

/// A lock of the operating system; closing the file releases it.
#[derive(Debug)]
struct OsLock {
    _file: File,
}

impl LockGuard for OsLock {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_one_after_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = OsFileSystem.open(&path, OpenMode::Create).unwrap();
        write_all_at(&*file, &mut [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")], 1)
            .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"\0abcd");
        assert_eq!(file.size_bytes().unwrap(), 5);
    }

    #[test]
    fn replaced_file_has_the_new_content_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        replace_file(&OsFileSystem, &path, b"old").unwrap();
        replace_file(&OsFileSystem, &path, b"new").unwrap();
        assert_eq!(read_small_file(&OsFileSystem, &path, 10).unwrap(), b"new");
        assert_eq!(OsFileSystem.list(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn file_larger_than_the_limit_is_refused_unread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        fs::write(&path, [0; 11]).unwrap();
        let error = read_small_file(&OsFileSystem, &path, 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn second_lock_names_the_process_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let held = OsFileSystem.lock(&path).unwrap();
        match OsFileSystem.lock(&path) {
            Err(LockError::Held { pid }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("expected Held, got {other:?}"),
        }
        drop(held);
        OsFileSystem.lock(&path).unwrap();
    }
}
