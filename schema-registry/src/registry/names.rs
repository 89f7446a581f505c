//! Subjects and version numbers as callers write them.

use super::error::RegistryError;
use crate::store::index::{Deleted, Index, Version};
use crate::store::record::split_context;

/// Names that other registries use inside.
const RESERVED: [&str; 2] = ["__GLOBAL", "__EMPTY"];

/// Reads a subject's name: the default context, spelt out, is taken off.
///
/// # Errors
///
/// [`RegistryError::Context`] for a subject of another context.
pub fn subject(written: &str) -> Result<String, RegistryError> {
    match split_context(written) {
        (None, name) | (Some("."), name) => Ok(name.to_owned()),
        (Some(_), _) => Err(RegistryError::Context(written.to_owned())),
    }
}

/// Reads the name of a subject that is to be written to.
///
/// # Errors
///
/// As [`subject`], and [`RegistryError::InvalidSubject`].
pub fn new_subject(written: &str) -> Result<String, RegistryError> {
    let name = subject(written)?;
    if name.is_empty() || name.contains(char::is_control) || RESERVED.contains(&name.as_str()) {
        return Err(RegistryError::InvalidSubject(written.to_owned()));
    }
    Ok(name)
}

/// Which version is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionId {
    /// The newest.
    Latest,
    /// This one.
    Number(i32),
}

impl VersionId {
    /// Reads a number from 1, `latest` or -1.
    ///
    /// # Errors
    ///
    /// [`RegistryError::InvalidVersion`]
    pub fn parse(written: &str) -> Result<Self, RegistryError> {
        let text = written.trim();
        if text.eq_ignore_ascii_case("latest") || text == "-1" {
            return Ok(Self::Latest);
        }
        match text.parse() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => Err(RegistryError::InvalidVersion(written.to_owned())),
        }
    }

    /// Finds the version in a subject, if it is there.
    #[must_use]
    pub fn find<'a>(
        self,
        index: &'a Index,
        subject: &str,
        deleted: Deleted,
    ) -> Option<(i32, &'a Version)> {
        match self {
            Self::Latest => index.versions(subject, deleted).next_back(),
            Self::Number(wanted) => {
                index.versions(subject, deleted).find(|(number, _)| *number == wanted)
            }
        }
    }

    /// Finds the version in a subject.
    ///
    /// # Errors
    ///
    /// [`RegistryError::SubjectNotFound`] or [`RegistryError::VersionNotFound`]
    pub fn get<'a>(
        self,
        index: &'a Index,
        subject: &str,
        deleted: Deleted,
    ) -> Result<(i32, &'a Version), RegistryError> {
        self.find(index, subject, deleted).ok_or_else(|| match self {
            Self::Number(number) if index.has_subject(subject, deleted) => {
                RegistryError::VersionNotFound(number)
            }
            _ => RegistryError::SubjectNotFound(subject.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_from_one_or_the_latest() {
        for (written, expected) in [
            ("1", Some(VersionId::Number(1))),
            ("2147483647", Some(VersionId::Number(i32::MAX))),
            ("latest", Some(VersionId::Latest)),
            ("-1", Some(VersionId::Latest)),
            ("0", None),
            ("-2", None),
            ("2147483648", None),
            ("one", None),
            ("", None),
        ] {
            assert_eq!(VersionId::parse(written).ok(), expected, "{written}");
        }
    }

    #[test]
    fn subjects_lose_the_default_context_and_keep_slashes() {
        assert_eq!(subject(":.:orders").unwrap(), "orders");
        assert_eq!(subject("a/b c").unwrap(), "a/b c");
        assert_eq!(subject(":odd").unwrap(), ":odd");
        assert_eq!(subject(":.x:orders").unwrap_err().code(), 42208);
        for bad in ["", "a\nb", "__GLOBAL", "__EMPTY", ":.:"] {
            assert_eq!(new_subject(bad).unwrap_err().code(), 42208, "{bad:?}");
        }
    }
}
