//! `Heartbeat` (key 12): a member says that it is there, and hears whether to join again.

use std::ops::RangeInclusive;

use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use crate::context::{Call, Context};
use crate::group::MemberIdentity;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=4;

/// Renews the member's session.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let member =
        MemberIdentity { member_id: request.member_id, instance_id: request.group_instance_id };
    let result = ctx.groups.heartbeat(&request.group_id, member, request.generation_id).await;
    HeartbeatResponse {
        error_code: result.err().map_or(0, |error| error.code().code()),
        ..HeartbeatResponse::default()
    }
}
