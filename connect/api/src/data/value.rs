//! Values of Connect's data model, and the check of a value against a schema.

use std::sync::Arc;

use bytes::Bytes;

use super::logical::{self, Decimal};
use super::schema::{Schema, SchemaType};
use crate::error::{ConnectError, Result};

/// One datum. Logical types are variants of their own, as Java has classes for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// 8-bit integer.
    Int8(i8),
    /// 16-bit integer.
    Int16(i16),
    /// 32-bit integer.
    Int32(i32),
    /// 64-bit integer.
    Int64(i64),
    /// 32-bit float.
    Float32(f32),
    /// 64-bit float.
    Float64(f64),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Bytes),
    /// Exact decimal number; schema name `org.apache.kafka.connect.data.Decimal`.
    Decimal(Decimal),
    /// Days since 1970-01-01; schema name `org.apache.kafka.connect.data.Date`.
    Date(i32),
    /// Milliseconds since midnight; schema name `org.apache.kafka.connect.data.Time`.
    Time(i32),
    /// Milliseconds since 1970-01-01T00:00Z; schema `org.apache.kafka.connect.data.Timestamp`.
    Timestamp(i64),
    /// Values in order.
    Array(Vec<Value>),
    /// Entries in insertion order; keys are unique.
    Map(Vec<(Value, Value)>),
    /// Named fields with a schema of their own.
    Struct(Box<Struct>),
}

impl Value {
    /// Tells whether there is no value.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of any integer, logical types excluded.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int8(value) => Some(i64::from(*value)),
            Self::Int16(value) => Some(i64::from(*value)),
            Self::Int32(value) => Some(i64::from(*value)),
            Self::Int64(value) => Some(*value),
            _ => None,
        }
    }

    /// Name of the variant, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Int8(_) => "int8",
            Self::Int16(_) => "int16",
            Self::Int32(_) => "int32",
            Self::Int64(_) => "int64",
            Self::Float32(_) => "float32",
            Self::Float64(_) => "float64",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Decimal(_) => "decimal",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Struct(_) => "struct",
        }
    }

    /// Finds an entry of a map by a text key.
    #[must_use]
    pub fn map_entry(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

/// A struct's values, in the order of its schema's fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    schema: Arc<Schema>,
    values: Vec<Value>,
}

impl Struct {
    /// Makes a struct whose fields are all null.
    ///
    /// # Errors
    ///
    /// Data: the schema is not a struct's.
    pub fn new(schema: Arc<Schema>) -> Result<Self> {
        if schema.schema_type() != SchemaType::Struct {
            return Err(ConnectError::data(format!(
                "Not a struct schema: {}",
                schema.schema_type()
            )));
        }
        let values = vec![Value::Null; schema.fields().len()];
        Ok(Self { schema, values })
    }

    /// Schema of this struct.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Values in the order of the fields, defaults not filled in.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Sets a field.
    ///
    /// # Errors
    ///
    /// Data: there is no such field, or the value does not fit its schema.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) -> Result<&mut Self> {
        let field = self
            .schema
            .field(name)
            .ok_or_else(|| ConnectError::data(format!("{name} is not a valid field name")))?;
        let value = value.into();
        validate(&field.schema, &value, name)?;
        self.values[field.index] = value;
        Ok(self)
    }

    /// Returns a field's value; the schema's default stands in for null.
    ///
    /// # Errors
    ///
    /// Data: there is no such field.
    pub fn get(&self, name: &str) -> Result<&Value> {
        let field = self
            .schema
            .field(name)
            .ok_or_else(|| ConnectError::data(format!("{name} is not a valid field name")))?;
        let value = &self.values[field.index];
        Ok(match (value, field.schema.default()) {
            (Value::Null, Some(default)) => default,
            _ => value,
        })
    }

    /// Returns a field's value as it was set, whatever the default.
    #[must_use]
    pub fn get_without_default(&self, name: &str) -> Option<&Value> {
        self.schema.field(name).map(|field| &self.values[field.index])
    }

    /// Sets the value of the field at `index` without a check; for decoders that have checked.
    pub fn set_at(&mut self, index: usize, value: Value) {
        self.values[index] = value;
    }

    /// Checks every field against its schema.
    ///
    /// # Errors
    ///
    /// Data: the field and what is wrong with its value.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in self.schema.fields().iter().zip(&self.values) {
            validate(&field.schema, value, &field.name)?;
        }
        Ok(())
    }
}

impl From<Struct> for Value {
    fn from(value: Struct) -> Self {
        Self::Struct(Box::new(value))
    }
}

/// Checks a value against a schema; `name` is the field for the message.
///
/// # Errors
///
/// Data: null where required, another type, another scale, or a part that does not fit.
pub fn validate(schema: &Schema, value: &Value, name: &str) -> Result<()> {
    if value.is_null() {
        if schema.is_optional() || schema.default().is_some() {
            return Ok(());
        }
        return Err(ConnectError::data(format!(
            "Invalid value: null used for required field: \"{name}\", schema type: {}",
            schema.schema_type()
        )));
    }
    if let Some(expected) = logical::value_fits(schema, value)? {
        return if expected { Ok(()) } else { Err(mismatch(schema, value, name)) };
    }
    match (schema.schema_type(), value) {
        (SchemaType::Int8, Value::Int8(_))
        | (SchemaType::Int16, Value::Int16(_))
        | (SchemaType::Int32, Value::Int32(_))
        | (SchemaType::Int64, Value::Int64(_))
        | (SchemaType::Float32, Value::Float32(_))
        | (SchemaType::Float64, Value::Float64(_))
        | (SchemaType::Boolean, Value::Boolean(_))
        | (SchemaType::String, Value::String(_))
        | (SchemaType::Bytes, Value::Bytes(_)) => Ok(()),
        (SchemaType::Array, Value::Array(items)) => match schema.value_schema() {
            Some(inner) => items.iter().try_for_each(|item| validate(inner, item, name)),
            None => Ok(()),
        },
        (SchemaType::Map, Value::Map(entries)) => {
            match (schema.key_schema(), schema.value_schema()) {
                (Some(keys), Some(values)) => entries.iter().try_for_each(|(key, value)| {
                    validate(keys, key, name)?;
                    validate(values, value, name)
                }),
                _ => Ok(()),
            }
        }
        (SchemaType::Struct, Value::Struct(inner)) => {
            if **inner.schema() == *schema || same_fields(inner.schema(), schema) {
                inner.validate()
            } else {
                Err(ConnectError::data(format!("Struct schemas do not match for field \"{name}\"")))
            }
        }
        _ => Err(mismatch(schema, value, name)),
    }
}

/// An optional and a required schema of one struct hold the same structs.
fn same_fields(found: &Schema, wanted: &Schema) -> bool {
    found.name() == wanted.name() && found.fields() == wanted.fields()
}

fn mismatch(schema: &Schema, value: &Value, name: &str) -> ConnectError {
    let of = schema.name().map(|name| format!(" ({name})")).unwrap_or_default();
    ConnectError::data(format!(
        "Invalid value of type {} for field \"{name}\" of type {}{of}",
        value.kind(),
        schema.schema_type()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;

    #[test]
    fn required_field_refuses_null() {
        let error = validate(&Schema::int32(), &Value::Null, "a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value: null used for required field: \"a\", schema type: INT32"
        );
    }

    #[test]
    fn struct_get_fills_in_the_default() {
        let inner = SchemaBuilder::new(SchemaType::Int32)
            .optional()
            .default_value(Value::Int32(7))
            .build()
            .unwrap();
        let schema = SchemaBuilder::structure().field("a", inner).build().unwrap();
        let value = Struct::new(schema).unwrap();
        assert_eq!(value.get("a").unwrap(), &Value::Int32(7));
        assert_eq!(value.get_without_default("a"), Some(&Value::Null));
        assert!(value.get("b").is_err());
    }

    #[test]
    fn nested_mismatch_is_found() {
        let schema = SchemaBuilder::array(Schema::string()).build().unwrap();
        assert!(validate(&schema, &Value::Array(vec!["a".into()]), "x").is_ok());
        assert!(validate(&schema, &Value::Array(vec![Value::Int8(1)]), "x").is_err());
    }
}
