//! `LeaveGroup`: takes members out of a group.

use crate::message::messages;

messages! {
    /// Takes members out.
    request LeaveGroupRequest: 0..=5, flexible 4, api LeaveGroup -> LeaveGroupResponse {
        /// Group of the members.
        group_id: String;
        /// Id of the member.
        member_id: String, in ..=2;
        /// Members that leave.
        members: Vec<MemberIdentity>, in 3..;
    }

    /// A member that leaves.
    struct MemberIdentity {
        /// Id of the member; empty when the instance id is given.
        member_id: String, in 3..;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 3..;
        /// Why the member leaves, for the log.
        reason: Option<String>, in 5..;
    }

    /// Says who has left.
    message LeaveGroupResponse: 0..=5, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Error code, or 0.
        error_code: i16;
        /// One for each member of the request.
        members: Vec<MemberResponse>, in 3..;
    }

    /// Whether one member has left.
    struct MemberResponse {
        /// Id of the member.
        member_id: String, in 3..;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String> = Some(String::new()), in 3..;
        /// Error code, or 0.
        error_code: i16, in 3..;
    }
}
