//! JSON as Java Avro reads and writes it: a reader with limits, and a writer in Jackson's layout.
//!
//! The reader takes comments, as Avro for Java does; a repeated member keeps its first place and
//! its last value. Integers beyond 64 bits become floats. The writer adds no spaces, escapes as
//! Jackson escapes (`\u001F` in upper case) and prints floats as `Double.toString` does.

use serde_json::{Map, Number, Value};

use super::error::SchemaError;

/// Reads one JSON value that fills the whole text.
///
/// # Errors
///
/// `Json`, `Dangling` or `TooDeep`.
pub fn read(text: &str, max_depth: usize) -> Result<Value, SchemaError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, depth: 0, max_depth };
    let value = reader.value()?;
    reader.skip_space()?;
    if reader.at < text.len() {
        return Err(SchemaError::Dangling { text: cut(text[reader.at..].trim_end()) });
    }
    Ok(value)
}

/// Cuts a text that goes into an error message.
#[must_use]
pub fn cut(text: &str) -> String {
    const MOST: usize = 500;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
}

impl Reader<'_> {
    fn error(&self, expected: &'static str) -> SchemaError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        SchemaError::Json { line, column, expected }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) -> Result<(), SchemaError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), SchemaError> {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(body) = rest.strip_prefix("/*") {
            body.find("*/").ok_or_else(|| self.error("the end of the comment"))? + 4
        } else {
            return Err(self.error("a comment"));
        };
        self.at += length;
        Ok(())
    }

    fn value(&mut self) -> Result<Value, SchemaError> {
        self.skip_space()?;
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.error("a value")),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, SchemaError>,
    ) -> Result<Value, SchemaError> {
        if self.depth == self.max_depth {
            return Err(SchemaError::TooDeep { limit: self.max_depth });
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, SchemaError> {
        let mut members = Map::new();
        self.skip_space()?;
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space()?;
            if self.peek() != Some(b'"') {
                return Err(self.error("a member name in quotes"));
            }
            let name = self.string()?;
            self.skip_space()?;
            if !self.take(b':') {
                return Err(self.error("a colon"));
            }
            let value = self.value()?;
            members.insert(name, value);
            self.skip_space()?;
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or the end of the object"));
            }
        }
    }

    fn array(&mut self) -> Result<Value, SchemaError> {
        let mut items = Vec::new();
        self.skip_space()?;
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space()?;
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or the end of the array"));
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, SchemaError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("true, false or null"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Finds where the string ends and leaves its escapes to `serde_json`.
    fn string(&mut self) -> Result<String, SchemaError> {
        let start = self.at;
        let mut end = start + 1;
        loop {
            match self.bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => return Err(self.error("the end of the string")),
            }
        }
        let quoted = self.text.get(start..=end).ok_or_else(|| self.error("a string"))?;
        let text = serde_json::from_str(quoted)
            .map_err(|_| self.error("a string without control characters or bad escapes"))?;
        self.at = end + 1;
        Ok(text)
    }

    fn number(&mut self) -> Result<Value, SchemaError> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let text = &rest[..length];
        let number: Number = match text {
            "-0" => Number::from(0),
            _ => serde_json::from_str(text).map_err(|_| self.error("a number"))?,
        };
        self.at += length;
        Ok(Value::Number(number))
    }
}

/// Writes a value without spaces.
pub fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

/// Returns a value as text without spaces.
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// Writes a string in quotes.
pub fn write_string(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if u32::from(c) < 0x20 => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(value) if number.is_f64() => out.push_str(&java_double(value)),
        _ => out.push_str(&number.to_string()),
    }
}

/// Prints as Java's `Double.toString`: scientific below 10^-3 and from 10^7 on.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str) {
        assert_eq!(to_string(&read(text, 10).unwrap()), printed);
    }

    #[test]
    fn values_print_as_jackson_prints_them() {
        check(
            r#" { "a" : [ 1 , -0, 2.50, 1e10, 1E-5, 123456789.0 ] } "#,
            r#"{"a":[1,0,2.5,1.0E10,1.0E-5,1.23456789E8]}"#,
        );
        check(r#""\u001f\u0041\/\n\" é \ud83d\ude00""#, "\"\\u001FA/\\n\\\" é 😀\"");
        check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
        check("// one\n[/* two */true,false,null]", "[true,false,null]");
        check("9223372036854775807", "9223372036854775807");
        check("18446744073709551615", "18446744073709551615");
    }

    #[test]
    fn broken_text_is_an_error_with_a_place() {
        for text in [
            "",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "\"x",
            "\"\\",
            "\"\\x\"",
            "tru",
            "1.2.3",
            "-",
            "01",
            "/",
            "/*",
            "\"\u{1}\"",
            "\"\\ud800\"",
            "nul",
            "{\"a\":1,}",
        ] {
            let error = read(text, 10).unwrap_err();
            assert!(matches!(error, SchemaError::Json { .. }), "{text}: {error}");
        }
        let error = read("{\n  \"a\": x}", 10).unwrap_err();
        assert_eq!(error.to_string(), "invalid JSON at line 2, column 8: a value");
    }

    #[test]
    fn what_follows_is_dangling() {
        assert!(matches!(read("1 2", 10).unwrap_err(), SchemaError::Dangling { .. }));
    }

    #[test]
    fn depth_has_a_limit() {
        assert!(read(&format!("{}{}", "[".repeat(10), "]".repeat(10)), 10).is_ok());
        let error = read(&"[".repeat(100_000), 10).unwrap_err();
        assert_eq!(error, SchemaError::TooDeep { limit: 10 });
    }
}
