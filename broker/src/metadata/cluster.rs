//! The owner of the metadata log: one task appends, folds, and shows the new image.
//!
//! A change is on the medium before it is in the image, and in the image before it is answered.
//! At start the log is read from its beginning; directories of partitions that a crash kept from
//! being made are made then, and those of removed topics go.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use protocol::Uuid;
use protocol::metadata_records::{MetadataRecord, ProducerIdsRecord, RemoveTopicRecord};
use tokio::sync::{mpsc, oneshot};

use super::MetadataError;
use super::image::{MetadataImage, TopicImage};
use super::names::check_topic_name;
use super::records;
use crate::config::BrokerConfig;
use crate::log::{
    AppendOptions, Clock, Durability, LogConfig, LogDirectory, LogRead, Origin, Partition,
    ReadLimit,
};
use crate::topic_config;

/// The topic of the metadata log.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// The id that Kafka gives it.
const METADATA_TOPIC_ID: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// Most partitions of one topic, and of all that one request makes.
const MAX_PARTITIONS: i32 = 10_000;

/// Changes that may wait.
const QUEUE: usize = 256;

/// Producer ids that are reserved with one record.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// Bytes of the metadata log that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// A topic that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewTopic {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions it has.
    pub(crate) partitions: i32,
    /// The settings given for it.
    pub(crate) configs: BTreeMap<String, String>,
}

type TopicResult = Result<Arc<TopicImage>, MetadataError>;

#[derive(Debug)]
enum Change {
    Create(Vec<NewTopic>, oneshot::Sender<Vec<TopicResult>>),
    Delete(String, oneshot::Sender<TopicResult>),
    ProducerId(oneshot::Sender<Result<i64, MetadataError>>),
}

/// The cluster's metadata: an image to read, and the way to change it.
#[derive(Debug)]
pub(crate) struct ClusterMetadata {
    image: Arc<ArcSwap<MetadataImage>>,
    changes: mpsc::Sender<Change>,
    broker: Arc<BrokerConfig>,
}

impl ClusterMetadata {
    /// Reads the metadata log, and starts its owner on the current runtime. Blocks.
    ///
    /// The owner ends when the last reference to the metadata is dropped.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when the log cannot be read, or a missing partition not be made.
    pub(crate) fn open(
        logs: Arc<LogDirectory>,
        broker: Arc<BrokerConfig>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetadataError> {
        let config = LogConfig { retention_ms: None, ..LogConfig::default() };
        let log = logs
            .create_partition(METADATA_TOPIC, 0, METADATA_TOPIC_ID, config)
            .map_err(|source| create_error(METADATA_TOPIC, 0, source))?;
        let (folded, gone) = fold(&log)?;
        remove_strays(&logs, &folded, &gone);
        for topic in folded.topics() {
            make_partitions(&logs, topic, &broker)?;
        }
        let next_producer_id = folded.next_producer_id();
        let image = Arc::new(ArcSwap::from_pointee(folded));
        let (changes, queue) = mpsc::channel(QUEUE);
        let owner = Owner {
            image: Arc::clone(&image),
            log,
            logs,
            broker: Arc::clone(&broker),
            clock,
            producer_ids: next_producer_id..next_producer_id,
        };
        tokio::spawn(owner.run(queue));
        Ok(Self { image, changes, broker })
    }

    /// The metadata as it is now.
    pub(crate) fn image(&self) -> Arc<MetadataImage> {
        self.image.load_full()
    }

    /// Looks a topic up by name.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<TopicImage>> {
        self.image.load().topic(name).cloned()
    }

    /// Says what would keep a topic from being made.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] for name, partitions, settings, or a topic that exists.
    pub(crate) fn check_new(&self, topic: &NewTopic) -> Result<(), MetadataError> {
        check_new(&self.image.load(), topic, &self.broker)
    }

    /// Makes topics; one result for each, in order.
    ///
    /// # Cancellation
    ///
    /// The topics are made or not.
    pub(crate) async fn create_topics(&self, topics: Vec<NewTopic>) -> Vec<TopicResult> {
        let count = topics.len();
        let (answer, answered) = oneshot::channel();
        let sent = self.changes.send(Change::Create(topics, answer)).await;
        let results = if sent.is_ok() { answered.await.ok() } else { None };
        results.unwrap_or_else(|| (0..count).map(|_| Err(MetadataError::Stopped)).collect())
    }

    /// Makes one topic, or finds the one that is there.
    ///
    /// # Errors
    ///
    /// As [`ClusterMetadata::create_topics`], but for a topic that exists.
    pub(crate) async fn ensure_topic(&self, topic: NewTopic) -> TopicResult {
        if let Some(found) = self.topic(&topic.name) {
            return Ok(found);
        }
        let name = topic.name.clone();
        match self.create_topics(vec![topic]).await.pop() {
            Some(Err(MetadataError::Exists { .. })) => {
                self.topic(&name).ok_or(MetadataError::Unknown)
            }
            Some(result) => result,
            None => Err(MetadataError::Stopped),
        }
    }

    /// Removes a topic and its records; answers what it was.
    ///
    /// # Errors
    ///
    /// [`MetadataError::Unknown`], or why the log did not take it.
    pub(crate) async fn delete_topic(&self, name: &str) -> TopicResult {
        let (answer, answered) = oneshot::channel();
        let sent = self.changes.send(Change::Delete(name.to_owned(), answer)).await;
        sent.map_err(|_| MetadataError::Stopped)?;
        answered.await.map_err(|_| MetadataError::Stopped)?
    }

    /// Gives out a producer id that nobody was given before, restarts included.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when no more can be reserved.
    pub(crate) async fn next_producer_id(&self) -> Result<i64, MetadataError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.changes.send(Change::ProducerId(answer)).await;
        sent.map_err(|_| MetadataError::Stopped)?;
        answered.await.map_err(|_| MetadataError::Stopped)?
    }
}

/// The one that appends to the metadata log.
struct Owner {
    image: Arc<ArcSwap<MetadataImage>>,
    log: Arc<Partition>,
    logs: Arc<LogDirectory>,
    broker: Arc<BrokerConfig>,
    clock: Arc<dyn Clock>,
    producer_ids: std::ops::Range<i64>,
}

impl Owner {
    async fn run(mut self, mut queue: mpsc::Receiver<Change>) {
        while let Some(change) = queue.recv().await {
            // Who asked may be gone: the change stands all the same.
            match change {
                Change::Create(topics, answer) => drop(answer.send(self.create(topics).await)),
                Change::Delete(name, answer) => drop(answer.send(self.delete(&name).await)),
                Change::ProducerId(answer) => drop(answer.send(self.producer_id().await)),
            }
        }
    }

    /// Appends records in one batch; the fold of the present image and them.
    async fn commit(&self, records: &[MetadataRecord]) -> Result<MetadataImage, MetadataError> {
        let batch = records::batch(records, self.clock.now_ms())?;
        let options = AppendOptions { origin: Origin::Internal, durability: Durability::Flushed };
        self.log.append(batch, options).await?;
        let mut image = MetadataImage::clone(&self.image.load());
        for record in records {
            image.apply(record);
        }
        Ok(image)
    }

    async fn create(&self, topics: Vec<NewTopic>) -> Vec<TopicResult> {
        let mut expected = MetadataImage::clone(&self.image.load());
        let mut records = Vec::new();
        let mut checks = Vec::with_capacity(topics.len());
        let mut partitions_left = MAX_PARTITIONS;
        for topic in topics {
            let checked = check_new(&expected, &topic, &self.broker)
                .and_then(|()| take_partitions(&mut partitions_left, topic.partitions));
            checks.push(checked.map(|()| topic.name.clone()));
            if matches!(checks.last(), Some(Ok(_))) {
                let new = records::of_new_topic(&topic, Uuid::random(), self.broker.node_id);
                new.iter().for_each(|record| expected.apply(record));
                records.extend(new);
            }
        }
        let committed = if records.is_empty() { Ok(expected) } else { self.commit(&records).await };
        let made = match committed {
            Ok(image) => self.make_all(image, &checks).await,
            Err(error) => Err(error),
        };
        let image = self.image.load();
        checks
            .into_iter()
            .map(|check| {
                let name = check?;
                made.clone()?;
                image.topic(&name).cloned().ok_or(MetadataError::Unknown)
            })
            .collect()
    }

    /// Makes the partitions of new topics, and shows the image that has them.
    async fn make_all(
        &self,
        image: MetadataImage,
        checks: &[Result<String, MetadataError>],
    ) -> Result<(), MetadataError> {
        let new: Vec<Arc<TopicImage>> =
            checks.iter().flatten().filter_map(|name| image.topic(name).cloned()).collect();
        let (logs, broker) = (Arc::clone(&self.logs), Arc::clone(&self.broker));
        let made = tokio::task::spawn_blocking(move || {
            new.iter().try_for_each(|topic| make_partitions(&logs, topic, &broker))
        });
        let made = made.await.unwrap_or(Err(MetadataError::Stopped));
        self.image.store(Arc::new(image));
        made
    }

    async fn delete(&self, name: &str) -> TopicResult {
        let topic = self.image.load().topic(name).cloned().ok_or(MetadataError::Unknown)?;
        let image = self.commit(&[RemoveTopicRecord { topic_id: topic.id }.into()]).await?;
        self.image.store(Arc::new(image));
        let (logs, removed) = (Arc::clone(&self.logs), topic.name.clone());
        let deleted = tokio::task::spawn_blocking(move || logs.delete_topic(&removed)).await;
        match deleted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(topic = name, %error, "files of a deleted topic stay until the next start");
            }
            Err(_) => return Err(MetadataError::Stopped),
        }
        Ok(topic)
    }

    async fn producer_id(&mut self) -> Result<i64, MetadataError> {
        if self.producer_ids.is_empty() {
            let start = self.image.load().next_producer_id();
            let next = start + PRODUCER_ID_BLOCK;
            let record = ProducerIdsRecord {
                broker_id: self.broker.node_id,
                broker_epoch: 0,
                next_producer_id: next,
            };
            let image = self.commit(&[record.into()]).await?;
            self.image.store(Arc::new(image));
            self.producer_ids = start..next;
        }
        self.producer_ids.next().ok_or(MetadataError::Stopped)
    }
}

fn check_new(
    image: &MetadataImage,
    topic: &NewTopic,
    broker: &BrokerConfig,
) -> Result<(), MetadataError> {
    check_topic_name(&topic.name)?;
    if topic.name == METADATA_TOPIC || image.topic(&topic.name).is_some() {
        return Err(MetadataError::Exists { name: topic.name.clone() });
    }
    if let Some(existing) = image.collision(&topic.name) {
        let existing = existing.to_owned();
        return Err(MetadataError::Collision { name: topic.name.clone(), existing });
    }
    if !(1..=MAX_PARTITIONS).contains(&topic.partitions) {
        return Err(MetadataError::Partitions { count: topic.partitions, limit: MAX_PARTITIONS });
    }
    topic_config::check(&topic.configs)?;
    topic_config::log_config(&topic.configs, broker)?;
    Ok(())
}

/// Counts the partitions of a topic among those that one request may make.
fn take_partitions(left: &mut i32, count: i32) -> Result<(), MetadataError> {
    if count > *left {
        return Err(MetadataError::TooManyPartitions { limit: MAX_PARTITIONS });
    }
    *left -= count;
    Ok(())
}

fn create_error(topic: &str, partition: i32, source: crate::log::CreateError) -> MetadataError {
    MetadataError::Create { topic: topic.to_owned(), partition, source: Arc::new(source) }
}

fn make_partitions(
    logs: &LogDirectory,
    topic: &TopicImage,
    broker: &BrokerConfig,
) -> Result<(), MetadataError> {
    let config = topic_config::log_config(&topic.configs, broker)?;
    for partition in 0..topic.partitions {
        logs.create_partition(&topic.name, partition, topic.id, config.clone())
            .map_err(|source| create_error(&topic.name, partition, source))?;
    }
    Ok(())
}

/// Reads the whole metadata log: what holds, and the ids of topics that are gone.
fn fold(log: &Partition) -> Result<(MetadataImage, HashSet<Uuid>), MetadataError> {
    let mut image = MetadataImage::default();
    let mut gone = HashSet::new();
    let mut offset = log.log_start_offset();
    while offset < log.log_end_offset() {
        let bytes = log
            .read(offset, READ_BYTES, ReadLimit::LogEnd)
            .and_then(LogRead::into_bytes)
            .map_err(|source| MetadataError::Read { offset, source: Arc::new(source) })?;
        let next = records::read(&bytes, |record| {
            if let MetadataRecord::RemoveTopic(removed) = record {
                gone.insert(removed.topic_id);
            }
            image.apply(record);
        });
        match next.map_err(|source| MetadataError::BadRecord { offset, source })? {
            Some(next) if next > offset => offset = next,
            _ => break,
        }
    }
    Ok((image, gone))
}

/// Removes what a crash left of topics that are gone; what nobody knows stays, and so do the
/// partitions of a newer topic of the same name.
fn remove_strays(logs: &LogDirectory, image: &MetadataImage, gone: &HashSet<Uuid>) {
    let mut unknown = BTreeSet::new();
    for partition in logs.partitions() {
        let (topic, id) = (partition.topic(), partition.topic_id());
        if gone.contains(&id) {
            match logs.delete_partition(topic, partition.index()) {
                Ok(()) => tracing::info!(%partition, "removed the files of a deleted topic"),
                Err(error) => {
                    tracing::warn!(%partition, %error, "files of a deleted topic stay");
                }
            }
        } else if topic != METADATA_TOPIC && image.topic_by_id(id).is_none() {
            unknown.insert(topic.to_owned());
        }
    }
    for topic in unknown {
        tracing::warn!(topic, "files of a topic that is not in the metadata are left alone");
    }
}
