//! The text of a line: UTF-8, with U+FFFD for what is not, exactly as Java's decoder puts it.
//!
//! Both replace each longest prefix of a valid sequence by one U+FFFD. They differ for encoded
//! surrogates (`ED A0..BF 80..BF`), where Java puts one U+FFFD for the three bytes.

/// Decodes the bytes of a line.
pub(super) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => decode_malformed(bytes),
    }
}

fn decode_malformed(mut bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    while let Err(error) = std::str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        out.push_str(&String::from_utf8_lossy(valid));
        out.push(char::REPLACEMENT_CHARACTER);
        let skipped = match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            _ => error.error_len().unwrap_or(rest.len()),
        };
        bytes = &rest[skipped..];
    }
    out.push_str(&String::from_utf8_lossy(bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(decode(bytes), expected);
    }

    #[test]
    fn malformed_bytes_are_replaced_as_java_replaces_them() {
        check("gr\u{fc}n \u{1f600}".as_bytes(), "gr\u{fc}n \u{1f600}");
        check(b"a\xffb", "a\u{fffd}b");
        check(b"\xc3", "\u{fffd}");
        check(b"\xe2\x82x", "\u{fffd}x");
        check(b"\xe2\x82", "\u{fffd}");
        check(b"\xc0\x80", "\u{fffd}\u{fffd}");
        check(b"\xed\xa0\x80z", "\u{fffd}z");
        check(b"\xed\xa0", "\u{fffd}\u{fffd}");
        check(b"\xf4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        check(b"ok\xf0\x9f\x98", "ok\u{fffd}");
    }
}
