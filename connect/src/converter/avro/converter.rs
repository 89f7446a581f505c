//! The converter: a value and the id of its schema ⇄ bytes.
//!
//! What a schema needs (its id, its plan) is worked out once and kept; a record whose schema is
//! the last one's pays for neither a look-up nor a comparison.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use config::ConfigDef;
use connect_api::convert::{RawHeader, RawHeaders};
use connect_api::data::logical;
use connect_api::{ConnectError, Converter, Result, Schema as ConnectSchema, Side, Value};
use schema_registry_client::avro::{Kind, Schema};
use schema_registry_client::envelope::{self, EnvelopeError, SchemaName};

use super::decode::decode;
use super::encode::{Encode, encode};
use super::encode_plan::{self, Surplus};
use super::http_registry::HttpRegistry;
use super::lru::Lru;
use super::registry::{RegistryError, SchemaRegistry, SchemaText, read_schema};
use super::settings::{CONFIG, Settings, WriterSchema};
use super::to_avro::to_avro;
use super::to_connect::{Readable, to_connect};

/// Avro with its schema in a registry ⇄ values.
#[derive(Default)]
pub struct AvroConverter {
    registry: Option<Box<dyn SchemaRegistry>>,
    inner: Option<Inner>,
}

impl AvroConverter {
    /// Makes a converter over a registry of the caller's; `configure` leaves it in place.
    #[must_use]
    pub fn with_registry(registry: Box<dyn SchemaRegistry>) -> Self {
        Self { registry: Some(registry), inner: None }
    }

    fn parts(&mut self) -> Result<(&mut dyn SchemaRegistry, &mut Inner)> {
        match (&mut self.registry, &mut self.inner) {
            (Some(registry), Some(inner)) => Ok((registry.as_mut(), inner)),
            _ => Err(ConnectError::fatal("AvroConverter is not configured")),
        }
    }
}

impl std::fmt::Debug for AvroConverter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AvroConverter").finish_non_exhaustive()
    }
}

/// What a schema needs to be written.
#[derive(Debug)]
struct Writable {
    /// Keeps the address of the schema, which is its key in the cache, from being used again.
    schema: Option<Arc<ConnectSchema>>,
    topic: String,
    id: i32,
    plan: Encode,
    /// When the registry may have a later schema to write by.
    until: Option<Instant>,
}

impl Writable {
    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    fn address(&self) -> Option<usize> {
        self.schema.as_ref().map(|own| Arc::as_ptr(own).addr())
    }
}

/// What a schema in the registry needs to be read.
#[derive(Debug)]
struct Known {
    name: SchemaName,
    topic: String,
    readable: Readable,
    /// The datum is bytes, whose length is not written.
    bytes: bool,
}

type WriteKey = (Option<usize>, String);

struct Inner {
    settings: Settings,
    written: Lru<WriteKey, Arc<Writable>>,
    last_written: Option<Arc<Writable>>,
    known: Lru<(SchemaName, String), Arc<Known>>,
    last_known: Option<Arc<Known>>,
    /// Length of the last message, a guess at the next one's.
    guess: usize,
}

impl Inner {
    fn writable(
        &mut self,
        registry: &mut dyn SchemaRegistry,
        topic: &str,
        schema: Option<&Arc<ConnectSchema>>,
    ) -> Result<Arc<Writable>> {
        let address = schema.map(|schema| Arc::as_ptr(schema).addr());
        if let Some(last) = &self.last_written
            && last.topic == topic
            && (last.address() == address || last.schema.as_deref() == schema.map(Arc::as_ref))
            && last.is_fresh()
        {
            return Ok(Arc::clone(last));
        }
        let key = (address, topic.to_owned());
        let found = match self.written.get(&key).filter(|found| found.is_fresh()) {
            Some(found) => Arc::clone(found),
            None => {
                let equal = self.written.find(|_, known| {
                    known.topic == topic
                        && known.is_fresh()
                        && known.schema.as_deref() == schema.map(Arc::as_ref)
                });
                let equal = equal.map(Arc::clone);
                let found = match equal {
                    Some(equal) => equal,
                    None => Arc::new(self.prepare(registry, topic, schema)?),
                };
                // An equal schema elsewhere in memory is not kept under its own address, which
                // may become another schema's.
                self.written.insert((found.address(), topic.to_owned()), Arc::clone(&found));
                found
            }
        };
        self.last_written = Some(Arc::clone(&found));
        Ok(found)
    }

    fn prepare(
        &self,
        registry: &mut dyn SchemaRegistry,
        topic: &str,
        schema: Option<&Arc<ConnectSchema>>,
    ) -> Result<Writable> {
        let avro = to_avro(schema, self.settings.mapping)?;
        let subject = self.subject(topic, &avro)?;
        let doing = |what: &str| format!("Failed to {what} subject {subject} for topic {topic}");
        let text = SchemaText { text: avro.canonical_string(), ..SchemaText::default() };
        let normalize = self.settings.normalize;
        let mut surplus = Surplus::Refused;
        let (id, writer) = match self.settings.writer {
            WriterSchema::Register => {
                let id = registry.register(&subject, &text, normalize);
                (id.map_err(|error| error.into_connect(&doing("register a schema under")))?, avro)
            }
            WriterSchema::Find => {
                let found = registry.find(&subject, &text, normalize);
                let found =
                    found.map_err(|error| error.into_connect(&doing("find the schema under")))?;
                (found.id, avro)
            }
            WriterSchema::Latest(others) => {
                surplus = others;
                let latest = registry.latest(&subject).and_then(|latest| {
                    read_schema(registry, &latest.schema).map(|schema| (latest.id, schema))
                });
                latest.map_err(|error| error.into_connect(&doing("read the latest schema of")))?
            }
            WriterSchema::Id(id, others) => {
                surplus = others;
                let schema = registry.schema(SchemaName::Id(id));
                let schema = schema.and_then(|schema| read_schema(registry, &schema));
                let doing = doing(&format!("read schema {id} of use.schema.id for"));
                (id, schema.map_err(|error| error.into_connect(&doing))?)
            }
        };
        let until = match (self.settings.writer, self.settings.latest_ttl) {
            (WriterSchema::Latest(_), Some(ttl)) => Instant::now().checked_add(ttl),
            _ => None,
        };
        let schema_given = schema.map(Arc::as_ref);
        let plan = encode_plan::plan(schema_given, &writer, self.settings.mapping, surplus);
        let plan = plan.map_err(|error| {
            ConnectError::data(format!(
                "Failed to serialize Avro data from topic {topic} by schema {id} of subject \
                 {subject}: {error}"
            ))
            .because(error)
        })?;
        Ok(Writable { schema: schema.map(Arc::clone), topic: topic.to_owned(), id, plan, until })
    }

    fn subject(&self, topic: &str, avro: &Schema) -> Result<String> {
        self.settings.strategy.subject(topic, self.settings.side, avro.record_name().as_deref())
    }

    fn known(
        &mut self,
        registry: &mut dyn SchemaRegistry,
        topic: &str,
        name: SchemaName,
    ) -> Result<Arc<Known>> {
        if let Some(last) = &self.last_known
            && last.name == name
            && last.topic == topic
        {
            return Ok(Arc::clone(last));
        }
        let key = (name, topic.to_owned());
        let known = match self.known.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let known = Arc::new(self.look_up(registry, topic, name)?);
                self.known.insert(key, Arc::clone(&known));
                known
            }
        };
        self.last_known = Some(Arc::clone(&known));
        Ok(known)
    }

    fn look_up(
        &self,
        registry: &mut dyn SchemaRegistry,
        topic: &str,
        name: SchemaName,
    ) -> Result<Known> {
        let failed = |error: RegistryError| {
            error.into_connect(&format!(
                "Failed to deserialize data for topic {topic} to Avro: schema {name}"
            ))
        };
        let text = registry.schema(name).map_err(failed)?;
        let avro = read_schema(registry, &text).map_err(failed)?;
        let version = match self.subject(topic, &avro) {
            Err(_) => None,
            Ok(subject) => match registry.find(&subject, &text, false) {
                Ok(found) => Some(found.version),
                // Data written under another subject have no version in this one.
                Err(error) if error.is_not_found() => None,
                Err(error) => {
                    return Err(error.into_connect(&format!(
                        "Failed to find the version of schema {name} in subject {subject} for \
                         topic {topic}"
                    )));
                }
            },
        };
        let readable = to_connect(&avro, version, self.settings.mapping).map_err(|error| {
            ConnectError::data(format!(
                "Failed to deserialize data for topic {topic} to Avro: schema {name}: {error}"
            ))
            .because(error)
        })?;
        let bytes = avro.root().kind == Kind::Bytes;
        Ok(Known { name, topic: topic.to_owned(), readable, bytes })
    }
}

/// Finds the name of a datum's schema, in its header or before it, and the datum.
fn named_schema<'a>(
    headers: &[RawHeader],
    side: Side,
    bytes: &'a [u8],
) -> Result<(SchemaName, &'a [u8]), EnvelopeError> {
    let header = match side {
        Side::Key => envelope::KEY_HEADER,
        Side::Value => envelope::VALUE_HEADER,
    };
    let header = headers.iter().rev().find(|one| *one.key == *header);
    match header.and_then(|header| header.value.as_deref()) {
        Some(value) => envelope::split(value).map(|(name, _)| (name, bytes)),
        None => envelope::split(bytes),
    }
}

impl Converter for AvroConverter {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn configure(&mut self, settings: &BTreeMap<String, String>, side: Side) -> Result<()> {
        let settings = Settings::parse(settings, side)?;
        if self.registry.is_none() {
            self.registry = Some(Box::new(HttpRegistry::new(&settings.client)?));
        }
        self.inner = Some(Inner {
            written: Lru::new(settings.cache_size),
            last_written: None,
            known: Lru::new(settings.cache_size),
            last_known: None,
            guess: 64,
            settings,
        });
        Ok(())
    }

    fn from_connect<'a>(
        &mut self,
        topic: &str,
        _headers: &mut RawHeaders,
        schema: Option<&Arc<ConnectSchema>>,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, [u8]>>> {
        let (registry, inner) = self.parts()?;
        if value.is_null() {
            return match schema {
                Some(schema) if !schema.is_optional() => {
                    Err(ConnectError::data("Found null value for non-optional schema"))
                }
                _ => Ok(None),
            };
        }
        let writable = inner.writable(registry, topic, schema)?;
        let mut out = Vec::with_capacity(inner.guess);
        envelope::write_id(&mut out, writable.id);
        match value {
            Value::Bytes(bytes) if writable.plan.is_bytes() => out.extend_from_slice(bytes),
            Value::Decimal(number) if writable.plan.is_bytes() => out.extend(number.to_bytes()),
            value => encode(&writable.plan, value, &mut out).map_err(|error| {
                ConnectError::data(format!(
                    "Failed to serialize Avro data from topic {topic} by schema {}: {error}",
                    writable.id
                ))
                .because(error)
            })?,
        }
        inner.guess = out.len();
        Ok(Some(Cow::Owned(out)))
    }

    fn to_connect(
        &mut self,
        topic: &str,
        headers: &[RawHeader],
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<ConnectSchema>>, Value)> {
        let (registry, inner) = self.parts()?;
        let Some(bytes) = bytes else { return Ok((None, Value::Null)) };
        let failed = |detail: &str| {
            ConnectError::data(format!(
                "Failed to deserialize data for topic {topic} to Avro: {detail}"
            ))
        };
        let (name, datum) = named_schema(headers, inner.settings.side, bytes)
            .map_err(|error| failed("Unknown magic byte!").because(error))?;
        let known = inner.known(registry, topic, name)?;
        let schema = known.readable.schema.clone();
        if known.bytes {
            let value = Value::Bytes(Bytes::copy_from_slice(datum));
            let value = match &schema {
                Some(schema) => logical::to_logical(schema, value)?,
                None => value,
            };
            return Ok((schema, value));
        }
        let value = decode(&known.readable.plan, datum)
            .map_err(|error| failed(&format!("schema {name}: {error}")).because(error))?;
        Ok((schema, value))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{SchemaBuilder, Struct};
    use schema_registry_client::rest::SchemaReference;

    use super::super::memory_registry::MemoryRegistry;
    use super::*;

    fn converter(settings: &[(&str, &str)]) -> (AvroConverter, MemoryRegistry) {
        let registry = MemoryRegistry::default();
        let mut converter = AvroConverter::with_registry(Box::new(registry.clone()));
        let mut all = BTreeMap::from([("schema.registry.url".to_owned(), "http://x".to_owned())]);
        all.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        converter.configure(&all, Side::Value).unwrap();
        (converter, registry)
    }

    fn record(fields: &[(&str, i32)]) -> (Arc<ConnectSchema>, Value) {
        let mut builder = SchemaBuilder::structure().name("n.R");
        for (name, _) in fields {
            builder = builder.field(*name, ConnectSchema::int32());
        }
        let schema = builder.build().unwrap();
        let mut value = Struct::new(Arc::clone(&schema)).unwrap();
        for (name, number) in fields {
            value.put(name, Value::Int32(*number)).unwrap();
        }
        (schema, value.into())
    }

    fn write(
        converter: &mut AvroConverter,
        topic: &str,
        schema: Option<&Arc<ConnectSchema>>,
        value: &Value,
    ) -> Result<Option<Vec<u8>>> {
        let bytes = converter.from_connect(topic, &mut Vec::new(), schema, value)?;
        Ok(bytes.map(Cow::into_owned))
    }

    #[test]
    fn message_is_prefix_id_and_datum() {
        let (mut converter, registry) = converter(&[]);
        let (schema, value) = record(&[("a", 1), ("b", -1)]);
        let bytes = write(&mut converter, "t", Some(&schema), &value).unwrap().unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 1, 2, 1]);
        assert_eq!(registry.0.lock().unwrap().versions[0].0, "t-value");
        let (read, back) = converter.to_connect("t", &[], Some(&bytes)).unwrap();
        let read = read.unwrap();
        assert_eq!(read.version(), Some(1));
        assert_eq!(read.fields(), schema.fields());
        let (Value::Struct(back), Value::Struct(value)) = (back, value) else { panic!() };
        assert_eq!(back.values(), value.values());
    }

    #[test]
    fn registry_is_asked_once_per_schema() {
        let (mut converter, registry) = converter(&[]);
        for _ in 0..3 {
            // Equal schemas at different places in memory.
            let (schema, value) = record(&[("a", 1)]);
            let bytes = write(&mut converter, "t", Some(&schema), &value).unwrap().unwrap();
            converter.to_connect("t", &[], Some(&bytes)).unwrap();
        }
        assert_eq!(registry.0.lock().unwrap().asked, 3);
    }

    #[test]
    fn null_is_a_tombstone_unless_the_schema_forbids_it() {
        let (mut converter, registry) = converter(&[]);
        let optional = ConnectSchema::optional_string();
        assert_eq!(write(&mut converter, "t", None, &Value::Null).unwrap(), None);
        assert_eq!(write(&mut converter, "t", Some(&optional), &Value::Null).unwrap(), None);
        let error =
            write(&mut converter, "t", Some(&ConnectSchema::string()), &Value::Null).unwrap_err();
        assert_eq!(error.to_string(), "Found null value for non-optional schema");
        assert_eq!(converter.to_connect("t", &[], None).unwrap(), (None, Value::Null));
        assert_eq!(registry.0.lock().unwrap().asked, 0);
    }

    #[test]
    fn outermost_bytes_have_no_length() {
        let (mut converter, _) = converter(&[]);
        let value = Value::Bytes(Bytes::from_static(b"raw"));
        let schema = ConnectSchema::bytes();
        let bytes = write(&mut converter, "t", Some(&schema), &value).unwrap().unwrap();
        assert_eq!(bytes, b"\0\0\0\0\x01raw");
        assert_eq!(converter.to_connect("t", &[], Some(&bytes)).unwrap().1, value);
    }

    #[test]
    fn errors_are_sorted_by_who_can_help() {
        let (schema, value) = record(&[("a", 1)]);
        for (code, kind) in [
            (1, "retriable"),
            (50_001, "retriable"),
            (503, "retriable"),
            (409, "fatal"),
            (40_901, "fatal"),
            (401, "fatal"),
            (42_201, "fatal"),
            (40_401, "data"),
        ] {
            let (mut converter, registry) = converter(&[("auto.register.schemas", "false")]);
            registry.0.lock().unwrap().failing = code;
            let error = write(&mut converter, "t", Some(&schema), &value).unwrap_err();
            let found = match &error {
                ConnectError::Retriable { .. } => "retriable",
                ConnectError::Data { .. } => "data",
                _ => "fatal",
            };
            assert_eq!(found, kind, "{code}");
            assert!(error.to_string().contains("t-value for topic t"), "{error}");
        }
    }

    #[test]
    fn foreign_bytes_and_unknown_ids_are_the_record_s_fault() {
        let (mut converter, registry) = converter(&[]);
        for bytes in [&b""[..], b"\0\0\0\0", b"\x01\0\0\0\x01x", b"{\"a\":1}"] {
            let error = converter.to_connect("t", &[], Some(bytes)).unwrap_err();
            assert!(matches!(error, ConnectError::Data { .. }));
            assert!(error.to_string().ends_with("Unknown magic byte!"), "{error}");
        }
        let error = converter.to_connect("t", &[], Some(b"\0\0\0\0\x07x")).unwrap_err();
        assert!(matches!(error, ConnectError::Data { .. }));
        assert!(error.to_string().contains("topic t to Avro: schema 7: Schema not found"));
        registry.0.lock().unwrap().failing = 1;
        let error = converter.to_connect("t", &[], Some(b"\0\0\0\0\x07x")).unwrap_err();
        assert!(error.is_retriable());
    }

    #[test]
    fn subjects_follow_the_strategy() {
        let (schema, value) = record(&[("a", 1)]);
        for (strategy, subject) in
            [("RecordNameStrategy", "n.R"), ("TopicRecordNameStrategy", "t-n.R")]
        {
            let class = format!("io.confluent.kafka.serializers.subject.{strategy}");
            let (mut converter, registry) = converter(&[("value.subject.name.strategy", &class)]);
            write(&mut converter, "t", Some(&schema), &value).unwrap();
            assert_eq!(registry.0.lock().unwrap().versions[0].0, subject);
            let text = Some(&ConnectSchema::string()).cloned();
            let error = write(&mut converter, "t", text.as_ref(), &"x".into()).unwrap_err();
            assert!(error.to_string().contains("must only be a record schema"), "{error}");
        }
        let mut converter = AvroConverter::default();
        let settings = BTreeMap::from([
            ("schema.registry.url".to_owned(), "http://x".to_owned()),
            ("value.subject.name.strategy".to_owned(), "MyStrategy".to_owned()),
        ]);
        let error = converter.configure(&settings, Side::Value).unwrap_err();
        assert!(error.to_string().contains("value.subject.name.strategy"), "{error}");
    }

    #[test]
    fn latest_schema_of_the_subject_writes() {
        let settings = [("auto.register.schemas", "false"), ("use.latest.version", "true")];
        let (mut converter, registry) = converter(&settings);
        let inner = r#"{"type":"enum","name":"n.E","symbols":["A","B"]}"#;
        registry.add("e", SchemaText { text: inner.to_owned(), ..SchemaText::default() });
        let text = r#"{"type":"record","name":"n.R","fields":[
            {"name":"e","type":"E","default":"B"},{"name":"b","type":"long"},
            {"name":"a","type":["null","int"],"default":null}]}"#;
        let references =
            vec![SchemaReference { name: "n.E".to_owned(), subject: "e".to_owned(), version: 1 }];
        registry
            .add("t-value", SchemaText { text: text.to_owned(), references, schema_type: None });
        let (schema, value) = record(&[("a", 1), ("b", 2)]);
        let bytes = write(&mut converter, "t", Some(&schema), &value).unwrap().unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 2, 2, 4, 2, 2]);
        let (_, back) = converter.to_connect("t", &[], Some(&bytes)).unwrap();
        let Value::Struct(back) = back else { panic!() };
        assert_eq!(back.get("e").unwrap(), &Value::from("B"));
        let (schema, value) = record(&[("a", 1), ("c", 2)]);
        let error = write(&mut converter, "t", Some(&schema), &value).unwrap_err();
        assert!(error.to_string().contains("has a field b without a default"), "{error}");
    }

    #[test]
    fn a_header_names_the_schema_of_a_bare_datum() {
        let (mut converter, registry) = converter(&[]);
        let schema = SchemaText { text: "\"int\"".to_owned(), ..SchemaText::default() };
        let id = registry.add("t-value", schema).to_be_bytes();
        let mut guid = vec![envelope::MAGIC_GUID];
        guid.extend([9; 12]);
        guid.extend(id);
        let by_id = [&[envelope::MAGIC_ID], &id[..]].concat();
        let header =
            |name: &str, value: &[u8]| RawHeader { key: name.into(), value: Some(value.to_vec()) };
        for value in [&guid, &by_id] {
            let mut prefixed = value.clone();
            prefixed.push(14);
            let headers = [header("other", b"x"), header(envelope::VALUE_HEADER, value)];
            for (headers, bytes) in [(&headers[..], &[14][..]), (&headers[..1], &prefixed)] {
                let (_, read) = converter.to_connect("t", headers, Some(bytes)).unwrap();
                assert_eq!(read, Value::Int32(7));
            }
        }
        let headers = [header(envelope::VALUE_HEADER, b"x")];
        let error = converter.to_connect("t", &headers, Some(&by_id)).unwrap_err();
        assert!(matches!(error, ConnectError::Data { .. }), "{error}");
    }

    #[test]
    fn schema_of_an_id_writes_and_may_lack_fields_of_the_data() {
        for key in ["id.compatibility.strict", "latest.compatibility.strict"] {
            for strict in ["true", "false"] {
                let (id, latest) =
                    if key.starts_with("id") { ("1", "false") } else { ("-1", "true") };
                let (mut converter, registry) = converter(&[
                    ("auto.register.schemas", "false"),
                    ("use.schema.id", id),
                    ("use.latest.version", latest),
                    (key, strict),
                ]);
                let text = r#"{"type":"record","name":"n.R","fields":[{"name":"b","type":"int"}]}"#;
                registry
                    .add("t-value", SchemaText { text: text.to_owned(), ..SchemaText::default() });
                let (schema, value) = record(&[("a", 1), ("b", 2)]);
                let written = write(&mut converter, "t", Some(&schema), &value);
                match strict {
                    "false" => assert_eq!(written.unwrap().unwrap(), [0, 0, 0, 0, 1, 4]),
                    _ => {
                        let error = written.unwrap_err().to_string();
                        assert!(error.contains("has no field a"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_latest_schema_is_asked_for_again_when_its_time_is_up() {
        for (ttl, asked) in [("-1", 1), ("0", 3), ("3600", 1)] {
            let (mut converter, registry) = converter(&[
                ("auto.register.schemas", "false"),
                ("use.latest.version", "true"),
                ("latest.cache.ttl.sec", ttl),
            ]);
            let text = "\"string\"".to_owned();
            registry.add("t-value", SchemaText { text, ..SchemaText::default() });
            for _ in 0..3 {
                let schema = ConnectSchema::string();
                write(&mut converter, "t", Some(&schema), &"x".into()).unwrap();
            }
            assert_eq!(registry.0.lock().unwrap().asked, asked, "{ttl}");
        }
    }

    #[test]
    fn settings_without_effect_are_refused_by_name() {
        for (key, value) in [
            ("schema.registry.ssl.truststore.location", "/x"),
            ("use.latest.with.metadata", "a=b"),
            ("bearer.auth.credentials.source", "OAUTHBEARER"),
            ("bearer.auth.issuer.endpoint.url", "http://x"),
            ("value.schema.id.serializer", "HeaderSchemaIdSerializer"),
        ] {
            let mut converter = AvroConverter::default();
            let settings = BTreeMap::from([
                ("schema.registry.url".to_owned(), "http://x".to_owned()),
                (key.to_owned(), value.to_owned()),
            ]);
            let error = converter.configure(&settings, Side::Value).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn null_takes_the_default_unless_told_otherwise() {
        let field = SchemaBuilder::new(connect_api::SchemaType::Int32)
            .optional()
            .default_value(Value::Int32(7))
            .build()
            .unwrap();
        let schema = SchemaBuilder::structure().field("a", field).build().unwrap();
        let value = Value::from(Struct::new(Arc::clone(&schema)).unwrap());
        for (ignore, datum) in [("false", &[0, 14][..]), ("true", &[2][..])] {
            let (mut converter, _) = converter(&[("ignore.default.for.nullables", ignore)]);
            let bytes = write(&mut converter, "t", Some(&schema), &value).unwrap().unwrap();
            assert_eq!(&bytes[envelope::ID_LEN..], datum);
        }
    }
}
