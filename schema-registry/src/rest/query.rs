//! Query parameters, read as Jersey reads them: a boolean is true when it is `true`, a number that
//! is none makes a path that does not exist, unknown names are ignored.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query as AxumQuery};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::error::RestError;
use crate::registry::RegistryError;
use crate::store::index::Deleted;

/// Parameters of a request; of several with one name the last counts.
#[derive(Debug, Default)]
pub struct Query(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        let pairs: AxumQuery<Vec<(String, String)>> = AxumQuery::try_from_uri(&parts.uri)
            .map_err(|error| RestError::new(StatusCode::BAD_REQUEST, error.body_text()))?;
        Ok(Self(pairs.0.into_iter().collect()))
    }
}

impl Query {
    /// A text; empty when absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a parameter is `true`.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).trim().eq_ignore_ascii_case("true")
    }

    /// Which versions are meant by `deleted` and `deletedOnly`.
    #[must_use]
    pub fn deleted(&self) -> Deleted {
        if self.flag("deletedOnly") {
            Deleted::Only
        } else if self.flag("deleted") {
            Deleted::With
        } else {
            Deleted::Without
        }
    }

    /// Whether references are to be written out: `format=resolved`.
    ///
    /// # Errors
    ///
    /// A format that is not offered.
    pub fn resolved(&self) -> Result<bool, RegistryError> {
        match self.text("format") {
            "" => Ok(false),
            "resolved" => Ok(true),
            other => Err(RegistryError::UnknownFormat(other.to_owned())),
        }
    }

    fn number(&self, name: &str) -> Result<Option<i64>, RestError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(RestError::http(StatusCode::NOT_FOUND)),
            },
        }
    }

    /// The part of a list that is wanted: `offset` and `limit`, where a limit below 0 is none.
    ///
    /// # Errors
    ///
    /// 404 for what is no number.
    pub fn page(&self) -> Result<Page, RestError> {
        let offset = self.number("offset")?.unwrap_or(0).max(0);
        let limit = self.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        Ok(Page { offset: usize::try_from(offset).unwrap_or(usize::MAX), limit })
    }
}

/// Part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Elements left out at the start.
    pub offset: usize,
    /// Most elements.
    pub limit: Option<usize>,
}

impl Page {
    /// Takes the part of a list.
    pub fn of<T>(self, list: impl Iterator<Item = T>) -> Vec<T> {
        list.skip(self.offset).take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}
