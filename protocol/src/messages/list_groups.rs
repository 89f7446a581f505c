//! `ListGroups`: the groups that a broker coordinates.

use crate::message::messages;

messages! {
    /// Asks for groups.
    request ListGroupsRequest: 0..=5, flexible 3, api ListGroups -> ListGroupsResponse {
        /// States to list; empty is all.
        states_filter: Vec<String>, in 4..;
        /// Types to list; empty is all.
        types_filter: Vec<String>, in 5..;
    }

    /// Lists groups.
    message ListGroupsResponse: 0..=5, flexible 3 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Error code, or 0.
        error_code: i16;
        /// Groups, in any order.
        groups: Vec<ListedGroup>;
    }

    /// A group.
    struct ListedGroup {
        /// Id of the group.
        group_id: String;
        /// Kind of group: `consumer`, `connect`, `sr`.
        protocol_type: String;
        /// State, for example `Stable`.
        group_state: String, in 4..;
        /// Type, for example `classic`.
        group_type: String, in 5..;
    }
}
