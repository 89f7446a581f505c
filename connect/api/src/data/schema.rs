//! Schemas of Connect's data model.
//!
//! Two schemas are equal when everything about them is: type, optional, default, name, version,
//! doc, parameters, fields. Caches must key on all of it. Schemas are immutable and shared.

use std::fmt;
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use super::value::{Value, validate};
use crate::error::{ConnectError, Result};

/// The physical type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaType {
    /// 8-bit signed integer.
    Int8,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit IEEE 754 number.
    Float32,
    /// 64-bit IEEE 754 number.
    Float64,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    String,
    /// Bytes.
    Bytes,
    /// Values of one schema, in order.
    Array,
    /// Keys of one schema to values of another.
    Map,
    /// Named fields, each with a schema.
    Struct,
}

impl SchemaType {
    /// Name as Kafka Connect's JSON and messages spell it, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Array => "array",
            Self::Map => "map",
            Self::Struct => "struct",
        }
    }

    /// Tells whether values of this type hold no other values.
    #[must_use]
    pub const fn is_primitive(self) -> bool {
        !matches!(self, Self::Array | Self::Map | Self::Struct)
    }
}

impl fmt::Display for SchemaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_uppercase())
    }
}

/// One field of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name, unique in the struct.
    pub name: Arc<str>,
    /// Place in the struct, from 0.
    pub index: usize,
    /// Schema of the field's value.
    pub schema: Arc<Schema>,
}

/// The shape of a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    schema_type: SchemaType,
    optional: bool,
    default: Option<Value>,
    name: Option<Arc<str>>,
    version: Option<i32>,
    doc: Option<Arc<str>>,
    parameters: IndexMap<String, String>,
    fields: Vec<Field>,
    key: Option<Arc<Schema>>,
    value: Option<Arc<Schema>>,
}

macro_rules! shared_schema {
    ($plain:ident, $optional:ident, $kind:ident, $what:literal) => {
        #[doc = concat!("Returns the shared schema of a required ", $what, ".")]
        pub fn $plain() -> Arc<Self> {
            static SCHEMA: LazyLock<Arc<Schema>> =
                LazyLock::new(|| Arc::new(Schema::plain(SchemaType::$kind)));
            Arc::clone(&SCHEMA)
        }

        #[doc = concat!("Returns the shared schema of an optional ", $what, ".")]
        pub fn $optional() -> Arc<Self> {
            static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
                let mut schema = Schema::plain(SchemaType::$kind);
                schema.optional = true;
                Arc::new(schema)
            });
            Arc::clone(&SCHEMA)
        }
    };
}

impl Schema {
    shared_schema!(int8, optional_int8, Int8, "8-bit integer");
    shared_schema!(int16, optional_int16, Int16, "16-bit integer");
    shared_schema!(int32, optional_int32, Int32, "32-bit integer");
    shared_schema!(int64, optional_int64, Int64, "64-bit integer");
    shared_schema!(float32, optional_float32, Float32, "32-bit float");
    shared_schema!(float64, optional_float64, Float64, "64-bit float");
    shared_schema!(boolean, optional_boolean, Boolean, "boolean");
    shared_schema!(string, optional_string, String, "string");
    shared_schema!(bytes, optional_bytes, Bytes, "byte string");

    const fn is_float(kind: SchemaType) -> bool {
        matches!(kind, SchemaType::Float32 | SchemaType::Float64)
    }

    fn plain(schema_type: SchemaType) -> Self {
        Self {
            schema_type,
            optional: false,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: IndexMap::new(),
            fields: Vec::new(),
            key: None,
            value: None,
        }
    }

    /// Physical type.
    #[must_use]
    pub const fn schema_type(&self) -> SchemaType {
        self.schema_type
    }

    /// Tells whether null is a value.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }

    /// Tells whether values are floating-point numbers.
    #[must_use]
    pub const fn is_floating(&self) -> bool {
        Self::is_float(self.schema_type)
    }

    /// Value that stands in for an absent one.
    #[must_use]
    pub const fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Full name; logical types are told by it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Version, any integer.
    #[must_use]
    pub const fn version(&self) -> Option<i32> {
        self.version
    }

    /// Documentation.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// Parameters in insertion order; empty when there are none.
    #[must_use]
    pub const fn parameters(&self) -> &IndexMap<String, String> {
        &self.parameters
    }

    /// Fields of a struct in order; empty for other types.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Finds a field of a struct by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// Schema of a map's keys.
    #[must_use]
    pub const fn key_schema(&self) -> Option<&Arc<Self>> {
        self.key.as_ref()
    }

    /// Schema of a map's values or of an array's items.
    #[must_use]
    pub const fn value_schema(&self) -> Option<&Arc<Self>> {
        self.value.as_ref()
    }

    /// Starts a builder that holds all of this schema, to change a part of it.
    #[must_use]
    pub fn to_builder(&self) -> SchemaBuilder {
        SchemaBuilder { schema: self.clone() }
    }
}

/// Puts a schema together.
#[derive(Debug, Clone)]
pub struct SchemaBuilder {
    schema: Schema,
}

impl SchemaBuilder {
    /// Starts a schema of a primitive type, or a struct without fields yet.
    #[must_use]
    pub fn new(schema_type: SchemaType) -> Self {
        Self { schema: Schema::plain(schema_type) }
    }

    /// Starts a struct.
    #[must_use]
    pub fn structure() -> Self {
        Self::new(SchemaType::Struct)
    }

    /// Starts an array of the given items.
    #[must_use]
    pub fn array(items: Arc<Schema>) -> Self {
        let mut builder = Self::new(SchemaType::Array);
        builder.schema.value = Some(items);
        builder
    }

    /// Starts a map.
    #[must_use]
    pub fn map(keys: Arc<Schema>, values: Arc<Schema>) -> Self {
        let mut builder = Self::new(SchemaType::Map);
        builder.schema.key = Some(keys);
        builder.schema.value = Some(values);
        builder
    }

    /// Lets null be a value.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.schema.optional = true;
        self
    }

    /// Says whether null is a value.
    #[must_use]
    pub const fn with_optional(mut self, optional: bool) -> Self {
        self.schema.optional = optional;
        self
    }

    /// Sets the value that stands in for an absent one; it is checked by [`Self::build`].
    #[must_use]
    pub fn default_value(mut self, value: Value) -> Self {
        self.schema.default = Some(value);
        self
    }

    /// Sets the full name.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.schema.name = Some(name.into());
        self
    }

    /// Sets the version.
    #[must_use]
    pub const fn version(mut self, version: i32) -> Self {
        self.schema.version = Some(version);
        self
    }

    /// Sets the documentation.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<Arc<str>>) -> Self {
        self.schema.doc = Some(doc.into());
        self
    }

    /// Sets one parameter.
    #[must_use]
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.schema.parameters.insert(key.into(), value.into());
        self
    }

    /// Adds a field at the end of a struct.
    #[must_use]
    pub fn field(mut self, name: impl Into<Arc<str>>, schema: Arc<Schema>) -> Self {
        let index = self.schema.fields.len();
        self.schema.fields.push(Field { name: name.into(), index, schema });
        self
    }

    /// Checks the parts against each other and makes the schema.
    ///
    /// # Errors
    ///
    /// Data: a field name twice, fields on a type that has none, an array or map without its
    /// inner schemas, or a default that does not fit.
    pub fn build(self) -> Result<Arc<Schema>> {
        let schema = self.schema;
        if !schema.fields.is_empty() && schema.schema_type != SchemaType::Struct {
            return Err(ConnectError::data(format!(
                "a schema of type {} cannot have fields",
                schema.schema_type
            )));
        }
        for (index, field) in schema.fields.iter().enumerate() {
            if schema.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                return Err(ConnectError::data(format!(
                    "Cannot create field because of field name duplication {}",
                    field.name
                )));
            }
        }
        let inner_missing = match schema.schema_type {
            SchemaType::Array => schema.value.is_none(),
            SchemaType::Map => schema.key.is_none() || schema.value.is_none(),
            _ => false,
        };
        if inner_missing {
            return Err(ConnectError::data(format!(
                "a schema of type {} needs the schema of what it holds",
                schema.schema_type
            )));
        }
        if let Some(default) = &schema.default {
            validate(&schema, default, "default")?;
        }
        Ok(Arc::new(schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_includes_doc_and_parameters() {
        let plain = SchemaBuilder::new(SchemaType::Int32).build().unwrap();
        let with_doc = SchemaBuilder::new(SchemaType::Int32).doc("x").build().unwrap();
        let with_parameter =
            SchemaBuilder::new(SchemaType::Int32).parameter("a", "b").build().unwrap();
        assert_eq!(plain, Schema::int32());
        assert_ne!(plain, with_doc);
        assert_ne!(plain, with_parameter);
    }

    #[test]
    fn duplicate_field_is_refused() {
        let error = SchemaBuilder::structure()
            .field("a", Schema::int32())
            .field("a", Schema::string())
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("duplication a"), "{error}");
    }

    #[test]
    fn default_must_fit() {
        let error = SchemaBuilder::new(SchemaType::Int32)
            .default_value(Value::String("x".into()))
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("INT32"), "{error}");
    }
}
