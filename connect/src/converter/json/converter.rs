//! The JSON converter: settings, envelope, and the cache of schemas in JSON form.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use config::{ConfigDef, Importance, Key};
use connect_api::convert::{RawHeader, RawHeaders};
use connect_api::{ConnectError, Converter, Result, Schema, Side, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::{self, Nulls};
use super::schema;
use super::write::{self, DecimalFormat, Style};

/// Settings of the JSON converter.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([
        Key::boolean("schemas.enable")
            .default_value(true)
            .importance(Importance::High)
            .group("Schemas", 0)
            .display_name("Enable Schemas")
            .doc("Whether each key or value carries its schema beside it."),
        Key::int("schemas.cache.size")
            .default_value(1000)
            .at_least(1)
            .importance(Importance::High)
            .group("Schemas", 1)
            .display_name("Schema Cache Size")
            .doc("Most schemas that are kept in converted form."),
        Key::string("decimal.format")
            .default_value("BASE64")
            .validator(Arc::new(|_, value| {
                match value.as_str().map(str::to_ascii_uppercase).as_deref() {
                    Some("BASE64" | "NUMERIC") => Ok(()),
                    _ => Err("String must be one of (case insensitive): NUMERIC, BASE64".into()),
                }
            }))
            .importance(Importance::Low)
            .group("Serialization", 0)
            .display_name("Decimal Format")
            .doc("How decimals are written: BASE64 or NUMERIC. Both are read."),
        Key::boolean("replace.null.with.default")
            .default_value(true)
            .importance(Importance::Low)
            .group("Schemas", 2)
            .display_name("Replace null with default")
            .doc("Whether a field that is null takes the default of its schema."),
    ])
});

/// JSON ⇄ values.
#[derive(Debug)]
pub struct JsonConverter {
    schemas_enable: bool,
    style: Style,
    cache_size: usize,
    written: HashMap<usize, (Arc<Schema>, Arc<[u8]>)>,
    read: HashMap<String, Option<Arc<Schema>>>,
    /// The last schema that was read, which is mostly the next one's too.
    last_read: Option<(String, Option<Arc<Schema>>)>,
    /// Length of the last text, a guess at the next one's.
    guess: usize,
}

impl JsonConverter {
    /// Makes a converter with schemas on until configured otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schemas_enable: true,
            style: Style { decimals: DecimalFormat::Base64, replace_null_with_default: true },
            cache_size: 1000,
            written: HashMap::new(),
            read: HashMap::new(),
            last_read: None,
            guess: 64,
        }
    }

    const fn nulls(&self) -> Nulls {
        if self.style.replace_null_with_default { Nulls::ReplaceWithDefault } else { Nulls::Keep }
    }

    /// JSON form of a schema; cached by identity, which the cached `Arc` keeps alive and unique.
    fn schema_json(&mut self, schema: &Arc<Schema>) -> Result<Arc<[u8]>> {
        let identity = Arc::as_ptr(schema).addr();
        if let Some((_, json)) = self.written.get(&identity) {
            return Ok(Arc::clone(json));
        }
        let json = schema::to_json(schema, self.style.decimals)?.to_string();
        let json: Arc<[u8]> = json.into_bytes().into();
        if self.written.len() >= self.cache_size {
            self.written.clear();
        }
        self.written.insert(identity, (Arc::clone(schema), Arc::clone(&json)));
        Ok(json)
    }

    fn read_schema(&mut self, text: &str) -> Result<Option<Arc<Schema>>> {
        if let Some((last, schema)) = &self.last_read
            && last == text
        {
            return Ok(schema.clone());
        }
        let schema = match self.read.get(text) {
            Some(schema) => schema.clone(),
            None => {
                let schema = schema::from_json(text)?;
                if self.read.len() >= self.cache_size {
                    self.read.clear();
                }
                self.read.insert(text.to_owned(), schema.clone());
                schema
            }
        };
        self.last_read = Some((text.to_owned(), schema.clone()));
        Ok(schema)
    }
}

impl Default for JsonConverter {
    fn default() -> Self {
        Self::new()
    }
}

/// The two members of the envelope; another one is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Converter for JsonConverter {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn configure(&mut self, settings: &BTreeMap<String, String>, _side: Side) -> Result<()> {
        let settings = CONFIG
            .parse(settings)
            .map_err(|errors| ConnectError::fatal(errors.to_string()).because(errors))?;
        self.schemas_enable = settings.boolean("schemas.enable");
        self.cache_size = usize::try_from(settings.int("schemas.cache.size")).unwrap_or(1);
        let numeric = settings.string("decimal.format").eq_ignore_ascii_case("NUMERIC");
        self.style = Style {
            decimals: if numeric { DecimalFormat::Numeric } else { DecimalFormat::Base64 },
            replace_null_with_default: settings.boolean("replace.null.with.default"),
        };
        Ok(())
    }

    fn from_connect<'a>(
        &mut self,
        _topic: &str,
        _headers: &mut RawHeaders,
        schema: Option<&Arc<Schema>>,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, [u8]>>> {
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(self.guess);
        if self.schemas_enable {
            out.extend_from_slice(b"{\"schema\":");
            match schema {
                Some(schema) => out.extend_from_slice(&self.schema_json(schema)?),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"payload\":");
        }
        write::value(&mut out, schema.map(|schema| &**schema), value, &self.style)?;
        if self.schemas_enable {
            out.push(b'}');
        }
        self.guess = out.len();
        Ok(Some(Cow::Owned(out)))
    }

    fn to_connect(
        &mut self,
        topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)> {
        let Some(bytes) = bytes else { return Ok((None, Value::Null)) };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            ConnectError::data(format!(
                "Converting byte[] to Kafka Connect data failed due to serialization error: \
                 record of topic {topic} is not UTF-8"
            ))
            .because(error)
        })?;
        if !self.schemas_enable {
            let value =
                read::value(None, text, self.nulls()).map_err(|error| broken(topic, error))?;
            return Ok((None, value));
        }
        if text.trim() == "null" {
            return Ok((None, Value::Null));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| {
            if let Err(error) = serde_json::from_str::<&RawValue>(text) {
                return broken(topic, error);
            }
            ConnectError::data(
                "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and \
                 may not contain additional fields. If you are trying to deserialize plain JSON \
                 data, set schemas.enable=false in your converter configuration.",
            )
            .because(error)
        })?;
        let schema = self.read_schema(envelope.schema.get())?;
        let value = read::value(schema.as_ref(), envelope.payload.get(), self.nulls())?;
        Ok((schema, value))
    }
}

fn broken(topic: &str, error: impl Into<connect_api::error::Cause>) -> ConnectError {
    ConnectError::data(format!(
        "Converting byte[] to Kafka Connect data failed due to serialization error: record of \
         topic {topic} is not valid JSON"
    ))
    .because(error)
}

#[cfg(test)]
mod tests {
    use connect_api::data::{Decimal, logical};
    use connect_api::{SchemaBuilder, SchemaType, Struct};

    use super::*;

    fn converter(settings: &[(&str, &str)]) -> JsonConverter {
        let mut converter = JsonConverter::new();
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        converter.configure(&settings.collect(), Side::Value).unwrap();
        converter
    }

    fn write(converter: &mut JsonConverter, schema: Option<&Arc<Schema>>, value: &Value) -> String {
        let bytes = converter.from_connect("t", &mut Vec::new(), schema, value).unwrap().unwrap();
        String::from_utf8(bytes.into_owned()).unwrap()
    }

    #[track_caller]
    fn check_plain(value: &Value, json: &str) {
        let mut converter = converter(&[("schemas.enable", "false")]);
        assert_eq!(write(&mut converter, None, value), json);
        let (schema, read) = converter.to_connect("t", &[], Some(json.as_bytes())).unwrap();
        assert_eq!(schema, None);
        assert_eq!(&read, value);
    }

    #[test]
    fn members_are_found_in_any_order_and_others_are_passed_over() {
        for count in [3, 40] {
            let names: Vec<String> = (0..count).map(|place| format!("ü{place}")).collect();
            let build = names.iter().fold(SchemaBuilder::structure(), |build, name| {
                build.field(name.as_str(), Schema::optional_string())
            });
            let mut value = Struct::new(build.build().unwrap()).unwrap();
            let mut members = vec!["\"more\":[{}]".to_owned(), "\"\\u00fc0\":\"x\"".to_owned()];
            for name in names.iter().skip(1).rev() {
                value.put(name, name.as_str()).unwrap();
                members.push(format!("\"{name}\":\"{name}\""));
            }
            value.put(&names[0], "x").unwrap();
            let text = format!("{{{}}}", members.join(","));
            let schema = value.schema();
            let read = read::value(Some(schema), &text, Nulls::Keep).unwrap();
            assert_eq!(read, value.into());
        }
    }

    #[test]
    fn plain_json_round_trips() {
        check_plain(&Value::Int64(10), "10");
        check_plain(&Value::Float64(1.5), "1.5");
        check_plain(&Value::from("ü\n"), "\"ü\\n\"");
        check_plain(
            &Value::Map(vec![("b".into(), Value::Null), ("a".into(), Value::Boolean(true))]),
            r#"{"b":null,"a":true}"#,
        );
        check_plain(&Value::Array(vec![Value::Int64(1), "x".into()]), r#"[1,"x"]"#);
    }

    #[track_caller]
    fn check_envelope(schema: &Arc<Schema>, value: &Value, payload: &str) {
        let mut converter = converter(&[]);
        let json = write(&mut converter, Some(schema), value);
        assert!(json.ends_with(&format!(",\"payload\":{payload}}}")), "{json}");
        let (read_schema, read) = converter.to_connect("t", &[], Some(json.as_bytes())).unwrap();
        assert_eq!(read_schema.as_ref(), Some(schema));
        assert_eq!(&read, value);
    }

    #[test]
    fn envelope_round_trips_every_type() {
        check_envelope(&Schema::int8(), &Value::Int8(-1), "-1");
        check_envelope(&Schema::float64(), &Value::Float64(0.1), "0.1");
        check_envelope(&Schema::float64(), &Value::Float64(f64::INFINITY), "\"Infinity\"");
        check_envelope(&Schema::bytes(), &Value::Bytes("abc".into()), "\"YWJj\"");
        check_envelope(&Schema::optional_string(), &Value::Null, "null");
        check_envelope(&logical::date().build().unwrap(), &Value::Date(19_782), "19782");
        check_envelope(&logical::timestamp().build().unwrap(), &Value::Timestamp(-1), "-1");
        let numbers = SchemaBuilder::map(Schema::int32(), Schema::string()).build().unwrap();
        let entries = Value::Map(vec![(Value::Int32(1), "a".into())]);
        check_envelope(&numbers, &entries, r#"[[1,"a"]]"#);
    }

    #[test]
    fn struct_round_trips_with_logical_fields() {
        let schema = SchemaBuilder::structure()
            .name("row")
            .field("id", Schema::int64())
            .field("price", logical::decimal(2).optional().build().unwrap())
            .build()
            .unwrap();
        let mut row = Struct::new(Arc::clone(&schema)).unwrap();
        row.put("id", Value::Int64(1)).unwrap();
        row.put("price", Value::Decimal(Decimal::new(12_345, 2))).unwrap();
        check_envelope(&schema, &row.into(), r#"{"id":1,"price":"MDk="}"#);
    }

    #[test]
    fn numeric_decimals_keep_every_digit() {
        let schema = logical::decimal(3).build().unwrap();
        let mut converter = converter(&[("decimal.format", "numeric")]);
        let digits = "123456789012345678901234567890.125";
        let value = Value::Decimal(digits.parse().unwrap());
        let json = write(&mut converter, Some(&schema), &value);
        assert!(json.ends_with(&format!("{digits}}}")), "{json}");
        let (_, read) = converter.to_connect("t", &[], Some(json.as_bytes())).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn plain_json_under_schemas_enable_names_the_setting() {
        for plain in [r#"{"a":1}"#, "1", r#"{"schema":null,"payload":1,"more":2}"#] {
            let error = converter(&[]).to_connect("t", &[], Some(plain.as_bytes())).unwrap_err();
            assert!(error.to_string().contains("set schemas.enable=false"), "{error}");
        }
    }

    #[test]
    fn null_is_a_tombstone_only_without_schema() {
        let mut with = converter(&[]);
        assert_eq!(with.from_connect("t", &mut Vec::new(), None, &Value::Null).unwrap(), None);
        assert_eq!(with.to_connect("t", &[], None).unwrap(), (None, Value::Null));
        let mut without = converter(&[("schemas.enable", "false")]);
        let optional = Schema::optional_string();
        assert_eq!(write(&mut without, Some(&optional), &Value::Null), "null");
    }

    #[test]
    fn null_takes_the_default_unless_told_otherwise() {
        let field = SchemaBuilder::new(SchemaType::Int32)
            .optional()
            .default_value(Value::Int32(7))
            .build()
            .unwrap();
        let schema = SchemaBuilder::structure().field("a", field).build().unwrap();
        let value: Value = Struct::new(Arc::clone(&schema)).unwrap().into();
        let json = write(&mut converter(&[]), Some(&schema), &value);
        assert!(json.ends_with(r#""payload":{"a":7}}"#), "{json}");
        let mut keep = converter(&[("replace.null.with.default", "false")]);
        let json = write(&mut keep, Some(&schema), &value);
        assert!(json.ends_with(r#""payload":{"a":null}}"#), "{json}");
    }

    #[test]
    fn broken_records_are_data_errors() {
        let mut plain = converter(&[("schemas.enable", "false")]);
        for bad in [b"{".as_slice(), b"", b"\xff", b"1 2", b"18446744073709551615"] {
            let error = plain.to_connect("t", &[], Some(bad)).unwrap_err();
            assert!(matches!(error, ConnectError::Data { .. }), "{error:?}");
        }
        let mut with = converter(&[]);
        let small = r#"{"schema":{"type":"int8"},"payload":300}"#;
        let error = with.to_connect("t", &[], Some(small.as_bytes())).unwrap_err();
        assert_eq!(error.to_string(), "JSON number does not fit schema type INT8");
        let missing = r#"{"schema":{"type":"string"},"payload":null}"#;
        let error = with.to_connect("t", &[], Some(missing.as_bytes())).unwrap_err();
        assert_eq!(error.to_string(), "Invalid null value for required STRING field");
    }

    #[test]
    fn value_of_another_type_than_its_schema_is_refused() {
        let mut converter = converter(&[]);
        let error = converter
            .from_connect("t", &mut Vec::new(), Some(&Schema::int8()), &Value::Int32(1))
            .unwrap_err();
        assert_eq!(error.to_string(), "Invalid type for INT8: int32");
    }
}
