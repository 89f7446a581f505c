//! A map of bounded size: the oldest entry goes when a new one needs its place.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Keeps at most a number of entries.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    entries: HashMap<K, V>,
    /// Keys, the oldest first.
    order: VecDeque<K>,
    most: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// An empty cache for that many entries.
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), most }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key).cloned()
    }

    /// Adds or replaces an entry.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.most == 0 || self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Keeps at most a number of entries, each for a time.
#[derive(Debug)]
pub(crate) struct ExpiringCache<K, V> {
    entries: Cache<K, (Option<Instant>, V)>,
    /// How long an entry is served; for ever when none.
    ttl: Option<Duration>,
}

impl<K: Hash + Eq + Clone, V: Clone> ExpiringCache<K, V> {
    /// An empty cache for that many entries.
    pub(crate) fn new(most: usize, ttl: Option<Duration>) -> Self {
        Self { entries: Cache::new(most), ttl }
    }

    /// The value of a key, unless it is too old at that time.
    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let (until, value) = self.entries.get(key)?;
        until.is_none_or(|until| now < until).then_some(value)
    }

    /// Adds or replaces an entry.
    pub(crate) fn insert(&mut self, key: K, value: V, now: Instant) {
        // a time beyond the clock's end is for ever
        let until = self.ttl.and_then(|ttl| now.checked_add(ttl));
        self.entries.insert(key, (until, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_served_for_their_time() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut cache = ExpiringCache::new(2, Some(second));
        cache.insert(1, 1, now);
        assert_eq!(cache.get(&1, now), Some(1));
        assert_eq!(cache.get(&1, now + second), None);
        cache.insert(1, 2, now + second);
        assert_eq!(cache.get(&1, now + second), Some(2));
        let mut cache = ExpiringCache::new(2, None);
        cache.insert(1, 1, now);
        assert_eq!(cache.get(&1, now + second), Some(1));
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut cache = Cache::new(2);
        for key in [1, 2, 1, 3] {
            cache.insert(key, key * 10);
        }
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (None, Some(20), Some(30)));
        let mut none = Cache::new(0);
        none.insert(1, 1);
        assert_eq!(none.get(&1), None);
    }
}
