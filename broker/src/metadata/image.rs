//! The cluster's metadata at one moment: the fold of the metadata log.
//!
//! An image never changes; a change makes a new one that shares what stayed the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use protocol::Uuid;
use protocol::metadata_records::{ConfigRecord, MetadataRecord};

use super::names::collision_key;
use super::records::TOPIC_RESOURCE;

/// The epoch of every partition's leader: on one node, leadership never changes.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicImage {
    /// Its name.
    pub(crate) name: String,
    /// Its id: new for every creation.
    pub(crate) id: Uuid,
    /// Its partitions are 0 to this, exclusive.
    pub(crate) partitions: i32,
    /// The settings that were given for it; all others have their defaults.
    pub(crate) configs: BTreeMap<String, String>,
}

/// The cluster's metadata at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetadataImage {
    topics: BTreeMap<String, Arc<TopicImage>>,
    names: HashMap<Uuid, String>,
    collisions: HashMap<String, String>,
    next_producer_id: i64,
}

impl MetadataImage {
    /// Looks a topic up by name.
    pub(crate) fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// Looks a topic up by id.
    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.names.get(&id)?)
    }

    /// Every topic, by name.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    /// The topic that a new topic of this name would collide with.
    pub(crate) fn collision(&self, name: &str) -> Option<&str> {
        self.collisions.get(&collision_key(name)).map(String::as_str)
    }

    /// The first producer id that nobody has been given.
    pub(crate) const fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Folds one record in.
    pub(crate) fn apply(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::Topic(topic) => self.insert(TopicImage {
                name: topic.name.clone(),
                id: topic.topic_id,
                partitions: 0,
                configs: BTreeMap::new(),
            }),
            MetadataRecord::Partition(partition) => self.change(partition.topic_id, |topic| {
                let count = partition.partition_id.saturating_add(1);
                topic.partitions = topic.partitions.max(count);
            }),
            MetadataRecord::Config(config) if config.resource_type == TOPIC_RESOURCE => {
                self.set_config(config);
            }
            MetadataRecord::RemoveTopic(removed) => {
                if let Some(name) = self.names.remove(&removed.topic_id) {
                    self.topics.remove(&name);
                    self.collisions.remove(&collision_key(&name));
                }
            }
            MetadataRecord::ProducerIds(block) => self.next_producer_id = block.next_producer_id,
            // Other kinds say nothing that one node acts on.
            _ => {}
        }
    }

    fn set_config(&mut self, config: &ConfigRecord) {
        let Some(id) = self.topics.get(&config.resource_name).map(|topic| topic.id) else { return };
        self.change(id, |topic| {
            match &config.value {
                Some(value) => topic.configs.insert(config.name.clone(), value.clone()),
                None => topic.configs.remove(&config.name),
            };
        });
    }

    fn insert(&mut self, topic: TopicImage) {
        self.names.insert(topic.id, topic.name.clone());
        self.collisions.insert(collision_key(&topic.name), topic.name.clone());
        self.topics.insert(topic.name.clone(), Arc::new(topic));
    }

    fn change(&mut self, id: Uuid, change: impl FnOnce(&mut TopicImage)) {
        let topic = self.names.get(&id).and_then(|name| self.topics.get_mut(name));
        if let Some(topic) = topic {
            change(Arc::make_mut(topic));
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::metadata_records::{PartitionRecord, RemoveTopicRecord, TopicRecord};

    use super::*;

    fn topic(name: &str, id: u8) -> MetadataRecord {
        TopicRecord { name: name.to_owned(), topic_id: Uuid([id; 16]) }.into()
    }

    fn partition(id: u8, partition_id: i32) -> MetadataRecord {
        let topic_id = Uuid([id; 16]);
        PartitionRecord { partition_id, topic_id, ..PartitionRecord::default() }.into()
    }

    fn config(value: Option<&str>) -> MetadataRecord {
        let config = ConfigRecord {
            resource_type: TOPIC_RESOURCE,
            resource_name: "t".to_owned(),
            name: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        config.into()
    }

    fn removed(id: u8) -> MetadataRecord {
        RemoveTopicRecord { topic_id: Uuid([id; 16]) }.into()
    }

    fn fold(records: &[MetadataRecord]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for record in records {
            image.apply(record);
        }
        image
    }

    #[test]
    fn a_topic_has_the_partitions_and_settings_that_follow_it() {
        let image = fold(&[topic("t", 1), partition(1, 0), partition(1, 1), config(Some("5"))]);
        let found = image.topic_by_id(Uuid([1; 16])).unwrap();
        assert_eq!((found.name.as_str(), found.partitions), ("t", 2));
        assert_eq!(found.configs["retention.ms"], "5");
        let mut later = image.clone();
        later.apply(&config(None));
        assert!(later.topic("t").unwrap().configs.is_empty());
        assert_eq!(image.topic("t").unwrap().configs.len(), 1);
    }

    #[test]
    fn a_removed_topic_leaves_nothing() {
        let image = fold(&[topic("a.b", 1), removed(1)]);
        assert!(image.topic("a.b").is_none());
        assert!(image.topic_by_id(Uuid([1; 16])).is_none());
        assert!(image.collision("a_b").is_none());
    }

    #[test]
    fn a_recreated_topic_is_known_by_its_new_id_only() {
        let image = fold(&[topic("t", 1), removed(1), topic("t", 2)]);
        assert!(image.topic_by_id(Uuid([1; 16])).is_none());
        assert_eq!(image.topic("t").unwrap().id, Uuid([2; 16]));
    }
}
