//! Bodies of requests: JSON within a size limit, each mistake answered as Kafka Connect does.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use connect_api::connector::Settings;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::RestError;

/// Largest body that is read.
pub const MAX_BODY: usize = 1024 * 1024;

/// A body that was JSON; `None` when there was no body.
pub struct JsonBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = RestError;

    async fn from_request(request: Request, _: &S) -> Result<Self, RestError> {
        let media = request.headers().get(header::CONTENT_TYPE);
        let is_json = media.is_none_or(|media| {
            let text = media.to_str().unwrap_or("");
            let essence = text.split(';').next().unwrap_or("").trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        let bytes = read(request.into_body()).await?;
        if !is_json && !bytes.is_empty() {
            return Err(RestError::http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&bytes).map(Self)
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, RestError> {
    to_bytes(body, MAX_BODY).await.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if too_large {
            RestError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {MAX_BODY} bytes"),
            )
        } else {
            RestError::bad_request(format!("the body could not be read: {error}"))
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, RestError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(bytes).map(Some).map_err(|error| {
        let what = if error.is_data() { "unexpected JSON" } else { "malformed JSON" };
        RestError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{what} in the body: {error}"))
    })
}

/// Body of `POST /connectors`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with name and config")]
pub struct CreateConnector {
    /// Name; that of the settings when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Settings.
    #[serde(default)]
    pub config: Option<ConfigBody>,
    /// RUNNING, PAUSED or STOPPED (KIP-980).
    #[serde(default)]
    pub initial_state: Option<String>,
}

/// Settings: names and texts. Numbers and booleans are taken as their text; null as not set.
#[derive(Debug, Default)]
pub struct ConfigBody(pub Settings);

/// Changes of settings; null removes one.
#[derive(Debug, Default)]
pub struct PatchBody(pub BTreeMap<String, Option<String>>);

impl<'de> Deserialize<'de> for ConfigBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let PatchBody(entries) = PatchBody::deserialize(deserializer)?;
        Ok(Self(entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
    }
}

impl<'de> Deserialize<'de> for PatchBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let text = |(key, value): (String, Value)| match value {
            Value::Null => Ok((key, None)),
            Value::String(text) => Ok((key, Some(text))),
            Value::Number(number) => Ok((key, Some(number.to_string()))),
            Value::Bool(value) => Ok((key, Some(value.to_string()))),
            Value::Array(_) | Value::Object(_) => {
                Err(D::Error::custom(format!("the value of {key} must be a text")))
            }
        };
        Ok(Self(entries.into_iter().map(text).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(body: &str, expected: &str) {
        let error = parse::<CreateConnector>(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(error.message.contains(expected), "{}", error.message);
    }

    #[test]
    fn bad_json_is_answered_with_500_as_in_kafka() {
        check_error("{\"name\": ", "malformed JSON");
        check_error("{\"nome\": \"c\"}", "unknown field `nome`");
        check_error("{\"config\": {\"a\": [1]}}", "the value of a must be a text");
    }

    #[test]
    fn scalars_are_taken_as_their_text() {
        let body = br#"{"name":"c","config":{"tasks.max":1,"b":true,"c":null,"d":"x"}}"#;
        let parsed: CreateConnector = parse(body).unwrap().unwrap();
        let ConfigBody(config) = parsed.config.unwrap();
        let expected = [("b", "true"), ("d", "x"), ("tasks.max", "1")];
        assert!(config.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
    }

    #[test]
    fn empty_body_is_no_body() {
        assert!(parse::<CreateConnector>(b" \n").unwrap().is_none());
    }
}
