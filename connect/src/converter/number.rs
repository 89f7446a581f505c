//! `org.apache.kafka.connect.converters.{Short,Integer,Long,Float,Double,Boolean}Converter`:
//! one value as Kafka's primitive serializers write it, big-endian.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use config::ConfigDef;
use connect_api::convert::{RawHeader, RawHeaders};
use connect_api::{ConnectError, Converter, Result, Schema, SchemaType, Side, Value};

/// The primitive converters have no settings.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef::new([]));

/// Checks what a primitive converter was given against what it writes.
fn check_schema(converter: &str, schema: Option<&Arc<Schema>>, expected: SchemaType) -> Result<()> {
    match schema {
        Some(schema) if schema.schema_type() != expected => Err(ConnectError::data(format!(
            "Invalid schema type for {converter}: {}",
            schema.schema_type()
        ))),
        _ => Ok(()),
    }
}

macro_rules! primitive_converter {
    ($name:ident, $variant:ident, $kind:ty, $optional:ident, $what:literal) => {
        #[doc = concat!("Big-endian bytes ⇄ ", $what, ".")]
        #[derive(Debug, Default)]
        pub struct $name;

        impl $name {
            /// Makes a converter.
            #[must_use]
            pub const fn new() -> Self {
                Self
            }
        }

        impl Converter for $name {
            fn config(&self) -> &'static ConfigDef {
                &CONFIG
            }

            fn configure(
                &mut self,
                _settings: &BTreeMap<String, String>,
                _side: Side,
            ) -> Result<()> {
                Ok(())
            }

            fn from_connect<'a>(
                &mut self,
                _topic: &str,
                _headers: &mut RawHeaders,
                schema: Option<&Arc<Schema>>,
                value: &'a Value,
            ) -> Result<Option<Cow<'a, [u8]>>> {
                check_schema(stringify!($name), schema, SchemaType::$variant)?;
                match value {
                    Value::Null => Ok(None),
                    Value::$variant(value) => Ok(Some(Cow::Owned(encode(*value)))),
                    other => Err(ConnectError::data(format!(
                        "Failed to serialize to {}: value is of type {}",
                        $what,
                        other.kind()
                    ))),
                }
            }

            fn to_connect(
                &mut self,
                _topic: &str,
                _headers: &[RawHeader],
                bytes: Option<&[u8]>,
            ) -> Result<(Option<Arc<Schema>>, Value)> {
                let value = match bytes {
                    None => Value::Null,
                    Some(bytes) => {
                        Value::$variant(<$kind as Primitive>::decode(bytes).ok_or_else(|| {
                            ConnectError::data(format!(
                                "Failed to deserialize {}: {} bytes, expected {}",
                                $what,
                                bytes.len(),
                                size_of::<$kind>()
                            ))
                        })?)
                    }
                };
                Ok((Some(Schema::$optional()), value))
            }
        }
    };
}

/// A value of fixed size in Kafka's primitive encoding.
trait Primitive: Sized {
    fn encode(self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

fn encode<P: Primitive>(value: P) -> Vec<u8> {
    value.encode()
}

macro_rules! big_endian {
    ($($kind:ty),*) => {
        $(impl Primitive for $kind {
            fn encode(self) -> Vec<u8> {
                self.to_be_bytes().to_vec()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_be_bytes)
            }
        })*
    };
}

big_endian!(i16, i32, i64, f32, f64);

impl Primitive for bool {
    fn encode(self) -> Vec<u8> {
        vec![u8::from(self)]
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

primitive_converter!(ShortConverter, Int16, i16, optional_int16, "short");
primitive_converter!(IntegerConverter, Int32, i32, optional_int32, "integer");
primitive_converter!(LongConverter, Int64, i64, optional_int64, "long");
primitive_converter!(FloatConverter, Float32, f32, optional_float32, "float");
primitive_converter!(DoubleConverter, Float64, f64, optional_float64, "double");
primitive_converter!(BooleanConverter, Boolean, bool, optional_boolean, "boolean");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut converter: impl Converter, value: &Value, bytes: &[u8]) {
        let written = converter.from_connect("t", &mut Vec::new(), None, value).unwrap();
        assert_eq!(written.as_deref(), Some(bytes));
        let (schema, read) = converter.to_connect("t", &[], Some(bytes)).unwrap();
        assert_eq!(&read, value);
        assert!(schema.unwrap().is_optional());
        assert_eq!(converter.to_connect("t", &[], None).unwrap().1, Value::Null);
        assert!(converter.to_connect("t", &[], Some(&[9; 9])).is_err());
    }

    #[test]
    fn primitives_round_trip_big_endian() {
        check(ShortConverter::new(), &Value::Int16(-2), &[0xff, 0xfe]);
        check(IntegerConverter::new(), &Value::Int32(1), &[0, 0, 0, 1]);
        check(LongConverter::new(), &Value::Int64(1), &[0, 0, 0, 0, 0, 0, 0, 1]);
        check(FloatConverter::new(), &Value::Float32(1.0), &[0x3f, 0x80, 0, 0]);
        check(DoubleConverter::new(), &Value::Float64(1.0), &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        check(BooleanConverter::new(), &Value::Boolean(true), &[1]);
    }

    #[test]
    fn wrong_schema_and_value_are_refused() {
        let mut converter = IntegerConverter::new();
        let value = Value::Int64(1);
        let by_schema =
            converter.from_connect("t", &mut Vec::new(), Some(&Schema::int64()), &value);
        assert_eq!(
            by_schema.unwrap_err().to_string(),
            "Invalid schema type for IntegerConverter: INT64"
        );
        assert!(converter.from_connect("t", &mut Vec::new(), None, &value).is_err());
    }
}
