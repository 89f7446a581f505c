//! What must not stand in a source: paths of a machine, open ends.

use crate::tree::Source;

/// Checks one file line by line.
pub(crate) fn check_file(source: &Source) -> Vec<String> {
    // Split, so that this file passes its own check.
    let refused = [
        (concat!("/ho", "me/"), "a path of somebody's machine"),
        (concat!("/ro", "ot/"), "a path of somebody's machine"),
        (concat!("#[ig", "nore"), "an ignored test"),
        (concat!("to", "do!("), "an open end"),
        (concat!("unimpl", "emented!("), "an open end"),
    ];
    let mut broken = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for (word, what) in refused {
            if line.contains(word) {
                broken.push(format!("{}:{}: {what}", source.path.display(), index + 1));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_are_found_by_line() {
        let text = format!("//! X.\nlet a = \"{}me/x\";\n", "/ho");
        let broken = check_file(&Source { path: "a.rs".into(), text });
        assert_eq!(broken, ["a.rs:2: a path of somebody's machine"]);
    }
}
