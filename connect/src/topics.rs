//! Which topics each connector has written to or read from (KIP-558).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;

/// The topics of all connectors of a worker. Tasks add a topic once, not per record.
#[derive(Debug)]
pub struct ActiveTopics {
    enabled: bool,
    topics: RwLock<BTreeMap<Arc<str>, BTreeSet<Arc<str>>>>,
}

impl ActiveTopics {
    /// Makes an empty record, which stays empty unless `enabled`.
    #[must_use]
    pub fn new(enabled: bool) -> Self {
        Self { enabled, topics: RwLock::default() }
    }

    /// Notes that a connector uses a topic.
    pub fn add(&self, connector: &Arc<str>, topic: &Arc<str>) {
        if self.enabled {
            let mut topics = self.topics.write();
            topics.entry(Arc::clone(connector)).or_default().insert(Arc::clone(topic));
        }
    }

    /// Notes a topic as [`ActiveTopics::add`] does, without a write when it is known already.
    pub fn add_quickly(&self, connector: &Arc<str>, topic: &Arc<str>) {
        if self.enabled {
            let known =
                self.topics.read().get(connector).is_some_and(|topics| topics.contains(topic));
            if !known {
                self.add(connector, topic);
            }
        }
    }

    /// Topics of a connector, in alphabetical order; empty when none or unknown.
    #[must_use]
    pub fn of(&self, connector: &str) -> Vec<Arc<str>> {
        let topics = self.topics.read();
        topics.get(connector).map(|topics| topics.iter().cloned().collect()).unwrap_or_default()
    }

    /// Forgets the topics of a connector.
    pub fn reset(&self, connector: &str) {
        self.topics.write().remove(connector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_remembered_until_reset() {
        let topics = ActiveTopics::new(true);
        topics.add(&"c".into(), &"b".into());
        topics.add(&"c".into(), &"a".into());
        topics.add(&"c".into(), &"b".into());
        assert_eq!(topics.of("c"), [Arc::from("a"), Arc::from("b")]);
        topics.reset("c");
        assert!(topics.of("c").is_empty());
    }

    #[test]
    fn nothing_is_remembered_when_tracking_is_off() {
        let topics = ActiveTopics::new(false);
        topics.add(&"c".into(), &"a".into());
        assert!(topics.of("c").is_empty());
    }
}
