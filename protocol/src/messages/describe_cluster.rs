//! `DescribeCluster`: the brokers or controllers of a cluster.

use crate::message::messages;

messages! {
    /// Asks for the cluster.
    request DescribeClusterRequest: 0..=2, flexible 0, api DescribeCluster -> DescribeClusterResponse {
        /// Whether to say what the client may do with the cluster.
        include_cluster_authorized_operations: bool;
        /// What to list: 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, in 1..;
        /// Whether to list brokers that are fenced.
        include_fenced_brokers: bool, in 2..;
    }

    /// Describes the cluster.
    message DescribeClusterResponse: 0..=2, flexible 0 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// Error code, or 0.
        error_code: i16;
        /// What is wrong.
        error_message: Option<String>;
        /// What is listed: 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, in 1..;
        /// Id of the cluster.
        cluster_id: String;
        /// Broker to send administrative requests to, or -1.
        controller_id: i32 = -1;
        /// Brokers or controllers.
        brokers: Vec<DescribeClusterBroker>;
        /// Bits of what the client may do with the cluster.
        cluster_authorized_operations: i32 = i32::MIN;
    }

    /// A broker or controller.
    struct DescribeClusterBroker {
        /// Id of the broker.
        broker_id: i32;
        /// Host that clients reach it at.
        host: String;
        /// Port that clients reach it at.
        port: i32;
        /// Rack, if it has one.
        rack: Option<String>;
        /// Whether it is fenced: registered, but not serving.
        is_fenced: bool, in 2..;
    }
}
