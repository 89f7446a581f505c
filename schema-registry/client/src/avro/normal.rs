//! Two forms in which schemas that mean the same have the same text.
//!
//! The normalised form is what a registry stores under `normalize=true`: properties and aliases
//! sorted, empty docs of types dropped, defaults as their types print them; then printed as ever.
//! The parsing canonical form of the Avro specification keeps only what a reader of data needs;
//! its 64-bit Rabin fingerprint names a schema in single-object encoding.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::json;
use super::schema::{Kind, NodeId, Properties, Schema};

impl Schema {
    /// Returns the normalised schema; print it with [`Schema::canonical_string`].
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut normal = self.clone();
        for node in &mut normal.nodes {
            sort(&mut node.properties);
            let (aliases, doc) = match &mut node.kind {
                Kind::Record(record) => (&mut record.aliases, &mut record.doc),
                Kind::Enum(symbols) => (&mut symbols.aliases, &mut symbols.doc),
                Kind::Fixed(fixed) => (&mut fixed.aliases, &mut fixed.doc),
                _ => continue,
            };
            aliases.sort_by_key(super::schema::Name::full);
            *doc = doc.take().filter(|text| !text.is_empty());
            let Kind::Record(record) = &mut node.kind else { continue };
            for field in &mut record.fields {
                sort(&mut field.properties);
                field.aliases.sort();
                field.default =
                    field.default.take().map(|value| self.typed(field.schema, value, 0));
            }
        }
        normal
    }

    /// Writes a default as its type prints it: `1` for a double becomes `1.0`.
    fn typed(&self, id: NodeId, value: Value, depth: usize) -> Value {
        const MAX_DEPTH: usize = 200;
        if depth > MAX_DEPTH {
            return value;
        }
        match (&self.node(id).kind, value) {
            (Kind::Double | Kind::Float, Value::Number(number)) => {
                let float = number.as_f64().and_then(Number::from_f64);
                Value::Number(float.unwrap_or(number))
            }
            (Kind::Union(branches), value) => match branches.first() {
                Some(first) => self.typed(*first, value, depth + 1),
                None => value,
            },
            (Kind::Array(inner), Value::Array(items)) => Value::Array(
                items.into_iter().map(|item| self.typed(*inner, item, depth + 1)).collect(),
            ),
            (Kind::Map(inner), Value::Object(members)) => sorted(
                members
                    .into_iter()
                    .map(|(name, item)| (name, self.typed(*inner, item, depth + 1)))
                    .collect(),
            ),
            (Kind::Record(record), Value::Object(members)) => sorted(
                members
                    .into_iter()
                    .map(|(name, item)| {
                        let inner = record.field(&name).map(|field| field.schema);
                        let item = match inner {
                            Some(inner) => self.typed(inner, item, depth + 1),
                            None => item,
                        };
                        (name, item)
                    })
                    .collect(),
            ),
            (_, value) => value,
        }
    }

    /// The parsing canonical form: full names, no docs, defaults, aliases or properties.
    #[must_use]
    pub fn parsing_canonical_form(&self) -> String {
        enum Task {
            Text(String),
            Type(NodeId),
        }
        let mut out = String::new();
        let mut known = HashSet::new();
        let mut tasks = vec![Task::Type(self.root)];
        while let Some(task) = tasks.pop() {
            let id = match task {
                Task::Text(text) => {
                    out.push_str(&text);
                    continue;
                }
                Task::Type(id) => id,
            };
            let kind = &self.node(id).kind;
            let name = kind.branch_name();
            let text = |text: &str| Task::Text(text.to_owned());
            let mut next = Vec::new();
            match kind {
                Kind::Record(_) | Kind::Enum(_) | Kind::Fixed(_) if !known.insert(id) => {
                    json::write_string(&mut out, &name);
                }
                Kind::Record(record) => {
                    next.push(Task::Text(format!(
                        "{{\"name\":\"{name}\",\"type\":\"record\",\"fields\":["
                    )));
                    for (index, field) in record.fields.iter().enumerate() {
                        let comma = if index > 0 { "," } else { "" };
                        let name = &field.name;
                        next.push(Task::Text(format!("{comma}{{\"name\":\"{name}\",\"type\":")));
                        next.push(Task::Type(field.schema));
                        next.push(text("}"));
                    }
                    next.push(text("]}"));
                }
                Kind::Enum(symbols) => out.push_str(&format!(
                    "{{\"name\":\"{name}\",\"type\":\"enum\",\"symbols\":[\"{}\"]}}",
                    symbols.symbols.join("\",\"")
                )),
                Kind::Fixed(fixed) => out.push_str(&format!(
                    "{{\"name\":\"{name}\",\"type\":\"fixed\",\"size\":{}}}",
                    fixed.size
                )),
                Kind::Array(inner) => next.extend([
                    text("{\"type\":\"array\",\"items\":"),
                    Task::Type(*inner),
                    text("}"),
                ]),
                Kind::Map(inner) => next.extend([
                    text("{\"type\":\"map\",\"values\":"),
                    Task::Type(*inner),
                    text("}"),
                ]),
                Kind::Union(branches) => {
                    next.push(text("["));
                    for (index, branch) in branches.iter().enumerate() {
                        if index > 0 {
                            next.push(text(","));
                        }
                        next.push(Task::Type(*branch));
                    }
                    next.push(text("]"));
                }
                primitive => json::write_string(&mut out, primitive.type_name()),
            }
            tasks.extend(next.into_iter().rev());
        }
        out
    }

    /// 64-bit Rabin fingerprint of the parsing canonical form.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
        self.parsing_canonical_form().bytes().fold(EMPTY, |hash, byte| {
            let mut entry = (hash ^ u64::from(byte)) & 0xff;
            for _ in 0..8 {
                entry = (entry >> 1) ^ (EMPTY & (entry & 1).wrapping_neg());
            }
            (hash >> 8) ^ entry
        })
    }
}

fn sorted(members: Map<String, Value>) -> Value {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(members.into_iter().collect())
}

fn sort(properties: &mut Properties) {
    properties.sort_keys();
    for value in properties.values_mut() {
        *value = deep_sorted(std::mem::take(value));
    }
}

fn deep_sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            sorted(members.into_iter().map(|(name, value)| (name, deep_sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(deep_sorted).collect()),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::Strictness;
    use super::*;

    #[track_caller]
    fn check_normal(text: &str, expected: &str) {
        let normal = Schema::parse(text, Strictness::New).unwrap().normalized();
        assert_eq!(normal.canonical_string(), expected);
        assert_eq!(normal.normalized(), normal);
    }

    #[test]
    fn normal_form_sorts_and_types() {
        check_normal(
            r#"{"type":"record","name":"R","doc":"","fields":[
                {"name":"f","type":["double","null"],"default":1,"z":1,"a":{"y":1,"x":2},"doc":""},
                {"name":"g","type":"int","default":1,"aliases":["z","a"]}],
                "zeta":1,"alpha":2,"aliases":["Z","A"]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":["double","null"],"doc":"","default":1.0,"a":{"x":2,"y":1},"z":1},{"name":"g","type":"int","default":1,"aliases":["a","z"]}],"alpha":2,"zeta":1,"aliases":["A","Z"]}"#,
        );
    }

    /// Fingerprints from the table of test cases that Avro's own implementations share.
    #[test]
    fn fingerprints_are_those_of_avro() {
        for (text, canonical, fingerprint) in [
            (r#"{"type":"null"}"#, r#""null""#, 7_195_948_357_588_979_594_i64),
            (r#""int""#, r#""int""#, 8_247_732_601_305_521_295),
            (r#""string""#, r#""string""#, -8_142_146_995_180_207_161),
            (
                r#"{"type":"fixed","name":"foo","namespace":"","size":15,"aliases":["x"]}"#,
                r#"{"name":"foo","type":"fixed","size":15}"#,
                1_756_455_273_707_447_556,
            ),
        ] {
            let schema = Schema::parse(text, Strictness::New).unwrap();
            assert_eq!(schema.parsing_canonical_form(), canonical);
            assert_eq!(schema.fingerprint().cast_signed(), fingerprint, "{text}");
        }
    }

    #[test]
    fn fingerprint_agrees_with_another_implementation() {
        use apache_avro::rabin::Rabin;
        for text in [
            r#"{"type":"record","name":"a.R","fields":[{"name":"x","type":["null","long"]}]}"#,
            r#"{"type":"enum","name":"E","symbols":["A","B"]}"#,
            r#"{"type":"map","values":{"type":"array","items":"float"}}"#,
        ] {
            let ours = Schema::parse(text, Strictness::New).unwrap();
            let theirs = apache_avro::Schema::parse_str(text).unwrap();
            assert_eq!(ours.parsing_canonical_form(), theirs.canonical_form());
            let bytes = theirs.fingerprint::<Rabin>().bytes;
            assert_eq!(ours.fingerprint().to_le_bytes().to_vec(), bytes);
        }
    }
}
