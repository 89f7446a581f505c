//! `FindCoordinator`: which broker coordinates a group or a transaction.

use crate::message::messages;

messages! {
    /// Asks for coordinators.
    request FindCoordinatorRequest: 0..=6, flexible 3, api FindCoordinator -> FindCoordinatorResponse {
        /// Group id or transactional id.
        key: String, in ..=3;
        /// What the keys are: 0 groups, 1 transactions, 2 share groups.
        key_type: i8, in 1..;
        /// Group ids or transactional ids.
        coordinator_keys: Vec<String>, in 4..;
    }

    /// Names coordinators.
    message FindCoordinatorResponse: 0..=6, flexible 3 {
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Error code, or 0.
        error_code: i16, in ..=3;
        /// What is wrong.
        error_message: Option<String> = Some(String::new()), in 1..=3;
        /// Id of the broker.
        node_id: i32, in ..=3;
        /// Host that clients reach it at.
        host: String, in ..=3;
        /// Port that clients reach it at.
        port: i32, in ..=3;
        /// One for each key.
        coordinators: Vec<Coordinator>, in 4..;
    }

    /// The coordinator of one key.
    struct Coordinator {
        /// Group id or transactional id.
        key: String, in 4..;
        /// Id of the broker.
        node_id: i32, in 4..;
        /// Host that clients reach it at.
        host: String, in 4..;
        /// Port that clients reach it at.
        port: i32, in 4..;
        /// Error code, or 0.
        error_code: i16, in 4..;
        /// What is wrong.
        error_message: Option<String> = Some(String::new()), in 4..;
    }
}
