//! Which leader epoch wrote from which offset on: `leader-epoch-checkpoint` of a partition.
//!
//! Text: a line `0` (the version), a line with the count, then per epoch
//! `<epoch> <start offset>`. Layout of Apache Kafka's `LeaderEpochCheckpointFile`.
//!
//! Invariants: epochs and start offsets both rise; the file can be rebuilt from the batches,
//! so nobody waits for it to reach the disk.

use std::{fmt::Write as _, io, path::Path};

use super::{
    super::file_system::{FileSystem, read_small_file, replace_file_unsynced},
    LIMIT_BYTES,
    offsets::{CheckpointError, check_count, parse_frame},
};

/// Name of the file in a partition's directory.
pub(in super::super) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// The epochs of one partition, oldest first, each with its first offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct LeaderEpochs(Vec<(i32, i64)>);

impl LeaderEpochs {
    /// Reads the file of a partition; a missing one is empty.
    pub(in super::super) fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Self, CheckpointError> {
        match read_small_file(fs, &dir.join(FILE_NAME), LIMIT_BYTES) {
            Ok(content) => Self::parse(&String::from_utf8_lossy(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the file of a partition.
    pub(in super::super) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
        replace_file_unsynced(fs, &dir.join(FILE_NAME), self.to_text().as_bytes())
    }

    /// Notes that a batch of an epoch starts at an offset; true if the epoch is new.
    pub(in super::super) fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        if epoch < 0 || self.0.last().is_some_and(|(latest, _)| *latest >= epoch) {
            return false;
        }
        self.0.retain(|(_, start)| *start < start_offset);
        self.0.push((epoch, start_offset));
        true
    }

    /// The newest epoch.
    pub(in super::super) fn latest(&self) -> Option<i32> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// Returns the largest epoch up to the asked one and the offset at which it ended.
    ///
    /// None when the epoch is newer than any known, or there is no epoch.
    pub(in super::super) fn end_offset(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        let (latest, _) = *self.0.last()?;
        if epoch == latest {
            return Some((epoch, log_end));
        }
        let after = self.0.partition_point(|(known, _)| *known <= epoch);
        let (_, next_start) = *self.0.get(after)?;
        let floor = after.checked_sub(1).map_or(epoch, |at| self.0[at].0);
        Some((floor, next_start))
    }

    /// Forgets what starts at or after an offset that is now the end of the log.
    pub(in super::super) fn truncate_end(&mut self, log_end: i64) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, start)| *start < log_end);
        self.0.len() != before
    }

    /// Moves the start of the oldest remaining epoch up to the start of the log.
    pub(in super::super) fn truncate_start(&mut self, log_start: i64) -> bool {
        let current = self.0.partition_point(|(_, start)| *start <= log_start);
        let Some(current) = current.checked_sub(1) else { return false };
        let changed = current > 0 || self.0[current].1 != log_start;
        self.0.drain(..current);
        self.0[0].1 = log_start;
        changed
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let (expected, entries) = parse_frame(text)?;
        let mut epochs = Vec::new();
        for (line, entry) in entries {
            let parsed = entry.trim().split_once(' ').and_then(|(epoch, start)| {
                Some((epoch.parse::<i32>().ok()?, start.trim().parse::<i64>().ok()?))
            });
            epochs.push(parsed.ok_or(CheckpointError::Malformed { line })?);
        }
        check_count(expected, epochs.len())?;
        Ok(Self(epochs))
    }

    fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.0.len());
        for (epoch, start) in &self.0 {
            let _ = writeln!(text, "{epoch} {start}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(list: &[(i32, i64)]) -> LeaderEpochs {
        LeaderEpochs(list.to_vec())
    }

    #[test]
    fn text_is_the_published_one_and_reads_back() {
        let epochs = epochs(&[(0, 0), (3, 120)]);
        assert_eq!(epochs.to_text(), "0\n2\n0 0\n3 120\n");
        assert_eq!(LeaderEpochs::parse("0\n2\n0 0\n3 120\n").unwrap(), epochs);
        assert!(LeaderEpochs::parse("0\n1\n0\n").is_err());
    }

    #[test]
    fn end_of_an_epoch_is_the_start_of_the_next() {
        let epochs = epochs(&[(1, 10), (4, 20)]);
        for (asked, expected) in [
            (0, Some((0, 10))),
            (1, Some((1, 20))),
            (3, Some((1, 20))),
            (4, Some((4, 35))),
            (5, None),
        ] {
            assert_eq!(epochs.end_offset(asked, 35), expected, "epoch {asked}");
        }
        assert_eq!(LeaderEpochs::default().end_offset(0, 35), None);
    }

    #[test]
    fn only_a_newer_epoch_is_noted() {
        let mut list = LeaderEpochs::default();
        assert!(list.assign(0, 0));
        assert!(!list.assign(0, 5));
        assert!(list.assign(2, 9));
        assert!(!list.assign(1, 10));
        assert_eq!(list, epochs(&[(0, 0), (2, 9)]));
    }

    #[test]
    fn truncation_keeps_the_epoch_that_the_first_record_has() {
        let mut list = epochs(&[(0, 0), (1, 10), (2, 20)]);
        assert!(list.truncate_start(15));
        assert_eq!(list, epochs(&[(1, 15), (2, 20)]));
        assert!(!list.truncate_start(15));
        assert!(list.truncate_end(20));
        assert_eq!(list, epochs(&[(1, 15)]));
    }
}
