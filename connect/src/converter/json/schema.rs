//! A schema's JSON form, as `JsonConverter` puts it beside the payload.
//!
//! Members are written in this order: `type`, (`items` | `keys`, `values` | `fields`),
//! `optional`, `name`, `version`, `doc`, `parameters`, `default`, `field`.

use std::sync::Arc;

use connect_api::{ConnectError, Result, Schema, SchemaBuilder, SchemaType};
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::read::{self, Nulls};
use super::write::{self, DecimalFormat};

/// Deepest nesting of a schema that is read; serde_json itself stops at 128.
const MAX_DEPTH: usize = 100;

/// Names of the types, as the JSON form spells them.
const TYPES: [(&str, SchemaType); 12] = [
    ("boolean", SchemaType::Boolean),
    ("int8", SchemaType::Int8),
    ("int16", SchemaType::Int16),
    ("int32", SchemaType::Int32),
    ("int64", SchemaType::Int64),
    ("float", SchemaType::Float32),
    ("double", SchemaType::Float64),
    ("bytes", SchemaType::Bytes),
    ("string", SchemaType::String),
    ("array", SchemaType::Array),
    ("map", SchemaType::Map),
    ("struct", SchemaType::Struct),
];

/// Writes a schema's JSON form.
///
/// # Errors
///
/// Data: a default value that JSON cannot express.
pub fn to_json(schema: &Schema, decimals: DecimalFormat) -> Result<Json> {
    let mut members = serde_json::Map::new();
    let name = TYPES.iter().find(|(_, kind)| *kind == schema.schema_type());
    members.insert("type".into(), name.map_or("struct", |(name, _)| name).into());
    if let Some(keys) = schema.key_schema() {
        members.insert("keys".into(), to_json(keys, decimals)?);
    }
    if let Some(values) = schema.value_schema() {
        let member = if schema.schema_type() == SchemaType::Array { "items" } else { "values" };
        members.insert(member.into(), to_json(values, decimals)?);
    }
    if schema.schema_type() == SchemaType::Struct {
        let mut fields = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let mut json = to_json(&field.schema, decimals)?;
            json["field"] = Json::from(&*field.name);
            fields.push(json);
        }
        members.insert("fields".into(), fields.into());
    }
    members.insert("optional".into(), schema.is_optional().into());
    if let Some(name) = schema.name() {
        members.insert("name".into(), name.into());
    }
    if let Some(version) = schema.version() {
        members.insert("version".into(), version.into());
    }
    if let Some(doc) = schema.doc() {
        members.insert("doc".into(), doc.into());
    }
    if !schema.parameters().is_empty() {
        let parameters = schema.parameters().iter();
        let parameters = parameters.map(|(key, value)| (key.clone(), Json::from(value.as_str())));
        members.insert("parameters".into(), Json::Object(parameters.collect()));
    }
    if let Some(default) = schema.default() {
        let mut text = Vec::new();
        write::value(&mut text, Some(schema), default, &write::Style::plain(decimals))?;
        let json = serde_json::from_slice(&text)
            .map_err(|error| ConnectError::data("default value is not JSON").because(error))?;
        members.insert("default".into(), json);
    }
    Ok(Json::Object(members))
}

/// What a schema's JSON form may hold; other members are ignored, as Java does.
#[derive(Deserialize)]
struct SchemaJson<'a> {
    #[serde(rename = "type")]
    kind: Option<Json>,
    optional: Option<Json>,
    name: Option<Json>,
    version: Option<Json>,
    doc: Option<Json>,
    parameters: Option<Json>,
    #[serde(borrow)]
    default: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct FieldName {
    field: Option<Json>,
}

/// Reads a schema's JSON form; JSON `null` is no schema.
///
/// # Errors
///
/// Data: what is missing or of the wrong type.
pub fn from_json(text: &str) -> Result<Option<Arc<Schema>>> {
    if text.trim() == "null" {
        return Ok(None);
    }
    parse(text, 0).map(Some)
}

fn parse(text: &str, depth: usize) -> Result<Arc<Schema>> {
    if depth > MAX_DEPTH {
        return Err(ConnectError::data(format!("schema is nested deeper than {MAX_DEPTH}")));
    }
    let json: SchemaJson<'_> = serde_json::from_str(text)
        .map_err(|error| ConnectError::data("schema is not a JSON object").because(error))?;
    let kind = match &json.kind {
        Some(Json::String(kind)) => kind.as_str(),
        _ => return Err(ConnectError::data("Schema must contain 'type' field")),
    };
    let kind = TYPES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| ConnectError::data(format!("Unknown schema type: {kind}")))?;
    let inner = |member: Option<&RawValue>, message: &str| match member {
        Some(inner) => parse(inner.get(), depth + 1),
        None => Err(ConnectError::data(message)),
    };
    let mut builder = match kind {
        SchemaType::Array => SchemaBuilder::array(inner(
            json.items,
            "Array schema did not specify the element type",
        )?),
        SchemaType::Map => SchemaBuilder::map(
            inner(json.keys, "Map schema did not specify the key type")?,
            inner(json.values, "Map schema did not specify the value type")?,
        ),
        SchemaType::Struct => with_fields(json.fields.as_deref(), depth)?,
        kind => SchemaBuilder::new(kind),
    };
    builder = builder.with_optional(matches!(json.optional, Some(Json::Bool(true))));
    if let Some(name) = text_member(json.name.as_ref(), "name")? {
        builder = builder.name(name);
    }
    if let Some(doc) = text_member(json.doc.as_ref(), "doc")? {
        builder = builder.doc(doc);
    }
    builder = match &json.version {
        None | Some(Json::Null) => builder,
        Some(version) => {
            let version = version.as_i64().and_then(|version| i32::try_from(version).ok());
            let version = version.ok_or_else(|| {
                ConnectError::data("Invalid Connect schema: version must be an integer")
            })?;
            builder.version(version)
        }
    };
    builder = with_parameters(builder, json.parameters.as_ref())?;
    match json.default {
        Some(default) if default.get() != "null" => {
            let schema = builder.clone().build()?;
            let default = read::value(Some(&schema), default.get(), Nulls::Keep)?;
            builder.default_value(default).build()
        }
        _ => builder.build(),
    }
}

fn with_fields(fields: Option<&[&RawValue]>, depth: usize) -> Result<SchemaBuilder> {
    let fields = fields.ok_or_else(|| {
        ConnectError::data("Struct schema's \"fields\" argument is not an array.")
    })?;
    let mut builder = SchemaBuilder::structure();
    for field in fields {
        let FieldName { field: name } = serde_json::from_str(field.get())
            .map_err(|error| ConnectError::data("field is not a JSON object").because(error))?;
        let Some(Json::String(name)) = name else {
            return Err(ConnectError::data("Struct schema's field name not specified properly"));
        };
        builder = builder.field(name, parse(field.get(), depth + 1)?);
    }
    Ok(builder)
}

fn with_parameters(mut builder: SchemaBuilder, json: Option<&Json>) -> Result<SchemaBuilder> {
    let parameters = match json {
        None | Some(Json::Null) => return Ok(builder),
        Some(Json::Object(parameters)) => parameters,
        Some(_) => {
            return Err(ConnectError::data(
                "Schema's \"parameters\" field must be an object of strings",
            ));
        }
    };
    for (key, value) in parameters {
        let Json::String(value) = value else {
            return Err(ConnectError::data(format!(
                "Schema parameters must have string values; {key} has {value}"
            )));
        };
        builder = builder.parameter(key, value);
    }
    Ok(builder)
}

fn text_member<'a>(json: Option<&'a Json>, member: &str) -> Result<Option<&'a str>> {
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => {
            Err(ConnectError::data(format!("Invalid Connect schema: {member} must be a string")))
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::Value;
    use connect_api::data::logical;

    use super::*;

    #[track_caller]
    fn check(schema: &Arc<Schema>, json: &str) {
        let written = to_json(schema, DecimalFormat::Base64).unwrap().to_string();
        assert_eq!(written, json);
        assert_eq!(from_json(json).unwrap().as_ref(), Some(schema));
    }

    #[test]
    fn every_kind_round_trips() {
        check(&Schema::optional_string(), r#"{"type":"string","optional":true}"#);
        check(&Schema::float32(), r#"{"type":"float","optional":false}"#);
        check(
            &SchemaBuilder::array(Schema::int8()).build().unwrap(),
            r#"{"type":"array","items":{"type":"int8","optional":false},"optional":false}"#,
        );
        check(
            &SchemaBuilder::map(Schema::string(), Schema::int64()).build().unwrap(),
            r#"{"type":"map","keys":{"type":"string","optional":false},"values":{"type":"int64","optional":false},"optional":false}"#,
        );
        check(
            &logical::decimal(2).optional().doc("price").build().unwrap(),
            r#"{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"doc":"price","parameters":{"scale":"2"}}"#,
        );
        let with_default =
            SchemaBuilder::new(SchemaType::Int32).default_value(Value::Int32(7)).build().unwrap();
        check(
            &SchemaBuilder::structure().name("a.B").field("x", with_default).build().unwrap(),
            r#"{"type":"struct","fields":[{"type":"int32","optional":false,"default":7,"field":"x"}],"optional":false,"name":"a.B"}"#,
        );
    }

    #[track_caller]
    fn check_refused(json: &str, part: &str) {
        let error = from_json(json).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }

    #[test]
    fn broken_schemas_are_refused_with_the_reason() {
        check_refused(r#"{"optional":true}"#, "Schema must contain 'type' field");
        check_refused(r#"{"type":"int128"}"#, "Unknown schema type: int128");
        check_refused(r#"{"type":"array"}"#, "Array schema did not specify");
        check_refused(r#"{"type":"map","keys":{"type":"string"}}"#, "value type");
        check_refused(r#"{"type":"struct","fields":[{"type":"int8"}]}"#, "field name");
        check_refused(r#"{"type":"int8","version":"x"}"#, "version must be an integer");
        check_refused(r#"{"type":"int8","parameters":{"a":1}}"#, "string values; a has 1");
        let deep = format!("{}{}", r#"{"type":"array","items":"#.repeat(110), "1");
        assert!(from_json(&deep).is_err());
    }
}
