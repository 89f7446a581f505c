//! `FindCoordinator` (key 10): which broker coordinates a group. There is one broker, so it does.
//!
//! | version | keys |
//! |---|---|
//! | 0 | one group |
//! | 1 | one key, with its kind |
//! | 4 | several keys of one kind |
//! | 6 | kind 2, share groups, exists |
//!
//! The answer for a group makes `__consumer_offsets` if it is not there. Transactions are not
//! served: their coordinator is answered with `TRANSACTIONAL_ID_AUTHORIZATION_FAILED` and a
//! message, because that is the one code on which Java clients and librdkafka alike give up at
//! once; on others librdkafka asks again until its caller's time is over.

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=6;

/// The first version that asks for several keys.
const BATCH_FROM: i16 = 4;

/// Kind of key: a consumer group.
const GROUP: i8 = 0;

/// Kind of key: a transactional id.
const TRANSACTION: i8 = 1;

/// Why a key has no coordinator.
struct Refusal {
    code: ErrorCode,
    message: &'static str,
}

/// Answers this broker for groups, and a reason for everything else.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let refusal = refusal(ctx, request.key_type).await;
    let (host, port) = ctx.advertised(call);
    let found = |key: String| {
        let refusal = match &refusal {
            None if request.key_type == GROUP && key.is_empty() => Some(Refusal {
                code: ErrorCode::InvalidGroupId,
                message: ErrorCode::InvalidGroupId.message(),
            }),
            None => None,
            Some(Refusal { code, message }) => Some(Refusal { code: *code, message }),
        };
        match refusal {
            None => Coordinator {
                key,
                node_id: ctx.config.node_id,
                host: host.clone(),
                port,
                error_code: 0,
                error_message: None,
            },
            Some(Refusal { code, message }) => Coordinator {
                key,
                node_id: -1,
                host: String::new(),
                port: -1,
                error_code: code.code(),
                error_message: Some(message.to_owned()),
            },
        }
    };
    if call.version >= BATCH_FROM {
        let coordinators = request.coordinator_keys.into_iter().map(found).collect();
        return FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() };
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = found(request.key);
    FindCoordinatorResponse {
        error_code,
        error_message,
        node_id,
        host,
        port,
        ..FindCoordinatorResponse::default()
    }
}

async fn refusal(ctx: &Context, key_type: i8) -> Option<Refusal> {
    match key_type {
        GROUP => {
            let made = ctx.metadata.ensure_topic(ctx.offsets_topic()).await;
            let error = made.err()?;
            tracing::warn!(%error, "cannot make the topic of committed offsets");
            let code = ErrorCode::CoordinatorNotAvailable;
            Some(Refusal { code, message: code.message() })
        }
        TRANSACTION => Some(Refusal {
            code: ErrorCode::TransactionalIdAuthorizationFailed,
            message: "This broker does not serve transactions; unset transactional.id.",
        }),
        _ => Some(Refusal {
            code: ErrorCode::InvalidRequest,
            message: "This broker coordinates consumer groups only.",
        }),
    }
}
