//! `DescribeCluster` (key 60): the brokers and the cluster's id.

use std::ops::RangeInclusive;

use protocol::ErrorCode;
use protocol::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use crate::context::{Call, Context};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=2;

/// What may be done with the cluster when nobody's rights are checked, as bits of Kafka's
/// operations: create, alter, describe, cluster action, describe configs, alter configs,
/// idempotent write.
pub(crate) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// Asks for brokers, not for controllers.
const ENDPOINT_BROKERS: i8 = 1;

/// Answers this broker.
#[expect(clippy::unused_async, reason = "every handler is asynchronous")]
pub(crate) async fn handle(
    ctx: &Context,
    call: &Call,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != ENDPOINT_BROKERS {
        let code = if request.endpoint_type == 2 {
            ErrorCode::MismatchedEndpointType
        } else {
            ErrorCode::UnsupportedEndpointType
        };
        return DescribeClusterResponse {
            error_code: code.code(),
            error_message: Some(code.message().to_owned()),
            ..DescribeClusterResponse::default()
        };
    }
    let (host, port) = ctx.advertised(call);
    let broker = DescribeClusterBroker {
        broker_id: ctx.config.node_id,
        host,
        port,
        rack: ctx.config.values.optional_string("broker.rack").map(str::to_owned),
        ..DescribeClusterBroker::default()
    };
    DescribeClusterResponse {
        endpoint_type: ENDPOINT_BROKERS,
        cluster_id: ctx.logs.cluster_id().to_owned(),
        controller_id: ctx.config.node_id,
        brokers: vec![broker],
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..DescribeClusterResponse::default()
    }
}
