//! The open output files of this process: one handle per file, shared by the tasks of one
//! connector, refused to any other.
//!
//! Between processes a lock on the file (`flock`) refuses the second one; the system releases it
//! when a process dies. Pipes, terminals and devices are neither shared nor locked.
//!
//! Invariant: the registry is locked from looking a file up to entering it, so that two tasks
//! that open one file at the same time get one handle.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use connect_api::ConnectError;

use super::append::{AppendError, Appender, FileOutput};

/// Device and inode.
type Identity = (u64, u64);

static OPEN_FILES: LazyLock<Mutex<HashMap<Identity, Weak<SharedFile>>>> =
    LazyLock::new(Mutex::default);

/// Why a file cannot be written to.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("cannot open {} for writing", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot lock {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("cannot write to standard output")]
    StandardOutput(#[source] io::Error),
    #[error(
        "{} is being written to by sink connector {owner}: give each sink a file of its own",
        path.display()
    )]
    OtherConnector { path: PathBuf, owner: String },
    #[error(
        "{} is being written to by another process: stop it, or give each sink a file of its own",
        path.display()
    )]
    OtherProcess { path: PathBuf },
}

impl OpenError {
    /// Tells whether whoever holds the file may release it.
    pub(super) const fn is_in_use(&self) -> bool {
        matches!(self, Self::OtherConnector { .. } | Self::OtherProcess { .. })
    }
}

impl From<OpenError> for ConnectError {
    fn from(error: OpenError) -> Self {
        let fatal = Self::fatal(error.to_string());
        match error {
            OpenError::Open { source, .. }
            | OpenError::Lock { source, .. }
            | OpenError::StandardOutput(source) => fatal.because(source),
            OpenError::OtherConnector { .. } | OpenError::OtherProcess { .. } => fatal,
        }
    }
}

/// An output file and the connector that owns it.
#[derive(Debug)]
pub(super) struct SharedFile {
    owner: String,
    /// None for streams, which have no other name to be found under.
    identity: Option<Identity>,
    appender: Mutex<Appender<FileOutput>>,
}

impl SharedFile {
    /// Opens a file for a connector, or joins the connector's other tasks that have it open.
    ///
    /// # Errors
    ///
    /// Any [`OpenError`].
    pub(super) fn open(path: &Path, owner: &str) -> Result<Arc<Self>, OpenError> {
        let mut open_files = lock(&OPEN_FILES);
        open_files.retain(|_, file| file.strong_count() > 0);
        let failed = |source| OpenError::Open { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            let output = FileOutput::stream(file);
            return Ok(Arc::new(Self::new(Appender::new(output, path, false), owner, None)));
        }
        let identity = identity(&metadata);
        if let Some(open) = open_files.get(&identity).and_then(Weak::upgrade) {
            if open.owner != owner {
                let owner = open.owner.clone();
                return Err(OpenError::OtherConnector { path: path.to_owned(), owner });
            }
            return Ok(open);
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::OtherProcess { path: path.to_owned() });
            }
            // Some network file systems have no locks; they are no reason to refuse the file.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Lock { path: path.to_owned(), source });
            }
        }
        let unfinished = has_unfinished_line(path, metadata.len());
        if unfinished {
            tracing::warn!(file = %path.display(), "last line is unfinished: ending it");
        }
        let output = FileOutput::new(file, &metadata, Some(directory_of(path)));
        let appender = Appender::new(output, path, unfinished);
        let shared = Arc::new(Self::new(appender, owner, Some(identity)));
        open_files.insert(identity, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Takes standard output.
    ///
    /// # Errors
    ///
    /// [`OpenError::StandardOutput`].
    pub(super) fn standard_output(owner: &str) -> Result<Arc<Self>, OpenError> {
        let handle =
            io::stdout().as_fd().try_clone_to_owned().map_err(OpenError::StandardOutput)?;
        let output = FileOutput::stream(File::from(handle));
        let appender = Appender::new(output, Path::new("standard output"), false);
        Ok(Arc::new(Self::new(appender, owner, None)))
    }

    fn new(appender: Appender<FileOutput>, owner: &str, identity: Option<Identity>) -> Self {
        Self { owner: owner.to_owned(), identity, appender: Mutex::new(appender) }
    }

    /// Tells whether a path no longer leads to this file.
    ///
    /// # Errors
    ///
    /// [`OpenError::Open`]: the system does not say.
    pub(super) fn has_lost_its_name(&self, path: &Path) -> Result<bool, OpenError> {
        let Some(own) = self.identity else { return Ok(false) };
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(identity(&metadata) != own),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(OpenError::Open { path: path.to_owned(), source }),
        }
    }

    /// Puts a batch of whole lines at the end of the file.
    ///
    /// # Errors
    ///
    /// As [`Appender::append`].
    pub(super) fn append(&self, text: &[u8]) -> Result<(), AppendError> {
        lock(&self.appender).append(text)
    }

    /// Puts everything that any task has appended onto the disk.
    ///
    /// # Errors
    ///
    /// As [`Appender::sync`].
    pub(super) fn sync(&self) -> Result<(), AppendError> {
        lock(&self.appender).sync()
    }
}

/// Locks even if a holder has panicked: each change leaves the content whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Tells whether a file ends inside a line, which a killed process can leave behind.
///
/// A file that may be written to but not read counts as whole.
fn has_unfinished_line(path: &Path, size: u64) -> bool {
    let mut last = [b'\n'];
    if size > 0 {
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut last, size - 1));
        if read.is_err() {
            return false;
        }
    }
    last != [b'\n']
}
