//! Schemas by id and by guid, and the list of all.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::http::StatusCode;
use axum::routing::get;
use schema_registry_client::rest::{
    AVRO, ContextId, SchemaById, SubjectAndVersion, SubjectVersion,
};

use super::answer::{Extent, Json, RawSchema};
use super::error::{RestError, RestResult};
use super::query::{Page, Query};
use super::router::State;
use crate::registry::{Registry, RegistryError, names};
use crate::store::content::{Content, ContentHash, SchemaType};
use crate::store::index::{Deleted, Index};

type Id = Result<Path<i32>, PathRejection>;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/schemas", get(list))
        .route("/schemas/types", get(types))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/ids/{id}/schema", get(text_by_id))
        .route("/schemas/ids/{id}/subjects", get(subjects))
        .route("/schemas/ids/{id}/versions", get(versions))
        .route("/schemas/guids/{guid}", get(by_guid))
        .route("/schemas/guids/{guid}/ids", get(ids_by_guid))
}

async fn types() -> Json<[&'static str; 1]> {
    Json([AVRO])
}

async fn list(
    AxumState(registry): AxumState<State>,
    query: Query,
    extent: Extent,
) -> RestResult<Json<Vec<SubjectVersion>>> {
    let prefix = query.text("subjectPrefix");
    let prefix = names::subject(prefix.strip_prefix(":*:").unwrap_or(prefix))?;
    let (default, most) = registry.config().search_limits;
    let page = query.page()?;
    let limit = page.limit.filter(|limit| (1..=most).contains(limit)).unwrap_or(default);
    let page = Page { limit: Some(limit.min(most)), ..page };
    let latest_only = query.flag("latestOnly");
    let deleted = if query.flag("deleted") { Deleted::With } else { Deleted::Without };
    let found = registry.read(|index| {
        let subjects = index.subjects(&prefix, Deleted::With);
        let versions = subjects.flat_map(|subject| {
            let skipped = if latest_only {
                index.versions(subject, deleted).count().saturating_sub(1)
            } else {
                0
            };
            let versions = index.versions(subject, deleted).skip(skipped);
            versions.map(move |(number, version)| (subject, number, version))
        });
        page.of(versions.map(|(subject, number, version)| crate::registry::register::Found {
            subject: subject.to_string(),
            version: number,
            id: version.id,
            content: Arc::clone(&version.content),
            deleted: version.deleted,
        }))
    });
    let found = found.await?;
    Ok(Json(found.iter().map(|found| extent.version(found)).collect()))
}

async fn by_id(
    AxumState(registry): AxumState<State>,
    id: Id,
    query: Query,
    extent: Extent,
) -> RestResult<Json<SchemaById>> {
    let id = id?.0;
    let fetch_max_id = query.flag("fetchMaxId");
    let found = registry.read(|index| (index.by_id(id).cloned(), index.max_id()));
    let (content, max_id) = found.await?;
    let content = content.ok_or(RegistryError::IdNotFound(id))?;
    let mut answer = extent.schema(&content);
    answer.max_id = fetch_max_id.then_some(max_id);
    if let Some(text) = resolved(&registry, (id, &content), &query).await? {
        answer.schema = text;
    }
    Ok(Json(answer))
}

async fn text_by_id(
    AxumState(registry): AxumState<State>,
    id: Id,
    query: Query,
) -> RestResult<RawSchema> {
    let id = id?.0;
    let content = registry.read(|index| index.by_id(id).cloned()).await?;
    let content = content.ok_or(RegistryError::IdNotFound(id))?;
    let resolved = resolved(&registry, (id, &content), &query).await?;
    Ok(RawSchema(resolved.unwrap_or_else(|| content.text.to_string())))
}

async fn resolved(
    registry: &Registry,
    (id, content): (i32, &Arc<Content>),
    query: &Query,
) -> RestResult<Option<String>> {
    if !query.resolved()? || content.schema_type != SchemaType::Avro {
        return Ok(None);
    }
    Ok(Some(registry.resolved(id, Arc::clone(content)).await?))
}

/// The versions that are a schema, as `subject` and `deleted` want them.
fn uses(index: &Index, id: i32, query: &Query) -> Result<Vec<SubjectAndVersion>, RegistryError> {
    let deleted = if query.flag("deleted") { Deleted::With } else { Deleted::Without };
    let subject = query.text("subject");
    let uses = index.uses(id, deleted).ok_or(RegistryError::SchemaNotFound)?;
    Ok(uses
        .filter(|(name, _)| subject.is_empty() || &***name == subject)
        .map(|(subject, version)| SubjectAndVersion { subject: subject.to_string(), version })
        .collect())
}

async fn subjects(
    AxumState(registry): AxumState<State>,
    id: Id,
    query: Query,
) -> RestResult<Json<Vec<String>>> {
    let (id, page) = (id?.0, query.page()?);
    let uses = registry.read(|index| uses(index, id, &query)).await??;
    let mut subjects: Vec<String> = uses.into_iter().map(|place| place.subject).collect();
    subjects.dedup();
    Ok(Json(page.of(subjects.into_iter())))
}

async fn versions(
    AxumState(registry): AxumState<State>,
    id: Id,
    query: Query,
) -> RestResult<Json<Vec<SubjectAndVersion>>> {
    let (id, page) = (id?.0, query.page()?);
    let uses = registry.read(|index| uses(index, id, &query)).await??;
    Ok(Json(page.of(uses.into_iter())))
}

async fn found_by_guid(
    registry: &Registry,
    path: Result<Path<String>, PathRejection>,
) -> RestResult<(i32, Arc<Content>)> {
    let guid = path.map_err(|_| RestError::http(StatusCode::NOT_FOUND))?.0;
    let missing = || RegistryError::GuidNotFound(guid.clone());
    let hash = ContentHash::from_guid(&guid).ok_or_else(missing)?;
    let found =
        registry.read(|index| index.by_hash(hash).map(|(id, content)| (id, Arc::clone(content))));
    Ok(found.await?.ok_or_else(missing)?)
}

async fn by_guid(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    extent: Extent,
) -> RestResult<Json<SchemaById>> {
    let (id, content) = found_by_guid(&registry, path).await?;
    let mut answer = extent.schema(&content);
    if let Some(text) = resolved(&registry, (id, &content), &query).await? {
        answer.schema = text;
    }
    Ok(Json(answer))
}

async fn ids_by_guid(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
) -> RestResult<Json<[ContextId; 1]>> {
    let (id, _) = found_by_guid(&registry, path).await?;
    Ok(Json([ContextId { context: ".".to_owned(), id }]))
}
