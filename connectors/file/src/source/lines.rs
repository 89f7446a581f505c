//! Bytes of a file on their way to lines.
//!
//! ```text
//! bytes: | history | given out … | incomplete line | room |
//!                                ^ start           ^ end
//! ```
//!
//! Invariants: `position` is the place in the file of `bytes[start]`; a line ends with `\n`,
//! `\r\n` or `\r`; a `\r` that is the last byte waits for the next one; at least
//! [`HISTORY_BYTES`] before `start` (or all, near the start of the file) stay in the buffer, by
//! which a file that was rewritten in place is told from one that has grown.

use memchr::memchr2;

/// Longest line that is read, in bytes; a longer one fails the task rather than fill the memory.
pub const LONGEST_LINE_BYTES: usize = 64 * 1024 * 1024;

/// How many bytes before a position identify what was read up to it.
pub(super) const HISTORY_BYTES: usize = 256;

/// Size of the buffer while lines are of ordinary length, in bytes; most of it is one read.
const ORDINARY_BYTES: usize = 512 * 1024;

/// A line is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line at byte {position} is longer than {limit} bytes")]
pub(super) struct LineTooLong {
    /// Where the line starts.
    pub(super) position: u64,
    /// Longest line in bytes.
    pub(super) limit: usize,
}

/// What was read of a file and not yet given out.
#[derive(Debug)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    position: u64,
    limit: usize,
    complete: bool,
}

impl LineBuffer {
    /// Makes a buffer at the start of a file.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            position: 0,
            limit,
            complete: false,
        }
    }

    /// Forgets everything and goes on at a position, given the bytes before it.
    pub(super) fn restart(&mut self, position: u64, history: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(history);
        self.start = history.len();
        self.scanned = self.start;
        self.end = self.start;
        self.position = position;
        self.complete = false;
    }

    /// Position in the file of the first byte that was not given out as part of a line.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Counts the bytes that were read and not given out.
    pub(super) const fn held(&self) -> usize {
        self.end - self.start
    }

    /// The last bytes before [`LineBuffer::position`].
    pub(super) fn history(&self) -> &[u8] {
        &self.bytes[self.start.saturating_sub(HISTORY_BYTES)..self.start]
    }

    /// The last bytes that were read, whether given out or not.
    pub(super) fn last_read(&self) -> &[u8] {
        &self.bytes[self.end.saturating_sub(HISTORY_BYTES)..self.end]
    }

    /// Returns the next line without its end; none until more bytes are there.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        let Some(found) = memchr2(b'\n', b'\r', &self.bytes[self.scanned..self.end]) else {
            self.scanned = self.end;
            return if self.complete && self.held() > 0 {
                Some(self.give(self.end, 0))
            } else {
                None
            };
        };
        let at = self.scanned + found;
        let last = at + 1 == self.end;
        let width = match self.bytes[at] {
            b'\r' if last && !self.complete => {
                self.scanned = at;
                return None;
            }
            b'\r' if !last && self.bytes[at + 1] == b'\n' => 2,
            _ => 1,
        };
        Some(self.give(at, width))
    }

    fn give(&mut self, line_end: usize, terminator: usize) -> &[u8] {
        let line_start = self.start;
        self.start = line_end + terminator;
        self.scanned = self.start;
        self.position += as_u64(self.start - line_start);
        &self.bytes[line_start..line_end]
    }

    /// Says that no more bytes will come: what is held is the last line.
    pub(super) const fn complete(&mut self) {
        self.complete = true;
    }

    /// Tells whether no more bytes will come.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Makes room and returns it, for bytes that follow those read before; never empty.
    ///
    /// To be called when [`LineBuffer::next_line`] has nothing more to give.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`]: what is held is one line, and too long.
    pub(super) fn room(&mut self) -> Result<&mut [u8], LineTooLong> {
        if self.held() > self.limit {
            return Err(LineTooLong { position: self.position, limit: self.limit });
        }
        let kept = self.start.saturating_sub(HISTORY_BYTES);
        self.bytes.copy_within(kept..self.end, 0);
        self.start -= kept;
        self.scanned -= kept;
        self.end -= kept;
        let needed = if self.end * 2 <= ORDINARY_BYTES {
            ORDINARY_BYTES
        } else {
            self.end.saturating_mul(2).min(self.end + self.limit)
        };
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        } else if self.bytes.len() > needed.saturating_mul(4) {
            self.bytes.truncate(needed);
            self.bytes.shrink_to_fit();
        }
        Ok(&mut self.bytes[self.end..])
    }

    /// Takes note of bytes that were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        debug_assert!(self.end + count <= self.bytes.len(), "more bytes than there was room for");
        self.end += count;
    }
}

/// A size in memory as a size in a file.
pub(super) fn as_u64(size: usize) -> u64 {
    u64::try_from(size).expect("a size in memory fits 64 bits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds pieces one after another and collects (line, position after it).
    fn lines(pieces: &[&[u8]], complete: bool) -> Vec<(String, u64)> {
        let mut buffer = LineBuffer::new(1000);
        let mut out = Vec::new();
        let mut drain = |buffer: &mut LineBuffer| {
            while let Some(line) = buffer.next_line() {
                let line = String::from_utf8_lossy(line).into_owned();
                out.push((line, buffer.position()));
            }
        };
        for piece in pieces {
            let room = buffer.room().unwrap();
            room[..piece.len()].copy_from_slice(piece);
            buffer.filled(piece.len());
            drain(&mut buffer);
        }
        if complete {
            buffer.complete();
            drain(&mut buffer);
        }
        out
    }

    #[track_caller]
    fn check(pieces: &[&str], expected: &[(&str, u64)]) {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        let found = lines(&pieces, false);
        let found: Vec<(&str, u64)> = found.iter().map(|(line, at)| (line.as_str(), *at)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_line_end_counts_once() {
        check(&["a\nb\r\nc\rd\n"], &[("a", 2), ("b", 5), ("c", 7), ("d", 9)]);
        check(&["\n\r\n\r\r\n"], &[("", 1), ("", 3), ("", 4), ("", 6)]);
    }

    #[test]
    fn carriage_return_waits_for_the_next_byte() {
        check(&["a\r"], &[]);
        check(&["a\r", "\nb\n"], &[("a", 3), ("b", 5)]);
        check(&["a\r", "b\n"], &[("a", 2), ("b", 4)]);
        check(&["a", "\r", "\r", "\n"], &[("a", 2), ("", 4)]);
    }

    #[test]
    fn line_without_an_end_is_held_until_input_is_complete() {
        check(&["a\nbc"], &[("a", 2)]);
        assert_eq!(lines(&[b"a\nbc"], true), [("a".to_owned(), 2), ("bc".to_owned(), 4)]);
        assert_eq!(lines(&[b"a\r"], true), [("a".to_owned(), 2)]);
        assert_eq!(lines(&[b"a\n"], true), [("a".to_owned(), 2)]);
    }

    #[test]
    fn too_long_a_line_is_refused_with_its_position() {
        let mut buffer = LineBuffer::new(10);
        let room = buffer.room().unwrap();
        room[..14].copy_from_slice(b"ab\n01234567890");
        buffer.filled(14);
        assert!(buffer.next_line().is_some() && buffer.next_line().is_none());
        let error = buffer.room().unwrap_err();
        assert_eq!(error.to_string(), "line at byte 3 is longer than 10 bytes");
    }

    #[test]
    fn buffer_grows_for_a_long_line_and_shrinks_after_it() {
        let mut buffer = LineBuffer::new(LONGEST_LINE_BYTES);
        let mut left = 8 * ORDINARY_BYTES;
        while left > 0 {
            let room = buffer.room().unwrap();
            let count = room.len().min(left);
            room[..count].fill(b'x');
            buffer.filled(count);
            left -= count;
            assert!(buffer.next_line().is_none());
        }
        buffer.room().unwrap()[0] = b'\n';
        buffer.filled(1);
        assert_eq!(buffer.next_line().unwrap().len(), 8 * ORDINARY_BYTES);
        assert!(buffer.next_line().is_none());
        buffer.room().unwrap();
        assert!(buffer.bytes.len() <= 2 * ORDINARY_BYTES, "{}", buffer.bytes.len());
        assert_eq!(buffer.history().len(), HISTORY_BYTES);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[ab\r\n\u{e9}]{0,40}", cuts in prop::collection::vec(0usize..80, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(lines(&pieces, true), lines(&[bytes], true));
        }

        #[test]
        fn lines_and_ends_make_up_the_whole_text(text in "[ab\r\n]{0,40}") {
            let normal = text.replace("\r\n", "\n").replace('\r', "\n");
            let expected: Vec<&str> = normal.split_terminator('\n').collect();
            let found = lines(&[text.as_bytes()], true);
            let found_lines: Vec<&str> = found.iter().map(|(line, _)| line.as_str()).collect();
            prop_assert_eq!(found_lines, expected);
            prop_assert_eq!(found.last().map_or(0, |(_, at)| *at), text.len() as u64);
        }
    }
}
