//! Errors as callers see them: always `{"error_code": N, "message": "…"}`.

use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schema_registry_client::rest::ErrorBody;

use super::answer::Json;
use crate::registry::RegistryError;

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestError {
    /// HTTP status.
    pub status: StatusCode,
    /// Code and message.
    pub body: ErrorBody,
}

/// Outcome of a request.
pub type RestResult<T> = Result<T, RestError>;

impl RestError {
    /// Makes an error whose code is the status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let error_code = i32::from(status.as_u16());
        Self { status, body: ErrorBody { error_code, message: message.into() } }
    }

    /// Makes the error of a request that never reaches a route, as Jersey words it.
    #[must_use]
    pub fn http(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        Self::new(status, format!("HTTP {} {reason}", status.as_u16()))
    }
}

impl From<RegistryError> for RestError {
    fn from(error: RegistryError) -> Self {
        let error_code = error.code();
        let status = if error_code >= 10_000 { error_code / 100 } else { error_code };
        let status =
            u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(%error, "request failed");
        }
        Self { status, body: ErrorBody { error_code, message: error.to_string() } }
    }
}

impl From<PathRejection> for RestError {
    /// A path of the right shape with a wrong part is a path that does not exist.
    fn from(_: PathRejection) -> Self {
        Self::http(StatusCode::NOT_FOUND)
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
