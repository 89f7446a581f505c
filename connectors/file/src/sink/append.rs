//! Text at the end of a file: a whole batch, or nothing of it.
//!
//! Invariants: after an error that may be retried, the file is as it was before; after a failed
//! sync nothing more is written, because the system may have dropped what it could not write and
//! would report the next sync as good.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use connect_api::ConnectError;

/// Where the text goes; a seam for faults.
pub(super) trait Output: Send {
    /// Tells whether what was written can be taken back.
    fn can_truncate(&self) -> bool;
    /// Size in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Puts bytes at the end, and tells how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the end off.
    fn truncate(&mut self, size: u64) -> io::Result<()>;
    /// Returns once everything is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file opened for appending, or a stream: a pipe, a terminal, a device.
#[derive(Debug)]
pub(super) struct FileOutput {
    file: File,
    regular: bool,
    /// Directory to sync once, so that a new file's name is on the disk too.
    directory: Option<PathBuf>,
}

impl FileOutput {
    /// Takes an open file, and its directory if the file may be new.
    pub(super) fn new(file: File, metadata: &Metadata, directory: Option<PathBuf>) -> Self {
        Self { file, regular: metadata.is_file(), directory }
    }

    /// Takes a stream, whatever it leads to.
    pub(super) const fn stream(file: File) -> Self {
        Self { file, regular: false, directory: None }
    }
}

impl Output for FileOutput {
    fn can_truncate(&self) -> bool {
        self.regular
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.regular {
            return Ok(());
        }
        self.file.sync_data()?;
        if let Some(directory) = &self.directory {
            File::open(directory)?.sync_all()?;
            self.directory = None;
        }
        Ok(())
    }
}

/// Why a batch is not in the file, or not on the disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error("cannot write to {}; nothing of the batch was kept", path.display())]
    Undone { path: PathBuf, source: io::Error },
    #[error("cannot write to {}, and {written} bytes of the batch stay there", path.display())]
    Torn { path: PathBuf, written: usize, source: io::Error },
    #[error("cannot sync {} to the disk", path.display())]
    Sync { path: PathBuf, source: io::Error },
    #[error("{} is not written to after a failed sync; restart the task", path.display())]
    Unusable { path: PathBuf },
}

impl From<AppendError> for ConnectError {
    fn from(error: AppendError) -> Self {
        let message = error.to_string();
        match error {
            AppendError::Undone { source, .. } if may_pass(&source) => {
                Self::retriable(message).because(source)
            }
            AppendError::Undone { source, .. }
            | AppendError::Torn { source, .. }
            | AppendError::Sync { source, .. } => Self::fatal(message).because(source),
            AppendError::Unusable { .. } => Self::fatal(message),
        }
    }
}

/// Tells whether a write may succeed later: somebody makes room.
fn may_pass(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The end of one file.
#[derive(Debug)]
pub(super) struct Appender<O> {
    output: O,
    path: PathBuf,
    /// The file ends inside a line that is not ours to continue.
    unfinished_line: bool,
    unsynced: bool,
    unusable: bool,
}

impl<O: Output> Appender<O> {
    /// Takes the file; with `unfinished_line` a line end goes before the first text.
    pub(super) fn new(output: O, path: &Path, unfinished_line: bool) -> Self {
        let path = path.to_owned();
        Self { output, path, unfinished_line, unsynced: true, unusable: false }
    }

    /// Puts a batch of whole lines at the end of the file.
    ///
    /// # Errors
    ///
    /// [`AppendError::Undone`]: the file is as before. [`AppendError::Torn`]: it is not.
    /// [`AppendError::Unusable`]: a sync has failed before.
    pub(super) fn append(&mut self, text: &[u8]) -> Result<(), AppendError> {
        if self.unusable {
            return Err(AppendError::Unusable { path: self.path.clone() });
        }
        let before = self.output.size().map_err(|source| self.undone(source))?;
        let mut written = 0;
        let mut outcome = Ok(());
        if self.unfinished_line && before > 0 {
            outcome = write_all(&mut self.output, b"\n", &mut written);
        }
        if outcome.is_ok() {
            outcome = write_all(&mut self.output, text, &mut written);
        }
        // Even what is taken back counts: the sync that follows is cheap then.
        self.unsynced = true;
        match outcome {
            Ok(()) => {
                self.unfinished_line = false;
                Ok(())
            }
            Err(source) => Err(self.take_back(before, written, source)),
        }
    }

    /// Puts everything that was appended onto the disk.
    ///
    /// # Errors
    ///
    /// [`AppendError::Sync`]; [`AppendError::Unusable`] ever after.
    pub(super) fn sync(&mut self) -> Result<(), AppendError> {
        if self.unusable {
            return Err(AppendError::Unusable { path: self.path.clone() });
        }
        if self.unsynced {
            if let Err(source) = self.output.sync() {
                self.unusable = true;
                return Err(AppendError::Sync { path: self.path.clone(), source });
            }
            self.unsynced = false;
        }
        Ok(())
    }

    fn take_back(&mut self, before: u64, written: usize, source: io::Error) -> AppendError {
        if written == 0 {
            return self.undone(source);
        }
        let expected = u64::try_from(written).ok().and_then(|count| before.checked_add(count));
        // A different size means that another program writes here too: its text is not ours to
        // cut off.
        let ours = self.output.can_truncate() && self.output.size().ok() == expected;
        if ours && self.output.truncate(before).is_ok() {
            return self.undone(source);
        }
        AppendError::Torn { path: self.path.clone(), written, source }
    }

    fn undone(&self, source: io::Error) -> AppendError {
        AppendError::Undone { path: self.path.clone(), source }
    }
}

fn write_all(output: &mut impl Output, mut text: &[u8], written: &mut usize) -> io::Result<()> {
    while !text.is_empty() {
        match output.write(text) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                *written += count;
                text = &text[count..];
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with little room that can fail in other ways too.
    #[derive(Debug)]
    struct Disk {
        content: Vec<u8>,
        room: usize,
        largest_write: usize,
        truncates: bool,
        other_writer: bool,
        sync_fails: bool,
        syncs: usize,
    }

    impl Disk {
        fn new(room: usize) -> Self {
            Self {
                content: Vec::new(),
                room,
                largest_write: 3,
                truncates: true,
                other_writer: false,
                sync_fails: false,
                syncs: 0,
            }
        }
    }

    impl Output for Disk {
        fn can_truncate(&self) -> bool {
            self.truncates
        }

        fn size(&self) -> io::Result<u64> {
            Ok(self.content.len() as u64)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.largest_write).min(self.room - self.content.len());
            if count == 0 {
                if self.other_writer {
                    self.content.push(b'!');
                }
                return Err(ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn truncate(&mut self, size: u64) -> io::Result<()> {
            self.content.truncate(usize::try_from(size).unwrap());
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            self.syncs += 1;
            if self.sync_fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        }
    }

    fn appender(disk: Disk) -> Appender<Disk> {
        Appender::new(disk, Path::new("out.txt"), false)
    }

    #[test]
    fn full_disk_keeps_nothing_of_a_batch_and_the_retry_writes_it_once() {
        let mut appender = appender(Disk::new(10));
        appender.append(b"one\n").unwrap();
        let error = ConnectError::from(appender.append(b"two\nthree\n").unwrap_err());
        assert!(error.is_retriable(), "{error}");
        assert_eq!(appender.output.content, b"one\n");
        appender.output.room = 100;
        appender.append(b"two\nthree\n").unwrap();
        assert_eq!(appender.output.content, b"one\ntwo\nthree\n");
    }

    #[test]
    fn half_a_batch_that_cannot_be_taken_back_is_not_retried() {
        let mut disk = Disk::new(6);
        disk.truncates = false;
        let mut appender = appender(disk);
        let error = ConnectError::from(appender.append(b"one\ntwo\n").unwrap_err());
        assert!(!error.is_retriable());
        assert_eq!(
            error.to_string(),
            "cannot write to out.txt, and 6 bytes of the batch stay there"
        );
    }

    #[test]
    fn text_of_another_writer_is_not_cut_off() {
        let mut disk = Disk::new(6);
        disk.other_writer = true;
        let mut appender = appender(disk);
        let error = ConnectError::from(appender.append(b"one\ntwo\n").unwrap_err());
        assert!(!error.is_retriable());
        assert_eq!(appender.output.content, b"one\ntw!");
    }

    #[test]
    fn sync_happens_once_per_change() {
        let mut appender = appender(Disk::new(100));
        for _ in 0..2 {
            appender.append(b"one\n").unwrap();
            appender.sync().unwrap();
            appender.sync().unwrap();
        }
        assert_eq!(appender.output.syncs, 2);
    }

    #[test]
    fn nothing_is_written_after_a_failed_sync() {
        let mut appender = appender(Disk::new(100));
        appender.append(b"one\n").unwrap();
        appender.output.sync_fails = true;
        let error = ConnectError::from(appender.sync().unwrap_err());
        assert!(!error.is_retriable());
        appender.output.sync_fails = false;
        assert!(matches!(appender.sync(), Err(AppendError::Unusable { .. })));
        assert!(matches!(appender.append(b"two\n"), Err(AppendError::Unusable { .. })));
        assert_eq!(appender.output.content, b"one\n");
    }

    #[test]
    fn line_that_somebody_left_unfinished_is_ended_first() {
        let mut disk = Disk::new(9);
        disk.content.extend_from_slice(b"torn");
        let mut appender = Appender::new(disk, Path::new("out.txt"), true);
        appender.append(b"one\ntwo\n").unwrap_err();
        assert_eq!(appender.output.content, b"torn");
        appender.output.room = 100;
        appender.append(b"one\n").unwrap();
        appender.append(b"two\n").unwrap();
        assert_eq!(appender.output.content, b"torn\none\ntwo\n");
    }
}
