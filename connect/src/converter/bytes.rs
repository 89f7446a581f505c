//! `org.apache.kafka.connect.converters.ByteArrayConverter`: bytes pass as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use config::ConfigDef;
use connect_api::convert::{RawHeader, RawHeaders};
use connect_api::{ConnectError, Converter, Result, Schema, SchemaType, Side, Value};

/// The byte array converter has no settings.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef::new([]));

/// Bytes ⇄ byte strings.
#[derive(Debug, Default)]
pub struct ByteArrayConverter;

impl ByteArrayConverter {
    /// Makes a converter.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Converter for ByteArrayConverter {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn configure(&mut self, _settings: &BTreeMap<String, String>, _side: Side) -> Result<()> {
        Ok(())
    }

    fn from_connect<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        schema: Option<&Arc<Schema>>,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, [u8]>>> {
        if let Some(schema) = schema
            && schema.schema_type() != SchemaType::Bytes
        {
            return Err(ConnectError::data(format!(
                "Invalid schema type for ByteArrayConverter: {}",
                schema.schema_type()
            )));
        }
        match value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(Cow::Borrowed(bytes))),
            other => Err(ConnectError::data(format!(
                "ByteArrayConverter is not compatible with objects of type {}",
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
        let value =
            bytes.map_or(Value::Null, |bytes| Value::Bytes(::bytes::Bytes::copy_from_slice(bytes)));
        Ok((Some(Schema::optional_bytes()), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_unchanged() {
        let mut converter = ByteArrayConverter::new();
        let value = Value::Bytes(::bytes::Bytes::from_static(b"\x00\xff"));
        let written =
            converter.from_connect("t", &mut Vec::new(), Some(&Schema::bytes()), &value).unwrap();
        assert_eq!(written.as_deref(), Some(b"\x00\xff".as_slice()));
        assert_eq!(converter.to_connect("t", &[], Some(b"\x00\xff")).unwrap().1, value);
        assert_eq!(converter.to_connect("t", &[], None).unwrap().1, Value::Null);
    }

    #[test]
    fn other_schemas_and_values_are_refused() {
        let mut converter = ByteArrayConverter::new();
        let text = Value::from("x");
        let by_schema =
            converter.from_connect("t", &mut Vec::new(), Some(&Schema::string()), &text);
        assert_eq!(
            by_schema.unwrap_err().to_string(),
            "Invalid schema type for ByteArrayConverter: STRING"
        );
        assert!(converter.from_connect("t", &mut Vec::new(), None, &text).is_err());
    }
}
