//! A schema's content and the hash that identifies it.
//!
//! Equal content is kept once, however many subjects share it. The hash is Confluent's: MD5 over
//! the text, then per reference name, subject and version (4 bytes, big endian); as a UUID it is
//! the schema's guid. The schema type is not hashed, so it is compared beside the hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use schema_registry_client::rest::{AVRO, SchemaReference};
use serde_json::Value;

/// MD5 of a schema's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// Hashes a text and its references.
    #[must_use]
    pub fn of(text: &str, references: &[SchemaReference]) -> Self {
        let mut md5 = Md5::new();
        md5.update(text);
        for reference in references {
            md5.update(&reference.name);
            md5.update(&reference.subject);
            md5.update(reference.version.to_be_bytes());
        }
        Self(md5.finalize().into())
    }

    /// Reads the form in which records carry it.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The form in which records carry it.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads a guid: 32 hexadecimal digits, with or without dashes.
    #[must_use]
    pub fn from_guid(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let mut bytes = [0; 16];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ContentHash {
    /// Writes the guid.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Format of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SchemaType {
    /// Avro.
    #[default]
    Avro,
    /// Another one, of which other registries may have written records.
    Other(Box<str>),
}

impl SchemaType {
    /// Reads a type's name; none means Avro.
    #[must_use]
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            None | Some("" | AVRO) => Self::Avro,
            Some(other) => Self::Other(other.into()),
        }
    }

    /// The type's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Avro => AVRO,
            Self::Other(name) => name,
        }
    }
}

/// All that makes two schemas the same or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The hash.
    pub hash: ContentHash,
    /// The format.
    pub schema_type: SchemaType,
    /// The text, as the registry prints it.
    pub text: Box<str>,
    /// Schemas whose types the text uses.
    pub references: Box<[SchemaReference]>,
    /// Properties and tags, which other registries may have written; kept as they are.
    pub metadata: Option<Box<Value>>,
    /// Rules, likewise.
    pub rule_set: Option<Box<Value>>,
}

impl Content {
    /// An Avro schema.
    #[must_use]
    pub fn avro(text: String, references: Vec<SchemaReference>) -> Self {
        Self {
            hash: ContentHash::of(&text, &references),
            schema_type: SchemaType::Avro,
            text: text.into(),
            references: references.into(),
            metadata: None,
            rule_set: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guid_is_read_with_and_without_dashes() {
        let hash = ContentHash::of("\"string\"", &[]);
        let guid = hash.to_string();
        assert_eq!(guid.len(), 36);
        assert_eq!(ContentHash::from_guid(&guid), Some(hash));
        assert_eq!(ContentHash::from_guid(&guid.replace('-', "").to_uppercase()), Some(hash));
        for bad in ["", "12", "zz", &guid[1..], &format!("{guid}0")] {
            assert_eq!(ContentHash::from_guid(bad), None, "{bad}");
        }
        assert_eq!(ContentHash::from_base64(&hash.to_base64()), Some(hash));
    }

    /// Guids that Confluent's registry gives to this schema, without and with its references.
    #[test]
    fn guids_are_confluent_s() {
        let text = r#"{"type":"record","name":"Person","namespace":"io.confluent.kafka.example","fields":[{"name":"name","type":"string"},{"name":"age","type":"int"},{"name":"ssn","type":"string"},{"name":"user","type":"io.confluent.kafka.example.User"},{"name":"address","type":"io.confluent.kafka.example.Address"}]}"#;
        let reference = |subject: &str, version| SchemaReference {
            name: format!("io.confluent.kafka.example.{subject}"),
            subject: subject.to_owned(),
            version,
        };
        let references = [reference("User", 1), reference("Address", 2)];
        let guid = |references| ContentHash::of(text, references).to_string();
        assert_eq!(guid(&[]), "d629bb05-ad85-3d20-fbcb-895de3c459f7");
        assert_eq!(guid(&references), "5c08d70e-5347-41b2-6369-199425d044eb");
    }
}
