//! Converters, both ways: what one record costs in nanoseconds.
//!
//! A plain text, and a struct of seven fields (three integers, a float, a boolean, two texts, one
//! of them optional). Schemas stay the same from record to record, as they do in a task.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use connect::converter::avro::registry::{Registered, Result, SchemaText};
use connect::converter::avro::{AvroConverter, SchemaRegistry};
use connect::converter::json::JsonConverter;
use connect::converter::string::StringConverter;
use connect_api::{Converter, Schema, SchemaBuilder, Side, Struct, Value};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schema_registry_client::envelope::SchemaName;

/// A registry of one schema, which is any schema that was registered last.
#[derive(Default)]
struct OneSchema(SchemaText);

impl SchemaRegistry for OneSchema {
    fn register(&mut self, _subject: &str, schema: &SchemaText, _normalize: bool) -> Result<i32> {
        self.0 = schema.clone();
        Ok(1)
    }

    fn find(
        &mut self,
        subject: &str,
        _schema: &SchemaText,
        _normalize: bool,
    ) -> Result<Registered> {
        self.latest(subject)
    }

    fn latest(&mut self, _subject: &str) -> Result<Registered> {
        Ok(Registered { id: 1, version: 1, schema: self.0.clone() })
    }

    fn version(&mut self, subject: &str, _version: i32) -> Result<Registered> {
        self.latest(subject)
    }

    fn schema(&mut self, _name: SchemaName) -> Result<SchemaText> {
        Ok(self.0.clone())
    }
}

fn text() -> (Arc<Schema>, Value) {
    let line = "The quick brown fox jumps over the lazy dog, and then over 55 more bytes of line.";
    (Schema::string(), Value::from(line))
}

fn order() -> (Arc<Schema>, Value) {
    let schema = SchemaBuilder::structure()
        .name("shop.Order")
        .field("id", Schema::int64())
        .field("customer", Schema::int32())
        .field("count", Schema::int32())
        .field("price", Schema::float64())
        .field("paid", Schema::boolean())
        .field("currency", Schema::string())
        .field("note", Schema::optional_string())
        .build()
        .expect("names are distinct");
    let mut order = Struct::new(Arc::clone(&schema)).expect("a struct's schema");
    let fields = [
        ("id", Value::Int64(7_000_000_001)),
        ("customer", Value::Int32(4711)),
        ("count", Value::Int32(3)),
        ("price", Value::Float64(19.99)),
        ("paid", Value::Boolean(true)),
        ("currency", Value::from("EUR")),
        ("note", Value::from("leave at the door")),
    ];
    for (name, value) in fields {
        order.put(name, value).expect("fields of the schema");
    }
    (schema, order.into())
}

fn configured<C: Converter>(mut converter: C, settings: &[(&str, &str)]) -> C {
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    converter.configure(&settings, Side::Value).expect("settings of the converter");
    converter
}

fn both_ways<C: Converter>(
    criterion: &mut Criterion,
    name: &str,
    mut converter: C,
    data: &(Arc<Schema>, Value),
) {
    let (schema, value) = data;
    let mut headers = Vec::new();
    let bytes = converter
        .from_connect("orders", &mut headers, Some(schema), value)
        .expect("the value has its schema")
        .expect("the value is not null")
        .into_owned();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            let written =
                converter.from_connect("orders", &mut headers, Some(schema), black_box(value));
            black_box(written.expect("the value has its schema").map(|bytes| bytes.len()))
        });
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let read = converter.to_connect("orders", &[], Some(black_box(&bytes)));
            black_box(read.expect("bytes of the converter"))
        });
    });
    group.finish();
}

fn converters(criterion: &mut Criterion) {
    for (kind, data) in [("text", text()), ("struct", order())] {
        let avro = AvroConverter::with_registry(Box::new(OneSchema::default()));
        let avro = configured(avro, &[("schema.registry.url", "http://localhost:8081")]);
        both_ways(criterion, &format!("avro/{kind}"), avro, &data);
        for (envelope, enabled) in [("bare", "false"), ("envelope", "true")] {
            let json = configured(JsonConverter::new(), &[("schemas.enable", enabled)]);
            both_ways(criterion, &format!("json-{envelope}/{kind}"), json, &data);
        }
    }
    let string = configured(StringConverter::default(), &[]);
    both_ways(criterion, "string/text", string, &text());
}

criterion_group!(benches, converters);
criterion_main!(benches);
