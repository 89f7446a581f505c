//! One offset per partition, for a whole log directory.
//!
//! | file | the offset is |
//! |---|---|
//! | `recovery-point-offset-checkpoint` | below it everything is on the medium |
//! | `log-start-offset-checkpoint` | the first that consumers may read |
//! | `replication-offset-checkpoint` | the high watermark |
//!
//! Text: a line `0` (the version), a line with the count, then per partition
//! `<topic> <partition> <offset>`. Replaced as a whole by a rename.
//! Layout of Apache Kafka's `OffsetCheckpointFile`.

use std::{collections::BTreeMap, fmt::Write as _, io, path::Path};

use super::{
    super::file_system::{FileSystem, read_small_file, replace_file},
    LIMIT_BYTES,
};

/// Offsets by topic and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct OffsetCheckpoint(pub BTreeMap<(String, i32), i64>);

/// Why a checkpoint was not read.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum CheckpointError {
    #[error("read failed")]
    Io(#[from] io::Error),
    #[error("line {line} is malformed")]
    Malformed { line: usize },
    #[error("version {found} is not known")]
    Version { found: i64 },
    #[error("{found} entries, {expected} announced")]
    Count { expected: usize, found: usize },
}

impl OffsetCheckpoint {
    /// Reads a checkpoint; a missing file is an empty one.
    pub(in super::super) fn read(
        fs: &dyn FileSystem,
        path: &Path,
    ) -> Result<Self, CheckpointError> {
        match read_small_file(fs, path, LIMIT_BYTES) {
            Ok(content) => Self::parse(&String::from_utf8_lossy(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a checkpoint and waits until it is durable.
    pub(in super::super) fn write(&self, fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
        replace_file(fs, path, self.to_text().as_bytes())
    }

    /// Returns the offset of a partition.
    pub(in super::super) fn offset(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(&(topic.to_owned(), partition)).copied()
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let (expected, entries) = parse_frame(text)?;
        let mut offsets = BTreeMap::new();
        for (line, entry) in entries {
            let malformed = || CheckpointError::Malformed { line };
            let mut words = entry.split_ascii_whitespace();
            let topic = words.next().ok_or_else(malformed)?;
            let partition = words.next().and_then(|word| word.parse().ok());
            let offset = words.next().and_then(|word| word.parse().ok());
            let (Some(partition), Some(offset), None) = (partition, offset, words.next()) else {
                return Err(malformed());
            };
            offsets.insert((topic.to_owned(), partition), offset);
        }
        check_count(expected, offsets.len())?;
        Ok(Self(offsets))
    }

    fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.0.len());
        for ((topic, partition), offset) in &self.0 {
            let _ = writeln!(text, "{topic} {partition} {offset}");
        }
        text
    }
}

/// Reads version and count; returns the entry lines with their numbers.
pub(super) fn parse_frame(
    text: &str,
) -> Result<(usize, impl Iterator<Item = (usize, &str)>), CheckpointError> {
    let malformed = |line| move || CheckpointError::Malformed { line };
    let mut lines = text.lines();
    let version =
        lines.next().and_then(|line| line.trim().parse().ok()).ok_or_else(malformed(1))?;
    if version != 0 {
        return Err(CheckpointError::Version { found: version });
    }
    let count = lines.next().and_then(|line| line.trim().parse().ok()).ok_or_else(malformed(2))?;
    let entries = (3..).zip(lines).filter(|(_, line)| !line.trim().is_empty());
    Ok((count, entries))
}

/// Compares the announced count with that of the entries.
pub(super) fn check_count(expected: usize, found: usize) -> Result<(), CheckpointError> {
    if expected == found { Ok(()) } else { Err(CheckpointError::Count { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::{super::super::file_system::OsFileSystem, *};

    #[test]
    fn text_is_the_published_one_and_reads_back() {
        let mut checkpoint = OffsetCheckpoint::default();
        checkpoint.0.insert(("b".to_owned(), 0), 7);
        checkpoint.0.insert(("a.b_c".to_owned(), 11), i64::MAX);
        let text = checkpoint.to_text();
        assert_eq!(text, "0\n2\na.b_c 11 9223372036854775807\nb 0 7\n");
        assert_eq!(OffsetCheckpoint::parse(&text).unwrap(), checkpoint);
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        assert_eq!(OffsetCheckpoint::parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn broken_text_is_refused_with_its_line() {
        check_refused("", "line 1 is malformed");
        check_refused("1\n0\n", "version 1 is not known");
        check_refused("0\nmany\n", "line 2 is malformed");
        check_refused("0\n1\na 0\n", "line 3 is malformed");
        check_refused("0\n1\na 0 1 2\n", "line 3 is malformed");
        check_refused("0\n2\na 0 1\n", "1 entries, 2 announced");
    }

    #[test]
    fn missing_file_is_an_empty_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recovery-point-offset-checkpoint");
        let read = OffsetCheckpoint::read(&OsFileSystem, &path).unwrap();
        assert_eq!(read, OffsetCheckpoint::default());
        read.write(&OsFileSystem, &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"0\n0\n");
    }
}
