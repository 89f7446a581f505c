//! JSON text → schema, with limits on bytes, depth and number of types.
//!
//! New schemas are read strictly: ASCII names, defaults that fit. Stored ones are read leniently,
//! so that what a registry once accepted never fails to load: names of any letters, namespaces
//! and defaults unchecked. A name may be used before the type that bears it is defined, as since
//! Avro 1.12. A second definition is taken for the first one's repetition if they are equal.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde_json::{Map, Value};

use super::error::{Member, SchemaError};
use super::json::{self, cut};
use super::schema::{
    Enumeration, Field, Fixed, Kind, Name, Node, NodeId, Order, Properties, Record, Schema,
};
use super::{default_value, equivalence};

/// How much a text must satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// A schema that somebody wants to register.
    New,
    /// A schema that a registry already holds.
    Stored,
}

/// What a schema may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text and its references together.
    pub bytes: usize,
    /// Levels of JSON objects and arrays.
    pub depth: usize,
    /// Types, named or not, in the text and its references.
    pub types: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 * 1024 * 1024, depth: 200, types: 100_000 }
    }
}

const SCHEMA_RESERVED: [&str; 10] =
    ["doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"];
const FIELD_RESERVED: [&str; 6] = ["default", "doc", "name", "order", "type", "aliases"];

impl Schema {
    /// Reads a schema that refers to nothing outside its text.
    ///
    /// # Errors
    ///
    /// Says what is wrong, in Java Avro's words where it has some.
    pub fn parse(text: &str, strictness: Strictness) -> Result<Self, SchemaError> {
        Self::parse_with_references(text, &[], strictness)
    }

    /// Reads a schema that may use the types defined in other texts, which come in an order where
    /// each uses only those before it.
    ///
    /// # Errors
    ///
    /// As [`Schema::parse`]; an error in a reference is reported alike.
    pub fn parse_with_references(
        text: &str,
        references: &[&str],
        strictness: Strictness,
    ) -> Result<Self, SchemaError> {
        Self::parse_within(text, references, strictness, Limits::default())
    }

    /// Reads a schema under limits of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`Schema::parse`].
    pub fn parse_within(
        text: &str,
        references: &[&str],
        strictness: Strictness,
        limits: Limits,
    ) -> Result<Self, SchemaError> {
        let size = text.len() + references.iter().map(|text| text.len()).sum::<usize>();
        if size > limits.bytes {
            return Err(SchemaError::TooLarge { size, limit: limits.bytes });
        }
        let mut parser = Parser {
            nodes: Vec::new(),
            names: HashMap::new(),
            pending: Vec::new(),
            repeated: Vec::new(),
            strictness: Strictness::Stored,
            limits,
        };
        let mut roots = Vec::with_capacity(references.len());
        for reference in references {
            let json = json::read(reference, limits.depth)?;
            roots.push(parser.schema(&json, None)?);
        }
        let first_own = parser.nodes.len();
        parser.strictness = strictness;
        let json = json::read(text, limits.depth)?;
        let root = parser.schema(&json, None)?;
        let schema = parser.finish(root, roots)?;
        if strictness == Strictness::New {
            default_value::check_defaults(&schema, first_own)?;
        }
        Ok(schema)
    }
}

/// A name that was used before anything of that name was defined.
struct Pending {
    placeholder: NodeId,
    written: String,
    full: String,
    /// The field whose type it is, for the message.
    field: Option<String>,
}

struct Parser {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    pending: Vec<Pending>,
    /// Pairs of first and later definition of a name.
    repeated: Vec<(NodeId, NodeId)>,
    strictness: Strictness,
    limits: Limits,
}

impl Parser {
    fn reserve(&mut self) -> Result<NodeId, SchemaError> {
        let too_many = SchemaError::TooManyTypes { limit: self.limits.types };
        if self.nodes.len() >= self.limits.types {
            return Err(too_many);
        }
        let id = u32::try_from(self.nodes.len()).map_err(|_| too_many)?;
        self.nodes.push(Node { kind: Kind::Null, properties: Properties::new() });
        Ok(NodeId(id))
    }

    fn schema(&mut self, json: &Value, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        match json {
            Value::String(name) => self.find(name, namespace, None),
            Value::Array(branches) => self.union(json, branches, namespace),
            Value::Object(members) => {
                let kind = required_text(members, "type", Member::Type)?;
                match kind {
                    "record" | "error" => self.record(members, namespace),
                    "enum" => self.enumeration(members, namespace),
                    "fixed" => self.fixed(members, namespace),
                    "array" => self.collection(members, namespace, "items"),
                    "map" => self.collection(members, namespace, "values"),
                    name => match Kind::primitive(name) {
                        Some(kind) => {
                            let id = self.reserve()?;
                            let properties = properties(members, &SCHEMA_RESERVED, None);
                            self.nodes[id.index()] = Node { kind, properties };
                            Ok(id)
                        }
                        None => self.find(name, namespace, None),
                    },
                }
            }
            _ => Err(SchemaError::NotASchema { json: shown(json) }),
        }
    }

    fn find(
        &mut self,
        written: &str,
        namespace: Option<&str>,
        field: Option<&str>,
    ) -> Result<NodeId, SchemaError> {
        if let Some(kind) = Kind::primitive(written) {
            let id = self.reserve()?;
            self.nodes[id.index()].kind = kind;
            return Ok(id);
        }
        let full = match namespace {
            Some(namespace) if !written.contains('.') => format!("{namespace}.{written}"),
            _ => written.to_owned(),
        };
        if let Some(id) = self.names.get(&full).or_else(|| self.names.get(written)) {
            return Ok(*id);
        }
        let placeholder = self.reserve()?;
        self.pending.push(Pending {
            placeholder,
            written: written.to_owned(),
            full,
            field: field.map(str::to_owned),
        });
        Ok(placeholder)
    }

    fn union(
        &mut self,
        json: &Value,
        branches: &[Value],
        namespace: Option<&str>,
    ) -> Result<NodeId, SchemaError> {
        let id = self.reserve()?;
        let mut ids = Vec::with_capacity(branches.len());
        for branch in branches {
            if branch.is_array() {
                return Err(SchemaError::NestedUnion { json: shown(json) });
            }
            ids.push(self.schema(branch, namespace)?);
        }
        self.nodes[id.index()].kind = Kind::Union(ids);
        Ok(id)
    }

    fn collection(
        &mut self,
        members: &Map<String, Value>,
        namespace: Option<&str>,
        inner: &'static str,
    ) -> Result<NodeId, SchemaError> {
        let id = self.reserve()?;
        let is_array = inner == "items";
        let json = members.get(inner).ok_or_else(|| {
            missing(if is_array { Member::Items } else { Member::Values }, members)
        })?;
        let child = self.schema(json, namespace)?;
        self.nodes[id.index()] = Node {
            kind: if is_array { Kind::Array(child) } else { Kind::Map(child) },
            properties: properties(members, &SCHEMA_RESERVED, None),
        };
        Ok(id)
    }

    /// Reads name and aliases and makes the name known, so that the type may contain itself.
    fn define(
        &mut self,
        members: &Map<String, Value>,
        enclosing: Option<&str>,
    ) -> Result<(NodeId, Name, Vec<Name>), SchemaError> {
        let text = required_text(members, "name", Member::Name)?;
        let namespace = members.get("namespace").and_then(Value::as_str).or(enclosing);
        let name = Name::new(text, namespace);
        self.check_name(&name.simple)?;
        if self.strictness == Strictness::New {
            for part in name.namespace.as_deref().into_iter().flat_map(|text| text.split('.')) {
                self.check_name(part).map_err(|source| SchemaError::Namespace {
                    part: cut(part),
                    source: Box::new(source),
                })?;
            }
        }
        let full = name.full();
        if Kind::primitive(&full).is_some() {
            return Err(SchemaError::PrimitiveName { name: full });
        }
        let aliases = once_each(
            aliases(members)?.iter().map(|alias| Name::new(alias, name.namespace.as_deref())),
        );
        let id = self.reserve()?;
        match self.names.get(&full) {
            Some(first) => self.repeated.push((*first, id)),
            None => {
                self.names.insert(full, id);
            }
        }
        Ok((id, name, aliases))
    }

    fn record(
        &mut self,
        members: &Map<String, Value>,
        enclosing: Option<&str>,
    ) -> Result<NodeId, SchemaError> {
        let (id, name, aliases) = self.define(members, enclosing)?;
        let Some(Value::Array(list)) = members.get("fields") else {
            return Err(missing(Member::Fields, members));
        };
        let mut fields: Vec<Field> = Vec::with_capacity(list.len().min(1000));
        let mut seen = HashSet::new();
        for json in list {
            let field = self.field(json, name.namespace.as_deref())?;
            if !seen.insert(field.name.clone()) {
                return Err(SchemaError::DuplicateField { field: field.name, record: name.full() });
            }
            fields.push(field);
        }
        let is_error = members.get("type").and_then(Value::as_str) == Some("error");
        let doc = doc(members);
        self.nodes[id.index()] = Node {
            kind: Kind::Record(Record { name, aliases, doc, fields, is_error }),
            properties: properties(members, &SCHEMA_RESERVED, None),
        };
        Ok(id)
    }

    fn field(&mut self, json: &Value, namespace: Option<&str>) -> Result<Field, SchemaError> {
        let Value::Object(members) = json else {
            return Err(SchemaError::Missing { member: Member::FieldName, json: shown(json) });
        };
        let name = required_text(members, "name", Member::FieldName)?;
        self.check_name(name)?;
        let schema = match members.get("type") {
            None => return Err(missing(Member::FieldType, members)),
            Some(Value::String(written)) => self.find(written, namespace, Some(name))?,
            Some(json) => self.schema(json, namespace)?,
        };
        let order = match members.get("order") {
            None => Order::Ascending,
            Some(json) => order(json)?,
        };
        let mut default = members.get("default").cloned();
        if matches!(self.nodes[schema.index()].kind, Kind::Float | Kind::Double) {
            default = default.map(number_from_text);
        }
        Ok(Field {
            name: name.to_owned(),
            schema,
            doc: doc(members),
            default,
            order,
            aliases: once_each(aliases(members)?.into_iter().map(str::to_owned)),
            properties: properties(members, &FIELD_RESERVED, None),
        })
    }

    fn enumeration(
        &mut self,
        members: &Map<String, Value>,
        enclosing: Option<&str>,
    ) -> Result<NodeId, SchemaError> {
        let (id, name, aliases) = self.define(members, enclosing)?;
        let Some(Value::Array(list)) = members.get("symbols") else {
            return Err(missing(Member::Symbols, members));
        };
        let mut symbols: Vec<String> = Vec::with_capacity(list.len().min(1000));
        let mut seen = HashSet::new();
        for json in list {
            let symbol = json.as_str().ok_or(SchemaError::EmptyName)?;
            self.check_name(symbol)?;
            if !seen.insert(symbol) {
                return Err(SchemaError::DuplicateSymbol { symbol: symbol.to_owned() });
            }
            symbols.push(symbol.to_owned());
        }
        let default = members.get("default").and_then(Value::as_str).map(str::to_owned);
        if let Some(default) = &default
            && !symbols.contains(default)
        {
            let symbols = cut(&symbols.join(", "));
            return Err(SchemaError::EnumDefault { default: cut(default), symbols });
        }
        let doc = doc(members);
        self.nodes[id.index()] = Node {
            kind: Kind::Enum(Enumeration { name, aliases, doc, symbols, default }),
            properties: properties(members, &SCHEMA_RESERVED, Some("default")),
        };
        Ok(id)
    }

    fn fixed(
        &mut self,
        members: &Map<String, Value>,
        enclosing: Option<&str>,
    ) -> Result<NodeId, SchemaError> {
        let (id, name, aliases) = self.define(members, enclosing)?;
        let size = members
            .get("size")
            .and_then(Value::as_i64)
            .and_then(|size| i32::try_from(size).ok())
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| missing(Member::Size, members))?;
        let doc = doc(members);
        self.nodes[id.index()] = Node {
            kind: Kind::Fixed(Fixed { name, aliases, doc, size }),
            properties: properties(members, &SCHEMA_RESERVED, None),
        };
        Ok(id)
    }

    fn check_name(&self, name: &str) -> Result<(), SchemaError> {
        let strict = self.strictness == Strictness::New;
        let letter =
            |c: char| c == '_' || c.is_ascii_alphabetic() || (!strict && c.is_alphabetic());
        let Some(first) = name.chars().next() else {
            return Err(SchemaError::EmptyName);
        };
        if !letter(first) {
            return Err(SchemaError::IllegalInitialCharacter { name: cut(name) });
        }
        if !name.chars().all(|c| letter(c) || c.is_ascii_digit() || (!strict && c.is_numeric())) {
            return Err(SchemaError::IllegalCharacter { name: cut(name) });
        }
        Ok(())
    }

    /// Ties names used early to their definitions and repeated definitions to the first.
    fn finish(self, root: NodeId, references: Vec<NodeId>) -> Result<Schema, SchemaError> {
        let Self { nodes, names, pending, repeated, .. } = self;
        let mut moved: HashMap<NodeId, NodeId> = HashMap::new();
        for used in pending {
            let found = names.get(&used.full).or_else(|| names.get(&used.written));
            match (found, used.field) {
                (Some(id), _) => {
                    moved.insert(used.placeholder, *id);
                }
                (None, None) => {
                    return Err(SchemaError::UndefinedName { name: cut(&used.written) });
                }
                (None, Some(field)) => {
                    return Err(SchemaError::UndefinedFieldType {
                        name: cut(&used.written),
                        field: cut(&field),
                    });
                }
            }
        }
        let mut schema = Schema { nodes, root, references };
        schema.move_nodes(&moved);
        if !repeated.is_empty() {
            let mut moved = HashMap::new();
            for (first, again) in repeated {
                if !equivalence::same_type(&schema, first, again) {
                    let name = schema.node(first).kind.branch_name();
                    return Err(SchemaError::Redefined { name });
                }
                moved.insert(again, first);
            }
            schema.move_nodes(&moved);
        }
        schema.check_unions()?;
        Ok(schema)
    }
}

impl Schema {
    fn move_nodes(&mut self, moved: &HashMap<NodeId, NodeId>) {
        if moved.is_empty() {
            return;
        }
        let to = |id: &mut NodeId| {
            if let Some(new) = moved.get(id) {
                *id = *new;
            }
        };
        to(&mut self.root);
        self.references.iter_mut().for_each(to);
        for node in &mut self.nodes {
            match &mut node.kind {
                Kind::Array(inner) | Kind::Map(inner) => to(inner),
                Kind::Union(branches) => branches.iter_mut().for_each(to),
                Kind::Record(record) => {
                    record.fields.iter_mut().for_each(|field| to(&mut field.schema));
                }
                _ => {}
            }
        }
    }

    fn check_unions(&self) -> Result<(), SchemaError> {
        for node in &self.nodes {
            let Kind::Union(branches) = &node.kind else { continue };
            let mut seen = HashSet::new();
            for branch in branches {
                let name = self.node(*branch).kind.branch_name();
                if seen.contains(&name) {
                    return Err(SchemaError::DuplicateInUnion { name });
                }
                seen.insert(name);
            }
        }
        Ok(())
    }
}

/// Drops repetitions and keeps the order.
fn once_each<T: Clone + Eq + Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

fn shown(json: &Value) -> String {
    cut(&json::to_string(json))
}

fn missing(member: Member, members: &Map<String, Value>) -> SchemaError {
    SchemaError::Missing { member, json: shown(&Value::Object(members.clone())) }
}

fn required_text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    member: Member,
) -> Result<&'a str, SchemaError> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| missing(member, members))
}

fn doc(members: &Map<String, Value>) -> Option<String> {
    members.get("doc").and_then(Value::as_str).map(str::to_owned)
}

fn aliases(members: &Map<String, Value>) -> Result<Vec<&str>, SchemaError> {
    match members.get("aliases") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|json| {
                json.as_str().ok_or_else(|| SchemaError::Missing {
                    member: Member::Alias,
                    json: shown(json),
                })
            })
            .collect(),
        Some(_) => Err(missing(Member::Aliases, members)),
    }
}

fn properties(members: &Map<String, Value>, reserved: &[&str], also: Option<&str>) -> Properties {
    members
        .iter()
        .filter(|(name, _)| !reserved.contains(&name.as_str()) && also != Some(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn order(json: &Value) -> Result<Order, SchemaError> {
    let order = json.as_str().unwrap_or_default().to_uppercase();
    Ok(match order.as_str() {
        "ASCENDING" => Order::Ascending,
        "DESCENDING" => Order::Descending,
        "IGNORE" => Order::Ignore,
        _ => return Err(SchemaError::Order { order: cut(&order) }),
    })
}

/// A float's default may be written as text; NaN and the infinities have no other way.
fn number_from_text(default: Value) -> Value {
    match default.as_str().and_then(|text| text.trim().parse::<f64>().ok()) {
        Some(number) => serde_json::Number::from_f64(number).map_or(default, Value::Number),
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let error = Schema::parse(text, Strictness::New).unwrap_err();
        assert!(error.to_string().contains(message), "{text}: {error}");
    }

    #[test]
    fn errors_speak_as_java_avro_does() {
        refused(r#""Foo""#, "Undefined name: \"Foo\"");
        refused(r#"{"type":"Foo"}"#, "Undefined name: \"Foo\"");
        refused("12", "Schema not yet supported: 12");
        refused("null", "Schema not yet supported: null");
        refused("{}", "No type: {}");
        refused(r#"{"type":{"type":"int"}}"#, r#"No type: {"type":{"type":"int"}}"#);
        refused(r#"{"type":"record","fields":[]}"#, "No name in schema: ");
        refused(r#"{"type":"record","name":"R"}"#, "Record has no fields: ");
        refused(r#"{"type":"enum","name":"E"}"#, "Enum has no symbols: ");
        refused(r#"{"type":"array"}"#, "Array has no items type: ");
        refused(r#"{"type":"map"}"#, "Map has no values type: ");
        refused(r#"{"type":"fixed","name":"F","size":"3"}"#, "Invalid or no size: ");
        refused(r#"{"type":"fixed","name":"F","size":-3}"#, "Invalid or no size: ");
        refused(r#"[["int"]]"#, "Nested union: [[\"int\"]]");
        refused(r#"["int",{"type":"int","x":1}]"#, "Duplicate in union:int");
        refused(r#"{"type":"enum","name":"E","symbols":["A","A"]}"#, "Duplicate enum symbol: A");
        refused(
            r#"{"type":"enum","name":"E","symbols":["A"],"default":"B"}"#,
            "The Enum Default: B is not in the enum symbol set: [A]",
        );
        refused(r#"{"type":"fixed","name":"1a","size":1}"#, "Illegal initial character: 1a");
        refused(r#"{"type":"fixed","name":"a-b","size":1}"#, "Illegal character in: a-b");
        refused(r#"{"type":"fixed","name":"","size":1}"#, "Empty name");
        refused(
            r#"{"type":"fixed","name":"x","namespace":"a-b","size":1}"#,
            "Namespace part \"a-b\" is invalid: Illegal character in: a-b",
        );
        refused(
            r#"{"type":"fixed","name":"int","size":1}"#,
            "Schemas may not be named after primitives: int",
        );
        refused(
            r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]"#,
            "Can't redefine: F",
        );
        refused(r#"{"type":"fixed","name":"F","size":1,"aliases":"x"}"#, "aliases not an array");
        refused(r#"{"type":"fixed","name":"F","size":1,"aliases":[1]}"#, "alias not a string: 1");
    }

    #[test]
    fn many_aliases_are_read_at_once_and_once_each() {
        let aliases: Vec<String> = (0..100_000).map(|number| format!("a{}", number / 2)).collect();
        let field = serde_json::json!({"name": "f", "type": "int", "aliases": aliases});
        let record = serde_json::json!({
            "type": "record", "name": "R", "aliases": aliases, "fields": [field],
        });
        let started = std::time::Instant::now();
        let schema = Schema::parse(&record.to_string(), Strictness::New).unwrap();
        // Each compared with all before it, they would take minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
        let root = &schema.node(schema.root_id()).kind;
        assert_eq!(root.aliases().len(), 50_000);
        assert_eq!(root.aliases()[1].simple, "a1");
        let Kind::Record(record) = root else { panic!("{root:?}") };
        assert_eq!(record.fields[0].aliases.len(), 50_000);
    }

    #[test]
    fn errors_in_fields_name_the_field() {
        let record =
            |field: &str| format!(r#"{{"type":"record","name":"n.R","fields":[{field}]}}"#);
        refused(&record("{}"), "No field name: {}");
        refused(&record("3"), "No field name: 3");
        refused(&record(r#"{"name":"a"}"#), "No field type: ");
        refused(
            &record(r#"{"name":"a","type":"Foo"}"#),
            "\"Foo\" is not a defined name. The type of the \"a\" field must be a defined name or \
             a {\"type\": ...} expression.",
        );
        refused(
            &record(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#),
            "Duplicate field a in record n.R",
        );
        refused(
            &record(r#"{"name":"a","type":"int","order":"up"}"#),
            "No enum constant org.apache.avro.Schema.Field.Order.UP",
        );
        refused(
            &record(r#"{"name":"a","type":"int","default":"x"}"#),
            "Invalid default for field a: \"x\" not a \"int\"",
        );
    }

    #[track_caller]
    fn check_default(schema: &str, default: &str, good: bool) {
        let text = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{schema},"default":{default}}}]}}"#
        );
        assert_eq!(Schema::parse(&text, Strictness::New).is_ok(), good, "{schema} {default}");
        assert!(Schema::parse(&text, Strictness::Stored).is_ok(), "{schema} {default}");
    }

    #[test]
    fn defaults_must_fit_in_new_schemas_only() {
        check_default("\"int\"", "2147483647", true);
        check_default("\"int\"", "2147483648", false);
        check_default("\"long\"", "1.5", false);
        check_default("\"float\"", "1", true);
        check_default("\"double\"", "\"NaN\"", true);
        check_default("\"double\"", "\"x\"", false);
        check_default("\"null\"", "null", true);
        check_default("\"bytes\"", "\"\\u00ff\"", true);
        check_default("[\"null\",\"int\"]", "1", true);
        check_default("[\"null\",\"int\"]", "true", false);
        check_default(r#"{"type":"array","items":"int"}"#, "[1,\"\"]", false);
        check_default(r#"{"type":"map","values":"int"}"#, r#"{"a":1}"#, true);
        let inner = r#"{"type":"record","name":"I","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":1}]}"#;
        check_default(inner, r#"{"x":1}"#, true);
        check_default(inner, r#"{"y":1}"#, false);
        // A record that is its own default has no end.
        let endless =
            r#"{"type":"record","name":"E","fields":[{"name":"e","type":"E","default":{}}]}"#;
        check_default(endless, "{}", false);
    }

    #[test]
    fn stored_schemas_may_have_names_that_new_ones_may_not() {
        for text in [
            r#"{"type":"fixed","name":"größe","size":1}"#,
            r#"{"type":"fixed","name":"x","namespace":"a-b","size":1}"#,
        ] {
            assert!(Schema::parse(text, Strictness::New).is_err(), "{text}");
            assert!(Schema::parse(text, Strictness::Stored).is_ok(), "{text}");
        }
    }

    #[test]
    fn equal_definition_may_be_repeated() {
        let schema = Schema::parse(
            r#"{"type":"record","name":"R","fields":[
                {"name":"a","type":{"type":"fixed","name":"F","size":1}},
                {"name":"b","type":{"type":"fixed","name":"F","size":1}}]}"#,
            Strictness::New,
        )
        .unwrap();
        assert!(schema.canonical_string().ends_with(r#"{"name":"b","type":"F"}]}"#));
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bytes: 100, depth: 5, types: 3 };
        let parse = |text: &str| Schema::parse_within(text, &[], Strictness::New, limits);
        assert_eq!(
            parse(&format!("\"{}\"", "x".repeat(200))).unwrap_err(),
            SchemaError::TooLarge { size: 202, limit: 100 }
        );
        assert_eq!(
            parse("[\"int\",\"long\",\"string\"]").unwrap_err(),
            SchemaError::TooManyTypes { limit: 3 }
        );
        let deep = r#"{"type":"array","items":"#.repeat(10_000);
        let error = Schema::parse(&deep, Strictness::New).unwrap_err();
        assert_eq!(error, SchemaError::TooDeep { limit: 200 });
        let deepest =
            format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(200), "}".repeat(200));
        assert!(Schema::parse(&deepest, Strictness::New).is_ok());
    }

    /// Half of what a thread has by default.
    #[test]
    fn deepest_schema_fits_a_small_stack() {
        let read = || {
            let deep = |open: &str, close: &str, levels: usize| {
                let text = format!("{}\"int\"{}", open.repeat(levels), close.repeat(levels));
                Schema::parse(&text, Strictness::New).unwrap().canonical_string().len()
            };
            deep(r#"{"type":"array","items":"#, "}", 200)
                + deep(r#"{"type":"map","values":"#, "}", 200)
        };
        let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(read).unwrap();
        assert!(thread.join().unwrap() > 200);
    }

    /// Any schema as text, its named types numbered by `next`.
    fn schema_text() -> impl Strategy<Value = Value> {
        let property = prop_oneof![Just(None), ("[a-c]{1,2}", any::<i32>()).prop_map(Some),];
        let primitive = (
            prop::sample::select(vec![
                "null", "boolean", "int", "long", "float", "double", "bytes", "string",
            ]),
            property,
        )
            .prop_map(|(name, property)| match property {
                None => Value::from(name),
                Some((key, value)) => {
                    let key = format!("p.{key}");
                    serde_json::json!({"type": name, (key): value, "logicalType": "x"})
                }
            });
        let doc = prop::option::of("[a-z \"\\\\é\u{1}]{0,6}");
        primitive.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                inner.clone().prop_map(|items| serde_json::json!({"type":"array","items":items})),
                inner.clone().prop_map(|values| {
                    serde_json::json!({"x":1.5,"type":"map","values":values})
                }),
                (
                    prop::collection::vec((inner, doc.clone(), any::<bool>()), 0..4),
                    doc.clone(),
                    prop::sample::select(vec!["", "a", "a.b", "c"]),
                    any::<u64>(),
                )
                    .prop_map(|(fields, doc, namespace, unique)| {
                        let fields: Vec<Value> = fields
                            .into_iter()
                            .enumerate()
                            .map(|(index, (inner, doc, optional))| {
                                let inner = if optional { optional_of(inner) } else { inner };
                                serde_json::json!({
                                    "doc": doc, "name": format!("f{index}"), "type": inner,
                                })
                            })
                            .collect();
                        serde_json::json!({
                            "name": format!("R{unique}"), "type": "record", "fields": fields,
                            "namespace": namespace, "doc": doc, "aliases": ["Z", "q.Y"],
                        })
                    }),
                any::<u64>().prop_map(|unique| serde_json::json!({
                    "symbols": ["A", "B"], "type": "enum", "name": format!("E{unique}"),
                    "default": "A", "note": {"b": [1, null], "a": "é"},
                })),
            ]
        })
    }

    fn optional_of(inner: Value) -> Value {
        if inner.is_array() || inner == "null" || inner["type"] == "null" {
            return inner;
        }
        Value::Array(vec!["null".into(), inner])
    }

    proptest! {
        #[test]
        fn printing_loses_nothing(json in schema_text()) {
            let schema = Schema::parse(&json.to_string(), Strictness::New).unwrap();
            let printed = schema.canonical_string();
            let again = Schema::parse(&printed, Strictness::New).unwrap();
            prop_assert_eq!(&again, &schema);
            prop_assert_eq!(again.canonical_string(), printed);
            let normal = schema.normalized();
            prop_assert_eq!(normal.normalized(), normal);
        }

        #[test]
        fn other_implementation_accepts_what_we_print(json in schema_text()) {
            let text = json.to_string();
            let schema = Schema::parse(&text, Strictness::New).unwrap();
            let theirs = apache_avro::Schema::parse_str(&text).unwrap();
            let reparsed = apache_avro::Schema::parse_str(&schema.canonical_string()).unwrap();
            prop_assert_eq!(theirs, reparsed);
        }

        #[test]
        fn any_text_is_a_schema_or_an_error(
            text in "[\\[\\]{}\",:a-z0-9 ]{0,60}",
            types in prop::collection::vec(prop::sample::select(vec![
                "{\"type\":", "\"record\"", ",\"name\":", "\"R\"", ",\"fields\":[", "]", "}", "[",
                "\"int\"", ",", "\"array\",\"items\":", "{\"name\":\"f\",\"type\":", "\"enum\"",
                ",\"symbols\":[\"A\"]", ",\"default\":", "7", "null", ",\"size\":", "\"fixed\"",
                ",\"order\":", ",\"aliases\":",
            ]), 0..25),
        ) {
            for text in [text, types.concat()] {
                if let Ok(schema) = Schema::parse(&text, Strictness::Stored) {
                    let printed = schema.canonical_string();
                    let again = Schema::parse(&printed, Strictness::Stored).unwrap();
                    prop_assert!(again.equivalent(&schema));
                }
            }
        }
    }
}
