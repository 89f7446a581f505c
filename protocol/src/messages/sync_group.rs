//! `SyncGroup`: brings the leader's assignment to every member of a group.

use bytes::Bytes;

use crate::message::messages;

messages! {
    /// Asks for the member's assignment; the leader sends all of them.
    request SyncGroupRequest: 0..=5, flexible 4, api SyncGroup -> SyncGroupResponse {
        /// Group of the member.
        group_id: String;
        /// Generation that the member joined.
        generation_id: i32;
        /// Id of the member.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 3..;
        /// Kind of group.
        protocol_type: Option<String>, in 5..;
        /// Protocol that was chosen.
        protocol_name: Option<String>, in 5..;
        /// All assignments, from the leader; else empty.
        assignments: Vec<SyncGroupRequestAssignment>;
    }

    /// The assignment of one member.
    struct SyncGroupRequestAssignment {
        /// Id of the member.
        member_id: String;
        /// What the leader assigns to it.
        assignment: Bytes;
    }

    /// Brings an assignment.
    message SyncGroupResponse: 0..=5, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Error code, or 0.
        error_code: i16;
        /// Kind of group.
        protocol_type: Option<String>, in 5..;
        /// Protocol that was chosen.
        protocol_name: Option<String>, in 5..;
        /// What the leader assigned to the member, untouched.
        assignment: Bytes;
    }
}
