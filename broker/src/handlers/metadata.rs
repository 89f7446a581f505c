//! `Metadata` (key 3): brokers, topics, partitions.
//!
//! | version | topics |
//! |---|---|
//! | 0 | an empty list asks for all |
//! | 1 | null asks for all, an empty list for none |
//! | 4 | the client says whether a missing topic is to be created |
//! | 10 | ids in the answer |
//! | 12 | topics may be asked for by id |
//!
//! A missing topic is created first and answered then, so that no client has to come again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::{ErrorCode, Uuid};

use super::describe_cluster;
use crate::context::{Call, Context};
use crate::metadata::{
    LEADER_EPOCH, MetadataError, NewTopic, TopicImage, check_topic_name, is_internal,
};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=13;

/// What may be done with a topic when nobody's rights are checked, as bits of Kafka's operations:
/// read, write, create, delete, alter, describe, describe configs, alter configs.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Answers the broker and the topics asked for.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: MetadataRequest,
) -> MetadataResponse {
    let (host, port) = ctx.advertised(call);
    let node_id = ctx.config.node_id;
    let rack = ctx.config.values.optional_string("broker.rack").map(str::to_owned);
    let describe = Describe { node_id, operations: request.include_topic_authorized_operations };
    let topics = match request.topics {
        None => describe.all(ctx),
        Some(topics) if topics.is_empty() && call.version == 0 => describe.all(ctx),
        Some(topics) => {
            let create = request.allow_auto_topic_creation
                && ctx.config.values.boolean("auto.create.topics.enable");
            let created = if create { create_missing(ctx, &topics).await } else { BTreeMap::new() };
            topics.into_iter().map(|topic| describe.one(ctx, topic, &created)).collect()
        }
    };
    MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id, host, port, rack }],
        cluster_id: Some(ctx.logs.cluster_id().to_owned()),
        controller_id: node_id,
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            describe_cluster::CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..MetadataResponse::default()
    }
}

/// Creates the topics that are named and missing; the failures by name.
async fn create_missing(
    ctx: &Context,
    topics: &[MetadataRequestTopic],
) -> BTreeMap<String, MetadataError> {
    let image = ctx.metadata.image();
    let names = topics.iter().filter_map(|topic| topic.name.as_ref());
    let names: BTreeSet<&String> = names.filter(|name| image.topic(name).is_none()).collect();
    let missing: Vec<NewTopic> = names.iter().map(|name| auto_created(ctx, name)).collect();
    if missing.is_empty() {
        return BTreeMap::new();
    }
    let names: Vec<String> = missing.iter().map(|topic| topic.name.clone()).collect();
    let results = ctx.metadata.create_topics(missing).await;
    let failures = names.into_iter().zip(results).filter_map(|(name, result)| match result {
        // Somebody else was faster: it is there.
        Ok(_) | Err(MetadataError::Exists { .. }) => None,
        Err(error) => Some((name, error)),
    });
    failures.collect()
}

fn auto_created(ctx: &Context, name: &str) -> NewTopic {
    if is_internal(name) {
        return ctx.offsets_topic();
    }
    let partitions = ctx.config.values.int("num.partitions");
    NewTopic { name: name.to_owned(), partitions, configs: BTreeMap::new() }
}

/// How topics are described in one answer.
struct Describe {
    node_id: i32,
    operations: bool,
}

impl Describe {
    fn all(&self, ctx: &Context) -> Vec<MetadataResponseTopic> {
        ctx.metadata.image().topics().map(|topic| self.found(topic)).collect()
    }

    fn one(
        &self,
        ctx: &Context,
        asked: MetadataRequestTopic,
        failures: &BTreeMap<String, MetadataError>,
    ) -> MetadataResponseTopic {
        let image = ctx.metadata.image();
        let Some(name) = asked.name else {
            return match image.topic_by_id(asked.topic_id) {
                Some(topic) => self.found(topic),
                None => self.missing(None, asked.topic_id, ErrorCode::UnknownTopicId),
            };
        };
        if let Some(topic) = image.topic(&name) {
            return self.found(topic);
        }
        let code = match (check_topic_name(&name), failures.get(&name)) {
            (Err(_), _) => ErrorCode::InvalidTopicException,
            (Ok(()), Some(error)) => error.code(),
            (Ok(()), None) => ErrorCode::UnknownTopicOrPartition,
        };
        self.missing(Some(name), Uuid::ZERO, code)
    }

    fn missing(
        &self,
        name: Option<String>,
        topic_id: Uuid,
        code: ErrorCode,
    ) -> MetadataResponseTopic {
        MetadataResponseTopic {
            error_code: code.code(),
            name: Some(name.unwrap_or_default()),
            topic_id,
            topic_authorized_operations: self.topic_operations(),
            ..MetadataResponseTopic::default()
        }
    }

    fn found(&self, topic: &Arc<TopicImage>) -> MetadataResponseTopic {
        let partitions = (0..topic.partitions).map(|partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: self.node_id,
            leader_epoch: LEADER_EPOCH,
            replica_nodes: vec![self.node_id],
            isr_nodes: vec![self.node_id],
            ..MetadataResponsePartition::default()
        });
        MetadataResponseTopic {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions: partitions.collect(),
            topic_authorized_operations: self.topic_operations(),
            ..MetadataResponseTopic::default()
        }
    }

    const fn topic_operations(&self) -> i32 {
        if self.operations { TOPIC_OPERATIONS } else { i32::MIN }
    }
}
