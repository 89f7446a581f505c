//! `JoinGroup`: enters a group, and waits until its members are known.

use bytes::Bytes;

use crate::message::messages;

messages! {
    /// Enters a group.
    request JoinGroupRequest: 0..=9, flexible 6, api JoinGroup -> JoinGroupResponse {
        /// Group to enter.
        group_id: String;
        /// How long the member may be silent.
        session_timeout_ms: i32;
        /// How long the member may take to rejoin; -1 is the session timeout.
        rebalance_timeout_ms: i32 = -1, in 1..;
        /// Id that the coordinator gave, or empty.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 5..;
        /// Kind of group: `consumer`, `connect`, `sr`.
        protocol_type: String;
        /// Protocols that the member can use, best first.
        protocols: Vec<JoinGroupRequestProtocol>;
        /// Why the member joins, for the log.
        reason: Option<String>, in 8..;
    }

    /// A protocol that a member can use.
    struct JoinGroupRequestProtocol {
        /// Name of the protocol.
        name: String;
        /// What the group's leader should know of the member, for this protocol.
        metadata: Bytes;
    }

    /// Says who is in the group.
    message JoinGroupResponse: 0..=9, flexible 6 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 2..;
        /// Error code, or 0.
        error_code: i16;
        /// Generation of the group, or -1.
        generation_id: i32 = -1;
        /// Kind of group.
        protocol_type: Option<String>, in 7..;
        /// Protocol that all members can use.
        protocol_name: Option<String> = Some(String::new()), nullable 7..;
        /// Member that makes the assignment.
        leader: String;
        /// Whether the leader should leave the assignment as it was.
        skip_assignment: bool, in 9..;
        /// Id of the member.
        member_id: String;
        /// All members, for the leader; else empty.
        members: Vec<JoinGroupResponseMember>;
    }

    /// A member of the group.
    struct JoinGroupResponseMember {
        /// Id of the member.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 5..;
        /// What the member sent for the chosen protocol.
        metadata: Bytes;
    }
}
