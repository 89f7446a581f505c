//! `ListOffsets` (key 2): the offset of a time, or one of the special places of a partition.

use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use tokio::sync::Semaphore;

use crate::context::{Call, Context, check_leader_epoch};
use crate::log::{Partition, ReadLimit};
use crate::metadata::LEADER_EPOCH;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 1..=10;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

const READ_COMMITTED: i8 = 1;

/// Searches by time at once: each may decompress a whole batch.
static SEARCHES: Semaphore = Semaphore::const_new(4);

/// A place in a partition: offset, timestamp, leader epoch; -1 is none.
type Place = (i64, i64, i32);

/// There is no such place.
const NOWHERE: Place = (-1, -1, -1);

/// Answers one place for each partition.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let committed = request.isolation_level == READ_COMMITTED;
            let partition = ctx.partition(&topic.name, asked.partition_index);
            let found = match partition {
                Ok(partition) => find(call.version, &asked, partition, committed).await,
                Err(code) => Err(code),
            };
            partitions.push(answer(asked.partition_index, found));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

fn answer(partition_index: i32, found: Result<Place, ErrorCode>) -> ListOffsetsPartitionResponse {
    match found {
        Ok((offset, timestamp, leader_epoch)) => ListOffsetsPartitionResponse {
            partition_index,
            timestamp,
            offset,
            leader_epoch,
            ..ListOffsetsPartitionResponse::default()
        },
        Err(code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: code.code(),
            ..ListOffsetsPartitionResponse::default()
        },
    }
}

async fn find(
    version: i16,
    asked: &ListOffsetsPartition,
    partition: Arc<Partition>,
    committed: bool,
) -> Result<Place, ErrorCode> {
    check_leader_epoch(asked.current_leader_epoch)?;
    let limit = if committed { ReadLimit::LastStable } else { ReadLimit::HighWatermark };
    let end = if committed { partition.last_stable_offset() } else { partition.high_watermark() };
    let first_version = match asked.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        _ => 0,
    };
    if version < first_version || asked.timestamp < LATEST_TIERED {
        return Err(ErrorCode::UnsupportedVersion);
    }
    match asked.timestamp {
        LATEST => Ok((end, -1, LEADER_EPOCH)),
        EARLIEST | EARLIEST_LOCAL => Ok((partition.log_start_offset(), -1, LEADER_EPOCH)),
        LATEST_TIERED => Ok(NOWHERE),
        timestamp => {
            let _place = SEARCHES.acquire().await.map_err(|_| ErrorCode::UnknownServerError)?;
            let search = tokio::task::spawn_blocking(move || search(&partition, timestamp, limit));
            search.await.map_err(|_| ErrorCode::UnknownServerError)?
        }
    }
}

fn search(partition: &Partition, timestamp: i64, limit: ReadLimit) -> Result<Place, ErrorCode> {
    let found = if timestamp == MAX_TIMESTAMP {
        partition.max_timestamp_offset(limit)
    } else {
        partition.offset_for_timestamp(timestamp, limit)
    };
    let found = found.map_err(|error| error.code())?;
    Ok(found.map_or(NOWHERE, |place| (place.offset, place.timestamp, place.leader_epoch)))
}
