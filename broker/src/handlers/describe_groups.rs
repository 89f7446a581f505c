//! `DescribeGroups` (key 15): state and members of groups.
//!
//! Up to version 5 a group that is not there is `Dead` without an error; from version 6 on it is
//! `GROUP_ID_NOT_FOUND` with a message.

use std::ops::RangeInclusive;

use protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use crate::context::{Call, Context};
use crate::group::{GroupError, MemberDescription, State};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=6;

/// The first version that knows of groups that are not there.
const NOT_FOUND_FROM: i16 = 6;

/// What may be done with a group when nobody's rights are checked, as bits of Kafka's operations:
/// read (3), delete (6), describe (8).
const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8;

/// Describes each group, or says why not.
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let mut groups = Vec::with_capacity(request.groups.len());
    for group_id in request.groups {
        let mut described = describe(ctx, call, group_id).await;
        if request.include_authorized_operations && described.error_code == 0 {
            described.authorized_operations = GROUP_OPERATIONS;
        }
        groups.push(described);
    }
    DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
}

async fn describe(ctx: &Context, call: &Call, group_id: String) -> DescribedGroup {
    let dead =
        DescribedGroup { group_state: State::Dead.name().to_owned(), ..DescribedGroup::default() };
    match ctx.groups.describe(&group_id).await {
        Ok(description) => DescribedGroup {
            group_id,
            group_state: description.state.to_owned(),
            protocol_type: description.protocol_type,
            protocol_data: description.protocol,
            members: description.members.into_iter().map(member).collect(),
            ..DescribedGroup::default()
        },
        Err(GroupError::GroupNotFound) if call.version < NOT_FOUND_FROM => {
            DescribedGroup { group_id, ..dead }
        }
        Err(error @ GroupError::GroupNotFound) => DescribedGroup {
            error_code: error.code().code(),
            error_message: Some(format!("Group {group_id} not found.")),
            group_id,
            ..dead
        },
        Err(error) => DescribedGroup {
            error_code: error.code().code(),
            error_message: Some(error.code().message().to_owned()),
            group_id,
            ..DescribedGroup::default()
        },
    }
}

fn member(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        client_id: member.client.id,
        client_host: member.client.host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}
