//! Bodies of answers, and how much they say.
//!
//! Clients that say `Confluent-Accept-Unknown-Properties: true` get guids and the schema type of
//! Avro too; older ones, some of which fail on members that they do not know, do not.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schema_registry_client::rest::{MEDIA_TYPE, RegisterResponse, SchemaById, SubjectVersion};
use serde::Serialize;

use super::error::RestError;
use crate::registry::RegistryError;
use crate::registry::register::Found;
use crate::store::content::{Content, SchemaType};

const ACCEPT_UNKNOWN: &str = "Confluent-Accept-Unknown-Properties";

/// A JSON body in the registry's media type.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, MEDIA_TYPE)], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer has no JSON form");
                RestError::from(RegistryError::Interrupted).into_response()
            }
        }
    }
}

/// A schema's bare text in the registry's media type.
#[derive(Debug, Clone)]
pub struct RawSchema(pub String);

impl IntoResponse for RawSchema {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, MEDIA_TYPE)], self.0).into_response()
    }
}

/// How much an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What all clients know.
    Classic,
    /// Guids and the type of Avro schemas too.
    Full,
}

impl<S: Send + Sync> FromRequestParts<S> for Extent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let wants = parts.headers.get(ACCEPT_UNKNOWN).and_then(|value| value.to_str().ok());
        let full = wants.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        Ok(if full { Self::Full } else { Self::Classic })
    }
}

impl Extent {
    fn guid(self, content: &Content) -> Option<String> {
        (self == Self::Full).then(|| content.hash.to_string())
    }

    fn schema_type(self, content: &Content) -> Option<String> {
        let left_out = self == Self::Classic && content.schema_type == SchemaType::Avro;
        (!left_out).then(|| content.schema_type.name().to_owned())
    }

    /// A version of a subject.
    #[must_use]
    pub fn version(self, found: &Found) -> SubjectVersion {
        let Found { subject, version, id, content, deleted } = found;
        SubjectVersion {
            subject: subject.clone(),
            version: *version,
            id: *id,
            guid: self.guid(content),
            schema_type: self.schema_type(content),
            references: content.references.to_vec(),
            metadata: content.metadata.as_deref().cloned(),
            rule_set: content.rule_set.as_deref().cloned(),
            schema: content.text.to_string(),
            deleted: deleted.then_some(true),
        }
    }

    /// A schema by its id.
    #[must_use]
    pub fn schema(self, content: &Content) -> SchemaById {
        SchemaById {
            schema_type: self.schema_type(content),
            schema: content.text.to_string(),
            references: content.references.to_vec(),
            metadata: content.metadata.as_deref().cloned(),
            rule_set: content.rule_set.as_deref().cloned(),
            guid: self.guid(content),
            max_id: None,
        }
    }

    /// A registration.
    #[must_use]
    pub fn registration(self, found: &Found) -> RegisterResponse {
        if self == Self::Classic {
            return RegisterResponse { id: found.id, ..RegisterResponse::default() };
        }
        RegisterResponse {
            id: found.id,
            version: Some(found.version),
            guid: self.guid(&found.content),
            schema_type: self.schema_type(&found.content),
            schema: Some(found.content.text.to_string()),
            references: found.content.references.to_vec(),
        }
    }
}
