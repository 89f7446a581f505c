//! Every message at every common version against the `kafka-protocol` crate, with random content.
//!
//! What is written here must be read there without a byte left, mean the same by field name and
//! value, be written there to the same bytes, and be read back here unchanged.

use bytes::{Bytes, BytesMut};

use super::every_message::with_every_message;
use super::sample::{Random, Sample};
use crate::wire::Version;
use crate::{Decoder, Encoder, Message, messages};

const ROUNDS: u64 = 40;
/// Fields that the other implementation does not know yet.
const UNKNOWN_THERE: [&str; 2] = ["ApiVersionsRequest.cluster_id", "ApiVersionsRequest.node_id"];

trait Theirs:
    kafka_protocol::protocol::Message
    + kafka_protocol::protocol::Encodable
    + kafka_protocol::protocol::Decodable
    + std::fmt::Debug
{
}

impl<T> Theirs for T where
    T: kafka_protocol::protocol::Message
        + kafka_protocol::protocol::Encodable
        + kafka_protocol::protocol::Decodable
        + std::fmt::Debug
{
}

fn encoded<M: Message>(message: &M, version: i16) -> Bytes {
    let mut e = Encoder::new();
    message.encode(&mut e, version).unwrap();
    e.finish().unwrap().into_bytes().unwrap()
}

#[track_caller]
fn check_one<Ours: Message, T: Theirs>(ours: &Ours, version: i16, case: &str) {
    let bytes = encoded(ours, version);
    let mut input = bytes.clone();
    let theirs = T::decode(&mut input, version)
        .unwrap_or_else(|error| panic!("{case}: they cannot read it: {error}\n{ours:?}"));
    assert!(input.is_empty(), "{case}: {} bytes left there\n{ours:?}\n{theirs:?}", input.len());
    let (here, there) = (meaning(&format!("{ours:?}"), Ours::NAME), format!("{theirs:?}"));
    assert_eq!(here, meaning(&there, Ours::NAME), "{case}");
    let mut again = BytesMut::new();
    theirs.encode(&mut again, version).unwrap();
    assert_eq!(again, bytes, "{case}: other bytes\n{ours:?}");
    let mut d = Decoder::new(bytes);
    assert_eq!(&Ours::decode(&mut d, version).unwrap(), ours, "{case}");
    d.expect_end().unwrap();
}

#[track_caller]
fn check<Ours: Message + Sample, T: Theirs>() {
    let first = *Ours::VERSIONS.start().max(&T::VERSIONS.min);
    let last = *Ours::VERSIONS.end().min(&T::VERSIONS.max);
    assert!(first <= last, "{} has no version in common", Ours::NAME);
    for number in first..=last {
        let at = Version { number, flexible: number >= Ours::FLEXIBLE_FROM };
        check_one::<Ours, T>(
            &Ours::default(),
            number,
            &format!("{} v{number} default", Ours::NAME),
        );
        for seed in 0..ROUNDS {
            let message = Ours::sample(&mut Random::new(seed), at);
            let case = format!("{} v{number} seed {seed}", Ours::NAME);
            check_one::<Ours, T>(&message, number, &case);
        }
    }
}

/// Reduces a debug text to what it says: field names and values in order, without the names of
/// wrapper types, the text form of ids, and fields that only one side has.
fn meaning(debug: &str, message: &str) -> Vec<String> {
    let tokens = tokens(debug);
    let mut out: Vec<String> = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let token = &tokens[index];
        let is_field = tokens.get(index + 1).is_some_and(|next| next == ":");
        let known = !UNKNOWN_THERE.contains(&format!("{message}.{token}").as_str());
        if is_field && (token == "unknown_tagged_fields" || !known) {
            index += 2;
            while !matches!(tokens[index].as_str(), "," | "}") || tokens[index - 1] == "{" {
                index += 1;
            }
            // Nothing but the closing brace of an empty map stands right behind its opening one.
            if tokens[index] == "}" && tokens[index - 1] == "{" {
                index += 1;
            }
            continue;
        }
        index += 1;
        let is_wrapper = tokens.get(index).is_some_and(|next| next == "(") && token != "Some";
        if !is_wrapper && !matches!(token.as_str(), "(" | ")" | "," | "{" | "}") {
            out.push(token.clone());
        }
    }
    out
}

fn tokens(debug: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = debug;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' || rest.starts_with("b\"") {
            text_length(rest)
        } else if let Some(length) = id_length(rest) {
            tokens.push("id".to_owned());
            rest = &rest[length..];
            continue;
        } else if first.is_alphanumeric() || first == '_' || first == '-' {
            let end = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
            rest.find(end).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, following) = rest.split_at(length);
        if !token.trim().is_empty() {
            tokens.push(token.to_owned());
        }
        rest = following;
    }
    tokens
}

fn text_length(text: &str) -> usize {
    let begin = text.find('"').unwrap() + 1;
    let mut escaped = false;
    for (at, c) in text[begin..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return begin + at + 1,
            _ => {}
        }
    }
    panic!("text without an end: {text}");
}

/// The length of an id in either form: `Uuid(…)` or 36 digits and dashes.
fn id_length(text: &str) -> Option<usize> {
    if text.starts_with("Uuid(") {
        return text.find(')').map(|end| end + 1);
    }
    let id = text.get(..36)?;
    let shape = |(at, c): (usize, char)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    };
    id.char_indices().all(shape).then_some(36)
}

macro_rules! check_against_theirs {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        $(
            mod $module {
                #[test]
                fn is_read_and_written_as_another_implementation_does() {
                    super::check::<
                        super::messages::$module::$request,
                        kafka_protocol::messages::$request,
                    >();
                    super::check::<
                        super::messages::$module::$response,
                        kafka_protocol::messages::$response,
                    >();
                }
            }
        )*
    };
}

with_every_message!(check_against_theirs);

#[test]
fn meaning_tells_field_names_and_values_apart() {
    let ours = r#"M { id: Uuid(AAA), name: Some("x, }"), nodes: [1, -2], at: S { b: true } }"#;
    let theirs = r#"M { id: 00000000-0000-0000-0000-000000000000, name: Some(TopicName("x, }")), nodes: [BrokerId(1), BrokerId(-2)], at: S { b: true, unknown_tagged_fields: {} }, unknown_tagged_fields: {} }"#;
    assert_eq!(meaning(ours, "M"), meaning(theirs, "M"));
    assert_ne!(meaning(ours, "M"), meaning(&theirs.replace("nodes", "others"), "M"));
    assert_ne!(meaning(ours, "M"), meaning(&theirs.replace("-2", "-3"), "M"));
    let request = format!("{:?}", messages::fetch::FetchRequest::default());
    let fields = meaning(&request, "FetchRequest");
    let fields: Vec<_> = fields.iter().map(String::as_str).collect();
    assert!(fields.windows(6).any(|w| w == ["session_id", ":", "0", "session_epoch", ":", "-1"]));
}
