//! `ListGroups` (key 16): the groups of this broker, by name.
//!
//! From version 4 on they are filtered by state, from version 5 on by type; letter case does not
//! matter. All groups here are of the type `classic`.

use std::ops::RangeInclusive;

use protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=5;

/// The type of all groups.
const CLASSIC: &str = "classic";

/// Lists the groups that pass the filters.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let groups = match ctx.groups.list().await {
        Ok(groups) => groups,
        Err(error) => {
            let error_code = error.code().code();
            return ListGroupsResponse { error_code, ..ListGroupsResponse::default() };
        }
    };
    let passes = |filter: &[String], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let listed = groups.into_iter().filter(|group| {
        passes(&request.states_filter, group.state.name()) && passes(&request.types_filter, CLASSIC)
    });
    let groups = listed.map(|group| ListedGroup {
        group_id: group.group_id,
        protocol_type: group.protocol_type,
        group_state: group.state.name().to_owned(),
        group_type: CLASSIC.to_owned(),
    });
    ListGroupsResponse { groups: groups.collect(), ..ListGroupsResponse::default() }
}
