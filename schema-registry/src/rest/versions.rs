//! Versions of a subject: list, register, read, delete.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::routing::get;
use schema_registry_client::rest::{RegisterResponse, SchemaRequest, SubjectVersion};

use super::answer::{Extent, Json, RawSchema};
use super::body::JsonBody;
use super::error::RestResult;
use super::query::Query;
use super::router::State;
use super::subjects::deletion;
use crate::registry::register::{Found, RegisterOptions};
use crate::registry::{Registry, RegistryError, VersionId, names};
use crate::store::content::SchemaType;
use crate::store::index::Deleted;

type Names = Result<Path<(String, String)>, PathRejection>;

pub(super) fn router() -> Router<State> {
    let one = "/subjects/{subject}/versions/{version}";
    Router::new()
        .route("/subjects/{subject}/versions", get(list).post(register))
        .route(one, get(read).delete(delete))
        .route(&format!("{one}/schema"), get(read_text))
        .route(&format!("{one}/referencedby"), get(referenced_by))
        .route(&format!("{one}/referencedBy"), get(referenced_by))
}

async fn list(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> RestResult<Json<Vec<i32>>> {
    let subject = names::subject(&path?.0)?;
    let (page, deleted) = (query.page()?, query.deleted());
    let negative = query.flag("deletedAsNegative");
    let exists = if deleted == Deleted::Without { deleted } else { Deleted::With };
    let numbers = registry.read(|index| {
        if !index.has_subject(&subject, exists) {
            return Err(RegistryError::SubjectNotFound(subject));
        }
        let versions = index.versions(&subject, deleted);
        Ok(page.of(versions.map(
            |(number, version)| {
                if negative && version.deleted { -number } else { number }
            },
        )))
    });
    Ok(Json(numbers.await??))
}

async fn register(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    extent: Extent,
    JsonBody(request): JsonBody<SchemaRequest>,
) -> RestResult<Json<RegisterResponse>> {
    let subject = names::new_subject(&path?.0)?;
    let options =
        RegisterOptions { normalize: query.flag("normalize"), force: query.flag("force") };
    let found = registry.register(subject, request, options).await?;
    Ok(Json(extent.registration(&found)))
}

async fn read(
    AxumState(registry): AxumState<State>,
    names: Names,
    query: Query,
    extent: Extent,
) -> RestResult<Json<SubjectVersion>> {
    let found = find(&registry, names, &query).await?;
    let mut answer = extent.version(&found);
    if let Some(text) = resolved_text(&registry, &found, &query).await? {
        answer.schema = text;
    }
    Ok(Json(answer))
}

async fn read_text(
    AxumState(registry): AxumState<State>,
    names: Names,
    query: Query,
) -> RestResult<RawSchema> {
    let found = find(&registry, names, &query).await?;
    let resolved = resolved_text(&registry, &found, &query).await?;
    Ok(RawSchema(resolved.unwrap_or_else(|| found.content.text.to_string())))
}

async fn find(registry: &Registry, names: Names, query: &Query) -> RestResult<Found> {
    let Path((subject, version)) = names?;
    let subject = names::subject(&subject)?;
    let version = VersionId::parse(&version)?;
    let deleted = if query.flag("deleted") { Deleted::With } else { Deleted::Without };
    let found = registry.read(|index| {
        let (number, found) = version.get(index, &subject, deleted)?;
        let (id, content) = (found.id, Arc::clone(&found.content));
        let deleted = found.deleted;
        Ok::<_, RegistryError>(Found { subject, version: number, id, content, deleted })
    });
    Ok(found.await??)
}

/// The text with references written out, when the caller wants that.
pub(super) async fn resolved_text(
    registry: &Registry,
    found: &Found,
    query: &Query,
) -> RestResult<Option<String>> {
    if !query.resolved()? || found.content.schema_type != SchemaType::Avro {
        return Ok(None);
    }
    Ok(Some(registry.resolved(found.id, Arc::clone(&found.content)).await?))
}

async fn referenced_by(
    AxumState(registry): AxumState<State>,
    names: Names,
    query: Query,
) -> RestResult<Json<Vec<i32>>> {
    let Path((subject, version)) = names?;
    let subject = names::subject(&subject)?;
    let version = VersionId::parse(&version)?;
    let (page, deleted) = (query.page()?, query.flag("deleted"));
    let ids = registry.read(|index| {
        let (number, _) = version.get(index, &subject, Deleted::With)?;
        let referrers = index.referrers(&subject, number);
        let versions = referrers.filter_map(|(subject, version)| index.version(subject, version));
        let mut ids: Vec<i32> =
            versions.filter(|found| deleted || !found.deleted).map(|found| found.id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok::<_, RegistryError>(page.of(ids.into_iter()))
    });
    Ok(Json(ids.await??))
}

async fn delete(
    AxumState(registry): AxumState<State>,
    names: Names,
    query: Query,
) -> RestResult<Json<i32>> {
    let Path((subject, version)) = names?;
    let subject = names::subject(&subject)?;
    Ok(Json(registry.delete_version(subject, version, deletion(&query)).await?))
}
