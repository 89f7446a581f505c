//! All routes together, with JSON for what no route answers.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::{Router, middleware};

use super::error::RestError;
use super::{compatibility, config, mode, negotiation, root, schemas, subjects, versions};
use crate::registry::Registry;

/// What routes work on.
pub type State = Arc<Registry>;

/// All routes.
pub fn app(registry: State) -> Router {
    let routes = Router::new()
        .merge(root::router())
        .merge(subjects::router())
        .merge(versions::router())
        .merge(schemas::router())
        .merge(compatibility::router())
        .merge(config::router())
        .merge(mode::router())
        .fallback(|| async { RestError::http(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { RestError::http(StatusCode::METHOD_NOT_ALLOWED) })
        .with_state(registry);
    // Around the routes rather than on them, so that it may change the path before it is matched.
    Router::new().fallback_service(routes).layer(middleware::from_fn(negotiation::negotiate))
}
