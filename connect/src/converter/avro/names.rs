//! Names that Connect's model takes in Avro: properties, parameters, special types.
//!
//! Source: `AvroData` of Confluent's Avro converter; other workers read what these names mark.

use std::borrow::Cow;

use connect_api::data::logical;
use connect_api::{Schema, SchemaType};
use schema_registry_client::avro::Node;

pub(super) const NAMESPACE: &str = "io.confluent.connect.avro";
pub(super) const DEFAULT_NAME: &str = "ConnectDefault";
pub(super) const DEFAULT_FULL_NAME: &str = "io.confluent.connect.avro.ConnectDefault";
pub(super) const MAP_ENTRY: &str = "MapEntry";
pub(super) const ANYTHING: &str = "io.confluent.connect.avro.Anything";
pub(super) const UNION: &str = "io.confluent.connect.avro.Union";
pub(super) const ENUM: &str = "io.confluent.connect.avro.Enum";

pub(super) const CONNECT_NAME: &str = "connect.name";
pub(super) const CONNECT_DOC: &str = "connect.doc";
pub(super) const CONNECT_RECORD_DOC: &str = "connect.record.doc";
pub(super) const CONNECT_ENUM_DOC: &str = "connect.enum.doc";
pub(super) const CONNECT_VERSION: &str = "connect.version";
pub(super) const CONNECT_DEFAULT: &str = "connect.default";
pub(super) const CONNECT_PARAMETERS: &str = "connect.parameters";
pub(super) const CONNECT_INTERNAL_TYPE: &str = "connect.internal.type";
pub(super) const CONNECT_TYPE: &str = "connect.type";
pub(super) const FIXED_SIZE: &str = "connect.fixed.size";
pub(super) const DECIMAL_PRECISION: &str = "connect.decimal.precision";
pub(super) const DEFAULT_PRECISION: i32 = 64;

pub(super) const RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
pub(super) const ENUM_DOC_PREFIX: &str = "io.confluent.connect.avro.enum.doc.";
pub(super) const ENUM_DEFAULT_PREFIX: &str = "io.confluent.connect.avro.enum.default.";
pub(super) const FIELD_DOC_PREFIX: &str = "io.confluent.connect.avro.field.doc.";
/// Marks a default that comes from an Avro field and not from Connect.
pub(super) const FIELD_DEFAULT_FLAG: &str = "io.confluent.connect.avro.field.default";

pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const GENERALIZED_UNION_PREFIX: &str = "connect_union_";
pub(super) const GENERALIZED_FIELD_PREFIX: &str = "connect_union_field_";

/// Levels of types that are followed, in either direction.
pub(super) const MAX_DEPTH: usize = 200;
/// Types that one schema may hold when converted.
pub(super) const MAX_TYPES: usize = 100_000;

/// What the settings say about the mapping of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per setting of the original")]
pub struct Mapping {
    /// `enhanced.avro.schema.support`
    pub enhanced: bool,
    /// `connect.meta.data`
    pub connect_meta: bool,
    /// `scrub.invalid.names`
    pub scrub: bool,
    /// `discard.type.doc.default`
    pub discard_type_doc_default: bool,
    /// `generalized.sum.type.support`
    pub generalized: bool,
    /// `flatten.singleton.unions`
    pub flatten_singletons: bool,
    /// `ignore.default.for.nullables`
    pub ignore_default_for_nullables: bool,
    /// `allow.optional.map.keys`
    pub optional_map_keys: bool,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            enhanced: false,
            connect_meta: true,
            scrub: false,
            discard_type_doc_default: false,
            generalized: false,
            flatten_singletons: true,
            ignore_default_for_nullables: false,
            optional_map_keys: false,
        }
    }
}

impl Mapping {
    /// Parameter that marks a string schema as an enum's.
    pub(super) const fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { ENUM }
    }

    /// Makes a name that Avro takes, if the settings ask for it.
    pub(super) fn scrubbed<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.scrub { scrub(name) } else { Cow::Borrowed(name) }
    }

    /// Splits a full name at its last dot, each part scrubbed.
    pub(super) fn split(&self, full: &str) -> (Option<String>, String) {
        let parts: Vec<Cow<'_, str>> = full.split('.').map(|part| self.scrubbed(part)).collect();
        match parts.split_last() {
            Some((name, [])) => (None, name.to_string()),
            Some((name, namespace)) => (Some(namespace.join(".")), name.to_string()),
            None => (None, String::new()),
        }
    }

    /// Whether a map is an Avro map, or an array of entries.
    pub(super) fn is_text_map(&self, keys: &Schema) -> bool {
        keys.schema_type() == SchemaType::String && (!keys.is_optional() || self.optional_map_keys)
    }

    /// Name of the field that stands for a branch of a union.
    pub(super) fn member_name(&self, branch: &Node, index: usize) -> String {
        if self.generalized {
            return format!("{GENERALIZED_FIELD_PREFIX}{index}");
        }
        match branch.kind.name() {
            Some(name) if self.enhanced => name.full(),
            Some(name) => self.scrubbed(&name.simple).into_owned(),
            None => branch.kind.type_name().to_owned(),
        }
    }
}

/// Tells whether a schema is the struct that stands for an Avro union.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.schema_type() == SchemaType::Struct
        && (schema.name() == Some(UNION) || schema.parameters().contains_key(GENERALIZED_UNION))
}

/// Size of the fixed type that a schema stands for; only a named one stands for any.
pub(super) fn fixed_size(schema: &Schema) -> Option<&str> {
    let is_bytes = schema.schema_type() == SchemaType::Bytes && schema.name().is_some();
    is_bytes.then(|| schema.parameters().get(FIXED_SIZE)).flatten().map(String::as_str)
}

/// Tells whether a schema is that of decimals.
pub(super) fn is_decimal(schema: &Schema) -> bool {
    schema.name().is_some_and(|name| name.eq_ignore_ascii_case(logical::DECIMAL))
}

/// Encodes a name as URLs are, then turns all but letters, digits and `_` into `_`.
fn scrub(name: &str) -> Cow<'_, str> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if name.bytes().all(fine) && !starts_with_digit {
        return Cow::Borrowed(name);
    }
    let mut clean = String::with_capacity(name.len() + 8);
    if starts_with_digit {
        clean.push('x');
    }
    for byte in name.bytes() {
        match byte {
            byte if fine(byte) => clean.push(char::from(byte)),
            // What a form's encoding leaves as one character.
            b' ' | b'.' | b'-' | b'*' => clean.push('_'),
            byte => clean.push_str(&format!("_{byte:02X}")),
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_scrubbed_as_the_original_does() {
        for (name, clean) in [
            ("abc_1", "abc_1"),
            ("a-b c.d", "a_b_c_d"),
            ("1a", "x1a"),
            ("a$b", "a_24b"),
            ("é", "_C3_A9"),
            ("", ""),
        ] {
            assert_eq!(scrub(name), clean);
        }
        let mapping = Mapping { scrub: true, ..Mapping::default() };
        assert_eq!(mapping.split("a-b.c d"), (Some("a_b".to_owned()), "c_d".to_owned()));
        assert_eq!(Mapping::default().split("R"), (None, "R".to_owned()));
    }
}
