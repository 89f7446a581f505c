//! `OffsetForLeaderEpoch` (key 23): where the records of a leader's epoch end (KIP-320).

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use crate::context::{Call, Context, check_leader_epoch};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 2..=4;

/// Answers one end for each partition.
#[expect(clippy::unused_async, reason = "every handler is asynchronous")]
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let answer = |asked: &OffsetForLeaderPartition| match end(ctx, &topic.topic, asked) {
            Ok(end) => end,
            Err(code) => EpochEndOffset {
                partition: asked.partition,
                error_code: code.code(),
                ..EpochEndOffset::default()
            },
        };
        let partitions = topic.partitions.iter().map(answer).collect();
        OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions }
    });
    let topics = topics.collect();
    OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() }
}

fn end(
    ctx: &Context,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, ErrorCode> {
    let partition = ctx.partition(topic, asked.partition)?;
    check_leader_epoch(asked.current_leader_epoch)?;
    let found = partition.epoch_end_offset(asked.leader_epoch);
    let (leader_epoch, end_offset) = found.unwrap_or((-1, -1));
    Ok(EpochEndOffset {
        partition: asked.partition,
        leader_epoch,
        end_offset,
        ..EpochEndOffset::default()
    })
}
