//! The APIs of the Kafka protocol by number, and from which version each is flexible (KIP-482).

macro_rules! api_keys {
    ($($variant:ident = $code:literal, $flexible_from:expr;)*) => {
        /// An API of the Kafka protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("`", stringify!($variant), "`, key ", stringify!($code), ".")]
                $variant = $code,
            )*
        }

        impl ApiKey {
            /// Every key, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the number on the wire.
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// Returns the API of that number, or nothing for a number that this version does not know.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Returns the name as Kafka's documentation spells it, for example `ListOffsets`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }

            /// Returns the first version in the flexible encoding; [`NEVER`] when there is none.
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$variant => $flexible_from,)*
                }
            }
        }
    };
}

/// First flexible version of an API that has no flexible version.
pub const NEVER: i16 = i16::MAX;

impl ApiKey {
    /// Returns the version of the request header that precedes a request of this version.
    pub const fn request_header_version(self, api_version: i16) -> i16 {
        if api_version >= self.flexible_from() { 2 } else { 1 }
    }

    /// Returns the version of the response header: always 0 for `ApiVersions`, whose answer must be
    /// readable by a client that does not know the broker's versions yet (KIP-511).
    pub const fn response_header_version(self, api_version: i16) -> i16 {
        if !matches!(self, Self::ApiVersions) && api_version >= self.flexible_from() {
            1
        } else {
            0
        }
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

api_keys! {
    Produce = 0, 9;
    Fetch = 1, 12;
    ListOffsets = 2, 6;
    Metadata = 3, 9;
    LeaderAndIsr = 4, 4;
    StopReplica = 5, 2;
    UpdateMetadata = 6, 6;
    ControlledShutdown = 7, 3;
    OffsetCommit = 8, 8;
    OffsetFetch = 9, 6;
    FindCoordinator = 10, 3;
    JoinGroup = 11, 6;
    Heartbeat = 12, 4;
    LeaveGroup = 13, 4;
    SyncGroup = 14, 4;
    DescribeGroups = 15, 5;
    ListGroups = 16, 3;
    SaslHandshake = 17, NEVER;
    ApiVersions = 18, 3;
    CreateTopics = 19, 5;
    DeleteTopics = 20, 4;
    DeleteRecords = 21, 2;
    InitProducerId = 22, 2;
    OffsetForLeaderEpoch = 23, 4;
    AddPartitionsToTxn = 24, 3;
    AddOffsetsToTxn = 25, 3;
    EndTxn = 26, 3;
    WriteTxnMarkers = 27, 1;
    TxnOffsetCommit = 28, 3;
    DescribeAcls = 29, 2;
    CreateAcls = 30, 2;
    DeleteAcls = 31, 2;
    DescribeConfigs = 32, 4;
    AlterConfigs = 33, 2;
    AlterReplicaLogDirs = 34, 2;
    DescribeLogDirs = 35, 2;
    SaslAuthenticate = 36, 2;
    CreatePartitions = 37, 2;
    CreateDelegationToken = 38, 2;
    RenewDelegationToken = 39, 2;
    ExpireDelegationToken = 40, 2;
    DescribeDelegationToken = 41, 2;
    DeleteGroups = 42, 2;
    ElectLeaders = 43, 2;
    IncrementalAlterConfigs = 44, 1;
    AlterPartitionReassignments = 45, 0;
    ListPartitionReassignments = 46, 0;
    OffsetDelete = 47, NEVER;
    DescribeClientQuotas = 48, 1;
    AlterClientQuotas = 49, 1;
    DescribeUserScramCredentials = 50, 0;
    AlterUserScramCredentials = 51, 0;
    Vote = 52, 0;
    BeginQuorumEpoch = 53, 1;
    EndQuorumEpoch = 54, 1;
    DescribeQuorum = 55, 0;
    AlterPartition = 56, 0;
    UpdateFeatures = 57, 0;
    Envelope = 58, 0;
    FetchSnapshot = 59, 0;
    DescribeCluster = 60, 0;
    DescribeProducers = 61, 0;
    BrokerRegistration = 62, 0;
    BrokerHeartbeat = 63, 0;
    UnregisterBroker = 64, 0;
    DescribeTransactions = 65, 0;
    ListTransactions = 66, 0;
    AllocateProducerIds = 67, 0;
    ConsumerGroupHeartbeat = 68, 0;
    ConsumerGroupDescribe = 69, 0;
    ControllerRegistration = 70, 0;
    GetTelemetrySubscriptions = 71, 0;
    PushTelemetry = 72, 0;
    AssignReplicasToDirs = 73, 0;
    ListConfigResources = 74, 0;
    DescribeTopicPartitions = 75, 0;
    ShareGroupHeartbeat = 76, 0;
    ShareGroupDescribe = 77, 0;
    ShareFetch = 78, 0;
    ShareAcknowledge = 79, 0;
    AddRaftVoter = 80, 0;
    RemoveRaftVoter = 81, 0;
    UpdateRaftVoter = 82, 0;
    InitializeShareGroupState = 83, 0;
    ReadShareGroupState = 84, 0;
    WriteShareGroupState = 85, 0;
    DeleteShareGroupState = 86, 0;
    ReadShareGroupStateSummary = 87, 0;
    StreamsGroupHeartbeat = 88, 0;
    StreamsGroupDescribe = 89, 0;
    DescribeShareGroupOffsets = 90, 0;
    AlterShareGroupOffsets = 91, 0;
    DeleteShareGroupOffsets = 92, 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_number() {
        for (key, code) in ApiKey::ALL.iter().zip(0..) {
            assert_eq!(key.code(), code);
            assert_eq!(ApiKey::from_code(code), Some(*key));
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(ApiKey::from_code(93), None);
    }

    #[track_caller]
    fn check_headers(key: ApiKey, version: i16, request: i16, response: i16) {
        assert_eq!(key.request_header_version(version), request);
        assert_eq!(key.response_header_version(version), response);
    }

    #[test]
    fn headers_follow_the_flexible_version_with_its_exceptions() {
        check_headers(ApiKey::Produce, 8, 1, 0);
        check_headers(ApiKey::Produce, 9, 2, 1);
        check_headers(ApiKey::ApiVersions, 2, 1, 0);
        check_headers(ApiKey::ApiVersions, 3, 2, 0);
        check_headers(ApiKey::ApiVersions, 99, 2, 0);
        check_headers(ApiKey::SaslHandshake, 1, 1, 0);
        check_headers(ApiKey::OffsetDelete, 0, 1, 0);
    }
}
