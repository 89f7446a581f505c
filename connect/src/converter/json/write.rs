//! A value's JSON form, written straight to bytes.
//!
//! A map with string keys is an object, another map an array of `[key, value]` pairs. Bytes are
//! base64. `NaN` and infinities, which JSON lacks, are strings, as Jackson writes them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connect_api::data::Decimal;
use connect_api::{ConnectError, Result, Schema, SchemaType, Struct, Value};

/// How decimals are written; both forms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalFormat {
    /// Base64 of the unscaled bytes.
    #[default]
    Base64,
    /// A JSON number with all digits.
    Numeric,
}

/// How values are written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Form of decimals.
    pub decimals: DecimalFormat,
    /// Whether a schema's default is written for null.
    pub replace_null_with_default: bool,
}

impl Style {
    /// Writes what is there, without defaults.
    #[must_use]
    pub const fn plain(decimals: DecimalFormat) -> Self {
        Self { decimals, replace_null_with_default: false }
    }
}

/// Appends a value's JSON form to `out`.
///
/// # Errors
///
/// Data: null where the schema requires a value, or a value of another type than its schema.
pub fn value(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    value: &Value,
    style: &Style,
) -> Result<()> {
    let value = match (value, schema) {
        (Value::Null, Some(schema)) => match schema.default() {
            Some(default) if style.replace_null_with_default => default,
            _ if schema.is_optional() || schema.default().is_some() => value,
            _ => {
                return Err(ConnectError::data(format!(
                    "Conversion error: null value for field that is required and has no default \
                     value; schema type {}",
                    schema.schema_type()
                )));
            }
        },
        _ => value,
    };
    if let Some(schema) = schema {
        check_type(schema, value)?;
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => write_text(out, value),
        Value::Int8(value) => write_text(out, value),
        Value::Int16(value) => write_text(out, value),
        Value::Int32(value) | Value::Date(value) | Value::Time(value) => write_text(out, value),
        Value::Int64(value) | Value::Timestamp(value) => write_text(out, value),
        Value::Float32(value) if value.is_finite() => write_json(out, value)?,
        Value::Float64(value) if value.is_finite() => write_json(out, value)?,
        Value::Float32(_) | Value::Float64(_) => write_json(out, &value.to_string())?,
        Value::String(text) => write_json(out, text)?,
        Value::Bytes(bytes) => write_base64(out, bytes),
        Value::Decimal(number) => write_decimal(out, number, style),
        Value::Array(items) => {
            let inner = schema.and_then(Schema::value_schema);
            sequence(out, items, |out, item| self::value(out, inner.map(|s| &**s), item, style))?;
        }
        Value::Map(entries) => write_map(out, schema, entries, style)?,
        Value::Struct(inner) => write_struct(out, inner, style)?,
    }
    Ok(())
}

/// What a value must be for its schema; deep checks happen as its parts are written.
fn check_type(schema: &Schema, value: &Value) -> Result<()> {
    let fits = match (schema.schema_type(), value) {
        (_, Value::Null)
        | (SchemaType::Int8, Value::Int8(_))
        | (SchemaType::Int16, Value::Int16(_))
        | (SchemaType::Int32, Value::Int32(_) | Value::Date(_) | Value::Time(_))
        | (SchemaType::Int64, Value::Int64(_) | Value::Timestamp(_))
        | (SchemaType::Float32, Value::Float32(_))
        | (SchemaType::Float64, Value::Float64(_))
        | (SchemaType::Boolean, Value::Boolean(_))
        | (SchemaType::String, Value::String(_))
        | (SchemaType::Bytes, Value::Bytes(_) | Value::Decimal(_))
        | (SchemaType::Array, Value::Array(_))
        | (SchemaType::Map, Value::Map(_)) => true,
        (SchemaType::Struct, Value::Struct(inner)) => {
            let own = &**inner.schema();
            let same = std::ptr::eq(own, schema) || own.fields() == schema.fields();
            if !same {
                return Err(ConnectError::data("Mismatching schema."));
            }
            true
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(ConnectError::data(format!("Invalid type for {}: {}", schema.schema_type(), value.kind())))
}

fn write_map(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    entries: &[(Value, Value)],
    style: &Style,
) -> Result<()> {
    let keys = schema.and_then(Schema::key_schema).map(|schema| &**schema);
    let values = schema.and_then(Schema::value_schema).map(|schema| &**schema);
    let object = match keys {
        Some(keys) => keys.schema_type() == SchemaType::String && !keys.is_optional(),
        None => entries.iter().all(|(key, _)| key.as_str().is_some()),
    };
    if !object {
        return sequence(out, entries, |out, (key, entry)| {
            out.push(b'[');
            value(out, keys, key, style)?;
            out.push(b',');
            value(out, values, entry, style)?;
            out.push(b']');
            Ok(())
        });
    }
    out.push(b'{');
    for (index, (key, entry)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        value(out, keys, key, style)?;
        out.push(b':');
        value(out, values, entry, style)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_struct(out: &mut Vec<u8>, inner: &Struct, style: &Style) -> Result<()> {
    out.push(b'{');
    for (field, member) in inner.schema().fields().iter().zip(inner.values()) {
        if field.index > 0 {
            out.push(b',');
        }
        write_json(out, &*field.name)?;
        out.push(b':');
        value(out, Some(&field.schema), member, style).map_err(|error| {
            ConnectError::data(format!("field {}: {error}", field.name)).because(error)
        })?;
    }
    out.push(b'}');
    Ok(())
}

fn sequence<T>(
    out: &mut Vec<u8>,
    items: &[T],
    mut item: impl FnMut(&mut Vec<u8>, &T) -> Result<()>,
) -> Result<()> {
    out.push(b'[');
    for (index, part) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, part)?;
    }
    out.push(b']');
    Ok(())
}

fn write_text(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to memory cannot fail");
}

fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(out, value)
        .map_err(|error| ConnectError::data("value cannot be written as JSON").because(error))
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

fn write_decimal(out: &mut Vec<u8>, number: &Decimal, style: &Style) {
    match style.decimals {
        DecimalFormat::Base64 => write_base64(out, &number.to_bytes()),
        DecimalFormat::Numeric => write_text(out, number),
    }
}
