//! Modes, of all subjects and of one.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::routing::get;
use schema_registry_client::rest::ModeBody;

use super::answer::Json;
use super::body::JsonBody;
use super::error::RestResult;
use super::query::Query;
use super::router::State;
use crate::registry::settings::{self, ModeDeletion};
use crate::registry::{RegistryError, names};
use crate::store::Mode;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/mode", get(read_global).put(write_global).delete(delete_global))
        .route("/mode/{subject}", get(read).put(write).delete(delete))
}

fn body(mode: Mode) -> Json<ModeBody> {
    Json(ModeBody { mode: mode.name().to_owned() })
}

async fn read_global(AxumState(registry): AxumState<State>) -> RestResult<Json<ModeBody>> {
    Ok(body(registry.read(|index| settings::mode(index, None)).await?))
}

async fn read(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> RestResult<Json<ModeBody>> {
    let subject = names::subject(&path?.0)?;
    let fall_back = query.flag("defaultToGlobal");
    let found = registry.read(|index| {
        if fall_back {
            Some(settings::mode(index, Some(&subject)))
        } else {
            index.mode(Some(&subject))
        }
    });
    Ok(body(found.await?.ok_or(RegistryError::NoSubjectMode(subject))?))
}

async fn write_global(
    AxumState(registry): AxumState<State>,
    JsonBody(request): JsonBody<ModeBody>,
) -> RestResult<Json<ModeBody>> {
    registry.set_mode(None, settings::settable_mode(&request.mode)?).await?;
    Ok(Json(request))
}

async fn write(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    JsonBody(request): JsonBody<ModeBody>,
) -> RestResult<Json<ModeBody>> {
    let mode = settings::settable_mode(&request.mode)?;
    let subject = names::new_subject(&path?.0)?;
    registry.set_mode(Some(subject), mode).await?;
    Ok(Json(request))
}

async fn delete_global(
    AxumState(registry): AxumState<State>,
    query: Query,
) -> RestResult<Json<ModeBody>> {
    let deletion =
        if query.flag("recursive") { ModeDeletion::Everything } else { ModeDeletion::Global };
    Ok(body(registry.delete_mode(deletion).await?.unwrap_or_default()))
}

async fn delete(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
) -> RestResult<Json<ModeBody>> {
    let subject = names::subject(&path?.0)?;
    let was = registry.delete_mode(ModeDeletion::Subject(subject.clone())).await?;
    Ok(body(was.ok_or(RegistryError::SubjectNotFound(subject))?))
}
