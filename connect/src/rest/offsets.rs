//! `/connectors/{name}/offsets` (KIP-875): shape `{"offsets": [{"partition": …, "offset": …}]}`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::RestState;
use super::body::JsonBody;
use super::error::{RestError, RestResult};
use crate::herder::offsets::{self, Change};
use crate::plugin::PluginKind;

/// Routes of this resource.
pub(super) fn router() -> Router<RestState> {
    Router::new().route("/connectors/{name}/offsets", get(list).patch(alter).delete(reset))
}

/// Body of a change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlterOffsets {
    #[serde(default)]
    offsets: Option<Vec<AlterOffset>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlterOffset {
    partition: Map<String, Value>,
    #[serde(default)]
    offset: Option<Map<String, Value>>,
}

async fn list(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Json<Value>> {
    let connector = state.herder.connector(&name)?;
    let shared = state.herder.shared().clone();
    let found = tokio::task::spawn_blocking(move || match connector.kind {
        PluginKind::Sink => offsets::sink_offsets(&shared, &name, &connector.config),
        _ => Ok(offsets::source_offsets(&shared, &name)),
    });
    let found = found.await.map_err(|_| RestError::http(StatusCode::SERVICE_UNAVAILABLE))??;
    let shown: Vec<Value> = found
        .into_iter()
        .map(|(partition, offset)| json!({"partition": partition, "offset": offset}))
        .collect();
    Ok(Json(json!({ "offsets": shown })))
}

async fn alter(
    State(state): State<RestState>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<AlterOffsets>,
) -> RestResult<Json<Value>> {
    let changes: Vec<Change> = body
        .and_then(|body| body.offsets)
        .unwrap_or_default()
        .into_iter()
        .map(|change| (change.partition, change.offset))
        .collect();
    if changes.is_empty() {
        return Err(RestError::bad_request(
            "Partitions / offsets need to be provided for an alter offsets request",
        ));
    }
    let connector = state.herder.connector(&name)?;
    let shared = state.herder.shared().clone();
    let owner = name.clone();
    let noted = state.herder.while_stopped(&name, move || match connector.kind {
        PluginKind::Sink => {
            offsets::alter_sink(&shared, &owner, &connector.config, &changes).map(|()| true)
        }
        _ => offsets::alter_source(&shared, &owner, &connector.config, &changes),
    });
    Ok(message("altered", noted.await?))
}

async fn reset(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Value>> {
    let connector = state.herder.connector(&name)?;
    if connector.kind == PluginKind::Sink {
        return Err(RestError::new(
            StatusCode::NOT_IMPLEMENTED,
            "deleting the consumer group of a sink is not offered yet; alter its offsets instead",
        ));
    }
    let shared = state.herder.shared().clone();
    let owner = name.clone();
    let noted = state
        .herder
        .while_stopped(&name, move || offsets::reset_source(&shared, &owner, &connector.config));
    Ok(message("reset", noted.await?))
}

fn message(done: &str, noted: bool) -> Json<Value> {
    let text = if noted {
        format!("The offsets for this connector have been {done} successfully")
    } else {
        format!(
            "The Connect framework-managed offsets for this connector have been {done} \
             successfully. However, if this connector manages offsets externally, they will need \
             to be manually {done} in the system that the connector uses."
        )
    };
    Json(json!({ "message": text }))
}
