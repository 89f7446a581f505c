//! `CreateTopics` (key 19): new topics, or whether they could be created.
//!
//! A count of -1 is the broker's default. A manual assignment names this broker for every partition.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};

use super::describe_configs::wire_source;
use crate::context::{Call, Context};
use crate::metadata::{MetadataError, NewTopic, TopicImage};
use crate::topic_config;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 2..=7;

/// A topic that is not created: the code and the reason.
type Refusal = (ErrorCode, String);

/// Creates each topic, or says why not.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *counts.entry(topic.name.as_str()).or_default() += 1;
    }
    let mut results = Vec::with_capacity(request.topics.len());
    let mut wanted = Vec::new();
    for topic in &request.topics {
        let new = if counts[topic.name.as_str()] > 1 {
            Err((ErrorCode::InvalidRequest, "Duplicate topic name.".to_owned()))
        } else {
            new_topic(ctx, topic)
        };
        match new {
            Ok(new) => wanted.push(new),
            Err(refusal) => results.push(refused(topic.name.clone(), refusal)),
        }
    }
    if request.validate_only {
        results.extend(wanted.iter().map(|topic| validated(ctx, topic)));
    } else {
        let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let created = ctx.metadata.create_topics(wanted).await;
        results.extend(names.into_iter().zip(created).map(|(name, result)| match result {
            Ok(topic) => described(ctx, &topic),
            Err(error) => refused(name, refusal(&error)),
        }));
    }
    CreateTopicsResponse { topics: results, ..CreateTopicsResponse::default() }
}

fn refusal(error: &MetadataError) -> Refusal {
    (error.code(), error.to_string())
}

fn refused(name: String, (code, message): Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(message),
        num_partitions: -1,
        replication_factor: -1,
        ..CreatableTopicResult::default()
    }
}

fn new_topic(ctx: &Context, topic: &CreatableTopic) -> Result<NewTopic, Refusal> {
    let mut configs = BTreeMap::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let null = topic_config::TopicConfigError::Null(config.name.clone());
            return Err((ErrorCode::InvalidConfig, null.to_string()));
        };
        configs.insert(config.name.clone(), value.clone());
    }
    let partitions = if topic.assignments.is_empty() {
        check_replication_factor(topic.replication_factor)?;
        match topic.num_partitions {
            -1 => ctx.config.values.int("num.partitions"),
            count => count,
        }
    } else {
        assigned_partitions(ctx.config.node_id, topic)?
    };
    Ok(NewTopic { name: topic.name.clone(), partitions, configs })
}

fn check_replication_factor(factor: i16) -> Result<(), Refusal> {
    match factor {
        -1 | 1 => Ok(()),
        larger if larger > 1 => Err((
            ErrorCode::InvalidReplicationFactor,
            format!(
                "Unable to replicate the partition {larger} time(s): only 1 broker(s) are registered."
            ),
        )),
        _ => Err((
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.".to_owned(),
        )),
    }
}

fn assigned_partitions(node_id: i32, topic: &CreatableTopic) -> Result<i32, Refusal> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        return Err((
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but numPartitions or replicationFactor \
             was not set to -1."
                .to_owned(),
        ));
    }
    let mut partitions: Vec<i32> =
        topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    partitions.sort_unstable();
    let consecutive = (0_i32..).zip(&partitions).all(|(expected, found)| expected == *found);
    let here = topic.assignments.iter().all(|assignment| assignment.broker_ids == [node_id]);
    if !consecutive || !here {
        return Err((
            ErrorCode::InvalidReplicaAssignment,
            format!(
                "partitions should be a consecutive 0-based integer sequence, each on broker {node_id}"
            ),
        ));
    }
    i32::try_from(partitions.len())
        .map_err(|_| (ErrorCode::InvalidPartitions, "too many partitions".to_owned()))
}

fn validated(ctx: &Context, topic: &NewTopic) -> CreatableTopicResult {
    if let Err(error) = ctx.metadata.check_new(topic) {
        return refused(topic.name.clone(), refusal(&error));
    }
    CreatableTopicResult {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor: 1,
        configs: Some(configs(ctx, &topic.configs)),
        ..CreatableTopicResult::default()
    }
}

fn described(ctx: &Context, topic: &Arc<TopicImage>) -> CreatableTopicResult {
    CreatableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.id,
        num_partitions: topic.partitions,
        replication_factor: 1,
        configs: Some(configs(ctx, &topic.configs)),
        ..CreatableTopicResult::default()
    }
}

fn configs(ctx: &Context, given: &BTreeMap<String, String>) -> Vec<CreatableTopicConfigs> {
    let keys = topic_config::definitions().keys();
    let described = keys.filter_map(|key| {
        let origin = topic_config::origins(key, given, &ctx.config).into_iter().next()?;
        Some(CreatableTopicConfigs {
            name: key.name.clone(),
            value: origin.value,
            config_source: wire_source(origin.source),
            ..CreatableTopicConfigs::default()
        })
    });
    described.collect()
}
