//! Subjects: list, look a schema up, delete.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::routing::{get, post};
use schema_registry_client::rest::{SchemaRequest, SubjectVersion};

use super::answer::{Extent, Json};
use super::body::JsonBody;
use super::error::RestResult;
use super::query::Query;
use super::router::State;
use crate::registry::delete::Deletion;
use crate::registry::names;
use crate::store::index::Deleted;

/// Prefix that stands for all contexts.
const ALL_CONTEXTS: &str = ":*:";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/subjects", get(list))
        .route("/subjects/{subject}", post(look_up).delete(delete))
}

async fn list(
    AxumState(registry): AxumState<State>,
    query: Query,
) -> RestResult<Json<Vec<String>>> {
    let prefix = query.text("subjectPrefix");
    let prefix = names::subject(prefix.strip_prefix(ALL_CONTEXTS).unwrap_or(prefix))?;
    let (page, deleted) = (query.page()?, query.deleted());
    let list = registry
        .read(|index| page.of(index.subjects(&prefix, deleted).map(|subject| subject.to_string())));
    Ok(Json(list.await?))
}

async fn look_up(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    extent: Extent,
    JsonBody(request): JsonBody<SchemaRequest>,
) -> RestResult<Json<SubjectVersion>> {
    let subject = names::subject(&path?.0)?;
    let resolved = query.resolved()?;
    let deleted = if query.flag("deleted") { Deleted::With } else { Deleted::Without };
    let found = registry.look_up(subject, request, deleted, query.flag("normalize")).await?;
    let mut answer = extent.version(&found);
    if resolved {
        answer.schema = registry.resolved(found.id, found.content).await?;
    }
    Ok(Json(answer))
}

async fn delete(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> RestResult<Json<Vec<i32>>> {
    let subject = names::subject(&path?.0)?;
    Ok(Json(registry.delete_subject(subject, deletion(&query)).await?))
}

/// How a deletion is meant: `permanent`.
pub(super) fn deletion(query: &Query) -> Deletion {
    if query.flag("permanent") { Deletion::Permanent } else { Deletion::Soft }
}
