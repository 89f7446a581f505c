//! `ApiVersions` (key 18): which APIs are served, in which versions.
//!
//! A version that is not served is answered with an error in version 0 and the connection stays
//! open (KIP-511).

use std::ops::RangeInclusive;

use protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, ErrorCode};

use crate::context::{Call, Context};
use crate::server::api_versions_table;

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 0..=4;

/// The first version in which clients give their name.
const NAMED_FROM: i16 = 3;

/// Answers the table of the server.
#[expect(clippy::unused_async, reason = "every handler is asynchronous")]
pub(crate) async fn handle(
    _ctx: &Context,
    call: &Call,
    request: ApiVersionsRequest,
) -> ApiVersionsResponse {
    let named = is_name(&request.client_software_name) && is_name(&request.client_software_version);
    if call.version >= NAMED_FROM && !named {
        let error_code = ErrorCode::InvalidRequest.code();
        return ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() };
    }
    let api_keys = api_versions_table()
        .into_iter()
        .map(|(_, api_key, min_version, max_version)| ApiVersion {
            api_key,
            min_version,
            max_version,
        })
        .collect();
    ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() }
}

/// The answer, in version 0, to a version that is not served.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    let served = ApiVersion {
        api_key: ApiKey::ApiVersions.code(),
        min_version: *VERSIONS.start(),
        max_version: *VERSIONS.end(),
    };
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![served],
        ..ApiVersionsResponse::default()
    }
}

/// The rule of KIP-511 for the name and the version of a client's software.
fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_name(text), expected, "{text:?}");
    }

    #[test]
    fn a_software_name_begins_and_ends_with_a_letter_or_digit() {
        check("librdkafka", true);
        check("apache-kafka-java", true);
        check("2.4.0", true);
        check("a", true);
        check("", false);
        check("-a", false);
        check("a.", false);
        check("a b", false);
    }
}
