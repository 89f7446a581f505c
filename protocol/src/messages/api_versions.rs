//! `ApiVersions`: which versions of which APIs a broker serves (KIP-35, KIP-511, KIP-584).
//!
//! A broker that does not know the request's version answers at version 0 with error 35 and the range
//! of this API, so that the client can ask again.

use crate::message::messages;

messages! {
    /// Asks for the versions that are served.
    request ApiVersionsRequest: 0..=5, flexible 3, api ApiVersions -> ApiVersionsResponse {
        /// Name of the client's library.
        client_software_name: String, in 3..;
        /// Version of the client's library.
        client_software_version: String, in 3..;
        /// Cluster that the client believes it is talking to.
        cluster_id: Option<String>, in 5..;
        /// Broker that the client believes it is talking to, or -1.
        node_id: i32 = -1, in 5..;
    }

    /// Lists the versions that are served.
    message ApiVersionsResponse: 0..=5, flexible 3 {
        /// Error code, or 0.
        error_code: i16;
        /// One entry for each API, in any order.
        api_keys: Vec<ApiVersion>;
        /// How long the client was throttled.
        throttle_time_ms: i32, in 1..;
        /// Features that the broker could run with. Before version 4, none may have a minimum of 0.
        supported_features: Vec<SupportedFeatureKey>, in 3.., tag 0;
        /// Grows with each change of the finalized features; -1 when unknown.
        finalized_features_epoch: i64 = -1, in 3.., tag 1;
        /// Features that the cluster runs with.
        finalized_features: Vec<FinalizedFeatureKey>, in 3.., tag 2;
        /// Whether a controller is ready to migrate from ZooKeeper.
        zk_migration_ready: bool, in 3.., tag 3;
    }

    /// The versions of one API.
    struct ApiVersion {
        /// Number of the API.
        api_key: i16;
        /// Lowest version served.
        min_version: i16;
        /// Highest version served.
        max_version: i16;
    }

    /// A feature that the broker could run with.
    struct SupportedFeatureKey {
        /// Name of the feature.
        name: String, in 3..;
        /// Lowest level.
        min_version: i16, in 3..;
        /// Highest level.
        max_version: i16, in 3..;
    }

    /// A feature that the cluster runs with.
    struct FinalizedFeatureKey {
        /// Name of the feature.
        name: String, in 3..;
        /// Highest level that all brokers support.
        max_version_level: i16, in 3..;
        /// Lowest level that all brokers support.
        min_version_level: i16, in 3..;
    }
}
