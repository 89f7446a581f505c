//! Avro schema → Connect schema, and the plan that reads its data.
//!
//! The inverse of [`super::to_avro`]: `connect.*` properties give back what Avro has no place
//! for. A union with null of one other type is that type, optional; another union is a struct with
//! an optional field per branch. A schema that holds itself has no end in Connect's model and is
//! refused.

use std::collections::HashMap;
use std::sync::Arc;

use connect_api::data::logical;
use connect_api::{ConnectError, Result, Schema as ConnectSchema, SchemaBuilder, SchemaType};
use schema_registry_client::avro::{Enumeration, Field, Kind, Node, NodeId, Record, Schema};
use serde_json::Value as Json;

use super::decode::Decode;
use super::default_value;
use super::names::{
    ANYTHING, CONNECT_DEFAULT, CONNECT_DOC, CONNECT_ENUM_DOC, CONNECT_INTERNAL_TYPE, CONNECT_NAME,
    CONNECT_PARAMETERS, CONNECT_RECORD_DOC, CONNECT_TYPE, CONNECT_VERSION, DECIMAL_PRECISION,
    DEFAULT_FULL_NAME, DEFAULT_PRECISION, ENUM_DEFAULT_PREFIX, ENUM_DOC_PREFIX, FIELD_DEFAULT_FLAG,
    FIELD_DOC_PREFIX, FIXED_SIZE, GENERALIZED_UNION, GENERALIZED_UNION_PREFIX, MAP_ENTRY,
    MAX_DEPTH, MAX_TYPES, Mapping, NAMESPACE, RECORD_DOC, UNION,
};

/// A Connect schema, and how to read its data.
#[derive(Debug, Clone)]
pub(super) struct Readable {
    /// None for values without a schema.
    pub schema: Option<Arc<ConnectSchema>>,
    pub plan: Arc<Decode>,
}

/// Converts a schema; `version` is the registry's, used where the schema has none of its own.
///
/// # Errors
///
/// Data: a type that Connect's model has no place for.
pub(super) fn to_connect(
    avro: &Schema,
    version: Option<i32>,
    mapping: Mapping,
) -> Result<Readable> {
    if avro.root().kind.branch_name() == ANYTHING {
        return Ok(Readable { schema: None, plan: Arc::new(Decode::Anything) });
    }
    let mut convert =
        Convert { avro, mapping, open: Vec::new(), done: HashMap::new(), unions: 0, types: 0 };
    let place = Place { version, ..Place::default() };
    let (schema, plan) = convert.node(avro.root_id(), place)?;
    Ok(Readable { schema: Some(schema), plan })
}

/// What the place of a type adds to it.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    optional: bool,
    default: Option<&'a Json>,
    doc: Option<&'a str>,
    version: Option<i32>,
}

type Converted = (Arc<ConnectSchema>, Arc<Decode>);

struct Convert<'a> {
    avro: &'a Schema,
    mapping: Mapping,
    /// Types that are being converted, outermost first.
    open: Vec<NodeId>,
    /// Types converted without a default or doc of their place, optional or not.
    done: HashMap<(NodeId, bool), Converted>,
    unions: usize,
    types: usize,
}

impl<'a> Convert<'a> {
    fn node(&mut self, id: NodeId, place: Place<'_>) -> Result<Converted> {
        let node = self.avro.node(id);
        let plain = place.default.is_none() && place.doc.is_none() && place.version.is_none();
        if plain && let Some(done) = self.done.get(&(id, place.optional)) {
            return Ok(done.clone());
        }
        self.types += 1;
        if self.open.len() > MAX_DEPTH || self.types > MAX_TYPES {
            return Err(ConnectError::data(format!(
                "Avro schema deeper than {MAX_DEPTH} levels or of more than {MAX_TYPES} types"
            )));
        }
        if self.open.contains(&id) {
            return Err(ConnectError::data(format!(
                "Avro type {} holds itself; Connect schemas here must have an end",
                node.kind.branch_name()
            )));
        }
        self.open.push(id);
        let converted = match &node.kind {
            Kind::Union(branches) => self.union(id, branches, place),
            _ => self.type_of(id, node, place),
        };
        self.open.pop();
        let converted = converted?;
        if plain {
            self.done.insert((id, place.optional), converted.clone());
        }
        Ok(converted)
    }

    fn type_of(&mut self, id: NodeId, node: &'a Node, place: Place<'_>) -> Result<Converted> {
        match &node.kind {
            Kind::Array(inner) => {
                let (builder, plan) = self.array(*inner)?;
                self.finish(id, builder, plan, place)
            }
            Kind::Map(inner) => {
                let (values, plan) = self.node(*inner, Place::default())?;
                let builder = SchemaBuilder::map(ConnectSchema::string(), values);
                self.finish(id, builder, Decode::Map { values: plan }, place)
            }
            Kind::Record(record) => {
                let (builder, plans) = self.record(record)?;
                let (schema, _) = self.finish(id, builder, Decode::Null, place)?;
                let plan = Decode::Struct { schema: Arc::clone(&schema), fields: plans };
                Ok((schema, Arc::new(plan)))
            }
            Kind::Enum(symbols) => {
                let plan = Decode::Enum { symbols: symbols.symbols.clone() };
                self.finish(id, self.enumeration(symbols), plan, place)
            }
            Kind::Fixed(fixed) => {
                let (builder, scale) = self.bytes(node)?;
                let size = fixed.size;
                let plan = match scale {
                    Some(scale) => Decode::FixedDecimal { size, scale },
                    None => Decode::Fixed { size },
                };
                self.finish(id, builder.parameter(FIXED_SIZE, size.to_string()), plan, place)
            }
            Kind::Bytes => {
                let (builder, scale) = self.bytes(node)?;
                let plan = scale.map_or(Decode::Bytes, |scale| Decode::Decimal { scale });
                self.finish(id, builder, plan, place)
            }
            _ => {
                let (builder, plan) = primitive(node)?;
                self.finish(id, builder, plan, place)
            }
        }
    }

    fn array(&mut self, items: NodeId) -> Result<(SchemaBuilder, Decode)> {
        let Some(record) = self.map_entry(items) else {
            let (schema, plan) = self.node(items, Place::default())?;
            return Ok((SchemaBuilder::array(schema), Decode::Array { items: plan }));
        };
        let (Some(key), Some(value), 2) =
            (record.field("key"), record.field("value"), record.fields.len())
        else {
            return Err(ConnectError::data(
                "Found map encoded as array of key-value pairs, but array elements do not match \
                 the expected format.",
            ));
        };
        let value_first = record.fields[0].name == "value";
        let (keys, key) = self.node(key.schema, Place::default())?;
        let (values, value) = self.node(value.schema, Place::default())?;
        Ok((SchemaBuilder::map(keys, values), Decode::Entries { key, value, value_first }))
    }

    fn map_entry(&self, id: NodeId) -> Option<&'a Record> {
        let node = self.avro.node(id);
        let Kind::Record(record) = &node.kind else { return None };
        let own =
            record.name.namespace.as_deref() == Some(NAMESPACE) && record.name.simple == MAP_ENTRY;
        let marked = node.text_property(CONNECT_INTERNAL_TYPE) == Some(MAP_ENTRY);
        (own || marked).then_some(record)
    }

    fn record(&mut self, record: &'a Record) -> Result<(SchemaBuilder, Vec<Arc<Decode>>)> {
        let with_docs = self.mapping.connect_meta && !self.mapping.discard_type_doc_default;
        let mut builder = SchemaBuilder::structure();
        if let (true, Some(doc)) = (with_docs, &record.doc) {
            builder = builder.parameter(RECORD_DOC, doc);
        }
        let mut plans = Vec::with_capacity(record.fields.len());
        for Field { name, schema, doc, default, .. } in &record.fields {
            if let (true, Some(doc)) = (with_docs, doc) {
                builder = builder.parameter(format!("{FIELD_DOC_PREFIX}{name}"), doc);
            }
            let doc = doc.as_deref().filter(|_| self.mapping.discard_type_doc_default);
            let place = Place { default: default.as_ref(), doc, ..Place::default() };
            let (schema, plan) = self.node(*schema, place)?;
            builder = builder.field(name.as_str(), schema);
            plans.push(plan);
        }
        Ok((builder, plans))
    }

    fn enumeration(&self, symbols: &Enumeration) -> SchemaBuilder {
        let mut builder = SchemaBuilder::new(SchemaType::String);
        let discard = self.mapping.discard_type_doc_default;
        let short = &symbols.name.simple;
        if let (true, Some(doc)) = (self.mapping.connect_meta, &symbols.doc) {
            let key = if discard {
                CONNECT_ENUM_DOC.to_owned()
            } else {
                format!("{ENUM_DOC_PREFIX}{short}")
            };
            builder = builder.parameter(key, doc);
        }
        if let (true, Some(default)) = (self.mapping.connect_meta && !discard, &symbols.default) {
            builder = builder.parameter(format!("{ENUM_DEFAULT_PREFIX}{short}"), default);
        }
        let parameter = self.mapping.enum_parameter();
        builder = builder.parameter(parameter, symbols.name.full());
        for (index, symbol) in symbols.symbols.iter().enumerate() {
            let value = if self.mapping.generalized { index.to_string() } else { symbol.clone() };
            builder = builder.parameter(format!("{parameter}.{symbol}"), value);
        }
        builder
    }

    fn bytes(&self, node: &Node) -> Result<(SchemaBuilder, Option<i32>)> {
        if !node.logical_type().is_some_and(|name| name.eq_ignore_ascii_case("decimal")) {
            return Ok((SchemaBuilder::new(SchemaType::Bytes), None));
        }
        let scale = node.properties.get("scale").and_then(integer).unwrap_or(0);
        let mut builder = logical::decimal(scale);
        if let Some(json) = node.properties.get("precision") {
            let precision = integer(json).ok_or_else(|| {
                ConnectError::data(format!("precision property must be a JSON Integer, not {json}"))
            })?;
            if precision != DEFAULT_PRECISION {
                builder = builder.parameter(DECIMAL_PRECISION, precision.to_string());
            }
        }
        Ok((builder, Some(scale)))
    }

    fn union(&mut self, id: NodeId, branches: &[NodeId], place: Place<'_>) -> Result<Converted> {
        let is_null = |id: &NodeId| {
            let node = self.avro.node(*id);
            node.kind == Kind::Null && node.properties.is_empty()
        };
        let doc = place.doc;
        match branches {
            [one] if self.mapping.flatten_singletons => {
                let (schema, plan) = self.node(*one, Place { doc, ..Place::default() })?;
                return Ok((schema, Arc::new(Decode::Union { branches: vec![plan] })));
            }
            [one, two] if is_null(one) != is_null(two) => {
                let null_first = is_null(one);
                let other = if null_first { *two } else { *one };
                let inner = Place { optional: true, doc, ..Place::default() };
                let (schema, plan) = self.node(other, inner)?;
                let null = Arc::new(Decode::Null);
                let branches = if null_first { vec![null, plan] } else { vec![plan, null] };
                return Ok((schema, Arc::new(Decode::Union { branches })));
            }
            _ => {}
        }
        let mut builder = SchemaBuilder::structure();
        if self.mapping.generalized {
            let name = format!("{GENERALIZED_UNION_PREFIX}{}", self.unions);
            self.unions += 1;
            builder = builder.name(name.as_str()).parameter(GENERALIZED_UNION, name);
        } else {
            builder = builder.name(UNION);
        }
        let mut plans = Vec::with_capacity(branches.len());
        let mut names: Vec<String> = Vec::with_capacity(branches.len());
        for (index, branch) in branches.iter().enumerate() {
            let node = self.avro.node(*branch);
            if node.kind == Kind::Null {
                builder = builder.optional();
                plans.push(None);
                continue;
            }
            let name = self.mapping.member_name(node, index);
            if names.contains(&name) {
                return Err(ConnectError::data(format!(
                    "Multiple union schemas map to the Connect union field name {name}"
                )));
            }
            let (schema, plan) =
                self.node(*branch, Place { optional: true, ..Place::default() })?;
            plans.push(Some((names.len(), plan)));
            builder = builder.field(name.as_str(), schema);
            names.push(name);
        }
        let (schema, _) = self.finish(id, builder, Decode::Null, place)?;
        let plan = Decode::UnionStruct { schema: Arc::clone(&schema), branches: plans };
        Ok((schema, Arc::new(plan)))
    }

    /// Adds what properties and place say about a type.
    fn finish(
        &self,
        id: NodeId,
        builder: SchemaBuilder,
        plan: Decode,
        place: Place<'_>,
    ) -> Result<Converted> {
        let node = self.avro.node(id);
        let builder = self.described(node, builder, place.doc);
        let builder = versioned(node, builder, place.version)?;
        let builder = self.with_parameters(node, builder)?;
        let mut builder = self.with_name(node, builder)?;
        if place.optional {
            builder = builder.optional();
        }
        let own = node.properties.get(CONNECT_DEFAULT);
        if place.default.is_some()
            && own.is_none()
            && self.mapping.connect_meta
            && !self.mapping.discard_type_doc_default
        {
            builder = builder.parameter(FIELD_DEFAULT_FLAG, "true");
        }
        let schema = builder.clone().build()?;
        let Some(json) = place.default.or(own) else { return Ok((schema, Arc::new(plan))) };
        let with_default = default_value::from_json(self.avro, id, (&schema, json), self.mapping)
            .and_then(|value| match value.is_null() {
                true => Ok(Arc::clone(&schema)),
                false => builder.default_value(value).build(),
            });
        let schema = with_default.unwrap_or_else(|error| {
            let name = node.kind.branch_name();
            tracing::warn!(schema = name, %error, "ignoring the default of a schema");
            schema
        });
        Ok((schema, Arc::new(plan)))
    }

    fn described(&self, node: &Node, builder: SchemaBuilder, doc: Option<&str>) -> SchemaBuilder {
        let own = node.text_property(CONNECT_DOC);
        if !self.mapping.discard_type_doc_default {
            return match own.filter(|_| self.mapping.connect_meta) {
                Some(doc) => builder.doc(doc),
                None => builder,
            };
        }
        let mut builder = builder;
        if let Some(doc) = doc.or(node.kind.doc()).or(own) {
            builder = builder.doc(doc);
        }
        match node.kind.doc().filter(|_| self.mapping.connect_meta) {
            Some(doc) => builder.parameter(CONNECT_RECORD_DOC, doc),
            None => builder,
        }
    }

    fn with_parameters(&self, node: &Node, mut builder: SchemaBuilder) -> Result<SchemaBuilder> {
        if let (true, Some(json)) =
            (self.mapping.connect_meta, node.properties.get(CONNECT_PARAMETERS))
        {
            let members = json.as_object().ok_or_else(|| {
                ConnectError::data(format!(
                    "Expected JSON object for schema parameters but found: {json}"
                ))
            })?;
            for (key, value) in members {
                let text = value.as_str().ok_or_else(|| {
                    ConnectError::data(format!(
                        "Expected schema parameter values to be strings but found: {value}"
                    ))
                })?;
                builder = builder.parameter(key, text);
            }
        }
        for (key, value) in &node.properties {
            if key.starts_with("avro") {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                builder = builder.parameter(key, text);
            }
        }
        Ok(builder)
    }

    fn with_name(&self, node: &Node, builder: SchemaBuilder) -> Result<SchemaBuilder> {
        let given = match node.properties.get(CONNECT_NAME) {
            Some(Json::String(name)) => Some(name.clone()),
            Some(json) => return Err(ConnectError::data(format!("Invalid schema name: {json}"))),
            None => None,
        };
        let logical_name = logical_name(node);
        match (given, logical_name) {
            (Some(given), Some(name)) if given != name => Err(ConnectError::data(format!(
                "Mismatched names: name already added to SchemaBuilder ({name}) differs from name \
                 in source schema ({given})"
            ))),
            (_, Some(_)) => Ok(builder),
            (given, None) => {
                let name = given.or_else(|| node.kind.name().map(ToString::to_string));
                Ok(match name.filter(|name| !name.starts_with(DEFAULT_FULL_NAME)) {
                    Some(name) => builder.name(name),
                    None => builder,
                })
            }
        }
    }
}

fn integer(json: &Json) -> Option<i32> {
    json.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// The name that a type has from its logical type.
fn logical_name(node: &Node) -> Option<&'static str> {
    let is = |name: &str| node.logical_type().is_some_and(|own| own.eq_ignore_ascii_case(name));
    match node.kind {
        Kind::Bytes | Kind::Fixed(_) if is("decimal") => Some(logical::DECIMAL),
        Kind::Int if is("date") => Some(logical::DATE),
        Kind::Int if is("time-millis") => Some(logical::TIME),
        Kind::Long if is("timestamp-millis") => Some(logical::TIMESTAMP),
        _ => None,
    }
}

fn versioned(node: &Node, builder: SchemaBuilder, registry: Option<i32>) -> Result<SchemaBuilder> {
    let own =
        match node.properties.get(CONNECT_VERSION) {
            None => None,
            Some(json) => Some(integer(json).ok_or_else(|| {
                ConnectError::data(format!("Invalid Connect version found: {json}"))
            })?),
        };
    let is_logical = logical_name(node).is_some();
    match own.or(registry.filter(|_| !is_logical)) {
        Some(version) if is_logical && version >= 0 && version != 1 => {
            Err(ConnectError::data(format!(
                "Mismatched versions: version already added to SchemaBuilder (1) differs from \
                 version in source schema ({version})"
            )))
        }
        Some(version) if version >= 0 => Ok(builder.version(version)),
        _ => Ok(builder),
    }
}

fn primitive(node: &Node) -> Result<(SchemaBuilder, Decode)> {
    let plain = |kind, plan| Ok((SchemaBuilder::new(kind), plan));
    match (&node.kind, logical_name(node)) {
        (Kind::Int, Some(logical::DATE)) => Ok((logical::date(), Decode::Date)),
        (Kind::Int, Some(_)) => Ok((logical::time(), Decode::Time)),
        (Kind::Long, Some(_)) => Ok((logical::timestamp(), Decode::Timestamp)),
        (Kind::Int, None) => match (node.text_property(CONNECT_TYPE), node.logical_type()) {
            (None, _) | (_, Some(_)) => plain(SchemaType::Int32, Decode::Int32),
            (Some("int8"), None) => plain(SchemaType::Int8, Decode::Int8),
            (Some("int16"), None) => plain(SchemaType::Int16, Decode::Int16),
            (Some(_), None) => {
                Err(ConnectError::data("Connect type annotation for Avro int field is null"))
            }
        },
        (Kind::Long, None) => plain(SchemaType::Int64, Decode::Int64),
        (Kind::Float, _) => plain(SchemaType::Float32, Decode::Float32),
        (Kind::Double, _) => plain(SchemaType::Float64, Decode::Float64),
        (Kind::Boolean, _) => plain(SchemaType::Boolean, Decode::Boolean),
        (Kind::String, _) => plain(SchemaType::String, Decode::String),
        _ => Err(ConnectError::data("Standalone null schemas are not supported by this converter")),
    }
}
