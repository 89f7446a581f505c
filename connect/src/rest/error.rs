//! Errors of the REST API: always `{"error_code": <status>, "message": "…"}`.
//!
//! Status codes are Kafka Connect's, odd ones included: clients match on them. 409 means "exists
//! already", 500 stands for malformed JSON and unknown classes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::herder::HerderError;

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestError {
    /// HTTP status, also in the body.
    pub status: StatusCode,
    /// What is wrong.
    pub message: String,
}

/// Outcome of a request.
pub type RestResult<T> = Result<T, RestError>;

impl RestError {
    /// Makes an error.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Makes the error of a request that the framework refuses, as Jersey words it.
    #[must_use]
    pub fn http(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        Self::new(status, format!("HTTP {} {reason}", status.as_u16()))
    }

    /// Makes a 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Makes a 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<HerderError> for RestError {
    fn from(error: HerderError) -> Self {
        let status = match &error {
            HerderError::NoConnector(_)
            | HerderError::UnknownConnector(_)
            | HerderError::NoTask { .. } => StatusCode::NOT_FOUND,
            HerderError::AlreadyExists(_) => StatusCode::CONFLICT,
            HerderError::Invalid(_)
            | HerderError::NoClass
            | HerderError::NotStopped(_)
            | HerderError::Provider(_)
            | HerderError::BadOffsets(_) => StatusCode::BAD_REQUEST,
            HerderError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            HerderError::UnknownClass(_)
            | HerderError::Connector(_)
            | HerderError::OffsetStore(_)
            | HerderError::Kafka(_)
            | HerderError::Worker(_)
            | HerderError::TimedOut => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({"error_code": self.status.as_u16(), "message": self.message});
        (self.status, Json(body)).into_response()
    }
}
