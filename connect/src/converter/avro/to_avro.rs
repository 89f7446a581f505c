//! Connect schema → Avro schema.
//!
//! | Connect | Avro |
//! |---|---|
//! | int8, int16, int32 | int; `connect.type` for the narrow ones |
//! | Decimal, Date, Time, Timestamp | logical types decimal, date, time-millis, timestamp-millis |
//! | bytes with a name and `connect.fixed.size` | fixed |
//! | map with string keys; other map | map; array of records of key and value |
//! | struct; the one named `…avro.Union` | record; union |
//! | optional | union with null, which comes first unless there is a default |
//! | none | record `…avro.Anything`, which holds any value |
//!
//! A type that was written once is referred to by name. Members take the original's order, for
//! the text is a schema's identity in the registry.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use connect_api::data::logical;
use connect_api::{ConnectError, Result, Schema as ConnectSchema, SchemaType};
use schema_registry_client::avro::{Schema, Strictness};
use serde_json::{Map, Value as Json, json};

use super::default_value;
use super::names::{
    ANYTHING, CONNECT_DEFAULT, CONNECT_DOC, CONNECT_ENUM_DOC, CONNECT_INTERNAL_TYPE, CONNECT_NAME,
    CONNECT_PARAMETERS, CONNECT_RECORD_DOC, CONNECT_TYPE, CONNECT_VERSION, DECIMAL_PRECISION,
    DEFAULT_NAME, DEFAULT_PRECISION, ENUM, ENUM_DEFAULT_PREFIX, ENUM_DOC_PREFIX,
    FIELD_DEFAULT_FLAG, FIELD_DOC_PREFIX, GENERALIZED_ENUM, MAP_ENTRY, MAX_DEPTH, MAX_TYPES,
    Mapping, NAMESPACE, RECORD_DOC, fixed_size, is_decimal, is_union,
};

/// The schema of values without a schema: a record with one field per type.
pub(super) static ANYTHING_SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let optional =
        |name: &str, kind: Json| json!({"name": name, "type": ["null", kind], "default": null});
    let mut fields: Vec<Json> = ["boolean", "bytes", "double", "float", "int", "long", "string"]
        .into_iter()
        .map(|kind| optional(kind, kind.into()))
        .collect();
    fields.push(optional("array", json!({"type": "array", "items": "Anything"})));
    let entry = json!({"type": "record", "name": MAP_ENTRY, "fields": [
        {"name": "key", "type": "Anything"}, {"name": "value", "type": "Anything"},
    ]});
    fields.push(optional("map", json!({"type": "array", "items": entry})));
    let text = json!({"type": "record", "name": ANYTHING, "fields": fields}).to_string();
    Schema::parse(&text, Strictness::New).expect("the text is a constant, which a test parses")
});

/// Converts a schema.
///
/// # Errors
///
/// Data: a name that Avro does not take, or a schema without end.
pub(super) fn to_avro(schema: Option<&Arc<ConnectSchema>>, mapping: Mapping) -> Result<Schema> {
    let Some(schema) = schema else { return Ok(ANYTHING_SCHEMA.clone()) };
    let mut build =
        Build { mapping, written: HashSet::new(), unnamed: Vec::new(), count: 0, types: 0 };
    let json = build.schema(schema, Nulls::Kept, 0)?;
    // The original leaves the check of namespaces to the registry, which may be lenient.
    Schema::parse(&json.to_string(), Strictness::Stored).map_err(|error| {
        let name = schema.name().unwrap_or("without a name");
        ConnectError::data(format!("schema {name} has no form in Avro: {error}")).because(error)
    })
}

/// Whether an optional schema becomes a union with null, or the union around it has the null.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Kept,
    Elsewhere,
}

struct Build {
    mapping: Mapping,
    /// Full names of the types that are written.
    written: HashSet<String>,
    /// Required forms of unnamed structs, and the names they were given.
    unnamed: Vec<(Arc<ConnectSchema>, String)>,
    count: usize,
    types: usize,
}

impl Build {
    fn schema(&mut self, schema: &Arc<ConnectSchema>, nulls: Nulls, depth: usize) -> Result<Json> {
        self.types += 1;
        if depth > MAX_DEPTH || self.types > MAX_TYPES {
            return Err(ConnectError::data(format!(
                "schema deeper than {MAX_DEPTH} levels or of more than {MAX_TYPES} types"
            )));
        }
        if is_union(schema) {
            return self.union(schema, depth);
        }
        let base = self.required(schema, depth)?;
        if nulls == Nulls::Elsewhere || !schema.is_optional() {
            return Ok(base);
        }
        let null_last = schema.default().is_some() && schema.schema_type() != SchemaType::Struct;
        Ok(if null_last { json!([base, "null"]) } else { json!(["null", base]) })
    }

    fn union(&mut self, schema: &Arc<ConnectSchema>, depth: usize) -> Result<Json> {
        let mut branches = Vec::new();
        if schema.is_optional() {
            branches.push(Json::from("null"));
        }
        for field in schema.fields() {
            branches.push(self.schema(&field.schema, Nulls::Elsewhere, depth + 1)?);
        }
        Ok(Json::Array(branches))
    }

    /// The type without null, with all that the schema says beside it.
    fn required(&mut self, schema: &Arc<ConnectSchema>, depth: usize) -> Result<Json> {
        let mut members = Map::new();
        let mut narrow = None;
        let mut primitive = |kind: &str| {
            members.insert("type".to_owned(), kind.into());
        };
        match schema.schema_type() {
            SchemaType::Int8 => {
                narrow = Some("int8");
                primitive("int");
            }
            SchemaType::Int16 => {
                narrow = Some("int16");
                primitive("int");
            }
            SchemaType::Int32 => primitive("int"),
            SchemaType::Int64 => primitive("long"),
            SchemaType::Float32 => primitive("float"),
            SchemaType::Float64 => primitive("double"),
            SchemaType::Boolean => primitive("boolean"),
            SchemaType::String => {
                if let Some(reference) = self.text(schema, &mut members) {
                    return Ok(reference);
                }
            }
            SchemaType::Bytes => {
                if let Some(reference) = self.bytes(schema, &mut members)? {
                    return Ok(reference);
                }
            }
            SchemaType::Array => {
                let items = self.inner(schema.value_schema(), depth)?;
                members.insert("type".to_owned(), "array".into());
                members.insert("items".to_owned(), items);
            }
            SchemaType::Map => self.map(schema, &mut members, depth)?,
            SchemaType::Struct => {
                if let Some(reference) = self.record(schema, &mut members, depth)? {
                    return Ok(reference);
                }
            }
        }
        self.properties(schema, narrow, &mut members)?;
        Ok(Json::Object(members))
    }

    fn inner(&mut self, schema: Option<&Arc<ConnectSchema>>, depth: usize) -> Result<Json> {
        let schema =
            schema.ok_or_else(|| ConnectError::data("array or map without inner schema"))?;
        self.schema(schema, Nulls::Kept, depth + 1)
    }

    /// Begins a named type, or refers to the one that was written under that name.
    fn named(
        &mut self,
        kind: &str,
        name: (Option<String>, String),
        members: &mut Map<String, Json>,
    ) -> Option<Json> {
        let (namespace, name) = name;
        let full = match &namespace {
            Some(namespace) => format!("{namespace}.{name}"),
            None => name.clone(),
        };
        if !self.written.insert(full.clone()) {
            return Some(Json::String(full));
        }
        members.insert("type".to_owned(), kind.into());
        members.insert("name".to_owned(), name.into());
        members.insert("namespace".to_owned(), namespace.unwrap_or_default().into());
        None
    }

    fn text(&mut self, schema: &ConnectSchema, members: &mut Map<String, Json>) -> Option<Json> {
        let parameters = schema.parameters();
        let known = parameters.contains_key(GENERALIZED_ENUM) || parameters.contains_key(ENUM);
        let parameter = self.mapping.enum_parameter();
        let name = parameters
            .get(parameter)
            .filter(|_| known && (self.mapping.generalized || self.mapping.enhanced));
        let Some(name) = name else {
            members.insert("type".to_owned(), "string".into());
            return None;
        };
        let short = schema
            .name()
            .map_or_else(|| DEFAULT_NAME.to_owned(), |name| self.mapping.split(name).1);
        let namespaced = match name.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, name.clone()),
        };
        if let Some(reference) = self.named("enum", namespaced, members) {
            return Some(reference);
        }
        let doc = if self.mapping.discard_type_doc_default {
            parameters.get(CONNECT_ENUM_DOC)
        } else {
            parameters.get(&format!("{ENUM_DOC_PREFIX}{short}"))
        };
        if let Some(doc) = doc {
            members.insert("doc".to_owned(), doc.as_str().into());
        }
        let symbols: Vec<&str> = (parameters.keys())
            .filter_map(|key| key.strip_prefix(parameter)?.strip_prefix('.'))
            .collect();
        members.insert("symbols".to_owned(), symbols.into());
        let default = parameters.get(&format!("{ENUM_DEFAULT_PREFIX}{short}"));
        if let (Some(default), false) = (default, self.mapping.discard_type_doc_default) {
            members.insert("default".to_owned(), default.as_str().into());
        }
        None
    }

    fn bytes(
        &mut self,
        schema: &ConnectSchema,
        members: &mut Map<String, Json>,
    ) -> Result<Option<Json>> {
        match (fixed_size(schema), schema.name()) {
            (Some(size), Some(name)) => {
                let size: i32 = size.parse().map_err(|_| {
                    ConnectError::data(format!("parameter connect.fixed.size of {name} is {size}"))
                })?;
                let name = self.mapping.split(name);
                if let Some(reference) = self.named("fixed", name, members) {
                    return Ok(Some(reference));
                }
                members.insert("size".to_owned(), size.into());
            }
            _ => {
                members.insert("type".to_owned(), "bytes".into());
            }
        }
        if is_decimal(schema) {
            members.insert("scale".to_owned(), logical::decimal_scale(schema)?.into());
            members.insert("precision".to_owned(), precision(schema)?.into());
        }
        Ok(None)
    }

    fn map(
        &mut self,
        schema: &ConnectSchema,
        members: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<()> {
        let keys =
            schema.key_schema().ok_or_else(|| ConnectError::data("map without key schema"))?;
        if self.mapping.is_text_map(keys) {
            let values = self.inner(schema.value_schema(), depth)?;
            members.insert("type".to_owned(), "map".into());
            members.insert("values".to_owned(), values);
            return Ok(());
        }
        let (name, marked) = match schema.name() {
            Some(name) => (self.mapping.split(name), true),
            None => ((Some(NAMESPACE.to_owned()), MAP_ENTRY.to_owned()), false),
        };
        let mut entry = Map::new();
        let items = match self.named("record", name, &mut entry) {
            Some(reference) => reference,
            None => {
                let values = schema
                    .value_schema()
                    .ok_or_else(|| ConnectError::data("map without value schema"))?;
                let fields = vec![
                    self.field("key", keys, None, depth)?,
                    self.field("value", values, None, depth)?,
                ];
                entry.insert("fields".to_owned(), fields.into());
                if marked {
                    entry.insert(CONNECT_INTERNAL_TYPE.to_owned(), MAP_ENTRY.into());
                }
                Json::Object(entry)
            }
        };
        members.insert("type".to_owned(), "array".into());
        members.insert("items".to_owned(), items);
        Ok(())
    }

    fn record(
        &mut self,
        schema: &Arc<ConnectSchema>,
        members: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<Option<Json>> {
        let name = match schema.name() {
            Some(name) => self.mapping.split(name),
            None => match self.unnamed(schema)? {
                Named::Before(full) => return Ok(Some(Json::String(full))),
                Named::Now(name) => (Some(NAMESPACE.to_owned()), name),
            },
        };
        if let Some(reference) = self.named("record", name, members) {
            return Ok(Some(reference));
        }
        let discard = self.mapping.discard_type_doc_default;
        let doc = schema.parameters().get(if discard { CONNECT_RECORD_DOC } else { RECORD_DOC });
        if let Some(doc) = doc {
            members.insert("doc".to_owned(), doc.as_str().into());
        }
        let mut fields = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let doc = if discard {
                None
            } else {
                schema.parameters().get(&format!("{FIELD_DOC_PREFIX}{}", field.name))
            };
            let name = self.mapping.scrubbed(&field.name);
            fields.push(self.field(&name, &field.schema, doc.map(String::as_str), depth)?);
        }
        members.insert("fields".to_owned(), fields.into());
        Ok(None)
    }

    fn unnamed(&mut self, schema: &Arc<ConnectSchema>) -> Result<Named> {
        let required = if schema.is_optional() {
            schema.to_builder().with_optional(false).build()?
        } else {
            Arc::clone(schema)
        };
        if let Some((_, full)) = self.unnamed.iter().find(|(known, _)| **known == *required) {
            return Ok(Named::Before(full.clone()));
        }
        self.count += 1;
        let index = if self.count > 1 { self.count.to_string() } else { String::new() };
        let name = format!("{DEFAULT_NAME}{index}");
        self.unnamed.push((required, format!("{NAMESPACE}.{name}")));
        Ok(Named::Now(name))
    }

    fn field(
        &mut self,
        name: &str,
        schema: &Arc<ConnectSchema>,
        doc: Option<&str>,
        depth: usize,
    ) -> Result<Json> {
        let kind = self.schema(schema, Nulls::Kept, depth + 1)?;
        let mut members = Map::new();
        members.insert("name".to_owned(), name.into());
        members.insert("type".to_owned(), kind);
        let doc = if self.mapping.discard_type_doc_default { schema.doc() } else { doc };
        if let Some(doc) = doc {
            members.insert("doc".to_owned(), doc.into());
        }
        match schema.default() {
            Some(default) if default_value::has_avro_form(schema, default, self.mapping) => {
                let json = default_value::to_json(schema, default, self.mapping)?;
                members.insert("default".to_owned(), json);
            }
            Some(_) => {}
            None if schema.is_optional() => {
                members.insert("default".to_owned(), Json::Null);
            }
            None => {}
        }
        Ok(Json::Object(members))
    }

    fn properties(
        &self,
        schema: &ConnectSchema,
        narrow: Option<&str>,
        members: &mut Map<String, Json>,
    ) -> Result<()> {
        let discard = self.mapping.discard_type_doc_default;
        let flagged = schema.parameters().contains_key(FIELD_DEFAULT_FLAG);
        if self.mapping.connect_meta {
            if let Some(doc) = schema.doc() {
                members.insert(CONNECT_DOC.to_owned(), doc.into());
            }
            if let Some(version) = schema.version() {
                members.insert(CONNECT_VERSION.to_owned(), version.into());
            }
            let parameters: Map<String, Json> = (schema.parameters().iter())
                .filter(|(key, _)| discard || *key != FIELD_DEFAULT_FLAG)
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            if !parameters.is_empty() {
                members.insert(CONNECT_PARAMETERS.to_owned(), parameters.into());
            }
            if let Some(default) = schema.default()
                && (discard || !flagged)
            {
                let json = default_value::to_json(schema, default, self.mapping)?;
                members.insert(CONNECT_DEFAULT.to_owned(), json);
            }
            if let Some(name) = schema.name() {
                members.insert(CONNECT_NAME.to_owned(), name.into());
            }
            if let Some(narrow) = narrow {
                members.insert(CONNECT_TYPE.to_owned(), narrow.into());
            }
        }
        if let Some(logical_type) = schema.name().and_then(logical_type) {
            members.insert("logicalType".to_owned(), logical_type.into());
        }
        for (key, value) in schema.parameters() {
            if key.starts_with("avro") && !members.contains_key(key) {
                members.insert(key.clone(), value.as_str().into());
            }
        }
        Ok(())
    }
}

enum Named {
    /// The full name under which an equal struct was written.
    Before(String),
    /// The simple name that it takes.
    Now(String),
}

/// Avro's name for a logical type of Connect.
fn logical_type(name: &str) -> Option<&'static str> {
    [
        (logical::DECIMAL, "decimal"),
        (logical::TIME, "time-millis"),
        (logical::TIMESTAMP, "timestamp-millis"),
        (logical::DATE, "date"),
    ]
    .into_iter()
    .find_map(|(connect, avro)| name.eq_ignore_ascii_case(connect).then_some(avro))
}

fn precision(schema: &ConnectSchema) -> Result<i32> {
    match schema.parameters().get(DECIMAL_PRECISION) {
        None => Ok(DEFAULT_PRECISION),
        Some(text) => text.parse().map_err(|_| {
            ConnectError::data(format!("parameter {DECIMAL_PRECISION} is {text}, no integer"))
        }),
    }
}
