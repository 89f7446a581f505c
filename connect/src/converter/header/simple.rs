//! `org.apache.kafka.connect.storage.SimpleHeaderConverter`: headers as text.
//!
//! A string is written as it is; inside lists and maps it is quoted. Bytes are base64. Reading
//! guesses the type ([`super::guess`]); bytes that are not UTF-8 stay bytes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use config::ConfigDef;
use connect_api::{HeaderConverter, Result, Schema, Value};

use super::guess;

/// The simple header converter has no settings.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef::new([]));

const MS_PER_DAY: i64 = 86_400_000;

/// Text ⇄ header values.
#[derive(Debug, Default)]
pub struct SimpleHeaderConverter;

impl SimpleHeaderConverter {
    /// Makes a converter.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl HeaderConverter for SimpleHeaderConverter {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn configure(&mut self, _settings: &BTreeMap<String, String>) -> Result<()> {
        Ok(())
    }

    fn from_connect_header(
        &mut self,
        _topic: &str,
        _header: &str,
        _schema: Option<&Arc<Schema>>,
        value: &Value,
    ) -> Result<Option<Vec<u8>>> {
        Ok(match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone().into_bytes()),
            value => {
                let mut text = String::new();
                embed(&mut text, value);
                Some(text.into_bytes())
            }
        })
    }

    fn to_connect_header(
        &mut self,
        _topic: &str,
        _header: &str,
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)> {
        let Some(bytes) = bytes else { return Ok((None, Value::Null)) };
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => guess::parse(text),
            Err(_) => (Some(Schema::bytes()), Value::Bytes(bytes::Bytes::copy_from_slice(bytes))),
        })
    }
}

/// Writes a value as it stands inside a list or map.
fn embed(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => {
            out.push('"');
            for symbol in text.chars() {
                if matches!(symbol, '"' | '\\') {
                    out.push('\\');
                }
                out.push(symbol);
            }
            out.push('"');
        }
        Value::Bytes(bytes) => out.push_str(&STANDARD.encode(bytes)),
        Value::Date(days) => push_time(out, i64::from(*days) * MS_PER_DAY, "%Y-%m-%d"),
        Value::Time(ms) => push_time(out, i64::from(*ms), "%H:%M:%S%.3fZ"),
        Value::Timestamp(ms) => push_time(out, *ms, "%Y-%m-%dT%H:%M:%S%.3fZ"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                embed(out, item);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, entry)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                embed(out, key);
                out.push(':');
                embed(out, entry);
            }
            out.push('}');
        }
        other => push(out, format_args!("{other}")),
    }
}

fn push_time(out: &mut String, ms: i64, format: &str) {
    match DateTime::from_timestamp_millis(ms) {
        Some(time) => push(out, format_args!("{}", time.format(format))),
        None => push(out, format_args!("{ms}")),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, text: &str) {
        let mut converter = SimpleHeaderConverter::new();
        let bytes = converter.from_connect_header("t", "h", None, value).unwrap().unwrap();
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), text);
        assert_eq!(&converter.to_connect_header("t", "h", Some(&bytes)).unwrap().1, value);
    }

    #[test]
    fn headers_round_trip_as_text() {
        check(&"plain text".into(), "plain text");
        check(&Value::Int8(7), "7");
        check(&Value::Boolean(true), "true");
        check(&Value::Array(vec![Value::Int8(1), Value::Int8(2)]), "[1,2]");
        check(&Value::Map(vec![("a\"b".into(), "x".into())]), "{\"a\\\"b\":\"x\"}");
        check(&Value::Timestamp(0), "1970-01-01T00:00:00.000Z");
        check(&Value::Date(19_782), "2024-02-29");
        check(&Value::Time(1), "00:00:00.001Z");
    }

    #[test]
    fn bytes_that_are_not_text_stay_bytes() {
        let read = SimpleHeaderConverter::new().to_connect_header("t", "h", Some(&[0xff])).unwrap();
        assert_eq!(read.1, Value::Bytes(bytes::Bytes::from_static(&[0xff])));
    }
}
