//! The table from API key to handler, and the way of a request through it.
//!
//! What is not in the table is not advertised; what is advertised is in the table. A request for
//! an API or a version outside it closes the connection, as Kafka does, because no response could
//! be read; `ApiVersions` and old `Produce` requests are the exceptions.

use std::ops::RangeInclusive;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use protocol::header::RequestHeader;
use protocol::{ApiKey, DecodeError, Decoder, EncodeError, Message, Request, messages};

use super::budget::Share;
use super::frame::Frame;
use super::old_produce;
use super::response::{IntoReply, Outcome, Reply, encode};
use crate::context::{Call, Context};
use crate::handlers;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No API has this key.
    #[error("api key {0} is unknown")]
    UnknownKey(i16),
    /// The API is not served in this version.
    #[error("{key} version {version} is not served")]
    UnsupportedVersion { key: ApiKey, version: i16 },
    /// The frame does not hold what its header says.
    #[error("{key} version {version}: {source}")]
    Malformed { key: ApiKey, version: i16, source: DecodeError },
    /// The response cannot be written.
    #[error("{key} version {version}, response: {source}")]
    Response { key: ApiKey, version: i16, source: EncodeError },
}

type Serve = fn(Arc<Context>, Call, Incoming) -> BoxFuture<'static, Result<Outcome, RequestError>>;

/// One API of the table.
#[derive(Debug)]
struct Api {
    key: ApiKey,
    /// The versions that clients are told.
    versions: RangeInclusive<i16>,
    serve: Serve,
}

macro_rules! apis {
    ($($module:ident :: $request:ident;)*) => {
        &[$(Api {
            key: <messages::$module::$request as Request>::KEY,
            versions: handlers::$module::VERSIONS,
            serve: |context, call, mut incoming| Box::pin(async move {
                let request = incoming.decode::<messages::$module::$request>()?;
                let reply = handlers::$module::handle(&context, &call, request).await;
                incoming.encode(reply.into_reply())
            }),
        }),*]
    };
}

/// Every API that is served, in the order of the keys.
static APIS: &[Api] = apis! {
    produce::ProduceRequest;
    fetch::FetchRequest;
    list_offsets::ListOffsetsRequest;
    metadata::MetadataRequest;
    offset_commit::OffsetCommitRequest;
    offset_fetch::OffsetFetchRequest;
    find_coordinator::FindCoordinatorRequest;
    join_group::JoinGroupRequest;
    heartbeat::HeartbeatRequest;
    leave_group::LeaveGroupRequest;
    sync_group::SyncGroupRequest;
    describe_groups::DescribeGroupsRequest;
    list_groups::ListGroupsRequest;
    api_versions::ApiVersionsRequest;
    create_topics::CreateTopicsRequest;
    delete_topics::DeleteTopicsRequest;
    init_producer_id::InitProducerIdRequest;
    offset_for_leader_epoch::OffsetForLeaderEpochRequest;
    describe_configs::DescribeConfigsRequest;
    delete_groups::DeleteGroupsRequest;
    describe_cluster::DescribeClusterRequest;
};

/// Name, key, lowest and highest version of every API that is served, in the order of the keys.
pub fn api_versions_table() -> Vec<(&'static str, i16, i16, i16)> {
    APIS.iter()
        .map(|api| (api.key.name(), api.key.code(), *api.versions.start(), *api.versions.end()))
        .collect()
}

/// A request whose header has been read.
#[derive(Debug)]
pub(crate) struct Incoming {
    api: &'static Api,
    header: RequestHeader,
    decoder: Decoder,
    /// What the request holds of the budget; given back when it is answered.
    _share: Share,
}

impl Incoming {
    /// Reads a request's header.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the connection is to be closed.
    pub(crate) fn parse(frame: Frame) -> Result<Self, RequestError> {
        let mut decoder = Decoder::new(frame.bytes.clone());
        let code = frame.bytes.first_chunk::<2>().map_or(-1, |bytes| i16::from_be_bytes(*bytes));
        let api =
            APIS.iter().find(|api| api.key.code() == code).ok_or(RequestError::UnknownKey(code))?;
        let header = if let Some(header) = unsupported_api_versions(api, &frame.bytes) {
            header
        } else {
            RequestHeader::decode(&mut decoder).map_err(|source| RequestError::Malformed {
                key: api.key,
                version: -1,
                source,
            })?
        };
        let version = header.api_version;
        if !api.versions.contains(&version) && api.key != ApiKey::ApiVersions {
            return Err(RequestError::UnsupportedVersion { key: api.key, version });
        }
        Ok(Self { api, header, decoder, _share: frame.share })
    }

    /// The API.
    pub(crate) const fn key(&self) -> ApiKey {
        self.api.key
    }

    /// The version that the handler is to see.
    pub(crate) const fn version(&self) -> i16 {
        self.header.api_version
    }

    /// The client's name for itself; empty when it has none.
    pub(crate) fn client_id(&self) -> &str {
        self.header.client_id.as_deref().unwrap_or_default()
    }

    /// Has the request answered.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the connection is to be closed.
    pub(crate) async fn serve(
        self,
        context: Arc<Context>,
        call: Call,
    ) -> Result<Outcome, RequestError> {
        if self.api.key == ApiKey::Produce && self.version() <= old_produce::LAST {
            return self.refuse_old_produce();
        }
        if !self.api.versions.contains(&self.version()) {
            let reply = Reply::Answer(handlers::api_versions::unsupported());
            return self.encode_at(reply, 0);
        }
        (self.api.serve)(context, call, self).await
    }

    fn refuse_old_produce(mut self) -> Result<Outcome, RequestError> {
        let (key, version) = (self.api.key, self.header.api_version);
        let request = self
            .decoder
            .take(self.decoder.remaining())
            .and_then(|body| old_produce::decode(&body))
            .map_err(|source| RequestError::Malformed { key, version, source })?;
        let frame = old_produce::refuse(&request, version, self.header.correlation_id)
            .map_err(|source| RequestError::Response { key, version, source })?;
        Ok(frame.map_or(Outcome::Close, |frame| Outcome::Send(frame.into())))
    }

    /// Reads the request. What follows it is ignored, as Apache Kafka does: librdkafka ends a
    /// `Metadata` request of version 13 with three bytes that no schema has.
    fn decode<R: Request>(&mut self) -> Result<R, RequestError> {
        let (key, version) = (self.api.key, self.header.api_version);
        R::decode(&mut self.decoder, version).map_err(|source| RequestError::Malformed {
            key,
            version,
            source,
        })
    }

    fn encode<R: Message>(&self, reply: Reply<R>) -> Result<Outcome, RequestError> {
        self.encode_at(reply, self.header.api_version)
    }

    fn encode_at<R: Message>(
        &self,
        reply: Reply<R>,
        version: i16,
    ) -> Result<Outcome, RequestError> {
        let key = self.api.key;
        encode(reply, key, version, self.header.correlation_id)
            .map_err(|source| RequestError::Response { key, version, source })
    }
}

/// The header of an `ApiVersions` request whose version is not served, of which only the beginning
/// is understood: it is answered in version 0 (KIP-511).
fn unsupported_api_versions(api: &Api, frame: &[u8]) -> Option<RequestHeader> {
    let version = i16::from_be_bytes(*frame.get(2..)?.first_chunk()?);
    let correlation_id = i32::from_be_bytes(*frame.get(4..)?.first_chunk()?);
    let unsupported = api.key == ApiKey::ApiVersions && !api.versions.contains(&version);
    unsupported.then(|| RequestHeader {
        api_key: api.key.code(),
        api_version: version,
        correlation_id,
        client_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_keys_and_holds_each_once() {
        let keys: Vec<i16> = APIS.iter().map(|api| api.key.code()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }

    #[test]
    fn old_clients_find_the_versions_that_they_insist_on() {
        let serves = |key: ApiKey, version: i16| {
            let api = APIS.iter().find(|api| api.key == key).unwrap();
            assert!(api.versions.contains(&version), "{key} {version}");
        };
        for (key, version) in [
            (ApiKey::Produce, 0),
            (ApiKey::Produce, 3),
            (ApiKey::Produce, 7),
            (ApiKey::Fetch, 4),
            (ApiKey::Fetch, 10),
            (ApiKey::ListOffsets, 1),
            (ApiKey::FindCoordinator, 0),
            (ApiKey::OffsetCommit, 2),
            (ApiKey::OffsetFetch, 1),
            (ApiKey::JoinGroup, 0),
            (ApiKey::SyncGroup, 0),
            (ApiKey::Heartbeat, 0),
            (ApiKey::LeaveGroup, 0),
            (ApiKey::InitProducerId, 0),
            (ApiKey::OffsetForLeaderEpoch, 2),
        ] {
            serves(key, version);
        }
    }
}
