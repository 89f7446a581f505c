//! `Produce` (key 0): record batches to the ends of partitions.
//!
//! Versions 0 to 2 are advertised because old clients switch compression off without them; what
//! they carry is refused by `server/old_produce.rs`. `acks=0` has no response: an error closes the
//! connection.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use protocol::records::{BatchHeader, Compression};
use protocol::{ErrorCode, Records};
use tokio::time::{Instant, timeout_at};

use crate::context::{Call, Context};
use crate::log::{AppendError, AppendOptions, Appended, Durability, Origin};
use crate::metadata::is_internal;
use crate::server::Reply;
use crate::topic_config::min_insync_replicas;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=11;

/// The first version that may carry zstd.
const ZSTD_FROM: i16 = 7;

/// Longest time that a client may let a request wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

const NO_ACKS: i16 = 0;
const LEADER_ACKS: i16 = 1;
const ALL_ACKS: i16 = -1;

/// Why a partition takes no records.
enum Refusal {
    Code(ErrorCode),
    Append(AppendError),
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

/// What all partitions of a request have in common.
#[derive(Clone, Copy)]
struct Terms {
    version: i16,
    acks: i16,
    deadline: Instant,
}

/// Appends each partition's batch; answers when the acknowledgement that is asked for is due.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: ProduceRequest,
) -> Reply<ProduceResponse> {
    // As in Kafka, the timeout is about the wait for the acknowledgement of all.
    let patience = match request.acks {
        ALL_ACKS => Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        _ => MAX_TIMEOUT,
    };
    let terms = Terms {
        version: call.version,
        acks: request.acks,
        deadline: Instant::now() + patience.min(MAX_TIMEOUT),
    };
    let topics = request.topic_data.into_iter().map(|topic| append_topic(ctx, terms, topic));
    let responses = join_all(topics).await;
    if terms.acks != NO_ACKS {
        return Reply::Answer(ProduceResponse { responses, ..ProduceResponse::default() });
    }
    let failed = responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .any(|partition| partition.error_code != ErrorCode::None.code());
    if failed { Reply::Close } else { Reply::Silence }
}

async fn append_topic(
    ctx: &Context,
    terms: Terms,
    topic: TopicProduceData,
) -> TopicProduceResponse {
    let appends = topic.partition_data.into_iter().map(|partition| {
        let name = topic.name.as_str();
        async move {
            let index = partition.index;
            let result = append(ctx, terms, name, partition).await;
            answer(name, index, result)
        }
    });
    let partition_responses = join_all(appends).await;
    TopicProduceResponse {
        name: topic.name,
        partition_responses,
        ..TopicProduceResponse::default()
    }
}

async fn append(
    ctx: &Context,
    terms: Terms,
    topic: &str,
    partition: PartitionProduceData,
) -> Result<Appended, Refusal> {
    if ![NO_ACKS, LEADER_ACKS, ALL_ACKS].contains(&terms.acks) {
        return Err(ErrorCode::InvalidRequiredAcks.into());
    }
    let topic = ctx.metadata.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if is_internal(&topic.name) {
        return Err(ErrorCode::InvalidTopicException.into());
    }
    if terms.acks == ALL_ACKS && min_insync_replicas(&topic.configs) > 1 {
        return Err(ErrorCode::NotEnoughReplicas.into());
    }
    let log = ctx.partition_of(&topic, partition.index)?;
    let batch = batch(terms.version, partition.records)?;
    let durability = if terms.acks == ALL_ACKS { Durability::Flushed } else { Durability::Written };
    let append = log.append(batch, AppendOptions { origin: Origin::Client, durability });
    match timeout_at(terms.deadline, append).await {
        Ok(result) => result.map_err(Refusal::Append),
        Err(_) => Err(ErrorCode::RequestTimedOut.into()),
    }
}

/// The batch of a partition, as far as its header says that it may be appended.
fn batch(version: i16, records: Option<Records>) -> Result<Bytes, ErrorCode> {
    let bytes = records.and_then(Records::into_bytes).ok_or(ErrorCode::InvalidRecord)?;
    // What is wrong with a header that cannot be read, the log says.
    if let Ok(header) = BatchHeader::parse(&bytes) {
        if header.is_transactional() {
            return Err(ErrorCode::TransactionalIdAuthorizationFailed);
        }
        if version < ZSTD_FROM && matches!(header.compression(), Ok(Compression::Zstd)) {
            return Err(ErrorCode::UnsupportedCompressionType);
        }
    }
    Ok(bytes)
}

fn answer(topic: &str, index: i32, result: Result<Appended, Refusal>) -> PartitionProduceResponse {
    match result {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time,
            log_start_offset: appended.log_start_offset,
            ..PartitionProduceResponse::default()
        },
        Err(Refusal::Code(code)) => refused(index, code),
        Err(Refusal::Append(error)) => {
            if error.code() == ErrorCode::KafkaStorageError {
                tracing::error!(topic, partition = index, error = %chain(&error), "records are not appended");
            }
            let message = chain(&error);
            let at = |batch_index| BatchIndexAndErrorMessage {
                batch_index,
                batch_index_error_message: Some(message.clone()),
            };
            PartitionProduceResponse {
                record_errors: error.record_index().map(at).into_iter().collect(),
                error_message: Some(message.clone()),
                ..refused(index, error.code())
            }
        }
    }
}

fn refused(index: i32, code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: code.code(),
        base_offset: -1,
        error_message: Some(code.message().to_owned()),
        ..PartitionProduceResponse::default()
    }
}

/// An error and its causes in one line.
fn chain(error: &AppendError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
