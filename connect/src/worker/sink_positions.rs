//! How far a sink task is in each of its partitions. Pure.
//!
//! Offsets are those of the next record. Invariant: what is committed was delivered before.

use std::collections::BTreeMap;

use client::TopicPartition;

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    /// First offset that was ever delivered here; where to go back to before a first commit.
    first: Option<i64>,
    /// Behind the last record that `put` took.
    delivered: Option<i64>,
    /// What Kafka has acknowledged.
    committed: Option<i64>,
}

/// The assigned partitions of a sink task.
#[derive(Debug, Default)]
pub struct SinkPositions {
    positions: BTreeMap<TopicPartition, Position>,
}

impl SinkPositions {
    /// Adds partitions that were assigned.
    pub fn add(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.positions.entry(partition.clone()).or_default();
        }
    }

    /// Drops partitions that were revoked or lost.
    pub fn remove(&mut self, partitions: &[TopicPartition]) {
        self.positions.retain(|partition, _| !partitions.contains(partition));
    }

    /// Tells whether a partition is assigned.
    #[must_use]
    pub fn contains(&self, partition: &TopicPartition) -> bool {
        self.positions.contains_key(partition)
    }

    /// Tells whether no partition is assigned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// All assigned partitions.
    #[must_use]
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.positions.keys().cloned().collect()
    }

    /// Notes that the records from `first` to before `next` were delivered.
    pub fn delivered(&mut self, partition: &TopicPartition, first: i64, next: i64) {
        if let Some(position) = self.positions.get_mut(partition) {
            position.first.get_or_insert(first);
            position.delivered = Some(next);
        }
    }

    /// What was delivered, of partitions where anything was.
    #[must_use]
    pub fn all_delivered(&self) -> Vec<(TopicPartition, i64)> {
        let delivered = |(partition, position): (&TopicPartition, &Position)| {
            Some((partition.clone(), position.delivered?))
        };
        self.positions.iter().filter_map(delivered).collect()
    }

    /// Of the offsets that a task wants committed, those that may be and are not yet.
    ///
    /// A partition that is not assigned, or an offset beyond what was delivered, is left out.
    #[must_use]
    pub fn committable(
        &self,
        wanted: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> BTreeMap<TopicPartition, i64> {
        let allowed = |(partition, offset): &(TopicPartition, i64)| {
            let Some(position) = self.positions.get(partition) else { return false };
            position.delivered.is_some_and(|delivered| *offset <= delivered)
                && position.committed.is_none_or(|committed| *offset != committed)
        };
        wanted.into_iter().filter(allowed).collect()
    }

    /// Notes what Kafka has acknowledged.
    pub fn committed(&mut self, offsets: &BTreeMap<TopicPartition, i64>) {
        for (partition, offset) in offsets {
            if let Some(position) = self.positions.get_mut(partition) {
                position.committed = Some(*offset);
            }
        }
    }

    /// Goes back to what was committed last, and says where that is.
    pub fn rewind(&mut self) -> Vec<(TopicPartition, i64)> {
        let mut targets = Vec::new();
        for (partition, position) in &mut self.positions {
            let Some(target) = position.committed.or(position.first) else { continue };
            if position.delivered != Some(target) {
                position.delivered = position.committed;
                targets.push((partition.clone(), target));
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn positions() -> SinkPositions {
        let mut positions = SinkPositions::default();
        positions.add(&[partition(0), partition(1)]);
        positions.delivered(&partition(0), 5, 10);
        positions
    }

    #[test]
    fn only_delivered_offsets_of_assigned_partitions_are_committed() {
        let positions = positions();
        let wanted = [(partition(0), 10), (partition(1), 3), (partition(2), 1)];
        assert_eq!(positions.committable(wanted), BTreeMap::from([(partition(0), 10)]));
        assert!(positions.committable([(partition(0), 11)]).is_empty());
    }

    #[test]
    fn what_is_committed_is_not_committed_again() {
        let mut positions = positions();
        let offsets = positions.committable(positions.all_delivered());
        positions.committed(&offsets);
        assert!(positions.committable(positions.all_delivered()).is_empty());
    }

    #[test]
    fn rewind_goes_to_the_last_commit_or_to_the_first_record() {
        let mut positions = positions();
        assert_eq!(positions.rewind(), [(partition(0), 5)]);
        assert!(positions.all_delivered().is_empty());
        positions.delivered(&partition(0), 5, 8);
        positions.committed(&BTreeMap::from([(partition(0), 8)]));
        positions.delivered(&partition(0), 8, 12);
        assert_eq!(positions.rewind(), [(partition(0), 8)]);
        assert_eq!(positions.rewind(), []);
    }
}
