//! One reason why a reader cannot read what a writer wrote, and how clients see it.
//!
//! Source: `Difference` of Confluent's registry over `Incompatibility` of Java Avro.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Named types have different names.
    NameMismatch,
    /// Fixed types have different sizes.
    FixedSizeMismatch,
    /// The reader lacks symbols of the writer.
    MissingEnumSymbols,
    /// The reader has a field that the writer lacks, and no default for it.
    ReaderFieldMissingDefaultValue,
    /// The types do not resolve.
    TypeMismatch,
    /// No branch of the reader's union takes a type of the writer.
    MissingUnionBranch,
}

impl DifferenceKind {
    /// Name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NameMismatch => "NAME_MISMATCH",
            Self::FixedSizeMismatch => "FIXED_SIZE_MISMATCH",
            Self::MissingEnumSymbols => "MISSING_ENUM_SYMBOLS",
            Self::ReaderFieldMissingDefaultValue => "READER_FIELD_MISSING_DEFAULT_VALUE",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::MissingUnionBranch => "MISSING_UNION_BRANCH",
        }
    }
}

/// One incompatibility between a reader's and a writer's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// JSON pointer into the reader's schema; the outermost type is `/`.
    pub location: String,
    /// What exactly was found.
    pub detail: String,
}

impl Difference {
    /// The sentence for clients, where `reader` and `writer` say which schema is which.
    #[must_use]
    pub fn message(&self, reader: &str, writer: &str) -> String {
        let Self { kind, location, detail } = self;
        let description = match kind {
            DifferenceKind::FixedSizeMismatch => format!(
                "The size of FIXED type field at path '{location}' in the {reader} schema does \
                 not match with the {writer} schema"
            ),
            DifferenceKind::TypeMismatch => format!(
                "The type (path '{location}') of a field in the {reader} schema does not match \
                 with the {writer} schema"
            ),
            DifferenceKind::NameMismatch => {
                format!("The name of the schema has changed (path '{location}')")
            }
            DifferenceKind::MissingEnumSymbols => format!(
                "The {reader} schema is missing enum symbols '{detail}' at path '{location}' in \
                 the {writer} schema"
            ),
            DifferenceKind::MissingUnionBranch => format!(
                "The {reader} schema is missing a type inside a union field at path \
                 '{location}' in the {writer} schema"
            ),
            DifferenceKind::ReaderFieldMissingDefaultValue => format!(
                "The field '{detail}' at path '{location}' in the {reader} schema has no default \
                 value and is missing in the {writer} schema"
            ),
        };
        format!(
            "{{errorType:'{}', description:'{description}', additionalInfo:'{detail}'}}",
            kind.name()
        )
    }
}
