//! Whether a reader's Avro schema can read all that a writer's wrote, by Java Avro's rules.
//!
//! Every difference is collected. A pair of types is compared once; a pair whose comparison is
//! under way counts as compatible, and a pair met again repeats the differences, with the
//! locations, of its first visit: so does Java, whose messages these are. The walk keeps its own
//! stack and has a budget of steps, so neither depth nor shape of a schema can exhaust us.
//!
//! Source: `SchemaCompatibility` of Apache Avro for Java; logical types play no part in it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use schema_registry_client::avro::{Field, Kind, Name, NodeId, Record, Schema};

use super::difference::{Difference, DifferenceKind};

/// Steps that one comparison of two schemas may take.
pub const MAX_STEPS: usize = 1_000_000;

/// Why two schemas could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// Name and aliases of a reader's field fit two fields of the writer.
    #[error("Reader record field {field} matches multiple fields in writer record schema {record}")]
    Ambiguous {
        /// The reader's field: name, type and position.
        field: String,
        /// The writer's record as text, cut.
        record: String,
    },
    /// The budget is used up.
    #[error("schemas take more than {limit} steps to compare")]
    TooComplex {
        /// Steps allowed.
        limit: usize,
    },
}

/// Lists why `reader` cannot read what `writer` wrote; nothing when it can.
///
/// # Errors
///
/// `Ambiguous` or `TooComplex`; neither says that the schemas are compatible.
pub fn differences(reader: &Schema, writer: &Schema) -> Result<Vec<Rc<Difference>>, CompareError> {
    let walk = Walk {
        reader,
        writer,
        memory: HashMap::new(),
        stack: Vec::new(),
        location: Vec::new(),
        steps: MAX_STEPS,
    };
    walk.run()
}

/// A type of the reader against a type of the writer.
type Pair = (NodeId, NodeId);
type Found = Rc<Vec<Rc<Difference>>>;

enum Memory {
    UnderWay,
    Done(Found),
}

/// What remains to be done for one pair.
enum Step {
    /// Adds a difference that needs no further look.
    Report(Rc<Difference>),
    /// Compares a part and takes over its differences.
    Part { tokens: Vec<Cow<'static, str>>, pair: Pair },
    /// Compares the reader's union with one branch of the writer's; what is wrong inside is
    /// replaced by one difference.
    Branch { index: usize, pair: Pair },
    /// Looks for a branch of the reader's union that takes the writer's type.
    AnyOf { branches: Rc<[NodeId]>, next: usize, writer: NodeId },
}

struct Frame {
    pair: Pair,
    /// Where this frame's location begins in the walk's.
    base: usize,
    /// Where it ends.
    end: usize,
    /// Last first.
    steps: Vec<Step>,
    found: Vec<Rc<Difference>>,
}

struct Walk<'a> {
    reader: &'a Schema,
    writer: &'a Schema,
    memory: HashMap<Pair, Memory>,
    stack: Vec<Frame>,
    location: Vec<Cow<'static, str>>,
    steps: usize,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Vec<Rc<Difference>>, CompareError> {
        let root = (self.reader.root_id(), self.writer.root_id());
        let mut outcome = self.enter(root, 0)?;
        loop {
            if let Some(found) = outcome.take() {
                let Some(frame) = self.stack.last() else {
                    return Ok(found.as_ref().clone());
                };
                self.location.truncate(frame.end);
                self.take_over(&found)?;
            }
            outcome = self.advance()?;
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), CompareError> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(CompareError::TooComplex { limit: MAX_STEPS }),
        }
    }

    /// Looks a pair up, or starts to compare it, which gives no outcome yet.
    fn enter(&mut self, pair: Pair, base: usize) -> Result<Option<Found>, CompareError> {
        self.spend(1)?;
        match self.memory.get(&pair) {
            Some(Memory::Done(found)) => return Ok(Some(Rc::clone(found))),
            Some(Memory::UnderWay) => return Ok(Some(Found::default())),
            None => {}
        }
        self.memory.insert(pair, Memory::UnderWay);
        let end = self.location.len();
        let mut steps = self.plan(pair, base)?;
        self.spend(steps.len())?;
        steps.reverse();
        self.stack.push(Frame { pair, base, end, steps, found: Vec::new() });
        Ok(None)
    }

    /// Begins the topmost frame's next step; a frame without steps ends with an outcome.
    fn advance(&mut self) -> Result<Option<Found>, CompareError> {
        let frame = self.stack.last_mut().expect("a walk without frames has returned");
        let base = frame.base;
        match frame.steps.pop() {
            None => {
                let frame = self.stack.pop().expect("the frame was just looked at");
                let found: Found = Rc::new(frame.found);
                self.memory.insert(frame.pair, Memory::Done(Rc::clone(&found)));
                Ok(Some(found))
            }
            Some(Step::Report(difference)) => {
                frame.found.push(difference);
                Ok(None)
            }
            Some(Step::Part { tokens, pair }) => {
                frame.steps.push(Step::Part { tokens: Vec::new(), pair });
                self.location.extend(tokens);
                self.enter(pair, base)
            }
            Some(Step::Branch { index, pair }) => {
                frame.steps.push(Step::Branch { index, pair });
                let fresh = self.location.len();
                self.enter(pair, fresh)
            }
            Some(Step::AnyOf { branches, next, writer }) => {
                let Some(branch) = branches.get(next).copied() else {
                    let end = frame.end;
                    let missing = self.missing_branch(writer, None, (base, end))?;
                    self.report(missing);
                    return Ok(None);
                };
                frame.steps.push(Step::AnyOf { branches, next: next + 1, writer });
                let fresh = self.location.len();
                self.enter((branch, writer), fresh)
            }
        }
    }

    /// Gives the outcome of a part to the step of the topmost frame that asked for it.
    fn take_over(&mut self, found: &Found) -> Result<(), CompareError> {
        self.spend(found.len())?;
        let frame = self.stack.last_mut().expect("the caller has looked at the frame");
        let place = (frame.base, frame.end);
        match frame.steps.pop() {
            Some(Step::Part { .. }) => frame.found.extend(found.iter().cloned()),
            Some(Step::Branch { index, pair }) => {
                if !found.is_empty() {
                    let missing = self.missing_branch(pair.1, Some(index), place)?;
                    self.report(missing);
                }
            }
            Some(step @ Step::AnyOf { .. }) => {
                if !found.is_empty() {
                    frame.steps.push(step);
                }
            }
            Some(Step::Report(_)) | None => {}
        }
        Ok(())
    }

    fn report(&mut self, difference: Rc<Difference>) {
        let frame = self.stack.last_mut().expect("differences are reported inside a frame");
        frame.found.push(difference);
    }

    fn missing_branch(
        &mut self,
        writer: NodeId,
        index: Option<usize>,
        place: (usize, usize),
    ) -> Result<Rc<Difference>, CompareError> {
        let detail = format!("reader union lacking writer type: {}", upper(self.writer, writer));
        let index = index.map(|index| index.to_string());
        self.difference(DifferenceKind::MissingUnionBranch, detail, index.as_deref(), place)
    }

    fn difference(
        &mut self,
        kind: DifferenceKind,
        detail: String,
        last: Option<&str>,
        (base, end): (usize, usize),
    ) -> Result<Rc<Difference>, CompareError> {
        self.spend(1 + end - base)?;
        let mut location = String::new();
        let tokens = self.location[base..end].iter().map(AsRef::as_ref);
        for token in tokens.chain(last) {
            location.push('/');
            location.push_str(token);
        }
        if location.is_empty() {
            location.push('/');
        }
        Ok(Rc::new(Difference { kind, location, detail }))
    }

    /// Lists the steps that compare a pair, first to last.
    fn plan(&mut self, pair: Pair, base: usize) -> Result<Vec<Step>, CompareError> {
        let (reader, writer) = (self.reader, self.writer);
        let place = (base, self.location.len());
        match (&reader.node(pair.0).kind, &writer.node(pair.1).kind) {
            (Kind::Array(items), Kind::Array(written)) => Ok(part("items", (*items, *written))),
            (Kind::Map(values), Kind::Map(written)) => Ok(part("values", (*values, *written))),
            (Kind::Fixed(a), Kind::Fixed(b)) => {
                let mut steps = self.names((&a.name, &a.aliases), &b.name, place)?;
                if a.size != b.size {
                    let detail = format!("expected: {}, found: {}", b.size, a.size);
                    let kind = DifferenceKind::FixedSizeMismatch;
                    steps.push(Step::Report(self.difference(kind, detail, Some("size"), place)?));
                }
                Ok(steps)
            }
            (Kind::Enum(a), Kind::Enum(b)) => {
                self.spend(a.symbols.len() + b.symbols.len())?;
                let mut steps = self.names((&a.name, &a.aliases), &b.name, place)?;
                let known: BTreeSet<&String> = a.symbols.iter().collect();
                let missing: BTreeSet<&str> = (b.symbols.iter())
                    .filter(|symbol| !known.contains(symbol))
                    .map(String::as_str)
                    .collect();
                let has_default = a.default.as_ref().is_some_and(|symbol| known.contains(symbol));
                if !missing.is_empty() && !has_default {
                    let missing: Vec<&str> = missing.into_iter().collect();
                    let detail = format!("[{}]", missing.join(", "));
                    let kind = DifferenceKind::MissingEnumSymbols;
                    steps.push(Step::Report(self.difference(
                        kind,
                        detail,
                        Some("symbols"),
                        place,
                    )?));
                }
                Ok(steps)
            }
            (Kind::Record(a), Kind::Record(b)) => {
                let mut steps = self.names((&a.name, &a.aliases), &b.name, place)?;
                self.fields(a, (b, pair.1), place, &mut steps)?;
                Ok(steps)
            }
            (Kind::Union(_), Kind::Union(branches)) => Ok((branches.iter().enumerate())
                .map(|(index, branch)| Step::Branch { index, pair: (pair.0, *branch) })
                .collect()),
            (_, Kind::Union(branches)) => Ok((branches.iter().enumerate())
                .map(|(index, branch)| Step::Part {
                    tokens: vec![index.to_string().into()],
                    pair: (pair.0, *branch),
                })
                .collect()),
            (Kind::Union(branches), _) => Ok(vec![Step::AnyOf {
                branches: branches.as_slice().into(),
                next: 0,
                writer: pair.1,
            }]),
            (a, b) if promotes(a, b) => Ok(Vec::new()),
            _ => {
                let detail = format!(
                    "reader type: {} not compatible with writer type: {}",
                    upper(reader, pair.0),
                    upper(writer, pair.1)
                );
                let kind = DifferenceKind::TypeMismatch;
                Ok(vec![Step::Report(self.difference(kind, detail, None, place)?)])
            }
        }
    }

    fn names(
        &mut self,
        (name, aliases): (&Name, &[Name]),
        written: &Name,
        place: (usize, usize),
    ) -> Result<Vec<Step>, CompareError> {
        if name.simple == written.simple {
            return Ok(Vec::new());
        }
        self.spend(aliases.len())?;
        if aliases.contains(written) {
            return Ok(Vec::new());
        }
        let detail = format!("expected: {}", written.full());
        let kind = DifferenceKind::NameMismatch;
        Ok(vec![Step::Report(self.difference(kind, detail, Some("name"), place)?)])
    }

    fn fields(
        &mut self,
        reader: &Record,
        (writer, writer_id): (&Record, NodeId),
        place: (usize, usize),
        steps: &mut Vec<Step>,
    ) -> Result<(), CompareError> {
        self.spend(reader.fields.len() + writer.fields.len())?;
        let written: HashMap<&str, &Field> =
            writer.fields.iter().map(|field| (field.name.as_str(), field)).collect();
        for (index, field) in reader.fields.iter().enumerate() {
            let names = std::iter::once(&field.name).chain(&field.aliases);
            let mut hits = names.filter_map(|name| written.get(name.as_str()));
            let hit = hits.next();
            if hits.next().is_some() {
                return Err(self.ambiguous(index, field, writer_id));
            }
            let tokens = || vec!["fields".into(), index.to_string().into(), "type".into()];
            let own = &self.reader.node(field.schema).kind;
            match hit {
                Some(hit) => {
                    let pair = (field.schema, hit.schema);
                    steps.push(Step::Part { tokens: tokens(), pair });
                }
                None if field.default.is_some() => {}
                // Java looks at the enum's own default here, and then compares enum with record.
                None if matches!(own, Kind::Enum(symbols) if symbols.default.is_some()) => {
                    let pair = (field.schema, writer_id);
                    steps.push(Step::Part { tokens: tokens(), pair });
                }
                None => {
                    let kind = DifferenceKind::ReaderFieldMissingDefaultValue;
                    let last = format!("fields/{index}");
                    let missing = self.difference(kind, field.name.clone(), Some(&last), place)?;
                    steps.push(Step::Report(missing));
                }
            }
        }
        Ok(())
    }

    fn ambiguous(&self, index: usize, field: &Field, writer: NodeId) -> CompareError {
        let kind = upper(self.reader, field.schema);
        let record = self.writer.print_node(writer);
        CompareError::Ambiguous {
            field: format!("{} type:{kind} pos:{index}", field.name),
            record: schema_registry_client::avro::json::cut(&record),
        }
    }
}

fn part(token: &'static str, pair: Pair) -> Vec<Step> {
    vec![Step::Part { tokens: vec![token.into()], pair }]
}

/// Tells whether a primitive of the writer reads as a primitive of the reader.
const fn promotes(reader: &Kind, writer: &Kind) -> bool {
    matches!(
        (reader, writer),
        (Kind::Null, Kind::Null)
            | (Kind::Boolean, Kind::Boolean)
            | (Kind::Int, Kind::Int)
            | (Kind::Long, Kind::Int | Kind::Long)
            | (Kind::Float, Kind::Int | Kind::Long | Kind::Float)
            | (Kind::Double, Kind::Int | Kind::Long | Kind::Float | Kind::Double)
            | (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String)
    )
}

fn upper(schema: &Schema, id: NodeId) -> String {
    schema.node(id).kind.type_name().to_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema_registry_client::avro::Strictness;
    use serde_json::{Value, json};

    use super::*;

    fn parse(json: &Value) -> Schema {
        Schema::parse(&json.to_string(), Strictness::New).unwrap()
    }

    #[test]
    fn differences_are_java_s() {
        let cases: Vec<Value> = serde_json::from_str(include_str!(
            "../../testdata/compatibility/avro-differences.json"
        ))
        .unwrap();
        assert!(cases.len() > 90);
        for case in cases {
            let found: Vec<Value> = differences(&parse(&case["reader"]), &parse(&case["writer"]))
                .unwrap()
                .iter()
                .map(|one| serde_json::json!([one.kind.name(), one.location, one.detail]))
                .collect();
            assert_eq!(Value::Array(found), case["differences"], "{}", case["name"]);
        }
    }

    /// A record per link, each after the one it uses, so that only the last has depth.
    fn chain(length: usize, last: &str, name: &str) -> Schema {
        let mut texts = Vec::new();
        for index in 0..length {
            let next = if index == 0 { last.to_owned() } else { format!("R{}", index - 1) };
            texts.push(format!(
                r#"{{"type":"record","name":"R{index}","fields":[{{"name":"x","type":"{next}"}}]}}"#
            ));
        }
        let fields: Vec<String> = (texts.iter().enumerate())
            .map(|(index, text)| {
                let name = if index + 1 == length { "x" } else { name };
                format!(r#"{{"name":"{name}{index}","type":{text}}}"#)
            })
            .collect();
        let text = format!(r#"{{"type":"record","name":"Top","fields":[{}]}}"#, fields.join(","));
        Schema::parse(&text, Strictness::Stored).unwrap()
    }

    #[test]
    fn depth_is_not_on_the_stack() {
        let writer = chain(5000, "string", "w");
        let reader = chain(5000, "int", "r");
        let found = differences(&reader, &writer).unwrap();
        let mismatch = found.iter().find(|one| one.kind == DifferenceKind::TypeMismatch).unwrap();
        assert!(mismatch.location.starts_with("/fields/4999/type/fields/0/type/"));
    }

    #[test]
    fn shape_cannot_exhaust_the_check() {
        let doubling = |last: &str| {
            let mut inner = format!("\"{last}\"");
            for index in 0..60 {
                let first = inner;
                let second =
                    if index == 0 { format!("\"{last}\"") } else { format!("\"R{}\"", index - 1) };
                inner = format!(
                    r#"{{"type":"record","name":"R{index}","fields":[{{"name":"a","type":{first}}},{{"name":"b","type":{second}}}]}}"#
                );
            }
            Schema::parse(&inner, Strictness::Stored).unwrap()
        };
        let error = differences(&doubling("int"), &doubling("string")).unwrap_err();
        assert_eq!(error, CompareError::TooComplex { limit: MAX_STEPS });
        assert!(differences(&doubling("long"), &doubling("int")).unwrap().is_empty());
    }

    #[test]
    fn union_of_many_enums_cannot_exhaust_the_check() {
        let symbols: Vec<String> = (0..20_000).map(|number| format!("S{number}")).collect();
        let reader = parse(&json!({"type":"enum","name":"E","symbols":symbols}));
        let writer: Vec<Value> = (0..20_000)
            .map(|number| json!({"type":"enum","name":format!("W{number}"),"symbols":["S0"]}))
            .collect();
        let error = differences(&reader, &parse(&writer.into())).unwrap_err();
        assert_eq!(error, CompareError::TooComplex { limit: MAX_STEPS });
    }

    /// Pairs of types that have much in common; each named type occurs once in a schema.
    fn pair() -> impl Strategy<Value = (Value, Value)> {
        let primitive = || {
            prop::sample::select(vec![
                "null", "boolean", "int", "long", "float", "double", "bytes", "string",
            ])
        };
        let symbols = || prop::sample::subsequence(vec!["A", "B", "C"], 1..=3);
        let leaf = prop_oneof![
            (primitive(), primitive()).prop_map(|(a, b)| (a.into(), b.into())),
            primitive().prop_map(|a| (a.into(), a.into())),
            (symbols(), symbols(), any::<u32>()).prop_map(|(a, b, id)| {
                let of = |symbols| json!({"type":"enum","name":format!("E{id}"),"symbols":symbols});
                (of(a), of(b))
            }),
            (1..3_u8, 1..3_u8, any::<u32>()).prop_map(|(a, b, id)| {
                let of = |size| json!({"type":"fixed","name":format!("F{id}"),"size":size});
                (of(a), of(b))
            }),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|(a, b)| {
                    (json!({"type":"array","items":a}), json!({"type":"array","items":b}))
                }),
                inner.clone().prop_map(|(a, b)| {
                    (json!({"type":"map","values":a}), json!({"type":"map","values":b}))
                }),
                (prop::collection::vec((inner.clone(), 0..4_u8), 0..4), any::<u32>()).prop_map(
                    |(parts, id)| {
                        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                        for (index, ((a, b), present)) in parts.into_iter().enumerate() {
                            let name = format!("f{index}");
                            if present != 0 {
                                ours.push(json!({"name":name,"type":a}));
                            }
                            if present != 1 {
                                theirs.push(json!({"name":name,"type":b}));
                            }
                        }
                        let of = |fields| {
                            json!({"type":"record","name":format!("R{id}"),"fields":fields})
                        };
                        (of(ours), of(theirs))
                    }
                ),
                inner.prop_map(|(a, b)| (optional(a), optional(b))),
            ]
        })
    }

    fn optional(json: Value) -> Value {
        if json.is_array() || json == "null" { json } else { json!(["null", json]) }
    }

    proptest! {
        /// The other implementation stops at the first difference, and says "partial" where Java
        /// says no; aliases, shared types and defaults of enums, where it errs, do not occur here.
        #[test]
        fn verdict_is_another_implementation_s((reader, writer) in pair()) {
            use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
            let parse_theirs = |json: &Value| apache_avro::Schema::parse(json).unwrap();
            let theirs =
                SchemaCompatibility::can_read(&parse_theirs(&writer), &parse_theirs(&reader));
            let ours = differences(&parse(&reader), &parse(&writer)).unwrap();
            prop_assert_eq!(
                ours.is_empty(),
                matches!(theirs, Ok(Compatibility::Full)),
                "{:?} against {:?}", ours, theirs
            );
        }
    }
}
