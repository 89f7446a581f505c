//! `InitProducerId` (key 22): an id for an idempotent producer.
//!
//! There are no transactions: a transactional id is refused with a code that every client takes as
//! final, so that it fails at once and not after its retries.

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=5;

/// Gives out a producer id that nobody else has or had.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    if request.transactional_id.is_some() {
        return refused(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    match ctx.metadata.next_producer_id().await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(error) => {
            tracing::warn!(%error, "no producer id");
            refused(ErrorCode::CoordinatorNotAvailable)
        }
    }
}

fn refused(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
