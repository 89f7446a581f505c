//! `LeaveGroup` (key 13): members go, without waiting for their sessions to end.
//!
//! Up to version 2 one member leaves; from version 3 on a batch does, static members by their
//! instance id alone; from version 5 on with a reason, for the log.

use std::ops::RangeInclusive;

use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use crate::context::{Call, Context};
use crate::group::MemberIdentity;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=5;

/// The first version with a batch of members.
const BATCH_FROM: i16 = 3;

/// Takes each member out, or says why not.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let group_id = request.group_id;
    let members = if call.version >= BATCH_FROM {
        let identity = |member: protocol::messages::leave_group::MemberIdentity| {
            let (member_id, instance_id) = (member.member_id, member.group_instance_id);
            tracing::debug!(
                group_id,
                member_id,
                instance_id,
                reason = member.reason,
                "member leaves"
            );
            MemberIdentity { member_id, instance_id }
        };
        request.members.into_iter().map(identity).collect()
    } else {
        vec![MemberIdentity { member_id: request.member_id, instance_id: None }]
    };
    let left = match ctx.groups.leave(&group_id, members).await {
        Ok(left) => left,
        Err(error) => {
            let error_code = error.code().code();
            return LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
        }
    };
    let members = left.into_iter().map(|one| MemberResponse {
        member_id: one.member.member_id,
        group_instance_id: one.member.instance_id,
        error_code: one.result.err().map_or(0, |error| error.code().code()),
    });
    let members: Vec<MemberResponse> = members.collect();
    if call.version >= BATCH_FROM {
        return LeaveGroupResponse { members, ..LeaveGroupResponse::default() };
    }
    let error_code = members.first().map_or(0, |member| member.error_code);
    LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
}
