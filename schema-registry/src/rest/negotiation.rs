//! Media types and trailing slashes, around all routes.
//!
//! Taken: the registry's two types, JSON, octet-stream; none means JSON. Given: the best of the
//! registry's two and JSON by the caller's weights and then ours; errors are always in the first.

use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schema_registry_client::rest::MEDIA_TYPE;

use super::error::RestError;

/// Types that are given, and how gladly.
const GIVEN: [(&str, f32); 3] =
    [(MEDIA_TYPE, 1.0), ("application/vnd.schemaregistry+json", 0.9), ("application/json", 0.5)];
/// Types that are taken.
const TAKEN: [&str; 4] = [
    MEDIA_TYPE,
    "application/vnd.schemaregistry+json",
    "application/json",
    "application/octet-stream",
];

/// Refuses types that are not taken or given, and marks the answer with the one that is.
pub async fn negotiate(mut request: Request, next: Next) -> Response {
    if !is_taken(&request) {
        return RestError::http(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    }
    let Some(given) = best(request.headers()) else {
        return RestError::http(StatusCode::NOT_ACCEPTABLE).into_response();
    };
    if let Some(uri) = without_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    let mut response = next.run(request).await;
    if response.status().is_success() && response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(given));
    }
    response
}

/// Only methods that bring a body have a type to be judged.
fn is_taken(request: &Request) -> bool {
    if !matches!(request.method().as_str(), "POST" | "PUT") {
        return true;
    }
    request.headers().get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.to_str().unwrap_or("?").split(';').next().unwrap_or("").trim();
        TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(essence))
    })
}

/// The type to give; none when the caller takes none of ours.
fn best(headers: &HeaderMap) -> Option<&'static str> {
    let ranges: Vec<(String, f32)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    if ranges.is_empty() {
        return Some(MEDIA_TYPE);
    }
    let weight = |name: &str| {
        // The most specific range counts.
        let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|r| r.1);
        of(name).or_else(|| of("application/*")).or_else(|| of("*/*")).unwrap_or(0.0)
    };
    let weighed = GIVEN.iter().map(|(name, ours)| (*name, (weight(name), *ours)));
    let taken = weighed.filter(|(_, (theirs, _))| *theirs > 0.0);
    let best = taken.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(name, _)| name)
}

/// One element of an Accept header; Jersey also takes `*` for everything.
fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().filter(|essence| !essence.is_empty())?.to_ascii_lowercase();
    let essence = if essence.starts_with('*') { "*/*".to_owned() } else { essence };
    let quality = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(1.0);
    Some((essence, quality))
}

/// The same address without a slash at the end of the path.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return None;
    }
    match uri.query() {
        Some(query) => format!("{trimmed}?{query}").parse().ok(),
        None => trimmed.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        assert_eq!(best(&headers), expected, "{accept}");
    }

    #[test]
    fn answer_has_the_type_that_both_like_best() {
        assert_eq!(best(&HeaderMap::new()), Some(MEDIA_TYPE));
        check("*/*", Some(MEDIA_TYPE));
        check("*", Some(MEDIA_TYPE));
        check("application/*", Some(MEDIA_TYPE));
        check("application/json", Some("application/json"));
        check("text/html, application/json;q=0.2", Some("application/json"));
        check("application/json, application/vnd.schemaregistry+json", Some(GIVEN[1].0));
        check("application/vnd.schemaregistry.v1+json;q=0.1, application/json", Some(GIVEN[2].0));
        check("application/json;q=0, */*;q=0.1", Some(MEDIA_TYPE));
        check("text/html", None);
        check("application/octet-stream", None);
        check("application/vnd.schemaregistry.v2+json", None);
    }

    #[test]
    fn slash_at_the_end_is_dropped() {
        let trim = |text: &str| without_slash(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(trim("/config/?a=1").as_deref(), Some("/config?a=1"));
        assert_eq!(trim("/a%2F/").as_deref(), Some("/a%2F"));
        assert_eq!(trim("/"), None);
        assert_eq!(trim("/a"), None);
    }
}
