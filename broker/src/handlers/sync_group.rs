//! `SyncGroup` (key 14): the leader hands out the assignment, each member gets its own.
//!
//! | version | adds |
//! |---|---|
//! | 3 | static members |
//! | 5 | protocol type and protocol, which have to be the group's |
//!
//! The leader's bytes pass untouched; a member that the leader left out gets none.

use std::ops::RangeInclusive;

use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use crate::context::{Call, Context};
use crate::group::{MemberIdentity, Sync};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=5;

/// Waits until the leader has handed out the assignment.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    let assignments = request.assignments.into_iter();
    let sync = Sync {
        member: MemberIdentity {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
        },
        generation: request.generation_id,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: assignments.map(|one| (one.member_id, one.assignment)).collect(),
    };
    match ctx.groups.sync(&request.group_id, sync).await {
        Ok(synced) => SyncGroupResponse {
            protocol_type: synced.protocol_type,
            protocol_name: synced.protocol,
            assignment: synced.assignment,
            ..SyncGroupResponse::default()
        },
        Err(error) => {
            SyncGroupResponse { error_code: error.code().code(), ..SyncGroupResponse::default() }
        }
    }
}
