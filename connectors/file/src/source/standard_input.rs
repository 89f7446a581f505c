//! Lines of standard input, for a source without `file`.
//!
//! Nothing is read before there is something to read, so a task that stops takes no input away
//! from the next one, and no thread hangs in a read. The end of the input ends the last line.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::lines::{LineBuffer, LineTooLong};

/// How often standard input is asked whether it has something.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(20);

/// Why standard input cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum StandardInputError {
    #[error("cannot read standard input")]
    Read(#[from] io::Error),
    #[error("standard input: {0}")]
    LineTooLong(#[from] LineTooLong),
}

impl From<StandardInputError> for connect_api::ConnectError {
    fn from(error: StandardInputError) -> Self {
        let fatal = Self::fatal(error.to_string());
        match error {
            StandardInputError::Read(source) => fatal.because(source),
            StandardInputError::LineTooLong(_) => fatal,
        }
    }
}

/// A stream and the lines that were read from it.
#[derive(Debug)]
pub(super) struct LineStream<R> {
    input: R,
    lines: LineBuffer,
}

impl<R: Read + AsFd> LineStream<R> {
    /// Prepares to read a stream.
    pub(super) const fn new(input: R, longest_line: usize) -> Self {
        Self { input, lines: LineBuffer::new(longest_line) }
    }

    /// Returns the next line that has been read, without its end.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        self.lines.next_line()
    }

    /// Reads what is there, without waiting; true when there may be lines now.
    ///
    /// # Errors
    ///
    /// Any [`StandardInputError`].
    pub(super) fn advance(&mut self) -> Result<bool, StandardInputError> {
        if self.lines.is_complete() || !self.is_ready()? {
            return Ok(false);
        }
        let room = self.lines.room()?;
        match self.input.read(room) {
            Ok(0) => self.lines.complete(),
            Ok(count) => self.lines.filled(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn is_ready(&self) -> io::Result<bool> {
        let mut waiting = [PollFd::new(&self.input, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ready =
            rustix::io::retry_on_intr(|| rustix::event::poll(&mut waiting, Some(&at_once)))?;
        Ok(ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(stream: &mut LineStream<io::PipeReader>) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            while let Some(line) = stream.next_line() {
                lines.push(String::from_utf8(line.to_vec()).unwrap());
            }
            if !stream.advance().unwrap() {
                return lines;
            }
        }
    }

    #[test]
    fn pipe_is_read_as_it_fills_and_its_end_ends_the_last_line() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut stream = LineStream::new(reader, 100);
        assert!(lines(&mut stream).is_empty());
        writer.write_all(b"a\r\nb\nc").unwrap();
        assert_eq!(lines(&mut stream), ["a", "b"]);
        drop(writer);
        assert_eq!(lines(&mut stream), ["c"]);
        assert!(lines(&mut stream).is_empty());
    }

    #[test]
    fn too_long_a_line_is_refused() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut stream = LineStream::new(reader, 3);
        writer.write_all(b"abcdef").unwrap();
        assert!(stream.advance().unwrap());
        assert!(stream.next_line().is_none());
        writer.write_all(b"g").unwrap();
        let error = stream.advance().unwrap_err();
        assert_eq!(error.to_string(), "standard input: line at byte 0 is longer than 3 bytes");
    }
}
