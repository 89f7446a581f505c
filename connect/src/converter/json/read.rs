//! A value read from its JSON form, by its schema or without one.
//!
//! With a schema the raw text of each number is kept until its type is known, so that decimals
//! lose no digit. A number that does not fit its integer type is an error, where Java wraps it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connect_api::data::{Decimal, logical};
use connect_api::{ConnectError, Result, Schema, SchemaType, Struct, Value};
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// What null is read as where the schema has a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Null.
    Keep,
    /// The default.
    ReplaceWithDefault,
}

/// Reads a value; without a schema, integers become int64 and other numbers float64.
///
/// # Errors
///
/// Data: the text is not JSON, or does not fit the schema.
pub fn value(schema: Option<&Arc<Schema>>, text: &str, nulls: Nulls) -> Result<Value> {
    match schema {
        Some(schema) => with_schema(schema, text.trim(), nulls),
        None => {
            let json: Json = serde_json::from_str(text).map_err(not_json)?;
            schemaless(json)
        }
    }
}

fn not_json(error: serde_json::Error) -> ConnectError {
    ConnectError::data(format!("value is not JSON: {error}")).because(error)
}

fn schemaless(json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int64(integer),
            None if number.is_u64() => {
                return Err(ConnectError::data(format!("integer {number} exceeds 64 bits")));
            }
            None => Value::Float64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => {
            Value::Array(items.into_iter().map(schemaless).collect::<Result<_>>()?)
        }
        Json::Object(members) => {
            let entries = members.into_iter();
            let entries = entries.map(|(key, member)| Ok((key.into(), schemaless(member)?)));
            Value::Map(entries.collect::<Result<_>>()?)
        }
    })
}

fn with_schema(schema: &Arc<Schema>, text: &str, nulls: Nulls) -> Result<Value> {
    if text == "null" {
        return null(schema, nulls);
    }
    if let Some(name) = schema.name()
        && name == logical::DECIMAL
        && schema.schema_type() == SchemaType::Bytes
    {
        return decimal(schema, text);
    }
    let wrong = || wrong_type(schema, text);
    let physical = match schema.schema_type() {
        SchemaType::Boolean => Value::Boolean(text.parse().map_err(|_| wrong())?),
        SchemaType::Int8 => Value::Int8(text.parse().map_err(|_| wrong())?),
        SchemaType::Int16 => Value::Int16(text.parse().map_err(|_| wrong())?),
        SchemaType::Int32 => Value::Int32(text.parse().map_err(|_| wrong())?),
        SchemaType::Int64 => Value::Int64(text.parse().map_err(|_| wrong())?),
        SchemaType::Float32 => Value::Float32(float(text).ok_or_else(wrong)?),
        SchemaType::Float64 => Value::Float64(float(text).ok_or_else(wrong)?),
        SchemaType::String => Value::String(string(text).ok_or_else(wrong)?.into_owned()),
        SchemaType::Bytes => {
            let encoded = string(text).ok_or_else(wrong)?;
            let bytes = STANDARD.decode(encoded.as_bytes()).map_err(|error| {
                ConnectError::data("Invalid bytes field: not base64").because(error)
            })?;
            Value::Bytes(bytes.into())
        }
        SchemaType::Array => array(schema, text, nulls)?,
        SchemaType::Map => map(schema, text, nulls)?,
        SchemaType::Struct => structure(schema, text, nulls)?,
    };
    logical::to_logical(schema, physical)
}

fn null(schema: &Schema, nulls: Nulls) -> Result<Value> {
    match schema.default() {
        Some(default) if nulls == Nulls::ReplaceWithDefault => Ok(default.clone()),
        Some(_) => Ok(Value::Null),
        None if schema.is_optional() => Ok(Value::Null),
        None => Err(ConnectError::data(format!(
            "Invalid null value for required {} field",
            schema.schema_type()
        ))),
    }
}

fn float<F: std::str::FromStr>(text: &str) -> Option<F> {
    match string(text).as_deref() {
        Some("NaN") => "NaN".parse().ok(),
        Some("Infinity") => "inf".parse().ok(),
        Some("-Infinity") => "-inf".parse().ok(),
        Some(_) => None,
        None if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            text.parse().ok()
        }
        None => None,
    }
}

fn string(text: &str) -> Option<Cow<'_, str>> {
    if !text.starts_with('"') {
        return None;
    }
    match serde_json::from_str::<&str>(text) {
        Ok(plain) => Some(Cow::Borrowed(plain)),
        Err(_) => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
    }
}

fn decimal(schema: &Schema, text: &str) -> Result<Value> {
    let scale = logical::decimal_scale(schema)?;
    if let Some(encoded) = string(text) {
        let bytes = STANDARD.decode(encoded.as_bytes()).map_err(|error| {
            ConnectError::data("Invalid bytes for Decimal field: not base64").because(error)
        })?;
        return Ok(Value::Decimal(Decimal::from_bytes(&bytes, scale)));
    }
    let mut number: Decimal = text.parse()?;
    if number.scale > scale {
        return Err(ConnectError::data(format!(
            "Decimal {text} has more digits after the point than the schema's scale {scale}"
        )));
    }
    let missing = u32::try_from(i64::from(scale) - i64::from(number.scale)).unwrap_or(0);
    number.unscaled *= num_bigint::BigInt::from(10).pow(missing);
    number.scale = scale;
    Ok(Value::Decimal(number))
}

fn array(schema: &Arc<Schema>, text: &str, nulls: Nulls) -> Result<Value> {
    let items: Vec<&RawValue> = parse(schema, text)?;
    let inner = part(schema, schema.value_schema())?;
    let items = items.into_iter().map(|item| with_schema(inner, item.get(), nulls));
    Ok(Value::Array(items.collect::<Result<_>>()?))
}

fn map(schema: &Arc<Schema>, text: &str, nulls: Nulls) -> Result<Value> {
    let keys = part(schema, schema.key_schema())?;
    let values = part(schema, schema.value_schema())?;
    let mut entries = Vec::new();
    if text.starts_with('{') {
        if keys.schema_type() != SchemaType::String {
            return Err(wrong_type(schema, text));
        }
        let members: IndexMap<String, &RawValue> = parse(schema, text)?;
        for (key, member) in members {
            entries.push((Value::String(key), with_schema(values, member.get(), nulls)?));
        }
    } else {
        let pairs: Vec<Vec<&RawValue>> = parse(schema, text)?;
        for pair in pairs {
            let [key, member] = pair[..] else {
                return Err(ConnectError::data(format!(
                    "Found invalid map entry, expected length 2 but found {}",
                    pair.len()
                )));
            };
            let key = with_schema(keys, key.get(), nulls)?;
            entries.push((key, with_schema(values, member.get(), nulls)?));
        }
    }
    Ok(Value::Map(entries))
}

fn structure(schema: &Arc<Schema>, text: &str, nulls: Nulls) -> Result<Value> {
    let members = members(schema, text).map_err(|_| wrong_type(schema, text))?;
    let mut value = Struct::new(Arc::clone(schema))?;
    for (field, member) in schema.fields().iter().zip(members) {
        let member = member.map_or("null", RawValue::get);
        let member = with_schema(&field.schema, member, nulls).map_err(|error| {
            ConnectError::data(format!("field {}: {error}", field.name)).because(error)
        })?;
        value.set_at(field.index, member);
    }
    Ok(value.into())
}

/// The members of an object by the struct's fields; others are passed over.
fn members<'a>(schema: &Schema, text: &'a str) -> serde_json::Result<Vec<Option<&'a RawValue>>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Members(schema))?;
    reader.end()?;
    Ok(found)
}

/// Reads an object whose members mostly stand in the order of the fields.
struct Members<'s>(&'s Schema);

/// A member's name, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        /// Fields up to which comparing with each is faster than hashing.
        const FEW: usize = 16;
        let fields = self.0.fields();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut found = vec![None; fields.len()];
        let mut next = 0;
        while let Some(Name(name)) = object.next_key()? {
            let member = object.next_value()?;
            let place = if fields.get(next).is_some_and(|field| *field.name == *name) {
                Some(next)
            } else if fields.len() <= FEW {
                fields.iter().position(|field| *field.name == *name)
            } else {
                if places.is_empty() {
                    places.extend(fields.iter().map(|field| (&*field.name, field.index)));
                }
                places.get(&*name).copied()
            };
            if let Some(place) = place {
                found[place] = Some(member);
                next = place + 1;
            }
        }
        Ok(found)
    }
}

fn part<'a>(schema: &Schema, inner: Option<&'a Arc<Schema>>) -> Result<&'a Arc<Schema>> {
    inner.ok_or_else(|| {
        ConnectError::data(format!("{} schema without its inner schema", schema.schema_type()))
    })
}

fn parse<'a, T: Deserialize<'a>>(schema: &Schema, text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| wrong_type(schema, text))
}

/// Names what was found, not its content: a message must not carry data.
fn wrong_type(schema: &Schema, text: &str) -> ConnectError {
    let found = match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'-' | b'0'..=b'9') => "number",
        _ => "nothing",
    };
    ConnectError::data(format!("JSON {found} does not fit schema type {}", schema.schema_type()))
}
