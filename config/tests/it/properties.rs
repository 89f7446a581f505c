//! Whatever is written is read back; whatever is read never panics.

use config::Properties;
use proptest::prelude::*;

proptest! {
    #[test]
    fn written_entries_are_read_back(
        entries in prop::collection::btree_map("\\PC*|[ \t\r\n\u{c}\\\\=:#!a\u{feff}]*", any::<String>(), 0..8)
    ) {
        let written = Properties::from_entries(entries.clone());
        let read = Properties::parse(written.to_text().as_bytes()).unwrap();
        prop_assert_eq!(read.into_map(), entries);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = Properties::parse(&bytes);
    }

    #[test]
    fn any_escapes_are_read_or_refused(text in "([\\\\u0-9a-fdD8\u{e9} =\r\n])*") {
        let _outcome = Properties::parse(text.as_bytes());
    }

    #[test]
    fn lines_are_those_of_the_text(comments in prop::collection::vec(0usize..3, 1..20)) {
        let mut text = String::new();
        let mut expected = Vec::new();
        let mut line = 1;
        for (number, comments) in comments.iter().enumerate() {
            text.push_str(&"# comment\n".repeat(*comments));
            line += comments;
            expected.push(line);
            text.push_str(&format!("k{number}=a\\\r\n  b\n"));
            line += 2;
        }
        let read = Properties::parse(text.as_bytes()).unwrap();
        let found: Vec<usize> = read.iter().map(|entry| entry.line).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn unreadable_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing.properties");
    let error = Properties::load(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn malformed_file_is_named_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.properties");
    std::fs::write(&path, "a=1\nb=\\uzzzz\n").unwrap();
    let error = Properties::load(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("{}:2: malformed \\uxxxx encoding", path.display()));
}
