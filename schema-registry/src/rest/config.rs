//! Compatibility settings, of all subjects and of one.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::routing::get;
use schema_registry_client::rest::ConfigResponse;
use serde_json::{Map, Value};

use super::answer::Json;
use super::body::JsonBody;
use super::error::RestResult;
use super::query::Query;
use super::router::State;
use crate::registry::settings::{self, SettingsChange};
use crate::registry::{RegistryError, names};

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/config", get(read_global).put(write_global).delete(delete_global))
        .route("/config/{subject}", get(read).put(write).delete(delete))
}

async fn read_global(AxumState(registry): AxumState<State>) -> RestResult<Json<ConfigResponse>> {
    let default = registry.config().compatibility;
    Ok(Json(registry.read(|index| settings::global(index, default)).await?))
}

async fn read(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> RestResult<Json<ConfigResponse>> {
    let subject = names::subject(&path?.0)?;
    let default = registry.config().compatibility;
    let fall_back = query.flag("defaultToGlobal");
    let found = registry.read(|index| {
        let own = settings::own(index, &subject, default);
        own.or_else(|| fall_back.then(|| settings::global(index, default)))
    });
    Ok(Json(found.await?.ok_or(RegistryError::NoSubjectConfig(subject))?))
}

async fn write_global(
    AxumState(registry): AxumState<State>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> RestResult<Json<Map<String, Value>>> {
    registry.set_config(None, SettingsChange::parse(&body)?).await?;
    Ok(Json(body))
}

async fn write(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> RestResult<Json<Map<String, Value>>> {
    let change = SettingsChange::parse(&body)?;
    let subject = names::new_subject(&path?.0)?;
    registry.set_config(Some(subject), change).await?;
    Ok(Json(body))
}

async fn delete_global(AxumState(registry): AxumState<State>) -> RestResult<Json<ConfigResponse>> {
    let was = registry.delete_config(None).await?;
    Ok(Json(was.ok_or_else(|| RegistryError::SubjectNotFound(String::new()))?))
}

async fn delete(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
) -> RestResult<Json<ConfigResponse>> {
    let subject = names::subject(&path?.0)?;
    let was = registry.delete_config(Some(subject.clone())).await?;
    Ok(Json(was.ok_or(RegistryError::SubjectNotFound(subject))?))
}
