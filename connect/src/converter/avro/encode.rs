//! Connect values → Avro binary, by a plan made once per pair of schemas.
//!
//! For the layout see [`super::decode`].

use std::sync::Arc;

use connect_api::data::Decimal;
use connect_api::{ConnectError, Result, Struct, Value};
use num_bigint::Sign;

use super::names::{ANYTHING, MAX_DEPTH};

/// How to write one type.
#[derive(Debug)]
pub(super) enum Encode {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed {
        size: usize,
    },
    Enum {
        symbols: Vec<String>,
    },
    Array {
        items: Box<Self>,
    },
    Map {
        values: Box<Self>,
    },
    /// An array of records of key and value; the value comes first if `value_first`.
    Entries {
        key: Box<Self>,
        value: Box<Self>,
        value_first: bool,
    },
    /// A struct of so many fields.
    Record {
        count: usize,
        fields: Vec<FieldPlan>,
    },
    /// One type that may be null, in a union.
    Optional {
        null: Option<usize>,
        branch: usize,
        value: Box<Self>,
    },
    /// A struct with a field per branch of a union.
    Union {
        null: Option<usize>,
        branches: Vec<(usize, Arc<str>, Self)>,
    },
    /// A value without schema.
    Anything,
}

/// How to write one field of a record.
#[derive(Debug)]
pub(super) enum FieldPlan {
    /// The struct's field at an index; the default stands in for null.
    Own { index: usize, name: Arc<str>, default: Option<Value>, plan: Encode },
    /// A field that only the Avro schema has: its default.
    Constant(Vec<u8>),
}

/// Writes a value at the end of `out`.
///
/// # Errors
///
/// Data: the value is not of the type that the plan was made for.
pub(super) fn encode(plan: &Encode, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (plan, value) {
        (Encode::String, Value::String(text)) => write_run(out, text.as_bytes()),
        (Encode::Record { count, fields }, Value::Struct(value)) => {
            if value.values().len() != *count {
                return Err(mismatching());
            }
            for field in fields {
                encode_field(field, value, out)?;
            }
        }
        (
            Encode::Optional { null: Some(null), .. } | Encode::Union { null: Some(null), .. },
            Value::Null,
        ) => write_count(out, *null),
        (Encode::Anything, value) => anything(value, out, 0)?,
        (_, Value::Null) => {
            return Err(ConnectError::data("Found null value for non-optional schema"));
        }
        (Encode::Optional { branch, value: plan, .. }, value) => {
            write_count(out, *branch);
            encode(plan, value, out)?;
        }
        (Encode::Union { null, branches }, Value::Struct(value)) => {
            let set = value.values().iter().enumerate().find(|(_, own)| !own.is_null());
            match (set, null) {
                (Some((index, own)), _) => {
                    let (branch, name, plan) = branches.get(index).ok_or_else(mismatching)?;
                    check_name(value, index, name)?;
                    write_count(out, *branch);
                    encode(plan, own, out)?;
                }
                (None, Some(null)) => write_count(out, *null),
                (None, None) => {
                    return Err(ConnectError::data("a union of which no field is set"));
                }
            }
        }
        (Encode::Array { items }, Value::Array(list)) => {
            start_block(out, list.len());
            for item in list {
                encode(items, item, out)?;
            }
            end_blocks(out);
        }
        (Encode::Map { values }, Value::Map(entries)) => {
            start_block(out, entries.len());
            for (key, value) in entries {
                let key = key.as_str().ok_or_else(|| {
                    ConnectError::data(format!("key of type {} in a map of text keys", key.kind()))
                })?;
                write_run(out, key.as_bytes());
                encode(values, value, out)?;
            }
            end_blocks(out);
        }
        (Encode::Entries { key, value, value_first }, Value::Map(entries)) => {
            start_block(out, entries.len());
            for (own_key, own_value) in entries {
                let pairs = [(key, own_key), (value, own_value)];
                for index in if *value_first { [1, 0] } else { [0, 1] } {
                    encode(pairs[index].0, pairs[index].1, out)?;
                }
            }
            end_blocks(out);
        }
        (plan, value) => return encode_scalar(plan, value, out),
    }
    Ok(())
}

fn encode_scalar(plan: &Encode, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (plan, value) {
        (Encode::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
        (
            Encode::Int | Encode::Long,
            Value::Int32(value) | Value::Date(value) | Value::Time(value),
        ) => write_long(out, i64::from(*value)),
        (Encode::Long, Value::Int64(value) | Value::Timestamp(value)) => write_long(out, *value),
        (Encode::Int | Encode::Long, Value::Int8(value)) => write_long(out, i64::from(*value)),
        (Encode::Int | Encode::Long, Value::Int16(value)) => write_long(out, i64::from(*value)),
        (Encode::Float, Value::Float32(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Encode::Double, Value::Float64(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Encode::Double, Value::Float32(value)) => {
            out.extend_from_slice(&f64::from(*value).to_le_bytes());
        }
        (Encode::Bytes, Value::Bytes(bytes)) => write_run(out, bytes),
        (Encode::Bytes, Value::Decimal(number)) => write_run(out, &number.to_bytes()),
        (Encode::Fixed { size }, Value::Bytes(bytes)) => {
            if bytes.len() != *size {
                return Err(ConnectError::data(format!(
                    "{} bytes for an Avro fixed of {size}",
                    bytes.len()
                )));
            }
            out.extend_from_slice(bytes);
        }
        (Encode::Fixed { size }, Value::Decimal(number)) => write_fixed(out, number, *size)?,
        (Encode::Enum { symbols }, Value::String(text)) => {
            let index = symbols.iter().position(|symbol| symbol == text).ok_or_else(|| {
                ConnectError::data(format!("{text} is no symbol of the Avro enum"))
            })?;
            write_count(out, index);
        }
        (plan, value) => {
            return Err(ConnectError::data(format!(
                "Invalid type for Avro {}: {}",
                plan.name(),
                value.kind()
            )));
        }
    }
    Ok(())
}

impl Encode {
    /// Tells whether the whole datum is bytes, which go out without their length.
    pub(super) const fn is_bytes(&self) -> bool {
        matches!(self, Self::Bytes)
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed { .. } => "fixed",
            Self::Enum { .. } => "enum",
            Self::Array { .. } | Self::Entries { .. } => "array",
            Self::Map { .. } => "map",
            Self::Record { .. } => "record",
            Self::Optional { .. } | Self::Union { .. } => "union",
            Self::Anything => ANYTHING,
        }
    }
}

/// The value's own schema is another than the one that the plan was made for.
fn mismatching() -> ConnectError {
    ConnectError::data("Mismatching struct schema")
}

/// Places in a plan are those of one schema; a struct of another must not pass for it.
fn check_name(value: &Struct, index: usize, name: &Arc<str>) -> Result<()> {
    let own = value.schema().fields().get(index).map(|field| &field.name);
    let same = own.is_some_and(|own| Arc::ptr_eq(own, name) || own == name);
    if same { Ok(()) } else { Err(mismatching()) }
}

fn encode_field(field: &FieldPlan, values: &Struct, out: &mut Vec<u8>) -> Result<()> {
    match field {
        FieldPlan::Constant(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        FieldPlan::Own { index, name, default, plan } => {
            check_name(values, *index, name)?;
            let value = match &values.values()[*index] {
                Value::Null => default.as_ref().unwrap_or(&Value::Null),
                value => value,
            };
            encode(plan, value, out).map_err(|error| match error {
                ConnectError::Data { message, source } => {
                    ConnectError::Data { message: format!("field {name}: {message}"), source }
                }
                error => error,
            })
        }
    }
}

/// Writes a value without schema: nine optional fields, of which one is set.
fn anything(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH / 4 {
        return Err(ConnectError::data(format!("value deeper than {} levels", MAX_DEPTH / 4)));
    }
    let place = match value {
        Value::Null => 9,
        Value::Boolean(_) => 0,
        Value::Bytes(_) => 1,
        Value::Float64(_) => 2,
        Value::Float32(_) => 3,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => 4,
        Value::Int64(_) => 5,
        Value::String(_) => 6,
        Value::Array(_) => 7,
        Value::Map(_) => 8,
        Value::Decimal(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Timestamp(_)
        | Value::Struct(_) => {
            return Err(ConnectError::data(format!(
                "a {} needs a schema to be written as Avro",
                value.kind()
            )));
        }
    };
    for field in 0..9 {
        if field != place {
            out.push(0);
            continue;
        }
        write_count(out, 1);
        match value {
            Value::Boolean(value) => out.push(u8::from(*value)),
            Value::Bytes(bytes) => write_run(out, bytes),
            Value::Float64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::Float32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::String(text) => write_run(out, text.as_bytes()),
            Value::Array(items) => {
                start_block(out, items.len());
                for item in items {
                    anything(item, out, depth + 1)?;
                }
                end_blocks(out);
            }
            Value::Map(entries) => {
                start_block(out, entries.len());
                for (key, value) in entries {
                    anything(key, out, depth + 1)?;
                    anything(value, out, depth + 1)?;
                }
                end_blocks(out);
            }
            value => write_long(out, value.as_i64().unwrap_or(0)),
        }
    }
    Ok(())
}

/// Writes a decimal in so many bytes, the sign repeated in front.
fn write_fixed(out: &mut Vec<u8>, number: &Decimal, size: usize) -> Result<()> {
    let bytes = number.to_bytes();
    let Some(room) = size.checked_sub(bytes.len()) else {
        return Err(ConnectError::data(format!(
            "decimal of {} bytes for an Avro fixed of {size}",
            bytes.len()
        )));
    };
    let sign = if number.unscaled.sign() == Sign::Minus { 0xff } else { 0 };
    out.resize(out.len() + room, sign);
    out.extend_from_slice(&bytes);
    Ok(())
}

#[inline]
pub(super) fn write_long(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while bits >= 0x80 {
        out.push((bits & 0x7f) as u8 | 0x80);
        bits >>= 7;
    }
    out.push((bits & 0x7f) as u8);
}

/// Writes a count, an index or a length, none of which reaches 2^63.
pub(super) fn write_count(out: &mut Vec<u8>, count: usize) {
    write_long(out, i64::try_from(count).expect("a length in memory fits 63 bits"));
}

pub(super) fn write_run(out: &mut Vec<u8>, bytes: &[u8]) {
    write_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(super) fn start_block(out: &mut Vec<u8>, count: usize) {
    if count > 0 {
        write_count(out, count);
    }
}

/// Ends the blocks of an array or map; one without items is this end alone.
pub(super) fn end_blocks(out: &mut Vec<u8>) {
    out.push(0);
}
