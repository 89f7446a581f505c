//! Which topic names are allowed.
//!
//! A name is part of a directory's name, so nothing that could leave the data directory may pass.
//! `a.b` and `a_b` may not both exist: Kafka's metric names cannot tell them apart.

/// Longest name: a directory's name has a partition after it.
const MAX_LENGTH: usize = 249;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No character.
    #[error("Topic name is invalid: the empty string is not allowed")]
    Empty,
    /// The name of this directory, or of the one above.
    #[error("Topic name is invalid: '{0}' is not allowed")]
    Dots(String),
    /// Too many characters.
    #[error(
        "Topic name is invalid: the length of '{0}' is longer than the max allowed length {MAX_LENGTH}"
    )]
    TooLong(String),
    /// Characters other than letters, digits, `.`, `_` and `-`.
    #[error(
        "Topic name is invalid: '{0}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    )]
    Characters(String),
}

/// Checks a topic's name.
///
/// # Errors
///
/// [`NameError`] in Kafka's words.
pub(crate) fn check_topic_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name == "." || name == ".." {
        return Err(NameError::Dots(name.to_owned()));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(NameError::Characters(name.escape_default().to_string()));
    }
    if name.len() > MAX_LENGTH {
        return Err(NameError::TooLong(name.to_owned()));
    }
    Ok(())
}

/// The form in which two names collide.
pub(crate) fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

/// Says whether a topic belongs to the broker itself.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__cluster_metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, allowed: bool) {
        assert_eq!(check_topic_name(name).is_ok(), allowed, "{name:?}");
    }

    #[test]
    fn a_name_is_made_of_letters_digits_and_three_signs() {
        check("connect-test", true);
        check("a.b_c-9", true);
        check(&"x".repeat(249), true);
        check(&"x".repeat(250), false);
        check("", false);
        check(".", false);
        check("..", false);
        check("...", true);
        check("../etc", false);
        check("a/b", false);
        check("a\0b", false);
        check("ä", false);
        check("a b", false);
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_key("a.b"), collision_key("a_b"));
        assert_ne!(collision_key("a.b"), collision_key("a-b"));
    }
}
