//! Java's `.properties` format, as `java.util.Properties.load` reads it.
//!
//! - A line whose first visible character is `#` or `!` is a comment; it cannot be continued.
//! - An odd number of backslashes at the end of a line continues it in the next one, whose
//!   leading white space is dropped.
//! - The key ends at the first `=`, `:`, space, tab or form feed without a backslash before it;
//!   white space and one `=` or `:` between key and value are dropped. White space at the end of
//!   a value stays.
//! - `\t`, `\n`, `\r`, `\f` and `\uXXXX` are escapes; a backslash before any other character is
//!   dropped. Two `\u` escapes may form one character outside the basic plane.
//!
//! Beyond Java: text is UTF-8, and ISO-8859-1 only if it is not valid UTF-8; a byte order mark is
//! skipped; half of a surrogate pair is an error; every entry knows its line.
//!
//! Invariants: keys are unique and in the order of their first appearance; the last value of a
//! key wins, and earlier ones are remembered as [`Duplicate`]s.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::redaction::{HIDDEN, is_secret_name};

/// Largest file that is read, in bytes.
pub const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// One key with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, escapes resolved.
    pub key: String,
    /// The value, escapes resolved.
    pub value: String,
    /// Line that it starts in, from 1; 0 when it did not come from a text.
    pub line: usize,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if is_secret_name(&self.key) { HIDDEN } else { &self.value };
        write!(f, "{}: {:?}={:?}", self.line, self.key, value)
    }
}

/// A key that was given more than once. Prints as one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The key.
    pub key: String,
    /// Line whose value is lost.
    pub lost_line: usize,
    /// Line whose value took its place.
    pub kept_line: usize,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "configuration {:?} is given twice: line {} replaces line {}",
            self.key, self.kept_line, self.lost_line
        )
    }
}

/// The content of a properties file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    duplicates: Vec<Duplicate>,
}

/// Where in which file something is. Prints as `file:line` or `line n`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file; none when the text did not come from one.
    pub path: Option<PathBuf>,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}:{}", path.display(), self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// Why properties could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PropertiesError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is larger than any settings file is.
    #[error("{}properties of more than {limit} bytes", file_prefix(path.as_deref()))]
    TooLarge {
        /// The file; none when the text did not come from one.
        path: Option<PathBuf>,
        /// Largest size in bytes.
        limit: u64,
    },
    /// `\u` is not followed by four hexadecimal digits.
    #[error("{place}: malformed \\uxxxx encoding")]
    BadEscape {
        /// Where.
        place: Place,
    },
    /// A `\u` escape is half of a surrogate pair.
    #[error("{place}: \\u{unit:04x} is half of a surrogate pair")]
    LoneSurrogate {
        /// Where.
        place: Place,
        /// The UTF-16 code unit.
        unit: u16,
    },
}

fn file_prefix(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{}: ", path.display()))
}

impl Properties {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Any [`PropertiesError`]; each names the file, and the line where there is one.
    pub fn load(path: &Path) -> Result<Self, PropertiesError> {
        let read = |source| PropertiesError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(read)?;
        file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(read)?;
        Self::parse_at(&bytes, Some(path))
    }

    /// Parses the content of a file.
    ///
    /// # Errors
    ///
    /// [`PropertiesError::TooLarge`], [`PropertiesError::BadEscape`] and
    /// [`PropertiesError::LoneSurrogate`].
    pub fn parse(text: &[u8]) -> Result<Self, PropertiesError> {
        Self::parse_at(text, None)
    }

    fn parse_at(bytes: &[u8], path: Option<&Path>) -> Result<Self, PropertiesError> {
        if u64::try_from(bytes.len()).is_ok_and(|size| size > SIZE_LIMIT) {
            return Err(PropertiesError::TooLarge {
                path: path.map(Path::to_owned),
                limit: SIZE_LIMIT,
            });
        }
        let text = decode(bytes);
        let mut properties = Self::default();
        for line in LogicalLines::new(&text) {
            let place = || Place { path: path.map(Path::to_owned), line: line.number };
            let (key, value) = split(&line.text);
            let key = unescape(key, place)?;
            let value = unescape(value, place)?;
            properties.put(Entry { key, value, line: line.number });
        }
        Ok(properties)
    }

    /// Makes properties that did not come from a text; a later duplicate wins.
    pub fn from_entries<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut properties = Self::default();
        for (key, value) in entries {
            properties.put(Entry { key: key.into(), value: value.into(), line: 0 });
        }
        properties
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.index.get(key).map(|&place| self.entries[place].value.as_str())
    }

    /// Returns the line that a key's value starts in, from 1.
    #[must_use]
    pub fn line(&self, key: &str) -> Option<usize> {
        self.index.get(key).map(|&place| self.entries[place].line)
    }

    /// Lists the entries in the order in which their keys first appear.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Counts the keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lists the keys that were given more than once, in the order of the lost values.
    #[must_use]
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// Returns keys and values, without lines and order.
    #[must_use]
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    /// Copies keys and values, without lines and order.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.clone().into_map()
    }

    /// Returns the entries whose keys start with a prefix, with the prefix removed.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        let strip = |entry: &Entry| {
            entry.key.strip_prefix(prefix).map(|key| (key.to_owned(), entry.value.clone()))
        };
        self.entries.iter().filter_map(strip).collect()
    }

    /// Writes the entries as a text that parses to the same ones. Holds secrets in plain.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for entry in &self.entries {
            escape_into(&mut out, &entry.key, Part::Key);
            out.push('=');
            escape_into(&mut out, &entry.value, Part::Value);
            out.push('\n');
        }
        out
    }

    fn put(&mut self, entry: Entry) {
        match self.index.get(&entry.key) {
            Some(&place) => {
                self.duplicates.push(Duplicate {
                    key: entry.key.clone(),
                    lost_line: self.entries[place].line,
                    kept_line: entry.line,
                });
                self.entries[place] = entry;
            }
            None => {
                self.index.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// A line after continuations are joined; escapes are still in it.
struct LogicalLine {
    number: usize,
    text: String,
}

struct LogicalLines<'a> {
    rest: Option<&'a str>,
    number: usize,
}

impl<'a> LogicalLines<'a> {
    const fn new(text: &'a str) -> Self {
        Self { rest: Some(text), number: 0 }
    }

    /// Takes the next line as it stands in the file, without its end (`\n`, `\r` or `\r\n`).
    fn natural(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        self.number += 1;
        let Some(end) = rest.find(['\n', '\r']) else {
            self.rest = None;
            return Some(rest);
        };
        let width = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        self.rest = Some(&rest[end + width..]);
        Some(&rest[..end])
    }
}

impl Iterator for LogicalLines<'_> {
    type Item = LogicalLine;

    fn next(&mut self) -> Option<LogicalLine> {
        loop {
            let line = self.natural()?.trim_start_matches(is_blank);
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let mut joined = LogicalLine { number: self.number, text: line.to_owned() };
            while ends_in_continuation(&joined.text) {
                joined.text.pop();
                let Some(more) = self.natural() else { break };
                joined.text.push_str(more.trim_start_matches(is_blank));
            }
            return Some(joined);
        }
    }
}

fn ends_in_continuation(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// Splits a logical line into key and value, escapes still in both.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        if !escaped && (matches!(c, '=' | ':') || is_blank(c)) {
            end = at;
            break;
        }
        escaped = c == '\\' && !escaped;
    }
    let value = line[end..].trim_start_matches(is_blank);
    let value = value.strip_prefix(['=', ':']).unwrap_or(value);
    (&line[..end], value.trim_start_matches(is_blank))
}

fn unescape(text: &str, place: impl Fn() -> Place) -> Result<String, PropertiesError> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        match after.next() {
            Some('u') => {
                let (c, left) = unescape_unicode(after.as_str(), &place)?;
                out.push(c);
                rest = left;
                continue;
            }
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some(c) => out.push(c),
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads what follows `\u`, and a second escape if the first is half of a surrogate pair.
fn unescape_unicode(
    text: &str,
    place: impl Fn() -> Place,
) -> Result<(char, &str), PropertiesError> {
    let unit = |text: &str| -> Result<u16, PropertiesError> {
        text.get(..4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| PropertiesError::BadEscape { place: place() })
    };
    let first = unit(text)?;
    let rest = &text[4..];
    if let Some(Ok(c)) = char::decode_utf16([first]).next() {
        return Ok((c, rest));
    }
    if let Some(second) = rest.strip_prefix("\\u")
        && let Some(Ok(c)) = char::decode_utf16([first, unit(second)?]).next()
    {
        return Ok((c, &second[4..]));
    }
    Err(PropertiesError::LoneSurrogate { place: place(), unit: first })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}

fn escape_into(out: &mut String, text: &str, part: Part) {
    for (at, c) in text.char_indices() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '\\' => out.push_str("\\\\"),
            // A byte order mark at the start of the text would be skipped by the reader.
            '\u{feff}' => out.push_str("\\ufeff"),
            '=' | ':' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            ' ' if part == Part::Key || at == 0 => out.push_str("\\ "),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        let properties = Properties::parse(text.as_ref()).unwrap();
        let found: Vec<_> = properties.iter().map(|e| (e.key.as_str(), e.value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn separators_are_equals_colon_and_white_space() {
        check(
            "a=1\nb:2\nc 3\nd\t=\t4\ne   :   5",
            &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")],
        );
        check("a==b\nc=:d\ne= = f", &[("a", "=b"), ("c", ":d"), ("e", "= f")]);
        check("key\nkey2=\n=value", &[("key", ""), ("key2", ""), ("", "value")]);
        check("a\\=b\\ c\\:d=1", &[("a=b c:d", "1")]);
    }

    #[test]
    fn white_space_at_the_end_of_a_value_stays() {
        check("a = b \t\n", &[("a", "b \t")]);
    }

    #[test]
    fn comments_start_a_line_and_are_never_continued() {
        check(
            "# x\\\na=1\n  ! y\nb=2 # no comment\n\u{c} # z",
            &[("a", "1"), ("b", "2 # no comment")],
        );
        check("a=1,\\\n# 2\nb=3", &[("a", "1,# 2"), ("b", "3")]);
    }

    #[test]
    fn odd_backslashes_continue_a_line_and_even_ones_do_not() {
        check("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=4", &[("a", "1,2,3"), ("b", "x\\"), ("c", "4")]);
        check("a=1\\\n\nb=2", &[("a", "1"), ("b", "2")]);
        check("a=1\\", &[("a", "1")]);
        check("a\\\n b\\\n =1", &[("ab", "1")]);
    }

    #[test]
    fn every_line_end_counts_once() {
        let text = "a=1\r\nb=2\rc=3\n\r\nd=4";
        check(text, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        let properties = Properties::parse(text.as_bytes()).unwrap();
        assert_eq!(["a", "b", "c", "d"].map(|key| properties.line(key).unwrap()), [1, 2, 3, 5]);
    }

    #[test]
    fn escapes_are_resolved_as_in_java() {
        check(r"a=\t\n\r\f\\\q\u00e9", &[("a", "\t\n\r\u{c}\\q\u{e9}")]);
        check(r"smile=\ud83d\ude00!", &[("smile", "\u{1f600}!")]);
        check(r"\u0061\u003d=x", &[("a=", "x")]);
        check(r"p=C:\\dir\\file", &[("p", r"C:\dir\file")]);
    }

    #[test]
    fn text_is_utf8_or_else_latin1() {
        check("a=\u{fc}".as_bytes(), &[("a", "\u{fc}")]);
        check(b"a=\xfc", &[("a", "\u{fc}")]);
        check(b"\xef\xbb\xbfa=1", &[("a", "1")]);
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(Properties::parse(text.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn errors_name_the_line() {
        check_error("a=1\nb=\\u12", "line 2: malformed \\uxxxx encoding");
        check_error("a=\\u00+1", "line 1: malformed \\uxxxx encoding");
        check_error("a=\\u00\u{e9}1", "line 1: malformed \\uxxxx encoding");
        check_error("\n\na=\\ud83d", "line 3: \\ud83d is half of a surrogate pair");
        check_error("a=\\ud83d\\u0041", "line 1: \\ud83d is half of a surrogate pair");
        check_error("a=\\ude00\\ud83d", "line 1: \\ude00 is half of a surrogate pair");
    }

    #[test]
    fn last_value_of_a_key_wins_and_the_loss_is_remembered() {
        let properties = Properties::parse(b"a=1\nb=2\na=3").unwrap();
        assert_eq!(properties.get("a"), Some("3"));
        assert_eq!(properties.line("a"), Some(3));
        let warnings: Vec<_> = properties.duplicates().iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["configuration \"a\" is given twice: line 3 replaces line 1"]);
    }

    #[test]
    fn prefix_selects_and_is_removed() {
        let properties = Properties::parse(b"producer.acks=all\nacks=1").unwrap();
        let expected = BTreeMap::from([("acks".to_owned(), "all".to_owned())]);
        assert_eq!(properties.with_prefix("producer."), expected);
    }

    #[test]
    fn debug_hides_secrets() {
        let properties = Properties::parse(b"connection.password=s3cret").unwrap();
        assert!(!format!("{properties:?}").contains("s3cret"));
    }

    #[test]
    fn text_beyond_the_limit_is_refused() {
        let text = vec![b'#'; usize::try_from(SIZE_LIMIT).unwrap() + 1];
        let error = Properties::parse(&text).unwrap_err();
        assert_eq!(error.to_string(), "properties of more than 16777216 bytes");
    }
}
