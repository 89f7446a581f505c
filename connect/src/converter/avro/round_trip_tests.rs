//! Schemas and data through Avro and back, beside another implementation of Avro.

use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use connect_api::data::{Decimal, logical};
use connect_api::{Schema, SchemaBuilder, SchemaType, Struct, Value};
use proptest::prelude::*;
use schema_registry_client::avro::{self, Strictness};

use super::decode::{DecodeError, decode};
use super::encode::encode;
use super::encode_plan::{Surplus, plan};
use super::names::{FIXED_SIZE, Mapping};
use super::to_avro::to_avro;
use super::to_connect::to_connect;

fn build(builder: SchemaBuilder) -> Arc<Schema> {
    builder.build().unwrap()
}

fn of(kind: SchemaType) -> SchemaBuilder {
    SchemaBuilder::new(kind)
}

/// Checks the text that a Connect schema becomes, and that it comes back.
#[track_caller]
fn check_schema(schema: &Arc<Schema>, text: &str) {
    check_mapped(schema, text, Mapping::default());
}

#[track_caller]
fn check_mapped(schema: &Arc<Schema>, text: &str, mapping: Mapping) {
    let avro = to_avro(Some(schema), mapping).unwrap();
    assert_eq!(avro.canonical_string(), text);
    let back = to_connect(&avro, None, mapping).unwrap();
    assert_eq!(back.schema.as_ref(), Some(schema));
}

#[test]
fn primitives_become_avro_s() {
    check_schema(&Schema::int32(), r#""int""#);
    check_schema(&Schema::int8(), r#"{"type":"int","connect.type":"int8"}"#);
    check_schema(&Schema::int16(), r#"{"type":"int","connect.type":"int16"}"#);
    check_schema(&Schema::int64(), r#""long""#);
    check_schema(&Schema::float32(), r#""float""#);
    check_schema(&Schema::float64(), r#""double""#);
    check_schema(&Schema::boolean(), r#""boolean""#);
    check_schema(&Schema::string(), r#""string""#);
    check_schema(&Schema::bytes(), r#""bytes""#);
    check_schema(&Schema::optional_string(), r#"["null","string"]"#);
    check_schema(
        &build(of(SchemaType::Int32).optional().default_value(Value::Int32(7))),
        r#"[{"type":"int","connect.default":7},"null"]"#,
    );
    check_schema(
        &build(of(SchemaType::Int32).name("n.X").version(3).doc("d").parameter("p", "v")),
        r#"{"type":"int","connect.doc":"d","connect.version":3,"connect.parameters":{"p":"v"},"connect.name":"n.X"}"#,
    );
}

#[test]
fn logical_types_become_avro_s() {
    check_schema(
        &build(logical::decimal(2)),
        r#"{"type":"bytes","scale":2,"precision":64,"connect.version":1,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#,
    );
    check_schema(
        &build(logical::decimal(2).parameter("connect.decimal.precision", "9")),
        r#"{"type":"bytes","scale":2,"precision":9,"connect.version":1,"connect.parameters":{"scale":"2","connect.decimal.precision":"9"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#,
    );
    check_schema(
        &build(logical::date()),
        r#"{"type":"int","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Date","logicalType":"date"}"#,
    );
    check_schema(
        &build(logical::time().optional()),
        r#"["null",{"type":"int","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Time","logicalType":"time-millis"}]"#,
    );
    check_schema(
        &build(logical::timestamp()),
        r#"{"type":"long","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Timestamp","logicalType":"timestamp-millis"}"#,
    );
}

#[test]
fn collections_become_avro_s() {
    check_schema(
        &build(SchemaBuilder::array(Schema::optional_string())),
        r#"{"type":"array","items":["null","string"]}"#,
    );
    check_schema(
        &build(SchemaBuilder::map(Schema::string(), Schema::int64())),
        r#"{"type":"map","values":"long"}"#,
    );
    check_schema(
        &build(SchemaBuilder::map(Schema::int32(), Schema::string())),
        r#"{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}"#,
    );
    check_schema(
        &build(SchemaBuilder::map(Schema::optional_string(), Schema::string()).name("n.M")),
        r#"{"type":"array","items":{"type":"record","name":"M","namespace":"n","fields":[{"name":"key","type":["null","string"],"default":null},{"name":"value","type":"string"}],"connect.internal.type":"MapEntry"},"connect.name":"n.M"}"#,
    );
    check_schema(
        &build(of(SchemaType::Bytes).name("n.F").parameter(FIXED_SIZE, "4")),
        r#"{"type":"fixed","name":"F","namespace":"n","size":4,"connect.parameters":{"connect.fixed.size":"4"},"connect.name":"n.F"}"#,
    );
}

#[test]
fn structs_become_records() {
    let inner = build(SchemaBuilder::structure().field("x", Schema::int32()));
    let optional_inner = build(inner.to_builder().optional());
    check_schema(
        &build(
            SchemaBuilder::structure()
                .name("a.b.R")
                .field("plain", Schema::string())
                .field("maybe", Schema::optional_int64())
                .field("inner", Arc::clone(&inner))
                .field("again", optional_inner),
        ),
        r#"{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"plain","type":"string"},{"name":"maybe","type":["null","long"],"default":null},{"name":"inner","type":{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"x","type":"int"}]}},{"name":"again","type":["null","io.confluent.connect.avro.ConnectDefault"],"default":null}],"connect.name":"a.b.R"}"#,
    );
    let other = build(SchemaBuilder::structure().field("y", Schema::int32()));
    check_schema(
        &build(SchemaBuilder::structure().field("one", inner).field("two", other)),
        r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"one","type":{"type":"record","name":"ConnectDefault2","fields":[{"name":"x","type":"int"}]}},{"name":"two","type":{"type":"record","name":"ConnectDefault3","fields":[{"name":"y","type":"int"}]}}]}"#,
    );
}

#[test]
fn defaults_of_fields_are_written_twice() {
    let field = build(of(SchemaType::String).default_value("x".into()));
    check_schema(
        &build(SchemaBuilder::structure().name("R").field("a", field)),
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"string","connect.default":"x"},"default":"x"}],"connect.name":"R"}"#,
    );
    let entries = SchemaBuilder::map(Schema::int32(), Schema::int32())
        .default_value(Value::Map(vec![(Value::Int32(1), Value::Int32(2))]));
    let schema = build(SchemaBuilder::structure().name("R").field("m", build(entries)));
    let text = to_avro(Some(&schema), Mapping::default()).unwrap().canonical_string();
    assert!(text.contains(r#""connect.default":[[1,2]]}}]"#), "{text}");
}

#[test]
fn enums_keep_their_type_when_asked() {
    let mapping = Mapping { enhanced: true, ..Mapping::default() };
    let text =
        r#"{"type":"enum","name":"E","namespace":"n","doc":"d","symbols":["A","B"],"default":"A"}"#;
    let avro = avro::Schema::parse(text, Strictness::New).unwrap();
    let schema = to_connect(&avro, None, mapping).unwrap().schema.unwrap();
    assert_eq!(schema.schema_type(), SchemaType::String);
    assert_eq!(schema.parameters()["io.confluent.connect.avro.Enum"], "n.E");
    assert_eq!(schema.parameters()["io.confluent.connect.avro.Enum.B"], "B");
    let back = to_avro(Some(&schema), mapping).unwrap().canonical_string();
    assert!(back.starts_with(&text[..text.len() - 1]), "{back}");
    let plain = to_avro(Some(&schema), Mapping::default()).unwrap().canonical_string();
    assert!(plain.starts_with(r#"{"type":"string","connect.parameters":"#), "{plain}");
}

#[test]
fn unions_become_structs_and_come_back() {
    let text = r#"["null","int",{"type":"record","name":"R","namespace":"n","fields":[{"name":"x","type":"string"}],"connect.name":"n.R"}]"#;
    let avro = avro::Schema::parse(text, Strictness::New).unwrap();
    let readable = to_connect(&avro, None, Mapping::default()).unwrap();
    let schema = readable.schema.unwrap();
    assert_eq!(schema.name(), Some("io.confluent.connect.avro.Union"));
    assert!(schema.is_optional());
    let names: Vec<&str> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["int", "R"]);
    let back = to_avro(Some(&schema), Mapping::default()).unwrap();
    assert_eq!(back.canonical_string(), text);

    let inner = Arc::clone(&schema.fields()[1].schema);
    let mut record = Struct::new(inner).unwrap();
    record.put("x", "hi").unwrap();
    let mut value = Struct::new(Arc::clone(&schema)).unwrap();
    value.put("R", record).unwrap();
    let value = Value::from(value);
    let plan = plan(Some(&schema), &back, Mapping::default(), Surplus::Refused).unwrap();
    let mut out = Vec::new();
    encode(&plan, &value, &mut out).unwrap();
    assert_eq!(out, [4, 4, b'h', b'i']);
    assert_eq!(decode(&readable.plan, &out).unwrap(), value);
    out.clear();
    encode(&plan, &Value::Null, &mut out).unwrap();
    assert_eq!(out, [0]);
}

#[test]
fn docs_travel_as_parameters_and_version_comes_from_the_registry() {
    let text = r#"{"type":"record","name":"R","doc":"about","fields":[{"name":"a","type":"int","doc":"a's","default":3}]}"#;
    let avro = avro::Schema::parse(text, Strictness::New).unwrap();
    let schema = to_connect(&avro, Some(5), Mapping::default()).unwrap().schema.unwrap();
    assert_eq!(schema.version(), Some(5));
    assert_eq!(schema.name(), Some("R"));
    assert_eq!(schema.parameters()["io.confluent.connect.avro.record.doc"], "about");
    assert_eq!(schema.parameters()["io.confluent.connect.avro.field.doc.a"], "a's");
    assert_eq!(schema.fields()[0].schema.default(), Some(&Value::Int32(3)));
    let back = to_avro(Some(&schema), Mapping::default()).unwrap().canonical_string();
    assert!(back.starts_with(r#"{"type":"record","name":"R","doc":"about","fields":[{"name":"a","type":"int","doc":"a's","default":3}]"#), "{back}");
    let mapping = Mapping { connect_meta: false, ..Mapping::default() };
    let bare = to_connect(&avro, None, mapping).unwrap().schema.unwrap();
    assert!(bare.parameters().is_empty());
}

#[test]
fn struct_of_another_schema_is_refused() {
    let of = |names: [&str; 2]| {
        let builder = names.iter().fold(SchemaBuilder::structure().name("R"), |builder, name| {
            builder.field(*name, Schema::int32())
        });
        build(builder)
    };
    let schema = of(["a", "b"]);
    let avro = to_avro(Some(&schema), Mapping::default()).unwrap();
    let plan = plan(Some(&schema), &avro, Mapping::default(), Surplus::Refused).unwrap();
    for (names, good) in [(["a", "b"], true), (["b", "a"], false), (["a", "c"], false)] {
        let mut value = Struct::new(of(names)).unwrap();
        for name in names {
            value.put(name, Value::Int32(1)).unwrap();
        }
        let outcome = encode(&plan, &value.into(), &mut Vec::new());
        assert_eq!(outcome.is_ok(), good, "{names:?} {outcome:?}");
    }
}

#[test]
fn endless_and_null_types_are_refused() {
    for (text, reason) in [
        (
            r#"{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}"#,
            "holds itself",
        ),
        (r#""null""#, "Standalone null"),
        (
            r#"["int",{"type":"record","name":"int2","fields":[]},{"type":"record","name":"a.int2","fields":[]}]"#,
            "Multiple union",
        ),
    ] {
        let avro = avro::Schema::parse(text, Strictness::New).unwrap();
        let error = to_connect(&avro, None, Mapping::default()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let hyphen = build(SchemaBuilder::structure().name("a-b.R").field("x", Schema::int32()));
    assert!(to_avro(Some(&hyphen), Mapping::default()).is_ok());
    let schema = build(SchemaBuilder::structure().name("a-b").field("x", Schema::int32()));
    let error = to_avro(Some(&schema), Mapping::default()).unwrap_err();
    assert!(error.to_string().contains("Illegal character in: a-b"), "{error}");
    let mapping = Mapping { scrub: true, ..Mapping::default() };
    assert!(to_avro(Some(&schema), mapping).unwrap().canonical_string().contains("a_b"));
}

/// Any type with a value of it.
fn typed() -> impl Strategy<Value = (Arc<Schema>, Value)> {
    let leaf = prop_oneof![
        any::<i8>().prop_map(|value| (Schema::int8(), Value::Int8(value))),
        any::<i16>().prop_map(|value| (Schema::int16(), Value::Int16(value))),
        any::<i32>().prop_map(|value| (Schema::int32(), Value::Int32(value))),
        any::<i64>().prop_map(|value| (Schema::int64(), Value::Int64(value))),
        any::<f32>()
            .prop_filter("NaN is not itself", |value| !value.is_nan())
            .prop_map(|value| (Schema::float32(), Value::Float32(value))),
        any::<f64>()
            .prop_filter("NaN is not itself", |value| !value.is_nan())
            .prop_map(|value| (Schema::float64(), Value::Float64(value))),
        any::<bool>().prop_map(|value| (Schema::boolean(), Value::Boolean(value))),
        ".{0,9}".prop_map(|value| (Schema::string(), Value::String(value))),
        prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(|value| (Schema::bytes(), Value::Bytes(value.into()))),
        any::<i64>().prop_map(|value| {
            (build(logical::decimal(3)), Value::Decimal(Decimal::new(value, 3)))
        }),
        any::<i32>().prop_map(|value| (build(logical::date()), Value::Date(value))),
        (0..86_400_000).prop_map(|value| (build(logical::time()), Value::Time(value))),
        any::<i64>().prop_map(|value| (build(logical::timestamp()), Value::Timestamp(value))),
        Just((Schema::optional_string(), Value::Null)),
        any::<i32>().prop_map(|value| (Schema::optional_int32(), Value::Int32(value))),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0..4_usize).prop_map(|((schema, value), count)| {
                (build(SchemaBuilder::array(schema)), Value::Array(vec![value; count]))
            }),
            (inner.clone(), "[a-z]{0,3}").prop_map(|((schema, value), key)| {
                let map = build(SchemaBuilder::map(Schema::string(), schema));
                (map, Value::Map(vec![(Value::String(key), value)]))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|parts| {
                let mut builder = SchemaBuilder::structure();
                for (index, (schema, _)) in parts.iter().enumerate() {
                    builder = builder.field(format!("f{index}"), Arc::clone(schema));
                }
                let schema = build(builder);
                let mut value = Struct::new(Arc::clone(&schema)).unwrap();
                for (index, (_, part)) in parts.into_iter().enumerate() {
                    value.put(&format!("f{index}"), part).unwrap();
                }
                (schema, Value::from(value))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn both_implementations_read_each_other((schema, value) in typed()) {
        let mapping = Mapping::default();
        let avro = to_avro(Some(&schema), mapping).unwrap();
        let readable = to_connect(&avro, None, mapping).unwrap();
        prop_assert_eq!(readable.schema.as_ref(), Some(&schema));
        let mut ours = Vec::new();
        encode(&plan(Some(&schema), &avro, mapping, Surplus::Refused).unwrap(), &value, &mut ours).unwrap();
        prop_assert_eq!(&decode(&readable.plan, &ours).unwrap(), &value);

        let other = apache_avro::Schema::parse_str(&avro.canonical_string()).unwrap();
        let reader = GenericDatumReader::builder(&other).build().unwrap();
        let mut rest = ours.as_slice();
        let read = reader.read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        let theirs = GenericDatumWriter::builder(&other)
            .build()
            .unwrap()
            .write_value_to_vec(read)
            .unwrap();
        prop_assert_eq!(&decode(&readable.plan, &theirs).unwrap(), &value);

        for end in 0..ours.len() {
            prop_assert!(decode(&readable.plan, &ours[..end]).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(
        (schema, _) in typed(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let avro = to_avro(Some(&schema), Mapping::default()).unwrap();
        let readable = to_connect(&avro, None, Mapping::default()).unwrap();
        let _ = decode(&readable.plan, &bytes);
        let anything = to_connect(&to_avro(None, Mapping::default()).unwrap(), None, Mapping::default());
        let _ = decode(&anything.unwrap().plan, &bytes);
    }

    #[test]
    fn schemaless_values_come_back(
        value in any_value()
    ) {
        let avro = to_avro(None, Mapping::default()).unwrap();
        let readable = to_connect(&avro, None, Mapping::default()).unwrap();
        prop_assert!(readable.schema.is_none());
        let mut out = Vec::new();
        encode(&plan(None, &avro, Mapping::default(), Surplus::Refused).unwrap(), &value, &mut out).unwrap();
        prop_assert_eq!(&decode(&readable.plan, &out).unwrap(), &value);
        let other = apache_avro::Schema::parse_str(&avro.canonical_string()).unwrap();
        let reader = GenericDatumReader::builder(&other).build().unwrap();
        let mut rest = out.as_slice();
        reader.read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i32>().prop_map(Value::Int32),
        any::<i64>().prop_map(Value::Int64),
        "[a-z]{0,3}".prop_map(Value::String),
        (-1e9..1e9).prop_map(Value::Float64),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            inner.prop_map(|value| Value::Map(vec![("k".into(), value)])),
        ]
    })
}

#[track_caller]
fn hostile(text: &str, bytes: &[u8]) -> DecodeError {
    let avro = avro::Schema::parse(text, Strictness::New).unwrap();
    let readable = to_connect(&avro, None, Mapping::default()).unwrap();
    decode(&readable.plan, bytes).unwrap_err()
}

#[test]
fn counts_and_lengths_must_be_paid_for() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let most = i64::MAX;
    let at = 10;
    let count = |error| assert_eq!(error, DecodeError::Count { at, count: most });
    let length = |error| assert_eq!(error, DecodeError::Length { at, length: most, left: 0 });
    count(hostile(r#"{"type":"array","items":"int"}"#, &huge));
    count(hostile(r#"{"type":"map","values":"int"}"#, &huge));
    let empty = r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#;
    count(hostile(empty, &huge));
    length(hostile(r#""string""#, &huge));
    assert_eq!(
        hostile(r#"["null","string"]"#, &huge),
        DecodeError::Index { at, index: most, count: 2 }
    );
    // The least count has no positive counterpart.
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0];
    assert!(matches!(hostile(empty, &least), DecodeError::Count { .. }));
    let wide = [0xff; 11];
    assert_eq!(hostile(r#""long""#, &wide), DecodeError::Overflow { at: 0 });
    assert_eq!(hostile(r#""int""#, &huge), DecodeError::Overflow { at: 0 });
    assert_eq!(hostile(r#""string""#, &[2, 0xff]), DecodeError::Utf8 { at: 2 });
    assert_eq!(
        hostile(r#"{"type":"int","connect.type":"int8"}"#, &[0x80, 2]),
        DecodeError::Narrow { value: 128, kind: "int8" }
    );
}

#[test]
fn depth_of_schemaless_values_has_a_limit() {
    let avro = to_avro(None, Mapping::default()).unwrap();
    let readable = to_connect(&avro, None, Mapping::default()).unwrap();
    // Each level: seven fields unset, an array of one item.
    let deep = [0, 0, 0, 0, 0, 0, 0, 2, 2].repeat(10_000);
    assert_eq!(decode(&readable.plan, &deep).unwrap_err(), DecodeError::TooDeep { limit: 50 });
}

#[test]
fn negative_counts_and_repeated_keys_are_read() {
    let avro = avro::Schema::parse(r#"{"type":"map","values":"int"}"#, Strictness::New).unwrap();
    let readable = to_connect(&avro, None, Mapping::default()).unwrap();
    // Two blocks, the first with its size, and one key in both.
    let bytes = [1, 6, 2, b'a', 2, 4, 2, b'b', 4, 2, b'a', 6, 0];
    assert_eq!(
        decode(&readable.plan, &bytes).unwrap(),
        Value::Map(vec![("a".into(), Value::Int32(3)), ("b".into(), Value::Int32(2))])
    );
}

#[test]
fn fixed_decimals_are_padded_with_their_sign() {
    let text =
        r#"{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":9,"scale":2}"#;
    let avro = avro::Schema::parse(text, Strictness::New).unwrap();
    let readable = to_connect(&avro, None, Mapping::default()).unwrap();
    let schema = readable.schema.unwrap();
    let plan = plan(Some(&schema), &avro, Mapping::default(), Surplus::Refused).unwrap();
    for (digits, bytes) in [(-2, [0xff, 0xff, 0xff, 0xfe]), (258, [0, 0, 1, 2])] {
        let value = Value::Decimal(Decimal::new(digits, 2));
        let mut out = Vec::new();
        encode(&plan, &value, &mut out).unwrap();
        assert_eq!(out, bytes);
        assert_eq!(decode(&readable.plan, &out).unwrap(), value);
    }
    let wide = Value::Decimal(Decimal::new(i64::MAX, 2));
    assert!(encode(&plan, &wide, &mut Vec::new()).is_err());
}
