//! The list of all messages, for tests that treat them alike.

/// Calls a macro with every request and response: module, name.
macro_rules! with_every_message {
    ($with:ident) => {
        $with! {
            api_versions: ApiVersionsRequest, ApiVersionsResponse;
            create_topics: CreateTopicsRequest, CreateTopicsResponse;
            delete_groups: DeleteGroupsRequest, DeleteGroupsResponse;
            delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
            describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
            describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
            describe_groups: DescribeGroupsRequest, DescribeGroupsResponse;
            fetch: FetchRequest, FetchResponse;
            find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
            heartbeat: HeartbeatRequest, HeartbeatResponse;
            init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
            join_group: JoinGroupRequest, JoinGroupResponse;
            leave_group: LeaveGroupRequest, LeaveGroupResponse;
            list_groups: ListGroupsRequest, ListGroupsResponse;
            list_offsets: ListOffsetsRequest, ListOffsetsResponse;
            metadata: MetadataRequest, MetadataResponse;
            offset_commit: OffsetCommitRequest, OffsetCommitResponse;
            offset_fetch: OffsetFetchRequest, OffsetFetchResponse;
            offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            produce: ProduceRequest, ProduceResponse;
            sync_group: SyncGroupRequest, SyncGroupResponse;
        }
    };
}

pub(crate) use with_every_message;
