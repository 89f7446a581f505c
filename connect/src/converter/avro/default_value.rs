//! Defaults: Connect values ⇄ the JSON of Avro schemas.

use bytes::Bytes;
use connect_api::data::logical;
use connect_api::{ConnectError, Result, Schema as ConnectSchema, SchemaType, Struct, Value};
use schema_registry_client::avro::{Kind, NodeId, Schema, default_value as avro_default};
use serde_json::{Map, Number, Value as Json};
use std::sync::Arc;

use super::names::{Mapping, is_union};

/// Writes a default as JSON.
///
/// # Errors
///
/// Data: the value is not of the schema's type.
pub(super) fn to_json(schema: &ConnectSchema, value: &Value, mapping: Mapping) -> Result<Json> {
    let inner = |schema: Option<&Arc<ConnectSchema>>, value: &Value| match schema {
        Some(schema) => to_json(schema, value, mapping),
        None => Err(ConnectError::data("default of an array or map without inner schema")),
    };
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Int8(value) => (*value).into(),
        Value::Int16(value) => (*value).into(),
        Value::Int32(value) | Value::Date(value) | Value::Time(value) => (*value).into(),
        Value::Int64(value) | Value::Timestamp(value) => (*value).into(),
        // The shortest digits of the narrow float, not those of its exact value.
        Value::Float32(value) => float(value.to_string().parse().unwrap_or(f64::from(*value))),
        Value::Float64(value) => float(*value),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => latin1(bytes).into(),
        Value::Decimal(number) => latin1(&number.to_bytes()).into(),
        Value::Array(items) => {
            let items = items.iter().map(|item| inner(schema.value_schema(), item));
            Json::Array(items.collect::<Result<_>>()?)
        }
        Value::Map(entries) => {
            let text = schema.key_schema().is_some_and(|keys| mapping.is_text_map(keys));
            let mut members = Map::new();
            let mut pairs = Vec::new();
            for (key, value) in entries {
                let json = inner(schema.value_schema(), value)?;
                match key {
                    Value::String(key) if text => {
                        members.insert(key.clone(), json);
                    }
                    key => pairs.push(Json::Array(vec![inner(schema.key_schema(), key)?, json])),
                }
            }
            if text { Json::Object(members) } else { Json::Array(pairs) }
        }
        Value::Struct(value) => {
            let mut members = Map::new();
            for field in value.schema().fields() {
                let json = to_json(&field.schema, value.get(&field.name)?, mapping)?;
                if is_union(schema) {
                    return Ok(json);
                }
                members.insert(mapping.scrubbed(&field.name).into_owned(), json);
            }
            Json::Object(members)
        }
    })
}

/// Tells whether the JSON of a default is what Avro expects: entries of other maps are not.
pub(super) fn has_avro_form(schema: &ConnectSchema, value: &Value, mapping: Mapping) -> bool {
    let inner = |schema: Option<&Arc<ConnectSchema>>, value: &Value| {
        schema.is_some_and(|schema| has_avro_form(schema, value, mapping))
    };
    match value {
        Value::Array(items) => items.iter().all(|item| inner(schema.value_schema(), item)),
        Value::Map(entries) => {
            entries.is_empty()
                || (schema.key_schema().is_some_and(|keys| mapping.is_text_map(keys))
                    && entries.iter().all(|(_, value)| inner(schema.value_schema(), value)))
        }
        Value::Struct(value) => {
            !is_union(schema)
                && value.schema().fields().iter().all(|field| {
                    value
                        .get(&field.name)
                        .is_ok_and(|value| has_avro_form(&field.schema, value, mapping))
                })
        }
        _ => true,
    }
}

fn float(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads the default of an Avro type as a value of the Connect schema that the type became.
///
/// # Errors
///
/// Data: the JSON does not fit.
pub(super) fn from_json(
    avro: &Schema,
    id: NodeId,
    (schema, json): (&Arc<ConnectSchema>, &Json),
    mapping: Mapping,
) -> Result<Value> {
    let wrong = || {
        ConnectError::data(format!(
            "default {json} does not fit the type {}",
            avro.node(id).kind.type_name()
        ))
    };
    if json.is_null() {
        return Ok(Value::Null);
    }
    let number = || json.as_f64().or_else(|| json.as_str().and_then(|text| text.parse().ok()));
    let inner = || schema.value_schema().ok_or_else(wrong);
    let value = match &avro.node(id).kind {
        Kind::Null => Value::Null,
        Kind::Boolean => Value::Boolean(json.as_bool().ok_or_else(wrong)?),
        Kind::Int => {
            let wide = json.as_i64().ok_or_else(wrong)?;
            match schema.schema_type() {
                SchemaType::Int8 => Value::Int8(i8::try_from(wide).map_err(|_| wrong())?),
                SchemaType::Int16 => Value::Int16(i16::try_from(wide).map_err(|_| wrong())?),
                _ => Value::Int32(i32::try_from(wide).map_err(|_| wrong())?),
            }
        }
        Kind::Long => Value::Int64(json.as_i64().ok_or_else(wrong)?),
        Kind::Float => {
            Value::Float32(number().ok_or_else(wrong)?.to_string().parse().map_err(|_| wrong())?)
        }
        Kind::Double => Value::Float64(number().ok_or_else(wrong)?),
        Kind::String | Kind::Enum(_) => json.as_str().ok_or_else(wrong)?.into(),
        Kind::Bytes | Kind::Fixed(_) => {
            let text = json.as_str().ok_or_else(wrong)?;
            let bytes: Option<Vec<u8>> =
                text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            Value::Bytes(Bytes::from(bytes.ok_or_else(wrong)?))
        }
        Kind::Array(items) if schema.schema_type() == SchemaType::Array => {
            let list = json.as_array().ok_or_else(wrong)?;
            let list = list.iter().map(|item| from_json(avro, *items, (inner()?, item), mapping));
            Value::Array(list.collect::<Result<_>>()?)
        }
        Kind::Array(entry) => entries(avro, *entry, (schema, json), mapping)?,
        Kind::Map(values) => {
            let members = json.as_object().ok_or_else(wrong)?.iter().map(|(key, value)| {
                let value = from_json(avro, *values, (inner()?, value), mapping)?;
                Ok((Value::from(key.as_str()), value))
            });
            Value::Map(members.collect::<Result<_>>()?)
        }
        Kind::Record(record) => {
            let members = json.as_object().ok_or_else(wrong)?;
            let mut value = Struct::new(Arc::clone(schema))?;
            for (index, field) in record.fields.iter().enumerate() {
                let json = members.get(&field.name).or(field.default.as_ref());
                let own = schema.fields().get(index).ok_or_else(wrong)?;
                let json = json.unwrap_or(&Json::Null);
                value.set_at(index, from_json(avro, field.schema, (&own.schema, json), mapping)?);
            }
            Value::from(value)
        }
        Kind::Union(branches) => return union(avro, branches, (schema, json), mapping),
    };
    logical::to_logical(schema, value)
}

fn entries(
    avro: &Schema,
    entry: NodeId,
    (schema, json): (&Arc<ConnectSchema>, &Json),
    mapping: Mapping,
) -> Result<Value> {
    let wrong = || ConnectError::data(format!("default {json} does not fit a map"));
    let (Kind::Record(record), Some(keys), Some(values)) =
        (&avro.node(entry).kind, schema.key_schema(), schema.value_schema())
    else {
        return Err(wrong());
    };
    let ([key, value], Some(list)) = (record.fields.as_slice(), json.as_array()) else {
        return Err(wrong());
    };
    let mut found = Vec::with_capacity(list.len());
    for pair in list {
        let (key_json, value_json) = match pair {
            Json::Array(pair) if pair.len() == 2 => (&pair[0], &pair[1]),
            pair => (&pair["key"], &pair["value"]),
        };
        found.push((
            from_json(avro, key.schema, (keys, key_json), mapping)?,
            from_json(avro, value.schema, (values, value_json), mapping)?,
        ));
    }
    Ok(Value::Map(found))
}

/// A union's default takes the first branch that it fits.
fn union(
    avro: &Schema,
    branches: &[NodeId],
    (schema, json): (&Arc<ConnectSchema>, &Json),
    mapping: Mapping,
) -> Result<Value> {
    for (index, branch) in branches.iter().enumerate() {
        if !avro_default::fits(avro, *branch, json) {
            continue;
        }
        if !is_union(schema) {
            return from_json(avro, *branch, (schema, json), mapping);
        }
        let name = mapping.member_name(avro.node(*branch), index);
        if let Some(field) = schema.field(&name) {
            let mut value = Struct::new(Arc::clone(schema))?;
            let place = field.index;
            value.set_at(place, from_json(avro, *branch, (&field.schema, json), mapping)?);
            return Ok(value.into());
        }
    }
    Err(ConnectError::data(format!("default {json} fits no branch of its union")))
}
