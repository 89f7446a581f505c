//! Everything that a caller can be told, with Confluent's code and words.
//!
//! Messages start with a capital letter and some end in a full stop, because clients match on
//! Confluent's. The first three digits of a code are the HTTP status. Source: `Errors.java`.

use schema_registry_client::avro::SchemaError;
use schema_registry_client::rest::AVRO;

use crate::store::StoreError;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No such subject.
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    /// No such version in the subject.
    #[error("Version {0} not found.")]
    VersionNotFound(i32),
    /// The schema is not in the subject.
    #[error("Schema not found")]
    SchemaNotFound,
    /// No schema has the id.
    #[error("Schema {0} not found")]
    IdNotFound(i32),
    /// No schema has the guid.
    #[error("Schema {0} not found")]
    GuidNotFound(String),
    /// The subject is soft-deleted already.
    #[error("Subject '{0}' was soft deleted.Set permanent=true to delete permanently")]
    SubjectSoftDeleted(String),
    /// The subject must be soft-deleted first.
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotSoftDeleted(String),
    /// The version is soft-deleted already.
    #[error("Subject '{0}' Version {1} was soft deleted.Set permanent=true to delete permanently")]
    VersionSoftDeleted(String, String),
    /// The version must be soft-deleted first.
    #[error("Subject '{0}' Version {1} was not deleted first before being permanently deleted")]
    VersionNotSoftDeleted(String, i32),
    /// The subject has no level of its own.
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    NoSubjectConfig(String),
    /// The subject has no mode of its own.
    #[error("Subject '{0}' does not have subject-level mode configured")]
    NoSubjectMode(String),
    /// The schema does not fit the earlier ones.
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \
         \"{subject}\", details: [{}]",
        .messages.join(", ")
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// What stands against it.
        messages: Vec<String>,
    },
    /// No schema was given, and the subject has none to take instead.
    #[error("Empty schema")]
    EmptySchema,
    /// The format is not offered.
    #[error("Invalid schema type {0}: only {AVRO} is offered")]
    UnknownType(String),
    /// The schema is no schema.
    #[error("Invalid schema {shown} with refs {references} of type {AVRO}, details: {source}")]
    InvalidSchema {
        /// The request as Confluent prints it, cut.
        shown: String,
        /// The references as Confluent prints them.
        references: String,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// A reference leads nowhere.
    #[error("No schema reference found for subject \"{subject}\" and version {version}")]
    ReferenceNotFound {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// A reference leads to a schema of another format.
    #[error(
        "Schema reference to subject \"{subject}\" and version {version} is not of type {AVRO}"
    )]
    ReferenceType {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// References without end or beyond measure.
    #[error("Schema with more than {0} references, direct and indirect")]
    TooManyReferences(usize),
    /// A stored schema cannot be read.
    #[error("Schema {id} in the registry cannot be read: {source}")]
    Unreadable {
        /// Its id.
        id: i32,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// The version asked for is not the next.
    #[error("Version is not one more than previous version")]
    VersionNotNext,
    /// The request holds something that this registry would have to drop.
    #[error("{0} is not offered by this registry")]
    NotOffered(&'static str),
    /// The request holds something that nobody knows.
    #[error("Unrecognized field: {0}")]
    UnknownMember(String),
    /// The request holds rules, which this registry would have to drop.
    #[error("ruleSet is not offered by this registry")]
    RuleSetNotOffered,
    /// The output format is not offered.
    #[error("Invalid format {0}: only resolved is offered beside the default")]
    UnknownFormat(String),
    /// Not a version.
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between \
         [1, 2^31-1] and the string \"latest\""
    )]
    InvalidVersion(String),
    /// Not a compatibility level.
    #[error(
        "Invalid compatibility level. Valid values are none, backward, forward, full, \
         backward_transitive, forward_transitive, and full_transitive"
    )]
    InvalidLevel,
    /// Not a mode that can be set.
    #[error("Invalid mode. Valid values are READWRITE and READONLY")]
    InvalidMode,
    /// Writing is off.
    #[error("Subject {0} in context  is in read-only mode")]
    ReadOnly(String),
    /// Writing is for imports only.
    #[error("Subject {0} in context  is not in read-write mode")]
    NotReadWrite(String),
    /// An id was given outside of an import.
    #[error("Subject {0} in context  is not in import mode")]
    NotImport(String),
    /// Modes are fixed.
    #[error("Mode changes are not allowed")]
    ModeFixed,
    /// Others use what is to be deleted.
    #[error(
        "One or more references exist to the schema \
         {{magic=1,keytype=SCHEMA,subject={0},version={1}}}."
    )]
    Referenced(String, i32),
    /// Not a subject's name.
    #[error("The specified subject '{0}' is not a valid.")]
    InvalidSubject(String),
    /// The subject is in a context of its own.
    #[error("Subject '{0}' is in a context, and this registry has only the default one")]
    Context(String),
    /// The schema is too large for the store.
    #[error("Register operation failed because schema is too large")]
    TooLarge,
    /// The store cannot answer or take a change.
    #[error("Error in the backend data store: {0}")]
    Store(StoreError),
    /// The outcome was not known in time.
    #[error("Operation timed out: {0}")]
    TimedOut(StoreError),
    /// The work was cut off by the end of the registry, or by a defect.
    #[error("Error in the registry: the request was interrupted")]
    Interrupted,
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge { .. } => Self::TooLarge,
            StoreError::TimedOut { .. } | StoreError::Late { .. } => Self::TimedOut(error),
            other => Self::Store(other),
        }
    }
}

impl RegistryError {
    /// The code in the answer; its first three digits are the HTTP status.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::SubjectNotFound(_) => 40401,
            Self::VersionNotFound(_) => 40402,
            Self::SchemaNotFound | Self::IdNotFound(_) | Self::GuidNotFound(_) => 40403,
            Self::SubjectSoftDeleted(_) => 40404,
            Self::SubjectNotSoftDeleted(_) => 40405,
            Self::VersionSoftDeleted(..) => 40406,
            Self::VersionNotSoftDeleted(..) => 40407,
            Self::NoSubjectConfig(_) => 40408,
            Self::NoSubjectMode(_) => 40409,
            // Newer registries answer 40901 here; what clients and their tests know is 409.
            Self::Incompatible { .. } => 409,
            Self::NotOffered(_) | Self::UnknownMember(_) | Self::UnknownFormat(_) => 422,
            Self::EmptySchema
            | Self::UnknownType(_)
            | Self::InvalidSchema { .. }
            | Self::ReferenceNotFound { .. }
            | Self::ReferenceType { .. }
            | Self::TooManyReferences(_)
            | Self::VersionNotNext => 42201,
            Self::InvalidVersion(_) => 42202,
            Self::InvalidLevel => 42203,
            Self::InvalidMode => 42204,
            Self::ReadOnly(_) | Self::NotReadWrite(_) | Self::NotImport(_) | Self::ModeFixed => {
                42205
            }
            Self::Referenced(..) => 42206,
            Self::InvalidSubject(_) | Self::Context(_) => 42208,
            Self::TooLarge => 42209,
            Self::RuleSetNotOffered => 42210,
            Self::Unreadable { .. } | Self::Store(_) => 50001,
            Self::TimedOut(_) => 50002,
            Self::Interrupted => 500,
        }
    }
}
