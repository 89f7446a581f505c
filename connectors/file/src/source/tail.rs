//! One file that grows, is truncated, rotated or replaced, read as one run of lines.
//!
//! | what happens to the file | what is noticed by | what is done |
//! |---|---|---|
//! | grows | bytes after those read | read on |
//! | shrinks, or is rewritten in place | the bytes read last are no longer there | read from 0 |
//! | another file takes its name | device and inode | read the old one to its end, then the new one from 0 |
//! | loses its name | the path leads nowhere | read on while it is kept, wait for a new one |
//! | is another one after a restart | it is shorter than the stored position, or the bytes before that differ | read from 0 |
//!
//! Invariants: files are read in the order in which they had the name; the next one is begun only
//! after the one before has been quiet for a while at its end; whatever is unfinished at the end
//! of a file that has lost its name is its last line; a file stays open from when it is seen until
//! it is read, so its inode cannot come back as another one's.

use std::collections::VecDeque;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use connect_api::ConnectError;

use super::identity::{Fingerprint, Identity, read_history};
use super::lines::{HISTORY_BYTES, LineBuffer, as_u64};

/// Longest time between two looks at the file, for changes that no event tells of.
pub(super) const RECONCILE: Duration = Duration::from_secs(1);

/// How long a file that lost its name must be quiet before the next one is begun: its writer may
/// not have changed over yet.
const ROTATE_WAIT: Duration = Duration::from_millis(250);

/// The same while there is nothing to read elsewhere: the writer has surely not changed over.
const EMPTY_WAIT: Duration = Duration::from_secs(10);

/// Most files with the name that may wait to be read; later ones are seen once there is room.
const MOST_WAITING: usize = 64;

/// How far back from a stored position the start of its line is looked for, in bytes.
const LONGEST_STEP_BACK: usize = 1024 * 1024;

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    #[error("cannot open {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("cannot read {} at byte {position}", path.display())]
    Read { path: PathBuf, position: u64, source: io::Error },
    #[error("{}: line at byte {position} is longer than {limit} bytes", path.display())]
    LineTooLong { path: PathBuf, position: u64, limit: usize },
}

impl From<TailError> for ConnectError {
    fn from(error: TailError) -> Self {
        let fatal = Self::fatal(error.to_string());
        match error {
            TailError::Open { source, .. } | TailError::Read { source, .. } => {
                fatal.because(source)
            }
            TailError::NotAFile { .. } | TailError::LineTooLong { .. } => fatal,
        }
    }
}

/// Where to go on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resume {
    /// Bytes that were read and delivered.
    pub(super) position: u64,
    /// What was before the position, if that was stored.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// What a look at the file has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be lines now.
    More,
    /// There are none; look again after an event, or after this time.
    Idle(Duration),
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    identity: Identity,
}

/// A file by name, and how far it has been read.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    resume: Option<Resume>,
    current: Option<OpenFile>,
    waiting: VecDeque<OpenFile>,
    lines: LineBuffer,
    /// Since when the current file has been at its end without its name.
    quiet_since: Option<Instant>,
    missing: bool,
}

impl Tail {
    /// Prepares to read a file; it is opened by [`Tail::advance`] and need not exist.
    pub(super) fn new(path: &Path, resume: Option<Resume>, longest_line: usize) -> Self {
        Self {
            path: path.to_owned(),
            resume,
            current: None,
            waiting: VecDeque::new(),
            lines: LineBuffer::new(longest_line),
            quiet_since: None,
            missing: false,
        }
    }

    /// Returns the next line that has been read, without its end.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        self.lines.next_line()
    }

    /// Position in its file after the last line that was returned.
    pub(super) const fn position(&self) -> u64 {
        self.lines.position()
    }

    /// Identifies what was read up to [`Tail::position`].
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(self.lines.position(), self.lines.history())
    }

    /// Looks whether another file has taken the name, and keeps it for its turn.
    ///
    /// To be called now and then even while there is enough to read, so that a file that has the
    /// name only for a short time is not missed.
    ///
    /// # Errors
    ///
    /// [`TailError::Open`] and [`TailError::NotAFile`].
    pub(super) fn look(&mut self) -> Result<(), TailError> {
        let newest = self.waiting.back().or(self.current.as_ref()).map(|file| file.identity);
        let Some(newest) = newest else { return Ok(()) };
        if self.waiting.len() >= MOST_WAITING {
            return Ok(());
        }
        match std::fs::metadata(&self.path) {
            Ok(metadata) if Identity::of(&metadata) == newest => Ok(()),
            Ok(_) => {
                // Between the two calls the name may have moved on: what was opened counts.
                if let Some((file, _)) = self.open()?
                    && file.identity != newest
                {
                    tracing::info!(file = %self.path.display(), "another file has taken the name");
                    self.waiting.push_back(file);
                }
                Ok(())
            }
            Err(error) if is_missing(&error) => Ok(()),
            Err(source) => Err(TailError::Open { path: self.path.clone(), source }),
        }
    }

    /// Reads more, once [`Tail::next_line`] has nothing left.
    ///
    /// # Errors
    ///
    /// Any [`TailError`]; a missing file is none.
    pub(super) fn advance(&mut self, now: Instant) -> Result<Progress, TailError> {
        if self.lines.is_complete() {
            self.begin_next();
            return Ok(Progress::More);
        }
        if self.current.is_none() {
            return self.begin();
        }
        match self.read()? {
            Found::Bytes => {
                self.quiet_since = None;
                Ok(Progress::More)
            }
            Found::Rewritten => {
                tracing::warn!(
                    file = %self.path.display(),
                    position = self.lines.position(),
                    held_bytes = self.lines.held(),
                    "file was truncated or rewritten: reading it from the start"
                );
                self.lines.restart(0, &[]);
                Ok(Progress::More)
            }
            Found::Nothing => {
                self.look()?;
                self.wait_or_leave(now)
            }
        }
    }

    /// Opens what the path leads to; none when that is nothing.
    fn open(&self) -> Result<Option<(OpenFile, Metadata)>, TailError> {
        let failed = |source| TailError::Open { path: self.path.clone(), source };
        // Without the flag, opening a pipe would wait for a writer, for ever if need be.
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(TailError::NotAFile { path: self.path.clone() });
        }
        let identity = Identity::of(&metadata);
        Ok(Some((OpenFile { file, identity }, metadata)))
    }

    /// Opens the first file, or the next one after the name led nowhere.
    fn begin(&mut self) -> Result<Progress, TailError> {
        let Some((opened, metadata)) = self.open()? else {
            if !self.missing {
                tracing::warn!(file = %self.path.display(), "file does not exist: waiting for it");
                self.missing = true;
            }
            return Ok(Progress::Idle(RECONCILE));
        };
        self.missing = false;
        let position = match self.resume {
            Some(resume) => self.resume_position(&opened.file, metadata.len(), resume)?,
            None => 0,
        };
        let history = read_history(&opened.file, position).map_err(|e| self.read_error(e))?;
        // Only now: a failure above must leave the place to resume from.
        self.resume = None;
        self.lines.restart(position, &history);
        self.current = Some(opened);
        self.quiet_since = None;
        Ok(Progress::More)
    }

    /// Decides where to go on in a file that may not be the one that was read before.
    fn resume_position(&self, file: &File, size: u64, resume: Resume) -> Result<u64, TailError> {
        let Resume { position, fingerprint } = resume;
        let warn = |reason: &str, start: u64| {
            tracing::warn!(file = %self.path.display(), position, size, start, "{reason}");
        };
        if size < position {
            warn("file is shorter than the stored position: reading it from the start", 0);
            return Ok(0);
        }
        let history = read_history(file, position).map_err(|e| self.read_error(e))?;
        match (fingerprint, history.last()) {
            (Some(stored), _) if stored != Fingerprint::new(position, &history) => {
                warn("file is not the one that was read before: reading it from the start", 0);
                Ok(0)
            }
            (Some(_), _) | (None, None | Some(b'\n' | b'\r')) => Ok(position),
            (None, Some(_)) => {
                let start = line_start(file, position).map_err(|e| self.read_error(e))?;
                warn("stored position is inside a line: reading from the start of the line", start);
                Ok(start)
            }
        }
    }

    /// Reads what follows the bytes read last, after making sure that those are still there.
    ///
    /// Both in one call: between two calls the file could be truncated and grow again.
    fn read(&mut self) -> Result<Found, TailError> {
        let Some(OpenFile { file, .. }) = &self.current else { return Ok(Found::Nothing) };
        let read_to = self.lines.position() + as_u64(self.lines.held());
        let mut expected = [0; HISTORY_BYTES];
        let mut found = [0; HISTORY_BYTES];
        let overlap = self.lines.last_read().len();
        expected[..overlap].copy_from_slice(self.lines.last_read());
        let position = read_to - as_u64(overlap);
        let room = self.lines.room().map_err(|error| TailError::LineTooLong {
            path: self.path.clone(),
            position: error.position,
            limit: error.limit,
        })?;
        let mut parts = [IoSliceMut::new(&mut found[..overlap]), IoSliceMut::new(room)];
        let count = rustix::io::retry_on_intr(|| rustix::io::preadv(file, &mut parts, position))
            .map_err(|source| TailError::Read {
                path: self.path.clone(),
                position: read_to,
                source: source.into(),
            })?;
        if count < overlap || found[..overlap] != expected[..overlap] {
            return Ok(Found::Rewritten);
        }
        self.lines.filled(count - overlap);
        Ok(if count == overlap { Found::Nothing } else { Found::Bytes })
    }

    /// At the end of the current file: waits for more, or goes on to the next one.
    fn wait_or_leave(&mut self, now: Instant) -> Result<Progress, TailError> {
        let Some(current) = &self.current else { return Ok(Progress::More) };
        let size = |file: &File| file.metadata().map_err(|e| self.read_error(e));
        let mut next_has_bytes = self.waiting.len() > 1;
        if let Some(next) = self.waiting.front() {
            next_has_bytes = next_has_bytes || size(&next.file)?.len() > 0;
        }
        let forsaken = !self.waiting.is_empty() || size(&current.file)?.nlink() == 0;
        if !forsaken {
            self.quiet_since = None;
            return Ok(Progress::Idle(RECONCILE));
        }
        let wait = if next_has_bytes { ROTATE_WAIT } else { EMPTY_WAIT };
        let quiet = now.saturating_duration_since(*self.quiet_since.get_or_insert(now));
        if quiet < wait {
            return Ok(Progress::Idle(RECONCILE.min(wait - quiet)));
        }
        self.lines.complete();
        Ok(Progress::More)
    }

    /// Leaves the current file, whose last line has been returned.
    fn begin_next(&mut self) {
        self.lines.restart(0, &[]);
        self.quiet_since = None;
        self.current = self.waiting.pop_front();
    }

    fn read_error(&self, source: io::Error) -> TailError {
        TailError::Read { path: self.path.clone(), position: self.lines.position(), source }
    }
}

enum Found {
    Bytes,
    Nothing,
    Rewritten,
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// Finds the start of the line that a position is in.
fn line_start(file: &File, position: u64) -> io::Result<u64> {
    let size = usize::try_from(position).map_or(LONGEST_STEP_BACK, |p| p.min(LONGEST_STEP_BACK));
    let from = position - as_u64(size);
    let mut before = vec![0; size];
    file.read_exact_at(&mut before, from)?;
    Ok(match memchr::memrchr2(b'\n', b'\r', &before) {
        Some(at) => from + as_u64(at) + 1,
        None => from,
    })
}
