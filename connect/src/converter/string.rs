//! `org.apache.kafka.connect.storage.StringConverter`: text, as `toString` gives it.
//!
//! Writing a string borrows its bytes: nothing is copied on the way to the producer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use config::{ConfigDef, Importance, Key};
use connect_api::convert::{RawHeader, RawHeaders};
use connect_api::{ConnectError, Converter, Result, Schema, Side, Value};

/// Settings of the string converter.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([Key::string("converter.encoding")
        .default_value("UTF-8")
        .importance(Importance::High)
        .doc("Encoding of the text: UTF-8, US-ASCII, ISO-8859-1 or UTF-16 (big-endian).")])
});

/// The encodings that text is read and written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Ascii,
    Latin1,
    Utf16,
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" => Some(Self::Utf8),
            "US-ASCII" | "ASCII" => Some(Self::Ascii),
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Some(Self::Latin1),
            "UTF-16" | "UTF-16BE" => Some(Self::Utf16),
            _ => None,
        }
    }

    fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => Cow::Borrowed(text.as_bytes()),
            Self::Ascii => Cow::Owned(single_bytes(text, 0x7f)),
            Self::Latin1 => Cow::Owned(single_bytes(text, 0xff)),
            Self::Utf16 => Cow::Owned(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        }
    }

    /// What cannot be decoded becomes U+FFFD, as Java's decoder does.
    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Ascii => bytes
                .iter()
                .map(|byte| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' })
                .collect(),
            Self::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Self::Utf16 => {
                let units = bytes.chunks(2).map(|pair| match pair {
                    [high, low] => u16::from_be_bytes([*high, *low]),
                    _ => 0xfffd,
                });
                let units: Vec<u16> = units.collect();
                let text = units.strip_prefix(&[0xfeff]).unwrap_or(&units);
                String::from_utf16_lossy(text)
            }
        }
    }
}

fn single_bytes(text: &str, highest: u32) -> Vec<u8> {
    text.chars()
        .map(|symbol| {
            u8::try_from(u32::from(symbol))
                .ok()
                .filter(|byte| u32::from(*byte) <= highest)
                .unwrap_or(b'?')
        })
        .collect()
}

/// Text ⇄ strings.
#[derive(Debug)]
pub struct StringConverter {
    encoding: Encoding,
    schema: Arc<Schema>,
}

impl StringConverter {
    /// Makes a converter that reads and writes UTF-8 until configured otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self { encoding: Encoding::Utf8, schema: Schema::optional_string() }
    }
}

impl Default for StringConverter {
    fn default() -> Self {
        Self::new()
    }
}

impl Converter for StringConverter {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn configure(&mut self, settings: &BTreeMap<String, String>, side: Side) -> Result<()> {
        let own = match side {
            Side::Key => "key.converter.encoding",
            Side::Value => "value.converter.encoding",
        };
        for key in ["converter.encoding", own] {
            if let Some(name) = settings.get(key) {
                self.encoding = Encoding::named(name).ok_or_else(|| {
                    ConnectError::config(
                        key,
                        name,
                        "expected one of UTF-8, US-ASCII, ISO-8859-1, UTF-16",
                    )
                })?;
            }
        }
        Ok(())
    }

    fn from_connect<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        _schema: Option<&Arc<Schema>>,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, [u8]>>> {
        Ok(match value {
            Value::Null => None,
            Value::String(text) => Some(self.encoding.encode(text)),
            other => {
                let text = other.to_string();
                Some(Cow::Owned(match self.encoding {
                    Encoding::Utf8 => text.into_bytes(),
                    encoding => encoding.encode(&text).into_owned(),
                }))
            }
        })
    }

    fn to_connect(
        &mut self,
        _topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)> {
        let value = bytes.map_or(Value::Null, |bytes| Value::String(self.encoding.decode(bytes)));
        Ok((Some(Arc::clone(&self.schema)), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter(encoding: &str) -> StringConverter {
        let mut converter = StringConverter::new();
        let settings = BTreeMap::from([("converter.encoding".to_owned(), encoding.to_owned())]);
        converter.configure(&settings, Side::Value).unwrap();
        converter
    }

    #[track_caller]
    fn check(encoding: &str, text: &str, bytes: &[u8]) {
        let mut converter = converter(encoding);
        let value = Value::from(text);
        let written = converter.from_connect("t", &mut Vec::new(), None, &value).unwrap();
        assert_eq!(written.as_deref(), Some(bytes));
        let (schema, read) = converter.to_connect("t", &[], Some(bytes)).unwrap();
        assert_eq!(schema, Some(Schema::optional_string()));
        assert_eq!(read, value);
    }

    #[test]
    fn text_round_trips_in_every_encoding() {
        check("UTF-8", "grün", "grün".as_bytes());
        check("iso-8859-1", "grün", b"gr\xfcn");
        check("US-ASCII", "green", b"green");
        check("UTF-16", "gü", &[0, b'g', 0, 0xfc]);
    }

    #[test]
    fn utf8_is_borrowed() {
        let value = Value::from("line");
        let written =
            StringConverter::new().from_connect("t", &mut Vec::new(), None, &value).unwrap();
        assert!(matches!(written, Some(Cow::Borrowed(_))));
    }

    #[test]
    fn null_stays_null_and_other_values_print() {
        let mut converter = StringConverter::new();
        let none = converter.from_connect("t", &mut Vec::new(), None, &Value::Null).unwrap();
        assert_eq!(none, None);
        let number = Value::Float64(1.0);
        let text = converter.from_connect("t", &mut Vec::new(), None, &number).unwrap();
        assert_eq!(text.as_deref(), Some(b"1.0".as_slice()));
        assert_eq!(converter.to_connect("t", &[], None).unwrap().1, Value::Null);
    }

    #[test]
    fn unknown_encoding_is_refused_by_name() {
        let settings = BTreeMap::from([("converter.encoding".to_owned(), "KOI8".to_owned())]);
        let error = StringConverter::new().configure(&settings, Side::Key).unwrap_err();
        assert!(error.to_string().contains("KOI8"), "{error}");
    }

    #[test]
    fn what_cannot_be_decoded_is_replaced() {
        let mut converter = StringConverter::new();
        let (_, value) = converter.to_connect("t", &[], Some(b"a\xffb")).unwrap();
        assert_eq!(value, Value::from("a\u{fffd}b"));
    }
}
