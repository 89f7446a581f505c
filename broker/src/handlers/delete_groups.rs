//! `DeleteGroups` (key 42): groups without members go, and their offsets with them.

use std::ops::RangeInclusive;

use protocol::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=2;

/// Deletes each group, or says why not.
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group_id in request.groups_names {
        let result = ctx.groups.delete(&group_id).await;
        let error_code = result.err().map_or(0, |error| error.code().code());
        results.push(DeletableGroupResult { group_id, error_code });
    }
    DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
}
