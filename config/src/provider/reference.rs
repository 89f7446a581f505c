//! Finding `${provider:[path:]key}` in a text, with the rules of Kafka's `ConfigTransformer`.
//!
//! A reference ends at the first `}`. The provider ends at the first `:`, the path at the second;
//! with one `:` there is no path. `${…}` without any `:` is plain text.

/// One piece of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stands for itself.
    Text(&'a str),
    /// Text that stands for a value elsewhere.
    Reference(Reference<'a>),
}

/// A reference as it stands in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The whole reference, from `${` to `}`.
    pub text: &'a str,
    /// Name of the provider.
    pub provider: &'a str,
    /// Where the provider is to look; empty when not given.
    pub path: &'a str,
    /// What the provider is to look up.
    pub key: &'a str,
}

/// Cuts a value into plain texts and references, in order.
#[must_use]
pub fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while let Some(start) = value[at..].find("${").map(|found| at + found) {
        let Some(end) = value[start..].find('}').map(|found| start + found) else { break };
        let Some(reference) = parse(&value[start..=end]) else {
            at = start + 2;
            continue;
        };
        if plain < start {
            pieces.push(Piece::Text(&value[plain..start]));
        }
        pieces.push(Piece::Reference(reference));
        at = end + 1;
        plain = at;
    }
    if plain < value.len() {
        pieces.push(Piece::Text(&value[plain..]));
    }
    pieces
}

fn parse(text: &str) -> Option<Reference<'_>> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (provider, rest) = inner.split_once(':')?;
    let (path, key) = rest.split_once(':').unwrap_or(("", rest));
    Some(Reference { text, provider, path, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &[&str]) {
        let shown: Vec<String> = pieces(value)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("text {text}"),
                Piece::Reference(r) => format!("{} | {} | {}", r.provider, r.path, r.key),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn value_is_cut_into_texts_and_references() {
        check("", &[]);
        check("plain", &["text plain"]);
        check("${env:A}", &["env |  | A"]);
        check("${file:/a/b:k}", &["file | /a/b | k"]);
        check("x${env:A}y${env:B}", &["text x", "env |  | A", "text y", "env |  | B"]);
        check("${file:/a:k:with:colons}", &["file | /a | k:with:colons"]);
    }

    #[test]
    fn what_is_no_reference_stays_text() {
        check("${topic}-${timestamp}", &["text ${topic}-${timestamp}"]);
        check("${env:A", &["text ${env:A"]);
        check("$${env:A}", &["text $", "env |  | A"]);
        check("${a}${env:B}", &["text ${a}", "env |  | B"]);
    }
}
