//! `DeleteGroups`: removes empty groups and their offsets.

use crate::message::messages;

messages! {
    /// Removes groups.
    request DeleteGroupsRequest: 0..=2, flexible 2, api DeleteGroups -> DeleteGroupsResponse {
        /// Ids of the groups.
        groups_names: Vec<String>;
    }

    /// Says which groups were removed.
    message DeleteGroupsResponse: 0..=2, flexible 2 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// One for each group of the request.
        results: Vec<DeletableGroupResult>;
    }

    /// A group that was removed or kept.
    struct DeletableGroupResult {
        /// Id of the group.
        group_id: String;
        /// Error code, or 0.
        error_code: i16;
    }
}
