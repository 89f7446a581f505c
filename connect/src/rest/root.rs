//! `/` and `/health`: who this worker is, and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::RestState;

/// The version of Kafka Connect whose REST API this is; tools gate their features on it.
const KAFKA_VERSION: &str = "4.0.0";

/// How far the worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Not ready yet.
    Starting {
        /// What it is doing, in words.
        stage: &'static str,
    },
    /// At work.
    Started {
        /// Id of the Kafka cluster, if it is known.
        cluster_id: Option<String>,
    },
    /// On its way out.
    Stopping,
}

/// Routes of this resource.
pub(super) fn router() -> Router<RestState> {
    Router::new().route("/", get(root)).route("/health", get(health))
}

async fn root(State(state): State<RestState>) -> Json<Value> {
    let cluster_id = match &*state.health.borrow() {
        Health::Started { cluster_id } => cluster_id.clone(),
        Health::Starting { .. } | Health::Stopping => None,
    };
    Json(json!({
        "version": KAFKA_VERSION,
        "commit": concat!("watershed-", env!("CARGO_PKG_VERSION")),
        "kafka_cluster_id": cluster_id,
    }))
}

async fn health(State(state): State<RestState>) -> Response {
    let (status, word, message) = match &*state.health.borrow() {
        Health::Starting { stage } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "starting",
            format!("Worker is still starting up: {stage}."),
        ),
        Health::Started { .. } => (
            StatusCode::OK,
            "healthy",
            "Worker has completed startup and is ready to handle requests.".to_owned(),
        ),
        Health::Stopping => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "unhealthy",
            "Worker is shutting down and unable to handle this request.".to_owned(),
        ),
    };
    (status, Json(json!({"status": word, "message": message}))).into_response()
}
