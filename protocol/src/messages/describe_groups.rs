//! `DescribeGroups`: state and members of groups.

use bytes::Bytes;

use crate::message::messages;

messages! {
    /// Asks for groups.
    request DescribeGroupsRequest: 0..=6, flexible 5, api DescribeGroups -> DescribeGroupsResponse {
        /// Ids of the groups.
        groups: Vec<String>;
        /// Whether to say what the client may do with each group.
        include_authorized_operations: bool, in 3..;
    }

    /// Describes groups.
    message DescribeGroupsResponse: 0..=6, flexible 5 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// One for each group of the request.
        groups: Vec<DescribedGroup>;
    }

    /// A group.
    struct DescribedGroup {
        /// Error code, or 0.
        error_code: i16;
        /// What is wrong.
        error_message: Option<String>, in 6..;
        /// Id of the group.
        group_id: String;
        /// State, or empty.
        group_state: String;
        /// Kind of group, or empty.
        protocol_type: String;
        /// Protocol that all members use, or empty.
        protocol_data: String;
        /// Members.
        members: Vec<DescribedGroupMember>;
        /// Bits of what the client may do with the group.
        authorized_operations: i32 = i32::MIN, in 3..;
    }

    /// A member.
    struct DescribedGroupMember {
        /// Id of the member.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 4..;
        /// Name that the client gives itself.
        client_id: String;
        /// Address of the client.
        client_host: String;
        /// What the member sent for the chosen protocol.
        member_metadata: Bytes;
        /// What the leader assigned to the member.
        member_assignment: Bytes;
    }
}
