//! `OffsetCommit` (key 8): a group's positions are kept.
//!
//! | version | adds |
//! |---|---|
//! | 2 to 4 | how long to keep the offsets |
//! | 6 | the leader epoch of the last record read |
//! | 7 | static members |
//! | 9 | `GROUP_ID_NOT_FOUND` for a group that is not there |
//!
//! Answered when the offsets are durable. A group that nobody joined takes offsets of clients
//! outside the group protocol, which say generation -1.

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use crate::context::{Call, Context};
use crate::group::{Commit, GroupError, MemberIdentity, OffsetToCommit};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 2..=9;

/// The first version that knows of groups that are not there.
const NOT_FOUND_FROM: i16 = 9;

/// Keeps the offsets of partitions that exist; one result for each partition.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let mut response = OffsetCommitResponse::default();
    let mut offsets = Vec::new();
    for topic in request.topics {
        let known = ctx.metadata.topic(&topic.name).map_or(0, |known| known.partitions);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let partition_index = partition.partition_index;
            let exists = (0..known).contains(&partition_index);
            if exists {
                offsets.push(offset(&topic.name, partition));
            }
            let code = if exists { ErrorCode::None } else { GroupError::UnknownPartition.code() };
            let error_code = code.code();
            partitions.push(OffsetCommitResponsePartition { partition_index, error_code });
        }
        let topic_id = topic.topic_id;
        let answered = OffsetCommitResponseTopic { name: topic.name, topic_id, partitions };
        response.topics.push(answered);
    }
    let commit = Commit {
        member: MemberIdentity {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
        },
        generation: request.generation_id_or_member_epoch,
        retention_ms: Some(request.retention_time_ms).filter(|kept_ms| *kept_ms >= 0),
        offsets,
    };
    let result = ctx.groups.commit(&request.group_id, commit).await;
    fill_in(&mut response, call.version, result);
    response
}

fn offset(topic: &str, partition: OffsetCommitRequestPartition) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.to_owned(),
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.unwrap_or_default(),
    }
}

/// Gives each partition that exists its result, in order; a refusal is for all partitions.
fn fill_in(
    response: &mut OffsetCommitResponse,
    version: i16,
    result: Result<Vec<Result<(), GroupError>>, GroupError>,
) {
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    match result {
        Ok(results) => {
            let kept = partitions.filter(|partition| partition.error_code == 0);
            for (partition, result) in kept.zip(results) {
                partition.error_code = result.err().map_or(0, |error| error.code().code());
            }
        }
        Err(error) => {
            let code = match error {
                GroupError::GroupNotFound if version < NOT_FOUND_FROM => {
                    ErrorCode::IllegalGeneration
                }
                other => other.code(),
            };
            for partition in partitions {
                partition.error_code = code.code();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        before: &[i16],
        version: i16,
        result: Result<Vec<Result<(), GroupError>>, GroupError>,
        expected: &[i16],
    ) {
        let partition = |error_code: &i16| OffsetCommitResponsePartition {
            partition_index: 0,
            error_code: *error_code,
        };
        let topic = OffsetCommitResponseTopic {
            partitions: before.iter().map(partition).collect(),
            ..OffsetCommitResponseTopic::default()
        };
        let topics = vec![topic];
        let mut response = OffsetCommitResponse { topics, ..OffsetCommitResponse::default() };
        fill_in(&mut response, version, result);
        let codes: Vec<i16> =
            response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, expected);
    }

    #[test]
    fn results_go_to_the_partitions_that_exist() {
        let results = Ok(vec![Ok(()), Err(GroupError::OffsetMetadataTooLarge)]);
        check(&[0, 3, 0], 9, results, &[0, 3, 12]);
    }

    #[test]
    fn a_refusal_is_for_all_partitions() {
        check(&[0, 3], 9, Err(GroupError::UnknownMember), &[25, 25]);
        check(&[0, 3], 9, Err(GroupError::GroupNotFound), &[69, 69]);
        check(&[0, 3], 8, Err(GroupError::GroupNotFound), &[22, 22]);
    }
}
