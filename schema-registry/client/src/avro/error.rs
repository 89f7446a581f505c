//! Why a text is not an Avro schema.
//!
//! The wording is Java Avro's where Java has one: people search for these sentences, and clients
//! of a registry show them as they come.

/// Why a text is not an Avro schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The text and its references together are longer than the limit.
    #[error("schema of {size} bytes, limit {limit}")]
    TooLarge {
        /// Bytes found.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Objects and arrays are nested deeper than the limit.
    #[error("schema nested deeper than {limit} levels")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// More types than the limit.
    #[error("schema of more than {limit} types")]
    TooManyTypes {
        /// Types allowed.
        limit: usize,
    },
    /// Not JSON.
    #[error("invalid JSON at line {line}, column {column}: {expected}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the reader expected there.
        expected: &'static str,
    },
    /// Something follows the schema.
    #[error("dangling content after end of schema: {text}")]
    Dangling {
        /// What follows, cut.
        text: String,
    },
    /// A number, a boolean or null stands where a schema should.
    #[error("Schema not yet supported: {json}")]
    NotASchema {
        /// The JSON found, cut.
        json: String,
    },
    /// A required member is missing or of the wrong kind.
    #[error("{}: {json}", .member.complaint())]
    Missing {
        /// Which member.
        member: Member,
        /// The JSON found, cut.
        json: String,
    },
    /// A type name that nothing defines.
    #[error("Undefined name: \"{name}\"")]
    UndefinedName {
        /// The name as written.
        name: String,
    },
    /// The type of a field is a name that nothing defines.
    #[error(
        "\"{name}\" is not a defined name. The type of the \"{field}\" field must be a defined \
         name or a {{\"type\": ...}} expression."
    )]
    UndefinedFieldType {
        /// The name as written.
        name: String,
        /// The field.
        field: String,
    },
    /// A name is empty or not text.
    #[error("Empty name")]
    EmptyName,
    /// A name starts with a character that no name starts with.
    #[error("Illegal initial character: {name}")]
    IllegalInitialCharacter {
        /// The name.
        name: String,
    },
    /// A name holds a character that no name holds.
    #[error("Illegal character in: {name}")]
    IllegalCharacter {
        /// The name.
        name: String,
    },
    /// A part of a namespace is no name.
    #[error("Namespace part \"{part}\" is invalid: {source}")]
    Namespace {
        /// The part between two dots.
        part: String,
        /// What is wrong with it.
        source: Box<SchemaError>,
    },
    /// A record, enum or fixed bears the name of a primitive type.
    #[error("Schemas may not be named after primitives: {name}")]
    PrimitiveName {
        /// The name.
        name: String,
    },
    /// One name stands for two different types.
    #[error("Can't redefine: {name}")]
    Redefined {
        /// The full name.
        name: String,
    },
    /// Two fields of a record share a name.
    #[error("Duplicate field {field} in record {record}")]
    DuplicateField {
        /// The field.
        field: String,
        /// Full name of the record.
        record: String,
    },
    /// A symbol appears twice in an enum.
    #[error("Duplicate enum symbol: {symbol}")]
    DuplicateSymbol {
        /// The symbol.
        symbol: String,
    },
    /// The default of an enum is none of its symbols.
    #[error("The Enum Default: {default} is not in the enum symbol set: [{symbols}]")]
    EnumDefault {
        /// The default.
        default: String,
        /// The symbols, separated by commas, cut.
        symbols: String,
    },
    /// A union directly inside a union.
    #[error("Nested union: {json}")]
    NestedUnion {
        /// The outer union as written, cut.
        json: String,
    },
    /// A union holds one type twice.
    #[error("Duplicate in union:{name}")]
    DuplicateInUnion {
        /// The full name of the type.
        name: String,
    },
    /// The sort order of a field is none of `ascending`, `descending`, `ignore`.
    #[error("No enum constant org.apache.avro.Schema.Field.Order.{order}")]
    Order {
        /// The order as written, in upper case.
        order: String,
    },
    /// The default of a field does not fit its type.
    #[error("Invalid default for field {field}: {default} not a {schema}")]
    InvalidDefault {
        /// The field.
        field: String,
        /// The default as JSON, cut.
        default: String,
        /// The type of the field, cut.
        schema: String,
    },
}

/// A member that a schema must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// `type` of an object.
    Type,
    /// `name` of a record, enum or fixed.
    Name,
    /// `fields` of a record.
    Fields,
    /// `name` of a field.
    FieldName,
    /// `type` of a field.
    FieldType,
    /// `symbols` of an enum.
    Symbols,
    /// `items` of an array.
    Items,
    /// `values` of a map.
    Values,
    /// `size` of a fixed.
    Size,
    /// `aliases` that are an array.
    Aliases,
    /// Text in `aliases`.
    Alias,
}

impl Member {
    const fn complaint(self) -> &'static str {
        match self {
            Self::Type => "No type",
            Self::Name => "No name in schema",
            Self::Fields => "Record has no fields",
            Self::FieldName => "No field name",
            Self::FieldType => "No field type",
            Self::Symbols => "Enum has no symbols",
            Self::Items => "Array has no items type",
            Self::Values => "Map has no values type",
            Self::Size => "Invalid or no size",
            Self::Aliases => "aliases not an array",
            Self::Alias => "alias not a string",
        }
    }
}
