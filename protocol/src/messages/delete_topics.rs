//! `DeleteTopics`: removes topics, by name or by id.

use crate::Uuid;
use crate::message::messages;

messages! {
    /// Removes topics.
    request DeleteTopicsRequest: 1..=6, flexible 4, api DeleteTopics -> DeleteTopicsResponse {
        /// Topics to remove.
        topics: Vec<DeleteTopicState>, in 6..;
        /// Names of the topics to remove.
        topic_names: Vec<String>, in ..=5;
        /// How long to wait.
        timeout_ms: i32;
    }

    /// A topic to remove.
    struct DeleteTopicState {
        /// Name; null when the id is given.
        name: Option<String>, in 6..;
        /// Id; zero when the name is given.
        topic_id: Uuid, in 6..;
    }

    /// Says which topics were removed.
    message DeleteTopicsResponse: 1..=6, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// One for each topic of the request.
        responses: Vec<DeletableTopicResult>;
    }

    /// A topic that was removed or kept.
    struct DeletableTopicResult {
        /// Name; null for an id that is not known.
        name: Option<String> = Some(String::new()), nullable 6..;
        /// Id of the topic.
        topic_id: Uuid, in 6..;
        /// Error code, or 0.
        error_code: i16;
        /// What is wrong.
        error_message: Option<String>, in 5..;
    }
}
