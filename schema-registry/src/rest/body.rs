//! Bodies of requests: JSON within limits of size and time, each mistake answered with a 4xx.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::error::RestError;

/// Largest body that is read: a schema of Kafka's largest record, with every character escaped.
pub const MAX_BODY: usize = 8 * 1024 * 1024;
/// How long a caller may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that was JSON of the right shape.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = RestError;

    async fn from_request(request: Request, _: &S) -> Result<Self, RestError> {
        let reading = tokio::time::timeout(PATIENCE, read(request.into_body()));
        let bytes = reading.await.map_err(|_| RestError::http(StatusCode::REQUEST_TIMEOUT))??;
        parse(&bytes).map(Self)
    }
}

async fn read(body: Body) -> Result<Bytes, RestError> {
    to_bytes(body, MAX_BODY).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.to_string().contains("length limit")) {
            let message = format!("the body is larger than {MAX_BODY} bytes");
            return RestError::new(StatusCode::PAYLOAD_TOO_LARGE, message);
        }
        RestError::new(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RestError> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        // A list would be taken for an object's members in their order.
        Some(_) => {
            return Err(RestError::new(StatusCode::BAD_REQUEST, "the body is no JSON object"));
        }
        None => return Err(RestError::new(StatusCode::UNPROCESSABLE_ENTITY, "the body is empty")),
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        match unknown {
            Some(field) => RestError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("Unrecognized field: {field}"),
            ),
            None if error.is_data() => {
                RestError::new(StatusCode::BAD_REQUEST, format!("unexpected JSON: {text}"))
            }
            None => RestError::new(StatusCode::BAD_REQUEST, format!("malformed JSON: {text}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use schema_registry_client::rest::SchemaRequest;

    use super::*;

    #[track_caller]
    fn check(body: &[u8], status: u16, message: &str) {
        let error = parse::<SchemaRequest>(body).unwrap_err();
        assert_eq!(error.status.as_u16(), status);
        assert!(error.body.message.contains(message), "{}", error.body.message);
    }

    #[test]
    fn mistakes_in_bodies_are_told_apart() {
        check(b"", 422, "empty");
        check(b"{\"schema\":", 400, "malformed JSON: EOF");
        check(b"{\"schema\":\"\xff\"}", 400, "malformed JSON");
        check(b"{\"schema\":{\"type\":\"int\"}}", 400, "expected a string");
        check(b"{\"shema\":\"x\"}", 422, "Unrecognized field: shema");
        check(b"{\"schema\":\"a\",\"schema\":\"b\"}", 400, "duplicate field");
        check(b"[]", 400, "no JSON object");
        check("[".repeat(100_000).as_bytes(), 400, "");
    }
}
