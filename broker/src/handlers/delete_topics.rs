//! `DeleteTopics` (key 20): topics go, by name or (version 6) by id.

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 1..=6;

/// The first version that names topics by id.
const BY_ID_FROM: i16 = 6;

/// Deletes each topic, or says why not.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let named = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
    let topics = if call.version >= BY_ID_FROM {
        request.topics
    } else {
        request.topic_names.into_iter().map(named).collect()
    };
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        responses.push(delete(ctx, topic).await);
    }
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
}

async fn delete(ctx: &Context, topic: DeleteTopicState) -> DeletableTopicResult {
    let refused = |name: Option<String>, code: ErrorCode| DeletableTopicResult {
        name,
        topic_id: topic.topic_id,
        error_code: code.code(),
        error_message: Some(code.message().to_owned()),
    };
    if !ctx.config.values.boolean("delete.topic.enable") {
        return refused(topic.name, ErrorCode::TopicDeletionDisabled);
    }
    let name = match topic.name {
        Some(_) if !topic.topic_id.is_zero() => {
            return refused(topic.name, ErrorCode::InvalidRequest);
        }
        Some(name) => name,
        None => match ctx.metadata.image().topic_by_id(topic.topic_id) {
            Some(found) => found.name.clone(),
            None => return refused(None, ErrorCode::UnknownTopicId),
        },
    };
    match ctx.metadata.delete_topic(&name).await {
        Ok(deleted) => {
            ctx.groups.topic_deleted(&name).await;
            DeletableTopicResult {
                name: Some(name),
                topic_id: deleted.id,
                ..DeletableTopicResult::default()
            }
        }
        Err(error) => refused(Some(name), error.code()),
    }
}
