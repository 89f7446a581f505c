//! `Heartbeat`: keeps a member in its group, and tells it of rebalances.

use crate::message::messages;

messages! {
    /// Says that the member is there.
    request HeartbeatRequest: 0..=4, flexible 4, api Heartbeat -> HeartbeatResponse {
        /// Group of the member.
        group_id: String;
        /// Generation that the member is in.
        generation_id: i32;
        /// Id of the member.
        member_id: String;
        /// Id that the member keeps over restarts.
        group_instance_id: Option<String>, in 3..;
    }

    /// Says whether the member should rejoin.
    message HeartbeatResponse: 0..=4, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Error code, or 0.
        error_code: i16;
    }
}
