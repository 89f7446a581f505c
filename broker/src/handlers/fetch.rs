//! `Fetch` (key 1): record batches from an offset on, sent from the files where they lie.
//!
//! A request whose partitions have less than `min_bytes` waits, without a thread, until a
//! partition's high watermark moves or `max_wait_ms` is over. At least one whole batch is returned
//! even when it is larger than every limit (KIP-74). There are no fetch sessions: every answer has
//! session id 0, which tells the client to name all its partitions again (KIP-227).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};
use protocol::{ErrorCode, Records};
use tokio::time::{Instant, timeout_at};

use crate::context::{Call, Context, check_leader_epoch};
use crate::log::{FileSlice, LogRead, Partition, ReadLimit};
use crate::metadata::{LEADER_EPOCH, TopicImage};
use crate::server::Reply;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 4..=16;

/// The first version that names topics by id.
const TOPIC_IDS_FROM: i16 = 13;

/// Longest time that a request may wait.
const MAX_WAIT: Duration = Duration::from_secs(300);

const READ_COMMITTED: i8 = 1;

/// One partition of a request: where to read, or why not.
struct Position {
    partition: Result<Arc<Partition>, ErrorCode>,
    asked: FetchPartition,
}

/// What was read of one partition.
enum Answer {
    Read(LogRead),
    Diverged { epoch: i32, end_offset: i64 },
    Refused(ErrorCode),
}

/// The limits of one request.
#[derive(Clone, Copy)]
struct Limits {
    max_bytes: usize,
    min_bytes: usize,
    upto: ReadLimit,
}

/// Reads each partition; waits when there is too little.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: FetchRequest,
) -> Reply<FetchResponse> {
    if let Some(code) = session_error(&request) {
        return Reply::Answer(FetchResponse {
            error_code: code.code(),
            ..FetchResponse::default()
        });
    }
    let max_bytes = size(request.max_bytes).min(ctx.config.network.fetch_max_bytes);
    let limits = Limits {
        max_bytes,
        // More than one answer may hold is never there.
        min_bytes: size(request.min_bytes).min(max_bytes),
        upto: if request.isolation_level == READ_COMMITTED {
            ReadLimit::LastStable
        } else {
            ReadLimit::HighWatermark
        },
    };
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait.min(MAX_WAIT);
    let positions: Arc<[Position]> = positions(ctx, call.version, &request.topics).into();
    let answers = read_until(&positions, limits, deadline).await;
    respond(request.topics, answers)
}

fn size(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// A session that this broker never gave out.
const fn session_error(request: &FetchRequest) -> Option<ErrorCode> {
    match (request.session_id, request.session_epoch) {
        (0, -1 | 0) => None,
        (0, _) => Some(ErrorCode::InvalidFetchSessionEpoch),
        // The client closes a session, or begins a new one.
        (_, -1 | 0) => None,
        _ => Some(ErrorCode::FetchSessionIdNotFound),
    }
}

fn positions(ctx: &Context, version: i16, topics: &[FetchTopic]) -> Vec<Position> {
    let image = ctx.metadata.image();
    let mut positions = Vec::new();
    for topic in topics {
        let found: Result<&Arc<TopicImage>, ErrorCode> = if version >= TOPIC_IDS_FROM {
            image.topic_by_id(topic.topic_id).ok_or(ErrorCode::UnknownTopicId)
        } else {
            image.topic(&topic.topic).ok_or(ErrorCode::UnknownTopicOrPartition)
        };
        for asked in &topic.partitions {
            let partition = found.and_then(|topic| ctx.partition_of(topic, asked.partition));
            positions.push(Position { partition, asked: asked.clone() });
        }
    }
    positions
}

/// Reads until there is enough, something is wrong, or time is up.
async fn read_until(positions: &Arc<[Position]>, limits: Limits, deadline: Instant) -> Vec<Answer> {
    loop {
        // Watched before the read, so that nothing that comes between is missed.
        let mut watches: Vec<_> = positions
            .iter()
            .filter_map(|position| position.partition.as_ref().ok())
            .map(|partition| partition.watch())
            .collect();
        let answers = if positions.iter().all(is_at_end) {
            read_all(positions, limits)
        } else {
            let positions = Arc::clone(positions);
            match tokio::task::spawn_blocking(move || read_all(&positions, limits)).await {
                Ok(answers) => answers,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        };
        if Instant::now() >= deadline || is_enough(&answers, limits.min_bytes) {
            return answers;
        }
        if watches.is_empty() {
            tokio::time::sleep_until(deadline).await;
            return answers;
        }
        let changed = select_all(watches.iter_mut().map(|watch| Box::pin(watch.changed())));
        // A partition that is gone ends the wait too: the next read says so.
        let _ = timeout_at(deadline, changed).await;
    }
}

/// Says whether reading touches no file.
fn is_at_end(position: &Position) -> bool {
    position
        .partition
        .as_ref()
        .map_or(true, |partition| position.asked.fetch_offset >= partition.high_watermark())
}

fn is_enough(answers: &[Answer], min_bytes: usize) -> bool {
    let mut bytes = 0;
    for answer in answers {
        match answer {
            Answer::Read(read) => bytes += read.len(),
            Answer::Diverged { .. } | Answer::Refused(_) => return true,
        }
    }
    bytes >= min_bytes
}

fn read_all(positions: &[Position], limits: Limits) -> Vec<Answer> {
    let mut left = limits.max_bytes;
    let mut is_first = true;
    let mut answers = Vec::with_capacity(positions.len());
    for position in positions {
        let max_bytes = size(position.asked.partition_max_bytes).min(left);
        let mut answer = read(position, max_bytes, limits.upto);
        if let Answer::Read(read) = &mut answer {
            // Only the first batch of the whole answer may be larger than the limits.
            if !is_first && read.len() > max_bytes {
                read.records = None;
            }
            left = left.saturating_sub(read.len());
            is_first &= read.is_empty();
        }
        answers.push(answer);
    }
    answers
}

fn read(position: &Position, max_bytes: usize, upto: ReadLimit) -> Answer {
    let partition = match &position.partition {
        Ok(partition) => partition,
        Err(code) => return Answer::Refused(*code),
    };
    if partition.is_deleted() {
        return Answer::Refused(ErrorCode::UnknownTopicOrPartition);
    }
    let asked = &position.asked;
    if let Err(code) = check_leader_epoch(asked.current_leader_epoch) {
        return Answer::Refused(code);
    }
    if let Some(diverged) = diverged(partition, asked) {
        return diverged;
    }
    match partition.read(asked.fetch_offset, max_bytes, upto) {
        Ok(read) => Answer::Read(read),
        Err(error) => {
            let code = error.code();
            if matches!(code, ErrorCode::CorruptMessage | ErrorCode::KafkaStorageError) {
                tracing::error!(offset = asked.fetch_offset, %error, "records are not read");
            }
            Answer::Refused(code)
        }
    }
}

/// The end of the client's last epoch, when the client has read beyond it (KIP-595).
fn diverged(partition: &Partition, asked: &FetchPartition) -> Option<Answer> {
    // Within the one epoch that there is, an offset beyond the end is out of range.
    if asked.last_fetched_epoch < 0 || asked.last_fetched_epoch == LEADER_EPOCH {
        return None;
    }
    let (epoch, end_offset) = partition.epoch_end_offset(asked.last_fetched_epoch)?;
    let has_diverged = epoch < asked.last_fetched_epoch || end_offset < asked.fetch_offset;
    has_diverged.then_some(Answer::Diverged { epoch, end_offset })
}

fn respond(topics: Vec<FetchTopic>, answers: Vec<Answer>) -> Reply<FetchResponse> {
    let mut files = Vec::new();
    let mut answers = answers.into_iter();
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (asked, answer) in topic.partitions.iter().zip(answers.by_ref()) {
            partitions.push(partition_data(asked.partition, answer, &mut files));
        }
        responses.push(FetchableTopicResponse {
            topic: topic.topic,
            topic_id: topic.topic_id,
            partitions,
        });
    }
    Reply::WithFiles(FetchResponse { responses, ..FetchResponse::default() }, files)
}

fn partition_data(
    partition_index: i32,
    answer: Answer,
    files: &mut Vec<FileSlice>,
) -> PartitionData {
    let data = PartitionData {
        partition_index,
        high_watermark: -1,
        aborted_transactions: None,
        records: Some(Records::default()),
        ..PartitionData::default()
    };
    match answer {
        Answer::Refused(code) => PartitionData { error_code: code.code(), ..data },
        Answer::Diverged { epoch, end_offset } => {
            PartitionData { diverging_epoch: EpochEndOffset { epoch, end_offset }, ..data }
        }
        Answer::Read(read) => PartitionData {
            high_watermark: read.high_watermark,
            last_stable_offset: read.last_stable_offset,
            log_start_offset: read.log_start_offset,
            records: Some(
                read.records.map_or_else(Records::default, |slice| records(slice, files)),
            ),
            ..data
        },
    }
}

/// Notes a range of a file, and stands for it in the response.
fn records(slice: FileSlice, files: &mut Vec<FileSlice>) -> Records {
    let records = Records::External { len: slice.len, id: files.len() };
    files.push(slice);
    records
}
