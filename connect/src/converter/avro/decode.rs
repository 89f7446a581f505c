//! Avro binary → Connect values, by a plan made once per schema.
//!
//! Integers are zigzag varints; floats are little-endian; strings and bytes have a length before
//! them; arrays and maps are blocks of items, each with a count before it (a negative count has a
//! size in bytes after it), ended by a count of 0; a union is the index of its branch and a value.
//!
//! Hostile bytes cannot make more than their length pays for: lengths are checked against what is
//! left, and items that take no bytes come out of a fixed budget.
//!
//! Source: the Avro 1.12 specification, binary encoding.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use connect_api::data::Decimal;
use connect_api::{Schema, Struct, Value};

use super::names::MAX_DEPTH;

/// Items without bytes that one datum may hold.
const FREE_ITEMS: usize = 10_000;
/// Most items that room is made for before they are seen.
const MAX_RESERVED: usize = 1000;

/// Why bytes are not a datum of their schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// The bytes end inside a value.
    #[error("the data end at byte {at}, inside a value")]
    Truncated {
        /// Length of the data.
        at: usize,
    },
    /// An integer has more bits than its type.
    #[error("integer too large at byte {at}")]
    Overflow {
        /// Where the integer begins.
        at: usize,
    },
    /// A length is negative, or more than the bytes that follow.
    #[error("length {length} at byte {at}, {left} bytes left")]
    Length {
        /// Where the length ends.
        at: usize,
        /// The length as written.
        length: i64,
        /// Bytes that follow.
        left: usize,
    },
    /// A count of items cannot be.
    #[error("count {count} of items at byte {at}")]
    Count {
        /// Where the count ends.
        at: usize,
        /// The count as written.
        count: i64,
    },
    /// Text is not UTF-8.
    #[error("text at byte {at} is not UTF-8")]
    Utf8 {
        /// Where the text ends.
        at: usize,
    },
    /// The index of a union's branch or of an enum's symbol is none.
    #[error("index {index} of {count} at byte {at}")]
    Index {
        /// Where the index ends.
        at: usize,
        /// The index as written.
        index: i64,
        /// Branches or symbols that there are.
        count: usize,
    },
    /// An integer does not fit the narrow type that the schema says it is.
    #[error("{value} does not fit {kind}")]
    Narrow {
        /// The integer.
        value: i32,
        /// The narrow type.
        kind: &'static str,
    },
    /// Schemaless values are nested too deep.
    #[error("values nested deeper than {limit} levels")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
}

/// How to read one type.
#[derive(Debug)]
pub(super) enum Decode {
    Null,
    Boolean,
    Int8,
    Int16,
    Int32,
    Date,
    Time,
    Int64,
    Timestamp,
    Float32,
    Float64,
    String,
    Bytes,
    Decimal {
        scale: i32,
    },
    Fixed {
        size: usize,
    },
    FixedDecimal {
        size: usize,
        scale: i32,
    },
    Enum {
        symbols: Vec<String>,
    },
    Array {
        items: Arc<Self>,
    },
    /// A map with text keys.
    Map {
        values: Arc<Self>,
    },
    /// An array of records of key and value; the value comes first if `value_first`.
    Entries {
        key: Arc<Self>,
        value: Arc<Self>,
        value_first: bool,
    },
    Struct {
        schema: Arc<Schema>,
        fields: Vec<Arc<Self>>,
    },
    /// A union that is one type, optional or not.
    Union {
        branches: Vec<Arc<Self>>,
    },
    /// A union that is a struct with a field per branch; a branch without field is null.
    UnionStruct {
        schema: Arc<Schema>,
        branches: Vec<Option<(usize, Arc<Self>)>>,
    },
    /// A value without schema.
    Anything,
}

impl Decode {
    /// Tells whether a value may take no bytes.
    fn is_free(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Fixed { size } | Self::FixedDecimal { size, .. } => *size == 0,
            Self::Struct { fields, .. } => fields.iter().all(|field| field.is_free()),
            _ => false,
        }
    }
}

/// Reads one datum; bytes after it are ignored, as the original ignores them.
///
/// # Errors
///
/// Says what is wrong, and at which byte.
pub(super) fn decode(plan: &Decode, bytes: &[u8]) -> Result<Value, DecodeError> {
    Cursor { bytes, at: 0, free: FREE_ITEMS }.value(plan)
}

/// Reads one entry of a map.
type EntryReader<'a, 'f> = dyn Fn(&mut Cursor<'a>) -> Result<(Value, Value), DecodeError> + 'f;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    free: usize,
}

impl<'a> Cursor<'a> {
    fn value(&mut self, plan: &Decode) -> Result<Value, DecodeError> {
        Ok(match plan {
            Decode::Null => Value::Null,
            Decode::Boolean => Value::Boolean(self.take(1)?[0] != 0),
            Decode::Int32 => Value::Int32(self.int()?),
            Decode::Date => Value::Date(self.int()?),
            Decode::Time => Value::Time(self.int()?),
            Decode::Int8 => {
                let value = self.int()?;
                let narrow = i8::try_from(value);
                Value::Int8(narrow.map_err(|_| DecodeError::Narrow { value, kind: "int8" })?)
            }
            Decode::Int16 => {
                let value = self.int()?;
                let narrow = i16::try_from(value);
                Value::Int16(narrow.map_err(|_| DecodeError::Narrow { value, kind: "int16" })?)
            }
            Decode::Int64 => Value::Int64(self.long()?),
            Decode::Timestamp => Value::Timestamp(self.long()?),
            Decode::Float32 => Value::Float32(f32::from_le_bytes(self.array()?)),
            Decode::Float64 => Value::Float64(f64::from_le_bytes(self.array()?)),
            Decode::String => Value::String(self.text()?.to_owned()),
            Decode::Bytes => Value::Bytes(Bytes::copy_from_slice(self.run()?)),
            Decode::Decimal { scale } => Value::Decimal(Decimal::from_bytes(self.run()?, *scale)),
            Decode::Fixed { size } => Value::Bytes(Bytes::copy_from_slice(self.take(*size)?)),
            Decode::FixedDecimal { size, scale } => {
                Value::Decimal(Decimal::from_bytes(self.take(*size)?, *scale))
            }
            Decode::Enum { symbols } => {
                let index = self.index(symbols.len())?;
                Value::String(symbols[index].clone())
            }
            Decode::Array { items } => self.items(items)?,
            Decode::Map { values } => self.map(&|cursor| {
                let key = cursor.text()?.to_owned();
                Ok((Value::String(key), cursor.value(values)?))
            })?,
            Decode::Entries { key, value, value_first } => self.map(&|cursor| {
                if *value_first {
                    let value = cursor.value(value)?;
                    Ok((cursor.value(key)?, value))
                } else {
                    Ok((cursor.value(key)?, cursor.value(value)?))
                }
            })?,
            Decode::Struct { schema, fields } => {
                let mut value =
                    Struct::new(Arc::clone(schema)).expect("the plan holds the schema of a struct");
                for (index, field) in fields.iter().enumerate() {
                    value.set_at(index, self.value(field)?);
                }
                Value::Struct(Box::new(value))
            }
            Decode::Union { branches } => {
                let index = self.index(branches.len())?;
                self.value(&branches[index])?
            }
            Decode::UnionStruct { schema, branches } => {
                let index = self.index(branches.len())?;
                let Some((field, plan)) = &branches[index] else { return Ok(Value::Null) };
                let mut value =
                    Struct::new(Arc::clone(schema)).expect("the plan holds the schema of a struct");
                value.set_at(*field, self.value(plan)?);
                Value::Struct(Box::new(value))
            }
            Decode::Anything => self.anything(0)?,
        })
    }

    fn items(&mut self, plan: &Decode) -> Result<Value, DecodeError> {
        let free = plan.is_free();
        let mut list = Vec::new();
        while let Some(count) = self.block(free)? {
            list.reserve(count.min(MAX_RESERVED));
            for _ in 0..count {
                list.push(self.value(plan)?);
            }
        }
        Ok(Value::Array(list))
    }

    /// Reads entries; a later one replaces an earlier one whose key had the same bytes.
    fn map(&mut self, entry: &EntryReader<'a, '_>) -> Result<Value, DecodeError> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        while let Some(count) = self.block(true)? {
            entries.reserve(count.min(MAX_RESERVED));
            for _ in 0..count {
                entries.push(entry(self)?);
            }
        }
        Ok(Value::Map(unique(entries)))
    }

    /// Begins the next block; none at the end.
    fn block(&mut self, free: bool) -> Result<Option<usize>, DecodeError> {
        let written = self.long()?;
        if written == 0 {
            return Ok(None);
        }
        let wrong = DecodeError::Count { at: self.at, count: written };
        if written < 0 {
            // The size in bytes lets a reader skip the block; this one never does.
            self.long()?;
        }
        let count = usize::try_from(written.unsigned_abs()).map_err(|_| wrong.clone())?;
        let left = self.bytes.len() - self.at;
        if free {
            let unpaid = count.saturating_sub(left);
            self.free = self.free.checked_sub(unpaid).ok_or(wrong)?;
        } else if count > left {
            return Err(wrong);
        }
        Ok(Some(count))
    }

    /// A record of one optional field per type, of which at most one is set.
    fn anything(&mut self, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH / 4 {
            return Err(DecodeError::TooDeep { limit: MAX_DEPTH / 4 });
        }
        let mut found = Value::Null;
        for kind in 0..9 {
            if self.index(2)? == 0 {
                continue;
            }
            let value = match kind {
                0 => Value::Boolean(self.take(1)?[0] != 0),
                1 => Value::Bytes(Bytes::copy_from_slice(self.run()?)),
                2 => Value::Float64(f64::from_le_bytes(self.array()?)),
                3 => Value::Float32(f32::from_le_bytes(self.array()?)),
                4 => Value::Int32(self.int()?),
                5 => Value::Int64(self.long()?),
                6 => Value::String(self.text()?.to_owned()),
                7 => {
                    let mut items = Vec::new();
                    while let Some(count) = self.block(false)? {
                        for _ in 0..count {
                            items.push(self.anything(depth + 1)?);
                        }
                    }
                    Value::Array(items)
                }
                _ => self.map(&|cursor| {
                    Ok((cursor.anything(depth + 1)?, cursor.anything(depth + 1)?))
                })?,
            };
            if found.is_null() {
                found = value;
            }
        }
        Ok(found)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(DecodeError::Truncated { at: self.bytes.len() })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn int(&mut self) -> Result<i32, DecodeError> {
        let at = self.at;
        i32::try_from(self.long()?).map_err(|_| DecodeError::Overflow { at })
    }

    #[inline]
    fn long(&mut self) -> Result<i64, DecodeError> {
        let start = self.at;
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            bits |= low << shift;
            if byte < 0x80 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err(DecodeError::Overflow { at: start })
    }

    /// Reads bytes with their length before them.
    fn run(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.long()?;
        let left = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(count) if count <= left => self.take(count),
            _ => Err(DecodeError::Length { at: self.at, length, left }),
        }
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let run = self.run()?;
        std::str::from_utf8(run).map_err(|_| DecodeError::Utf8 { at: self.at })
    }

    fn index(&mut self, count: usize) -> Result<usize, DecodeError> {
        let index = self.long()?;
        let fits = usize::try_from(index).ok().filter(|index| *index < count);
        fits.ok_or(DecodeError::Index { at: self.at, index, count })
    }
}

/// Keeps the last value of each key, at the place of the first. Only text keys are compared;
/// of others the original's own writer never makes two.
fn unique(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    if !has_repeated_key(&entries) {
        return entries;
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<(Value, Value)> = Vec::with_capacity(entries.len().min(MAX_RESERVED));
    for (key, value) in entries {
        let place = key.as_str().map(|key| *places.entry(key.to_owned()).or_insert(kept.len()));
        match place.filter(|place| *place < kept.len()) {
            Some(place) => kept[place].1 = value,
            None => kept.push((key, value)),
        }
    }
    kept
}

fn has_repeated_key(entries: &[(Value, Value)]) -> bool {
    /// Entries up to which comparing each with each is faster than hashing.
    const FEW: usize = 8;
    if entries.len() <= FEW {
        return entries.iter().enumerate().any(|(index, (key, _))| {
            key.as_str().is_some() && entries[..index].iter().any(|(earlier, _)| earlier == key)
        });
    }
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().filter_map(|(key, _)| key.as_str()).any(|key| !seen.insert(key))
}
