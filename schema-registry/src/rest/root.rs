//! The registry itself: liveness, its version, the cluster it belongs to.

use axum::Router;
use axum::extract::State as AxumState;
use axum::routing::get;
use serde_json::{Value, json};

use super::answer::Json;
use super::error::RestResult;
use super::query::Query;
use super::router::State;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/", get(nothing).post(nothing))
        .route("/v1/metadata/id", get(id))
        .route("/v1/metadata/version", get(version))
        .route("/contexts", get(contexts))
        .route("/master_available", get(master_available))
}

async fn nothing() -> Json<Value> {
    Json(json!({}))
}

async fn id(AxumState(registry): AxumState<State>) -> Json<Value> {
    let config = registry.config();
    Json(json!({
        "id": "",
        "scope": {
            "path": [],
            "clusters": {
                "kafka-cluster": config.bootstrap_servers,
                "schema-registry-cluster": "schema-registry",
            },
        },
    }))
}

async fn version() -> Json<Value> {
    Json(json!({"version": env!("CARGO_PKG_VERSION"), "commitId": ""}))
}

async fn contexts(query: Query) -> RestResult<Json<Vec<&'static str>>> {
    Ok(Json(query.page()?.of(["."].into_iter())))
}

/// Whether somebody can write; Karapace's clients wait for it.
async fn master_available(AxumState(registry): AxumState<State>) -> RestResult<Json<Value>> {
    let available = registry.read(|_| ()).await.is_ok();
    Ok(Json(json!({"master_available": available})))
}
