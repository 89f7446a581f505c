//! Keys that nothing knows, and the nearest name that something does.

use std::fmt;

/// A given key that no definition knows. Prints as one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The key as given.
    pub key: String,
    /// Line of the file, from 1; none when it did not come from a file.
    pub line: Option<usize>,
    /// The known name that it may be a misspelling of.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown configuration {:?}", self.key)?;
        if let Some(line) = self.line {
            write!(f, " in line {line}")?;
        }
        f.write_str(" is ignored")?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {nearest:?}?")?;
        }
        Ok(())
    }
}

/// Finds the candidate that a misspelt name most likely means.
///
/// Upper and lower case, `_` and `-` count as the same as `.`. None when every candidate is too
/// far away: more than a third of the name's length, at most four edits.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are not compared: the work grows with the product of the lengths.
    const LONGEST: usize = 256;
    if name.len() > LONGEST {
        return None;
    }
    let wanted = normal(name);
    let limit = (wanted.len() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&wanted, &normal(candidate)), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn normal(name: &str) -> Vec<char> {
    let fold = |c: char| if matches!(c, '_' | '-') { '.' } else { c.to_ascii_lowercase() };
    name.chars().map(fold).collect()
}

/// Counts the insertions, deletions, replacements and swaps of neighbours between two names.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, &a) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(right.len() + 1);
        current.push(i + 1);
        for (j, &b) in right.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            let mut edits = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && a == right[j - 1] && left[i - 1] == b {
                let before: &Vec<usize> = &before;
                edits = edits.min(before[j - 1] + 1);
            }
            current.push(edits);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected);
    }

    #[test]
    fn nearest_name_is_found_within_reach() {
        let keys = ["topic", "topics", "file", "tasks.max", "batch.size", "connector.class"];
        check("tipic", &keys, Some("topic"));
        check("task.max", &keys, Some("tasks.max"));
        check("batch_size", &keys, Some("batch.size"));
        check("CONNECTOR.CLASS", &keys, Some("connector.class"));
        check("flie", &keys, Some("file"));
        check("something.else", &keys, None);
        check("x", &keys, None);
        check("", &keys, None);
        check("topic", &[], None);
    }

    #[test]
    fn distance_counts_a_swap_as_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("abcd"), &chars("abdc")), 1);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
    }

    #[test]
    fn warning_names_key_line_and_suggestion() {
        let unknown = UnknownKey {
            key: "tipic".to_owned(),
            line: Some(4),
            nearest: Some("topic".to_owned()),
        };
        assert_eq!(
            unknown.to_string(),
            "unknown configuration \"tipic\" in line 4 is ignored; did you mean \"topic\"?"
        );
    }
}
