//! What the converter asks of a schema registry, and what may come of it.

use std::collections::HashSet;

use connect_api::ConnectError;
use schema_registry_client::avro::{Schema, SchemaError, Strictness};
use schema_registry_client::envelope::SchemaName;
use schema_registry_client::rest::{AVRO, SchemaReference};

/// A schema as a registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaText {
    /// The schema's text.
    pub text: String,
    /// `AVRO` or none for Avro; another type is not for this converter.
    pub schema_type: Option<String>,
    /// Schemas whose types the text uses.
    pub references: Vec<SchemaReference>,
}

/// Where a registry keeps a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Id of the schema.
    pub id: i32,
    /// Version in the subject that was asked for.
    pub version: i32,
    /// The schema, as the registry printed it.
    pub schema: SchemaText,
}

/// Why a registry did not answer with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be reached, refuses, or is no registry.
    #[error(transparent)]
    Client(#[from] schema_registry_client::RegistryError),
    /// A schema uses others that use others, without end or beyond measure.
    #[error("schema with more than {limit} references")]
    TooManyReferences {
        /// References allowed.
        limit: usize,
    },
    /// A schema in the registry is no Avro.
    #[error("schema of type {found} where AVRO is expected")]
    OtherType {
        /// The type found.
        found: String,
    },
    /// A schema in the registry cannot be read.
    #[error("the registry's schema cannot be read")]
    Unreadable {
        /// What is wrong with it.
        #[from]
        source: SchemaError,
    },
}

impl RegistryError {
    /// Tells whether the registry has no such thing.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_not_found())
    }

    /// The worker's form of this error: away → retriable; not allowed, incompatible or invalid →
    /// fatal, because the next record fares no better; unknown → the record's fault.
    #[must_use]
    pub fn into_connect(self, doing: &str) -> ConnectError {
        let message = format!("{doing}: {self}");
        use schema_registry_client::RegistryError as Client;
        let error = match &self {
            Self::Client(error) if error.is_retriable() => ConnectError::retriable(message),
            Self::Client(Client::Malformed { .. }) => ConnectError::fatal(message),
            Self::Client(error) if matches!(error.status(), Some(401 | 403 | 409 | 422)) => {
                ConnectError::fatal(message)
            }
            _ => ConnectError::data(message),
        };
        // What the message says already is not repeated as its cause.
        match self {
            Self::Client(Client::Unavailable { source } | Client::Malformed { source }) => {
                error.because(source)
            }
            Self::Unreadable { source } => error.because(source),
            _ => error,
        }
    }
}

/// Outcome of a question to a registry.
pub type Result<T, E = RegistryError> = std::result::Result<T, E>;

/// A schema registry.
///
/// Methods block until the answer is there or the client's time is up; the converter calls them
/// from one thread, and only for schemas that it has not seen.
pub trait SchemaRegistry: Send {
    /// Registers a schema under a subject and returns its id, old or new.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as incompatible, invalid or not allowed.
    fn register(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<i32>;

    /// Finds a schema under a subject.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    fn find(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<Registered>;

    /// Fetches the latest version of a subject.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    fn latest(&mut self, subject: &str) -> Result<Registered>;

    /// Fetches one version of a subject.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    fn version(&mut self, subject: &str, version: i32) -> Result<Registered>;

    /// Fetches a schema by its id or its guid.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    fn schema(&mut self, name: SchemaName) -> Result<SchemaText>;
}

/// Schemas that one schema may use, directly or not.
const MAX_REFERENCES: usize = 1000;

/// Reads a schema of the registry, with all schemas that it uses.
///
/// # Errors
///
/// What the registry says to a reference, `TooManyReferences`, `OtherType` or `Unreadable`.
pub fn read_schema(registry: &mut dyn SchemaRegistry, schema: &SchemaText) -> Result<Schema> {
    if let Some(found) = schema.schema_type.as_ref().filter(|kind| *kind != AVRO) {
        return Err(RegistryError::OtherType { found: found.clone() });
    }
    let texts = used_texts(registry, &schema.references)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok(Schema::parse_with_references(&schema.text, &texts, Strictness::Stored)?)
}

/// Fetches all that is used, what is used before what uses it.
fn used_texts(
    registry: &mut dyn SchemaRegistry,
    references: &[SchemaReference],
) -> Result<Vec<String>> {
    enum Task {
        Fetch(SchemaReference),
        Add(String),
    }
    let mut seen: HashSet<(String, i32)> = HashSet::new();
    let mut texts = Vec::new();
    let mut tasks: Vec<Task> = references.iter().rev().cloned().map(Task::Fetch).collect();
    while let Some(task) = tasks.pop() {
        let reference = match task {
            Task::Add(text) => {
                texts.push(text);
                continue;
            }
            Task::Fetch(reference) => reference,
        };
        if !seen.insert((reference.subject.clone(), reference.version)) {
            continue;
        }
        if seen.len() > MAX_REFERENCES {
            return Err(RegistryError::TooManyReferences { limit: MAX_REFERENCES });
        }
        let used = registry.version(&reference.subject, reference.version)?.schema;
        tasks.push(Task::Add(used.text));
        tasks.extend(used.references.into_iter().rev().map(Task::Fetch));
    }
    Ok(texts)
}
