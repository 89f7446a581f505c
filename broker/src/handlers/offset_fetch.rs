//! `OffsetFetch` (key 9): a group's positions are read.
//!
//! | version | adds |
//! |---|---|
//! | 2 | null topics ask for all; an error for the whole answer |
//! | 5 | the leader epoch of the last record read |
//! | 7 | `require_stable`: nothing is ever unstable here, for no transaction commits offsets |
//! | 8 | several groups |
//! | 9 | the member that asks, which classic groups do not look at |
//!
//! What was never committed is offset -1 without an error.

use std::ops::RangeInclusive;

use protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};

use crate::context::{Call, Context};
use crate::group::{FetchedOffset, OffsetQuery};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 1..=9;

/// The first version that asks for several groups.
const BATCH_FROM: i16 = 8;

/// The first version with an error for the whole answer.
const GROUP_ERROR_FROM: i16 = 2;

/// Answers what each group has committed.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if call.version >= BATCH_FROM {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(one_of_several(ctx, group).await);
        }
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let topics = request.topics.map(|topics| {
        topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect()
    });
    let query = topics.map_or(OffsetQuery::All, OffsetQuery::Of);
    let asked = query.clone();
    match ctx.groups.offsets(&request.group_id, query).await {
        Ok(offsets) => OffsetFetchResponse { topics: topics_of(offsets), ..Default::default() },
        Err(error) => {
            let error_code = error.code().code();
            let mut topics = Vec::new();
            if call.version < GROUP_ERROR_FROM {
                topics = topics_of(missing(asked));
                let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.error_code = error_code);
            }
            OffsetFetchResponse { error_code, topics, ..OffsetFetchResponse::default() }
        }
    }
}

async fn one_of_several(ctx: &Context, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let topics = group.topics.map(|topics| {
        topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect()
    });
    let query = topics.map_or(OffsetQuery::All, OffsetQuery::Of);
    let result = ctx.groups.offsets(&group.group_id, query).await;
    let error_code = result.as_ref().err().map_or(0, |error| error.code().code());
    let topics = topics_of(result.unwrap_or_default()).into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|one| OffsetFetchResponsePartitions {
            partition_index: one.partition_index,
            committed_offset: one.committed_offset,
            committed_leader_epoch: one.committed_leader_epoch,
            metadata: one.metadata,
            error_code: one.error_code,
        });
        OffsetFetchResponseTopics {
            name: topic.name,
            partitions: partitions.collect(),
            ..OffsetFetchResponseTopics::default()
        }
    });
    OffsetFetchResponseGroup { group_id: group.group_id, topics: topics.collect(), error_code }
}

/// Puts neighbours of one topic together.
fn topics_of(offsets: Vec<FetchedOffset>) -> Vec<OffsetFetchResponseTopic> {
    let mut topics: Vec<OffsetFetchResponseTopic> = Vec::new();
    for fetched in offsets {
        let partition = partition(fetched.partition, fetched.committed);
        match topics.last_mut() {
            Some(topic) if topic.name == fetched.topic => topic.partitions.push(partition),
            _ => topics.push(OffsetFetchResponseTopic {
                name: fetched.topic,
                partitions: vec![partition],
            }),
        }
    }
    topics
}

fn partition(
    partition_index: i32,
    committed: Option<crate::group::Committed>,
) -> OffsetFetchResponsePartition {
    let (offset, epoch, metadata) = committed.map_or((-1, -1, String::new()), |committed| {
        (committed.offset, committed.leader_epoch, committed.metadata)
    });
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: offset,
        committed_leader_epoch: epoch,
        metadata: Some(metadata),
        error_code: 0,
    }
}

fn missing(query: OffsetQuery) -> Vec<FetchedOffset> {
    let OffsetQuery::Of(topics) = query else { return Vec::new() };
    let each = topics.into_iter().flat_map(|(topic, partitions)| {
        partitions.into_iter().map(move |partition| FetchedOffset {
            topic: topic.clone(),
            partition,
            committed: None,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_put_together_by_topic_in_order() {
        let fetched = |topic: &str, partition| FetchedOffset {
            topic: topic.into(),
            partition,
            committed: None,
        };
        let topics = topics_of(vec![fetched("b", 1), fetched("b", 0), fetched("a", 0)]);
        let names: Vec<_> = topics
            .iter()
            .map(|topic| {
                let numbers = topic.partitions.iter().map(|partition| partition.partition_index);
                (topic.name.as_str(), numbers.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(names, [("b", vec![1, 0]), ("a", vec![0])]);
        assert_eq!(topics[0].partitions[0].committed_offset, -1);
        assert_eq!(topics[0].partitions[0].metadata.as_deref(), Some(""));
    }
}
