//! [`SchemaRegistry`] over the registry's HTTP client.

use std::time::Duration;

use connect_api::ConnectError;
use schema_registry_client::envelope::SchemaName;
use schema_registry_client::rest::{SchemaById, SchemaRequest, SubjectVersion};
use schema_registry_client::{BlockingClient, ClientError, Normalize, RegistryClientSettings};

use super::registry::{Registered, Result, SchemaRegistry, SchemaText};

/// How long a refusal answers the same question again: records that follow each other need not
/// all be refused by the registry, and a schema that was mended is taken soon.
pub(super) const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// A schema registry over HTTP.
#[derive(Debug)]
pub struct HttpRegistry(BlockingClient);

impl HttpRegistry {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Config: an address, a user info or a token that is none.
    pub fn new(settings: &RegistryClientSettings) -> connect_api::Result<Self> {
        BlockingClient::new(settings).map(Self).map_err(|error| {
            let (key, value, expected) = match &error {
                ClientError::NoAddress => ("schema.registry.url", "", "expected http://host:port"),
                ClientError::InvalidAddress { shown } => {
                    ("schema.registry.url", shown.as_str(), "expected http://host:port")
                }
                ClientError::InvalidUserInfo => {
                    ("basic.auth.user.info", config::HIDDEN, "expected name:password")
                }
                ClientError::InvalidToken => {
                    ("bearer.auth.token", config::HIDDEN, "expected printable ASCII")
                }
                ClientError::Http(_) | ClientError::Thread(_) => {
                    return ConnectError::fatal(error.to_string()).because(error);
                }
            };
            ConnectError::config(key, value, expected)
        })
    }
}

const fn normalization(wanted: bool) -> Normalize {
    if wanted { Normalize::Always } else { Normalize::ByConfig }
}

impl SchemaRegistry for HttpRegistry {
    fn register(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<i32> {
        Ok(self.0.register(subject, &schema.into(), normalization(normalize))?)
    }

    fn find(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<Registered> {
        Ok(self.0.look_up(subject, &schema.into(), normalization(normalize))?.into())
    }

    fn latest(&mut self, subject: &str) -> Result<Registered> {
        Ok(self.0.latest(subject)?.into())
    }

    fn version(&mut self, subject: &str, version: i32) -> Result<Registered> {
        Ok(self.0.version(subject, version)?.into())
    }

    fn schema(&mut self, name: SchemaName) -> Result<SchemaText> {
        Ok(self.0.schema(name)?.as_ref().into())
    }
}

impl From<&SchemaText> for SchemaRequest {
    fn from(schema: &SchemaText) -> Self {
        Self {
            schema_type: schema.schema_type.clone(),
            references: schema.references.clone(),
            ..Self::avro(schema.text.clone())
        }
    }
}

impl From<&SchemaById> for SchemaText {
    fn from(found: &SchemaById) -> Self {
        Self {
            text: found.schema.clone(),
            schema_type: found.schema_type.clone(),
            references: found.references.clone(),
        }
    }
}

impl From<SubjectVersion> for Registered {
    fn from(found: SubjectVersion) -> Self {
        Self {
            id: found.id,
            version: found.version,
            schema: SchemaText {
                text: found.schema,
                schema_type: found.schema_type,
                references: found.references,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use schema_registry_client::rest::SchemaReference;

    use super::*;

    fn refusal(change: impl Fn(&mut RegistryClientSettings)) -> String {
        let mut settings = RegistryClientSettings::new(vec!["http://x".to_owned()]);
        change(&mut settings);
        HttpRegistry::new(&settings).unwrap_err().to_string()
    }

    #[test]
    fn addresses_and_credentials_are_checked() {
        for url in ["", "localhost:8081", "ftp://x", "http://", "http://u:hunter2@"] {
            let error = refusal(|settings| settings.urls = vec![url.to_owned()]);
            assert!(error.contains("schema.registry.url"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let password = |text| Some(config::Password::new(text));
        let error = refusal(|settings| settings.user_info = password("nocolon"));
        assert!(error.contains("basic.auth.user.info") && !error.contains("nocolon"), "{error}");
        let error = refusal(|settings| settings.bearer_token = password("new\nline"));
        assert!(error.contains("bearer.auth.token") && !error.contains("line"), "{error}");
    }

    #[test]
    fn a_registry_that_is_away_may_be_tried_again_and_no_password_is_told() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let away = format!("http://u:hunter2@{}", closed.local_addr().unwrap());
        drop(closed);
        let mut settings = RegistryClientSettings::new(vec![away]);
        settings.backoff = Duration::from_millis(1);
        let error = HttpRegistry::new(&settings).unwrap().schema(SchemaName::Id(1)).unwrap_err();
        let error = error.into_connect("x");
        assert!(error.is_retriable());
        assert!(!error.trace().contains("hunter2"), "{}", error.trace());
    }

    #[test]
    fn a_schema_goes_out_and_comes_back_with_its_references() {
        let reference =
            SchemaReference { name: "n".to_owned(), subject: "s".to_owned(), version: 3 };
        let text = SchemaText {
            text: "1".to_owned(),
            schema_type: Some("AVRO".to_owned()),
            references: vec![reference],
        };
        let request = SchemaRequest::from(&text);
        let found = SubjectVersion {
            id: 7,
            version: 2,
            schema: request.schema,
            schema_type: request.schema_type,
            references: request.references,
            ..SubjectVersion::default()
        };
        assert_eq!(Registered::from(found), Registered { id: 7, version: 2, schema: text });
    }
}
