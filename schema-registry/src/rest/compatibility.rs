//! Compatibility checks without a registration.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as AxumState};
use axum::routing::post;
use schema_registry_client::rest::{CompatibilityResponse, SchemaRequest};

use super::answer::Json;
use super::body::JsonBody;
use super::error::RestResult;
use super::query::Query;
use super::router::State;
use crate::compatibility::Verdict;
use crate::registry::service::Compared;
use crate::registry::{Registry, RegistryError, VersionId, names};

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/compatibility/subjects/{subject}/versions", post(with_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(with_one))
}

async fn with_one(
    AxumState(registry): AxumState<State>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Query,
    JsonBody(request): JsonBody<SchemaRequest>,
) -> RestResult<Json<CompatibilityResponse>> {
    let Path((subject, version)) = path?;
    let compared = Compared::Version(VersionId::parse(&version)?);
    check(&registry, (&subject, compared), request, &query).await
}

async fn with_all(
    AxumState(registry): AxumState<State>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    JsonBody(request): JsonBody<SchemaRequest>,
) -> RestResult<Json<CompatibilityResponse>> {
    check(&registry, (&path?.0, Compared::All), request, &query).await
}

async fn check(
    registry: &Registry,
    (subject, compared): (&str, Compared),
    request: SchemaRequest,
    query: &Query,
) -> RestResult<Json<CompatibilityResponse>> {
    let subject = names::subject(subject)?;
    let verbose = query.flag("verbose");
    let verdict = match registry.check(subject, compared, request, query.flag("normalize")).await {
        Ok(verdict) => verdict,
        // Whoever wants to know everything is told what is wrong with the schema, too.
        Err(error @ RegistryError::InvalidSchema { .. }) if verbose => {
            Verdict { compatible: false, messages: vec![error.to_string()] }
        }
        Err(error) => return Err(error.into()),
    };
    let messages = verbose.then_some(verdict.messages);
    Ok(Json(CompatibilityResponse { is_compatible: verdict.compatible, messages }))
}
