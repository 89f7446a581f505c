//! `JoinGroup` (key 11): a member enters a group and learns who leads.
//!
//! | version | adds |
//! |---|---|
//! | 0 | the rebalance timeout is the session timeout |
//! | 1 | a rebalance timeout |
//! | 4 | a member without id gets one first, and joins with it (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 7 | the protocol type in the answer |
//! | 8 | a reason, for the log |
//! | 9 | a static leader may be told to skip the assignment (KIP-814) |

use std::ops::RangeInclusive;

use protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
};

use crate::context::{Call, Context};
use crate::group::{Client, Join, JoinAbilities, JoinRefused, Joined, JoinedMember, Protocol};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=9;

/// The first version that can leave out the protocol.
const NULL_PROTOCOL_FROM: i16 = 7;

/// Waits until the group's next generation begins.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let group_id = request.group_id.clone();
    if let Some(reason) = &request.reason {
        tracing::debug!(group_id, member_id = request.member_id, reason, "member joins");
    }
    match ctx.groups.join(&group_id, join(call, request)).await {
        Ok(joined) => accepted(joined),
        Err(refused) => refusal(call, refused),
    }
}

fn join(call: &Call, request: JoinGroupRequest) -> Join {
    let own_rebalance_timeout = call.version >= 1;
    let protocols = request.protocols.into_iter();
    Join {
        member_id: request.member_id,
        fresh_member_id: String::new(),
        instance_id: request.group_instance_id,
        client: Client { id: call.client_id.clone(), host: call.client_host.clone() },
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if own_rebalance_timeout {
            request.rebalance_timeout_ms
        } else {
            request.session_timeout_ms
        },
        protocol_type: request.protocol_type,
        protocols: protocols
            .map(|protocol| Protocol { name: protocol.name, metadata: protocol.metadata })
            .collect(),
        abilities: match call.version {
            ..=3 => JoinAbilities::Basic,
            4..=8 => JoinAbilities::TwoSteps,
            _ => JoinAbilities::SkipAssignment,
        },
    }
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    let member = |member: JoinedMember| JoinGroupResponseMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        metadata: member.metadata,
    };
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type,
        protocol_name: Some(joined.protocol.unwrap_or_default()),
        leader: joined.leader,
        skip_assignment: joined.skip_assignment,
        member_id: joined.member_id,
        members: joined.members.into_iter().map(member).collect(),
        ..JoinGroupResponse::default()
    }
}

fn refusal(call: &Call, refused: JoinRefused) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: refused.error.code().code(),
        generation_id: -1,
        protocol_name: (call.version < NULL_PROTOCOL_FROM).then(String::new),
        member_id: refused.member_id,
        ..JoinGroupResponse::default()
    }
}
