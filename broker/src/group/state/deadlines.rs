//! Things that are due at a time: each key at most once, the earliest first.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Keys with the time in ms at which each is due.
#[derive(Debug, Clone)]
pub(in crate::group) struct Deadlines<K> {
    queue: BTreeSet<(u64, K)>,
    due: HashMap<K, u64>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), due: HashMap::new() }
    }
}

impl<K: Clone + Ord + Hash> Deadlines<K> {
    /// Sets the time of `key`; an earlier setting is forgotten.
    pub(in crate::group) fn set(&mut self, key: K, at_ms: u64) {
        if let Some(old) = self.due.insert(key.clone(), at_ms) {
            if old == at_ms {
                return;
            }
            self.queue.remove(&(old, key.clone()));
        }
        self.queue.insert((at_ms, key));
    }

    /// Forgets `key`.
    pub(in crate::group) fn clear(&mut self, key: &K) {
        if let Some(old) = self.due.remove(key) {
            self.queue.remove(&(old, key.clone()));
        }
    }

    /// Returns the earliest time.
    pub(in crate::group) fn next(&self) -> Option<u64> {
        self.queue.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes the earliest key that is due at `now_ms`.
    pub(in crate::group) fn take_due(&mut self, now_ms: u64) -> Option<K> {
        let (at_ms, _) = self.queue.first()?;
        if *at_ms > now_ms {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.due.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_key_comes_first_and_only_when_due() {
        let mut deadlines = Deadlines::default();
        deadlines.set("b", 20);
        deadlines.set("a", 10);
        assert_eq!(deadlines.next(), Some(10));
        assert_eq!(deadlines.take_due(9), None);
        assert_eq!(deadlines.take_due(25), Some("a"));
        assert_eq!(deadlines.take_due(25), Some("b"));
        assert_eq!(deadlines.take_due(25), None);
    }

    #[test]
    fn setting_again_moves_a_key_and_clearing_forgets_it() {
        let mut deadlines = Deadlines::default();
        deadlines.set("a", 10);
        deadlines.set("a", 30);
        assert_eq!(deadlines.take_due(20), None);
        assert_eq!(deadlines.next(), Some(30));
        deadlines.clear(&"a");
        assert_eq!(deadlines.next(), None);
    }
}
