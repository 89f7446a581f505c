//! Guesses the type of a text, as Connect's header parsing does.
//!
//! | text | becomes |
//! |---|---|
//! | `null`, `true`, `false` | null, boolean |
//! | an integer | the narrowest of int8, int16, int32, int64 that holds it, else a decimal |
//! | another number | float32 if that keeps every digit, else float64, else a decimal |
//! | `2024-02-29`, `12:00:00.000Z`, `2024-02-29T12:00:00.000Z` | date, time, timestamp |
//! | `[…]`, `{…}` | list, map; one common schema if all items share it |
//! | `"…"` inside a list or map | string |
//! | anything else | the text itself |
//!
//! Java takes float32 for every fraction that does not overflow it, and so loses digits.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use connect_api::data::{Decimal, logical};
use connect_api::{Schema, SchemaBuilder, Value};

/// A value with the schema that was guessed for it.
pub type Guess = (Option<Arc<Schema>>, Value);

/// Deepest nesting of lists and maps; deeper text is a string.
const MAX_DEPTH: usize = 64;

/// Guesses what a text stands for; never fails, because any text is a string.
#[must_use]
pub fn parse(text: &str) -> Guess {
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '{']) {
        let mut parser = Parser { rest: trimmed };
        if let Some(guess) = parser.item(0)
            && parser.rest.is_empty()
        {
            return guess;
        }
    } else if let Some(guess) = scalar(trimmed) {
        return guess;
    }
    string(text.to_owned())
}

fn string(text: String) -> Guess {
    (Some(Schema::string()), Value::String(text))
}

fn scalar(text: &str) -> Option<Guess> {
    match text {
        "null" => return Some((None, Value::Null)),
        "true" | "false" => {
            return Some((Some(Schema::boolean()), Value::Boolean(text == "true")));
        }
        _ => {}
    }
    moment(text).or_else(|| number(text))
}

fn number(text: &str) -> Option<Guess> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(if let Ok(value) = i8::try_from(integer) {
            (Some(Schema::int8()), Value::Int8(value))
        } else if let Ok(value) = i16::try_from(integer) {
            (Some(Schema::int16()), Value::Int16(value))
        } else if let Ok(value) = i32::try_from(integer) {
            (Some(Schema::int32()), Value::Int32(value))
        } else {
            (Some(Schema::int64()), Value::Int64(integer))
        });
    }
    let decimal: Decimal = text.parse().ok()?;
    let wide: f64 = text.parse().ok()?;
    let narrow: f32 = text.parse().ok()?;
    if keeps(&decimal, &narrow.to_string()) {
        return Some((Some(Schema::float32()), Value::Float32(narrow)));
    }
    if keeps(&decimal, &wide.to_string()) {
        return Some((Some(Schema::float64()), Value::Float64(wide)));
    }
    let schema = logical::decimal(decimal.scale).build().ok()?;
    Some((Some(schema), Value::Decimal(decimal)))
}

/// Tells whether a float's shortest form is the same number.
fn keeps(decimal: &Decimal, shortest: &str) -> bool {
    let Ok(back) = shortest.parse::<Decimal>() else { return false };
    let plain = |number: &Decimal| {
        let text = number.to_string();
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    plain(decimal) == plain(&back)
}

fn moment(text: &str) -> Option<Guess> {
    match text.len() {
        10 => {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let days = date.signed_duration_since(NaiveDate::default()).num_days();
            let days = i32::try_from(days).ok()?;
            Some((logical::date().build().ok(), Value::Date(days)))
        }
        13 => {
            let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.3fZ").ok()?;
            let ms = time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000;
            Some((logical::time().build().ok(), Value::Time(i32::try_from(ms).ok()?)))
        }
        24 => {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3fZ").ok()?;
            let ms = time.and_utc().timestamp_millis();
            Some((logical::timestamp().build().ok(), Value::Timestamp(ms)))
        }
        _ => None,
    }
}

/// Reads lists and maps from the front of a text.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn item(&mut self, depth: usize) -> Option<Guess> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' => self.list(depth),
            '{' => self.map(depth),
            '"' => self.quoted().map(string),
            _ => {
                let end = self.rest.find([',', ']', '}', ':', '[', '{', '"'])?;
                // A timestamp holds colons: take it whole when it is one.
                let end = [24, 13]
                    .into_iter()
                    .find(|len| self.rest.get(..*len).is_some_and(|text| moment(text).is_some()))
                    .unwrap_or(end);
                let text = self.rest[..end].trim_end();
                let guess = scalar(text)?;
                self.rest = &self.rest[end..];
                Some(guess)
            }
        }
    }

    fn take(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut symbols = self.rest.char_indices().skip(1);
        while let Some((at, symbol)) = symbols.next() {
            match symbol {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(symbols.next()?.1),
                symbol => text.push(symbol),
            }
        }
        None
    }

    fn list(&mut self, depth: usize) -> Option<Guess> {
        self.take('[');
        let mut schemas = Vec::new();
        let mut items = Vec::new();
        if !self.take(']') {
            loop {
                let (schema, item) = self.item(depth + 1)?;
                schemas.push(schema);
                items.push(item);
                if self.take(']') {
                    break;
                }
                if !self.take(',') {
                    return None;
                }
            }
        }
        let schema = shared(&schemas).and_then(|inner| SchemaBuilder::array(inner).build().ok());
        Some((schema, Value::Array(items)))
    }

    fn map(&mut self, depth: usize) -> Option<Guess> {
        self.take('{');
        let (mut key_schemas, mut value_schemas) = (Vec::new(), Vec::new());
        let mut entries = Vec::new();
        if !self.take('}') {
            loop {
                let (key_schema, key) = self.item(depth + 1)?;
                if !self.take(':') {
                    return None;
                }
                let (value_schema, value) = self.item(depth + 1)?;
                key_schemas.push(key_schema);
                value_schemas.push(value_schema);
                entries.push((key, value));
                if self.take('}') {
                    break;
                }
                if !self.take(',') {
                    return None;
                }
            }
        }
        let schema = shared(&key_schemas)
            .zip(shared(&value_schemas))
            .and_then(|(keys, values)| SchemaBuilder::map(keys, values).build().ok());
        Some((schema, Value::Map(entries)))
    }
}

/// The schema that all items have, if there is one.
fn shared(schemas: &[Option<Arc<Schema>>]) -> Option<Arc<Schema>> {
    let first = schemas.first()?.as_ref()?;
    let same = schemas.iter().all(|schema| schema.as_ref() == Some(first));
    same.then(|| Arc::clone(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Value) {
        assert_eq!(&parse(text).1, expected, "{text}");
    }

    #[test]
    fn integers_take_the_narrowest_type() {
        check("-128", &Value::Int8(-128));
        check("128", &Value::Int16(128));
        check("70000", &Value::Int32(70_000));
        check("3000000000", &Value::Int64(3_000_000_000));
        let wide = "9223372036854775808";
        check(wide, &Value::Decimal(wide.parse().unwrap()));
    }

    #[test]
    fn fractions_keep_their_digits() {
        check("1.5", &Value::Float32(1.5));
        check("2.123456789012345", &Value::Float64(2.123_456_789_012_345));
        let long = "2.12345678901234523846264338327950288";
        check(long, &Value::Decimal(long.parse().unwrap()));
    }

    #[test]
    fn lists_and_maps_nest() {
        let (schema, value) = parse("[[1,2],[3]]");
        assert_eq!(
            value,
            Value::Array(vec![
                Value::Array(vec![Value::Int8(1), Value::Int8(2)]),
                Value::Array(vec![Value::Int8(3)]),
            ])
        );
        assert!(schema.is_some());
        check(
            r#"{"at":1970-01-01T00:00:00.000Z}"#,
            &Value::Map(vec![("at".into(), Value::Timestamp(0))]),
        );
        assert_eq!(parse(r#"[1,"a"]"#).0, None);
    }

    #[test]
    fn what_is_nothing_else_is_a_string() {
        for text in ["", "hello", "[1,", "[1]x", "{1}", "2024-02-30", "-", "1 2", "\"quoted\""] {
            check(text, &text.into());
        }
        let deep = "[".repeat(10_000);
        check(&deep, &deep.as_str().into());
    }
}
