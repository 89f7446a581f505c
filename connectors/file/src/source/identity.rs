//! Which file a path leads to, and what of it was read: how rotation and rewriting are noticed.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::lines::{HISTORY_BYTES, as_u64};

/// A file, whatever its name: device and inode. Not reused while the file is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Takes the identity from what the system says of a file.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What was read up to a position: the position, and a hash of the bytes before it.
///
/// Written as `<position>:<16 hexadecimal digits>`; the hash is FNV-1a, 64 bits, of the last
/// [`HISTORY_BYTES`] before the position. It is stored beside `position` in a source offset;
/// Kafka's own connector ignores it. Holding its own position, it does not count once an operator
/// has altered `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    position: u64,
    hash: u64,
}

impl Fingerprint {
    /// Takes the fingerprint of what was read, given the bytes before the position.
    pub(super) fn new(position: u64, history: &[u8]) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        Self { position, hash: history.iter().fold(BASIS, step) }
    }

    /// Reads a stored fingerprint; none if it is not one, or belongs to another position.
    pub(super) fn parse(text: &str, position: u64) -> Option<Self> {
        let (own, hash) = text.split_once(':')?;
        let found = Self { position: own.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? };
        (found.position == position).then_some(found)
    }

    /// Writes the fingerprint as it is stored.
    pub(super) fn to_text(self) -> String {
        format!("{}:{:016x}", self.position, self.hash)
    }
}

/// Reads the last bytes before a position; fewer than asked for only near the file's start.
///
/// # Errors
///
/// The file cannot be read, or ends before the position.
pub(super) fn read_history(file: &File, position: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(position).map_or(HISTORY_BYTES, |size| size.min(HISTORY_BYTES));
    let mut history = vec![0; size];
    file.read_exact_at(&mut history, position - as_u64(size))?;
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_survives_its_text_form() {
        let fingerprint = Fingerprint::new(6, b"hello\n");
        assert_eq!(fingerprint.to_text().len(), "6:".len() + 16);
        assert_eq!(Fingerprint::parse(&fingerprint.to_text(), 6), Some(fingerprint));
        assert_ne!(Fingerprint::new(6, b"hallo\n"), fingerprint);
    }

    #[test]
    fn fingerprint_of_another_position_does_not_count() {
        let text = Fingerprint::new(6, b"hello\n").to_text();
        assert_eq!(Fingerprint::parse(&text, 0), None);
        assert_eq!(Fingerprint::parse("6:zz", 6), None);
        assert_eq!(Fingerprint::parse("", 0), None);
    }

    #[test]
    fn hash_is_fnv_1a() {
        assert_eq!(Fingerprint::new(1, b"a").to_text(), "1:af63dc4c8601ec8c");
    }
}
