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

/// How many zeros after a hole are left out at the start of a file, in bytes.
const ZEROS_BYTES: usize = 1024 * 1024;

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
                self.begin_again()?;
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

    /// Goes back to the start of the current file.
    fn begin_again(&mut self) -> Result<(), TailError> {
        let Some(OpenFile { file, .. }) = &self.current else { return Ok(()) };
        let outcome = text_start(file).and_then(|start| Ok((start, read_history(file, start)?)));
        let (start, history) = outcome.map_err(|e| self.read_error(e))?;
        self.lines.restart(start, &history);
        Ok(())
    }

    /// Decides where to go on in a file that may not be the one that was read before.
    fn resume_position(&self, file: &File, size: u64, resume: Resume) -> Result<u64, TailError> {
        let Resume { position, fingerprint } = resume;
        let warn = |reason: &str, start: u64| {
            tracing::warn!(file = %self.path.display(), position, size, start, "{reason}");
        };
        let restart = || text_start(file).map_err(|e| self.read_error(e));
        if size < position {
            warn("file is shorter than the stored position: reading it from the start", 0);
            return restart();
        }
        let history = read_history(file, position).map_err(|e| self.read_error(e))?;
        match (fingerprint, history.last()) {
            (Some(stored), _) if stored != Fingerprint::new(position, &history) => {
                warn("file is not the one that was read before: reading it from the start", 0);
                restart()
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

/// Finds where the text of a file starts that was truncated while its writer kept its place.
///
/// Such a writer leaves zeros, mostly as a hole, in front of what it writes next; no line of
/// theirs is lost by leaving them out.
fn text_start(file: &File) -> io::Result<u64> {
    let mut block = vec![0; ZEROS_BYTES];
    let count = file.read_at(&mut block[..1], 0)?;
    if count == 0 || block[0] != 0 {
        return Ok(0);
    }
    let start = hole_end(file);
    let count = file.read_at(&mut block, start)?;
    Ok(match block[..count].iter().position(|byte| *byte != 0) {
        Some(zeros) => start + as_u64(zeros),
        None => 0,
    })
}

#[cfg(target_os = "linux")]
fn hole_end(file: &File) -> u64 {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Data(0)).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn hole_end(_file: &File) -> u64 {
    0
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// What may happen to the file, or to its reader.
    #[derive(Debug, Clone)]
    enum Step {
        /// Lines and perhaps the start of one are appended.
        Append { lines: usize, partial: bool },
        /// The file gets another name, and a new one is made.
        Rotate { lines: usize },
        /// A new file is made beside it and takes its name.
        Replace { lines: usize },
        /// The file is removed, and a new one is made.
        Recreate { lines: usize },
        /// All that was read by then is cut off.
        Truncate,
        /// Everything is read.
        Read,
        /// Everything is read, and a new reader goes on from the last line.
        Restart,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let lines = 0usize..6;
        let step = prop_oneof![
            4 => (lines.clone(), any::<bool>())
                .prop_map(|(lines, partial)| Step::Append { lines, partial }),
            1 => lines.clone().prop_map(|lines| Step::Rotate { lines }),
            1 => lines.clone().prop_map(|lines| Step::Replace { lines }),
            1 => lines.prop_map(|lines| Step::Recreate { lines }),
            1 => Just(Step::Truncate),
            2 => Just(Step::Read),
            2 => Just(Step::Restart),
        ];
        prop::collection::vec(step, 1..25)
    }

    struct Model {
        directory: tempfile::TempDir,
        tail: Tail,
        now: Instant,
        number: usize,
        last: Option<Resume>,
        found: Vec<String>,
        expected: Vec<String>,
        /// What stands after the last line end of the current file.
        partial: String,
    }

    impl Model {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let tail = Tail::new(&directory.path().join("in"), None, 1 << 20);
            let mut model = Self {
                directory,
                tail,
                now: Instant::now(),
                number: 0,
                last: None,
                found: Vec::new(),
                expected: Vec::new(),
                partial: String::new(),
            };
            model.append("in", 0);
            model
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Appends lines that have never been seen before, so that no two files are alike.
        fn append(&mut self, name: &str, lines: usize) {
            let mut text = String::new();
            for _ in 0..lines {
                self.number += 1;
                let line = format!("{} \u{fc}n\u{ef} line", self.number);
                writeln!(text, "{line}").unwrap();
                self.expected.push(std::mem::take(&mut self.partial) + &line);
            }
            self.write(name, &text);
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        /// The current file ends here: what is unfinished is its last line.
        fn end_file(&mut self) {
            if !self.partial.is_empty() {
                self.expected.push(std::mem::take(&mut self.partial));
            }
        }

        /// Lets the reader see the file, without reading it.
        fn look(&mut self) {
            if self.tail.current.is_none() {
                self.tail.advance(self.now).unwrap();
            }
            self.tail.look().unwrap();
        }

        fn read(&mut self) {
            loop {
                while let Some(line) = self.tail.next_line() {
                    let line = String::from_utf8(line.to_vec()).unwrap();
                    self.found.push(line);
                    let fingerprint = Some(self.tail.fingerprint());
                    self.last = Some(Resume { position: self.tail.position(), fingerprint });
                }
                let at_end = self.tail.quiet_since.is_none() && self.tail.waiting.is_empty();
                match self.tail.advance(self.now).unwrap() {
                    Progress::Idle(_) if at_end => return,
                    Progress::Idle(wait) => self.now += wait,
                    Progress::More => {}
                }
            }
        }

        fn apply(&mut self, step: &Step) {
            match *step {
                Step::Append { lines, partial } => {
                    self.append("in", lines);
                    if partial {
                        self.number += 1;
                        let text = format!("<{}>", self.number);
                        self.write("in", &text);
                        self.partial.push_str(&text);
                    }
                }
                Step::Rotate { lines } => {
                    self.end_file();
                    self.number += 1;
                    let old = self.path(&format!("in.{}", self.number));
                    fs::rename(self.path("in"), old).unwrap();
                    self.append("in", lines);
                }
                Step::Replace { lines } => {
                    self.end_file();
                    self.append("new", lines);
                    fs::rename(self.path("new"), self.path("in")).unwrap();
                }
                Step::Recreate { lines } => {
                    self.end_file();
                    fs::remove_file(self.path("in")).unwrap();
                    self.append("in", lines);
                }
                Step::Truncate => {
                    self.read();
                    self.partial.clear();
                    File::create(self.path("in")).unwrap();
                }
                Step::Read => self.read(),
                Step::Restart => {
                    self.read();
                    self.tail = Tail::new(&self.path("in"), self.last, 1 << 20);
                }
            }
            self.look();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_line_is_read_once_and_in_order(steps in steps()) {
            let mut model = Model::new();
            model.look();
            for step in &steps {
                model.apply(step);
            }
            model.read();
            prop_assert_eq!(model.found, model.expected);
        }
    }

    #[test]
    fn too_long_a_line_names_file_and_position() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in");
        fs::write(&path, "ok\n0123456789012").unwrap();
        let mut tail = Tail::new(&path, None, 10);
        let error = loop {
            while tail.next_line().is_some() {}
            if let Err(error) = tail.advance(Instant::now()) {
                break error;
            }
        };
        let expected = format!("{}: line at byte 3 is longer than 10 bytes", path.display());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn directory_or_pipe_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let error = Tail::new(directory.path(), None, 10).advance(Instant::now()).unwrap_err();
        let expected = format!("{} is not a regular file", directory.path().display());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn stored_position_inside_a_line_steps_back_to_its_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in");
        fs::write(&path, "gr\u{fc}n\nblau\nrot\n").unwrap();
        let resume = Resume { position: 9, fingerprint: None };
        let mut tail = Tail::new(&path, Some(resume), 100);
        assert_eq!(tail.advance(Instant::now()).unwrap(), Progress::More);
        assert_eq!(tail.advance(Instant::now()).unwrap(), Progress::More);
        assert_eq!(tail.next_line(), Some("blau".as_bytes()));
        assert_eq!(tail.position(), 11);
    }
}
