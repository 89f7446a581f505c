//! Records of the topic: compact JSON, members in Confluent's order, because compaction compares
//! the bytes of keys.
//!
//! | key | value |
//! |---|---|
//! | `{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}` | the schema; none deletes for good |
//! | `{"keytype":"CONFIG","subject":"s","magic":0}` | settings; none unsets |
//! | `{"keytype":"MODE","subject":"s","magic":0}` | `{"subject":"s","mode":"READONLY"}`; none unsets |
//! | `{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}` | `{"subject":"s","version":2}`: 1 and 2 are soft-deleted |
//! | `{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}` | `{"subject":"s"}`: what is soft-deleted goes |
//! | `{"keytype":"NOOP","magic":0}` | none |
//!
//! For settings of all subjects the key has no subject; older registries wrote `"subject":null`.
//! Read leniently: other orders, unknown members. Source: `SchemaRegistrySerializer` and the
//! `*Key` classes of Confluent's registry.

use schema_registry_client::rest::SchemaReference;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::content::{Content, ContentHash, SchemaType};

/// Why a record was not understood.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Key or value is not JSON of the expected shape.
    #[error("{part} is not what its type should be: {source}")]
    Json {
        /// `key` or `value`.
        part: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The key is of a type that this registry does not know.
    #[error("key of unknown type {keytype}")]
    UnknownType {
        /// The type as written.
        keytype: String,
    },
    /// The key lacks a member.
    #[error("key of type {keytype} without {member}")]
    Missing {
        /// The type.
        keytype: String,
        /// The member.
        member: &'static str,
    },
    /// The record has no key.
    #[error("record without a key")]
    NoKey,
    /// A number is out of its range.
    #[error("{member} {found} is out of range")]
    OutOfRange {
        /// The member.
        member: &'static str,
        /// The number.
        found: i32,
    },
    /// The subject is in a context of its own, which this registry does not serve.
    #[error("subject {subject} is in a context, which is not served")]
    Context {
        /// The subject as written.
        subject: String,
    },
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// One version of a subject.
    Schema {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// Settings of a subject, or of all.
    Config {
        /// The subject.
        subject: Option<String>,
    },
    /// Mode of a subject, or of all.
    Mode {
        /// The subject.
        subject: Option<String>,
    },
    /// Soft deletion of a subject.
    DeleteSubject {
        /// The subject.
        subject: String,
    },
    /// Removal of what is soft-deleted.
    ClearSubject {
        /// The subject.
        subject: String,
    },
    /// Nothing.
    Noop,
}

#[derive(Deserialize)]
struct RawKey {
    keytype: String,
    subject: Option<String>,
    version: Option<i32>,
    /// Present in the dialect of Redpanda's registry.
    seq: Option<Value>,
}

/// A key as read: what it is about, and whether it is in another registry's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedKey {
    /// What it is about.
    pub key: Key,
    /// It carries a sequence number, so its writers depend on offsets that we do not keep to.
    pub sequenced: bool,
}

impl Key {
    /// Writes the key's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("keytype".to_owned(), self.keytype().into());
        let (subject, magic) = match self {
            Self::Schema { subject, .. } => (Some(subject), 1),
            Self::DeleteSubject { subject } | Self::ClearSubject { subject } => (Some(subject), 0),
            Self::Config { subject } | Self::Mode { subject } => (subject.as_ref(), 0),
            Self::Noop => (None, 0),
        };
        if let Some(subject) = subject {
            members.insert("subject".to_owned(), subject.as_str().into());
        }
        if let Self::Schema { version, .. } = self {
            members.insert("version".to_owned(), (*version).into());
        }
        members.insert("magic".to_owned(), magic.into());
        Value::Object(members).to_string().into_bytes()
    }

    const fn keytype(&self) -> &'static str {
        match self {
            Self::Schema { .. } => "SCHEMA",
            Self::Config { .. } => "CONFIG",
            Self::Mode { .. } => "MODE",
            Self::DeleteSubject { .. } => "DELETE_SUBJECT",
            Self::ClearSubject { .. } => "CLEAR_SUBJECT",
            Self::Noop => "NOOP",
        }
    }

    /// Reads a key's bytes.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when it is not JSON, of an unknown type, incomplete, or in a context.
    pub fn decode(bytes: Option<&[u8]>) -> Result<DecodedKey, RecordError> {
        let bytes = bytes.ok_or(RecordError::NoKey)?;
        let raw: RawKey = serde_json::from_slice(bytes)
            .map_err(|source| RecordError::Json { part: "key", source })?;
        let RawKey { keytype, subject, version, seq } = raw;
        let subject = subject.map(own_subject).transpose()?;
        let key = match (keytype.as_str(), subject, version) {
            ("SCHEMA", Some(subject), Some(version)) => {
                let version = in_range("version", version, 1)?;
                Self::Schema { subject, version }
            }
            ("SCHEMA", Some(_), None) => {
                return Err(RecordError::Missing { keytype, member: "version" });
            }
            ("CONFIG", subject, _) => Self::Config { subject },
            ("MODE", subject, _) => Self::Mode { subject },
            ("DELETE_SUBJECT", Some(subject), _) => Self::DeleteSubject { subject },
            ("CLEAR_SUBJECT", Some(subject), _) => Self::ClearSubject { subject },
            ("SCHEMA" | "DELETE_SUBJECT" | "CLEAR_SUBJECT", None, _) => {
                return Err(RecordError::Missing { keytype, member: "subject" });
            }
            ("NOOP", _, _) => Self::Noop,
            _ => return Err(RecordError::UnknownType { keytype }),
        };
        Ok(DecodedKey { key, sequenced: seq.is_some() })
    }
}

/// Takes the default context, spelt out, off a subject's name; other contexts are refused.
fn own_subject(subject: String) -> Result<String, RecordError> {
    match split_context(&subject) {
        (None, _) => Ok(subject),
        (Some("."), name) => Ok(name.to_owned()),
        (Some(_), _) => Err(RecordError::Context { subject }),
    }
}

/// Splits `:.context:name` into `.context` and `name`; a plain name has no context.
#[must_use]
pub fn split_context(subject: &str) -> (Option<&str>, &str) {
    subject
        .strip_prefix(':')
        .filter(|rest| rest.starts_with('.'))
        .and_then(|rest| rest.split_once(':'))
        .map_or((None, subject), |(context, name)| (Some(context), name))
}

const fn in_range(member: &'static str, found: i32, least: i32) -> Result<i32, RecordError> {
    if found < least { Err(RecordError::OutOfRange { member, found }) } else { Ok(found) }
}

/// One version of a subject, as its record says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaValue {
    /// The subject; the key's counts.
    #[serde(default)]
    pub subject: String,
    /// The version; the key's counts.
    #[serde(default)]
    pub version: i32,
    /// Id of the schema.
    pub id: i32,
    /// Hash of the content, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// The format; Avro when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// Schemas whose types the text uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Vec<StoredReference>>,
    /// Properties and tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Value>>,
    /// Rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<Box<Value>>,
    /// The text.
    pub schema: String,
    /// Whether the version is soft-deleted.
    #[serde(default)]
    pub deleted: bool,
}

/// A reference as records have it; members that later registries add are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredReference {
    name: String,
    subject: String,
    version: i32,
}

impl SchemaValue {
    /// Describes a version.
    #[must_use]
    pub fn new(subject: &str, version: i32, id: i32, content: &Content) -> Self {
        let references = content.references.iter().cloned();
        let references: Vec<StoredReference> = references
            .map(|SchemaReference { name, subject, version }| StoredReference {
                name,
                subject,
                version,
            })
            .collect();
        Self {
            subject: subject.to_owned(),
            version,
            id,
            md5: Some(content.hash.to_base64()),
            schema_type: match &content.schema_type {
                SchemaType::Avro => None,
                SchemaType::Other(name) => Some(name.to_string()),
            },
            references: (!references.is_empty()).then_some(references),
            metadata: content.metadata.clone(),
            rule_set: content.rule_set.clone(),
            schema: content.text.to_string(),
            deleted: false,
        }
    }

    /// Takes the content out.
    ///
    /// The hash is computed, unless there are metadata or rules: then the writer's is believed.
    #[must_use]
    pub fn into_content(self) -> Content {
        let references: Vec<SchemaReference> = (self.references.unwrap_or_default().into_iter())
            .map(|StoredReference { name, subject, version }| SchemaReference {
                name,
                subject: own_subject(subject).unwrap_or_else(|error| match error {
                    RecordError::Context { subject } => subject,
                    other => other.to_string(),
                }),
                version,
            })
            .collect();
        let believed = (self.metadata.is_some() || self.rule_set.is_some())
            .then(|| self.md5.as_deref().and_then(ContentHash::from_base64))
            .flatten();
        Content {
            hash: believed.unwrap_or_else(|| ContentHash::of(&self.schema, &references)),
            schema_type: SchemaType::from_name(self.schema_type.as_deref()),
            text: self.schema.into(),
            references: references.into(),
            metadata: self.metadata,
            rule_set: self.rule_set,
        }
    }
}

/// What may be done with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Everything.
    #[default]
    ReadWrite,
    /// Only reading.
    ReadOnly,
    /// Only reading, whatever a subject says; an older registry's.
    ReadOnlyOverride,
    /// Writing with given ids; another registry's, here read-only.
    Import,
    /// Sending on to another registry; another registry's, here read-only.
    Forward,
}

impl Mode {
    const ALL: [Self; 5] =
        [Self::ReadWrite, Self::ReadOnly, Self::ReadOnlyOverride, Self::Import, Self::Forward];

    /// Name in records, requests and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::ReadOnlyOverride => "READONLY_OVERRIDE",
            Self::Import => "IMPORT",
            Self::Forward => "FORWARD",
        }
    }

    /// Reads a name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name))
    }
}

/// A record understood.
#[derive(Debug, Clone)]
pub enum Change {
    /// A version as it is now; boxed because it is far larger than the rest.
    Schema(Box<SchemaChange>),
    /// A version deleted for good.
    SchemaGone {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// Settings, all members of the record; none unsets.
    Config {
        /// The subject.
        subject: Option<String>,
        /// The members.
        value: Option<Map<String, Value>>,
    },
    /// A mode; none unsets.
    Mode {
        /// The subject.
        subject: Option<String>,
        /// The mode.
        value: Option<Mode>,
    },
    /// Versions up to this one are soft-deleted.
    DeleteSubject {
        /// The subject.
        subject: String,
        /// The last version.
        version: i32,
    },
    /// What is soft-deleted goes.
    ClearSubject {
        /// The subject.
        subject: String,
    },
    /// Nothing.
    Noop,
}

/// A version as its record says it is.
#[derive(Debug, Clone)]
pub struct SchemaChange {
    /// The subject.
    pub subject: String,
    /// The version.
    pub version: i32,
    /// Id of the schema.
    pub id: i32,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// The schema.
    pub content: Content,
}

/// A record understood, with its key's bytes where they are not ours.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What it says.
    pub change: Change,
    /// The key's bytes, when they differ from those that we would write.
    pub foreign_key: Option<Box<[u8]>>,
    /// Whether it is in the dialect that we cannot write to.
    pub sequenced: bool,
}

impl Incoming {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: the record means nothing to this registry and is to be skipped.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, RecordError> {
        let DecodedKey { key: about, sequenced } = Key::decode(key)?;
        let encoded = about.encode();
        let foreign_key = key.filter(|bytes| *bytes != encoded).map(Box::from);
        let change = change(about, value)?;
        Ok(Self { change, foreign_key, sequenced })
    }
}

fn change(key: Key, value: Option<&[u8]>) -> Result<Change, RecordError> {
    Ok(match key {
        Key::Noop => Change::Noop,
        Key::Schema { subject, version } => match value {
            None => Change::SchemaGone { subject, version },
            Some(value) => {
                let value: SchemaValue = parse(value)?;
                let id = in_range("id", value.id, 0)?;
                let deleted = value.deleted;
                let content = value.into_content();
                Change::Schema(Box::new(SchemaChange { subject, version, id, deleted, content }))
            }
        },
        Key::Config { subject } => Change::Config { subject, value: value.map(parse).transpose()? },
        Key::Mode { subject } => {
            #[derive(Deserialize)]
            struct ModeValue {
                mode: String,
            }
            let value = value.map(parse::<ModeValue>).transpose()?;
            // An unknown mode is one that a later registry restricts writing by.
            let mode = |value: ModeValue| Mode::from_name(&value.mode).unwrap_or(Mode::Forward);
            Change::Mode { subject, value: value.map(mode) }
        }
        Key::DeleteSubject { subject } => {
            #[derive(Deserialize)]
            struct DeleteValue {
                version: i32,
            }
            match value {
                None => Change::Noop,
                Some(value) => {
                    Change::DeleteSubject { subject, version: parse::<DeleteValue>(value)?.version }
                }
            }
        }
        Key::ClearSubject { subject } => match value {
            None => Change::Noop,
            Some(_) => Change::ClearSubject { subject },
        },
    })
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(bytes).map_err(|source| RecordError::Json { part: "value", source })
}

/// A record to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// Bytes of the value; none deletes the key.
    pub value: Option<Vec<u8>>,
}

impl OutgoingRecord {
    /// A record that says something.
    #[must_use]
    pub fn put(key: &Key, value: &impl Serialize) -> Self {
        let value = serde_json::to_vec(value).expect("records are maps with text keys");
        Self { key: key.encode(), value: Some(value) }
    }

    /// A record that deletes a key, by its bytes as they were read.
    #[must_use]
    pub fn delete(key: &Key, foreign: Option<&[u8]>) -> Self {
        Self { key: foreign.map_or_else(|| key.encode(), <[u8]>::to_vec), value: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    /// Bytes that Confluent's registry writes and finds again.
    #[test]
    fn keys_are_confluent_s_to_the_byte() {
        let subject = || "a\"b/é".to_owned();
        for (key, expected) in [
            (
                Key::Schema { subject: subject(), version: 3 },
                r#"{"keytype":"SCHEMA","subject":"a\"b/é","version":3,"magic":1}"#,
            ),
            (Key::Config { subject: None }, r#"{"keytype":"CONFIG","magic":0}"#),
            (
                Key::Mode { subject: Some(subject()) },
                r#"{"keytype":"MODE","subject":"a\"b/é","magic":0}"#,
            ),
            (
                Key::DeleteSubject { subject: subject() },
                r#"{"keytype":"DELETE_SUBJECT","subject":"a\"b/é","magic":0}"#,
            ),
            (
                Key::ClearSubject { subject: subject() },
                r#"{"keytype":"CLEAR_SUBJECT","subject":"a\"b/é","magic":0}"#,
            ),
            (Key::Noop, r#"{"keytype":"NOOP","magic":0}"#),
        ] {
            assert_eq!(text(key.encode()), expected);
            let decoded = Key::decode(Some(expected.as_bytes())).unwrap();
            assert_eq!(decoded, DecodedKey { key, sequenced: false });
        }
    }

    #[test]
    fn schema_value_has_confluent_s_members_in_their_order() {
        let reference =
            SchemaReference { name: "n".to_owned(), subject: "r".to_owned(), version: 2 };
        let content = Content::avro("\"n\"".to_owned(), vec![reference]);
        let mut value = SchemaValue::new("s", 1, 7, &content);
        value.deleted = true;
        let md5 = content.hash.to_base64();
        let expected = format!(
            r#"{{"subject":"s","version":1,"id":7,"md5":"{md5}","references":[{{"name":"n","subject":"r","version":2}}],"schema":"\"n\"","deleted":true}}"#
        );
        assert_eq!(serde_json::to_string(&value).unwrap(), expected);
        let read: SchemaValue = serde_json::from_str(&expected).unwrap();
        assert_eq!(read.into_content(), content);
    }

    #[track_caller]
    fn check_skipped(key: Option<&str>, value: &Value, expected: &str) {
        let value = value.to_string();
        let decoded = Incoming::decode(key.map(str::as_bytes), Some(value.as_bytes()));
        let error = decoded.unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }

    #[test]
    fn what_is_not_understood_says_why() {
        let key = r#"{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}"#;
        check_skipped(None, &json!({}), "without a key");
        check_skipped(Some("x"), &json!({}), "key is not");
        check_skipped(Some(r#"{"keytype":"X"}"#), &json!({}), "unknown type X");
        check_skipped(Some(r#"{"keytype":"SCHEMA","version":1}"#), &json!({}), "without subject");
        check_skipped(Some(key), &json!({"id": 1}), "value is not");
        check_skipped(Some(key), &json!({"id": -1, "schema": ""}), "id -1 is out of range");
        let context = r#"{"keytype":"CONFIG","subject":":.c:s"}"#;
        check_skipped(Some(context), &json!({}), "in a context");
    }
}
