//! Where referenced values come from: environment variables, properties files, directories.
//!
//! Class names and parameters are Kafka's (`org.apache.kafka.common.config.provider`). An error
//! never holds a value that was looked up.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::properties::{Properties, PropertiesError};

/// Largest file that the directory provider reads as one value, in bytes.
pub const VALUE_LIMIT: u64 = 1024 * 1024;

/// Looks up one value.
pub trait ConfigProvider: Send + Sync {
    /// Returns the value of a key under a path; the path is empty when the reference has none.
    ///
    /// # Errors
    ///
    /// Any [`LookupError`]: there is no such value, or it may not be read.
    fn lookup(&self, path: &str, key: &str) -> Result<String, LookupError>;
}

/// Why a provider has no value for a reference.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The environment has no such variable.
    #[error("environment variable {name} is not set")]
    NoVariable {
        /// Name of the variable.
        name: String,
    },
    /// The environment variable's value is not text.
    #[error("environment variable {name} is not valid UTF-8")]
    VariableNotText {
        /// Name of the variable.
        name: String,
    },
    /// The variable's name does not match `allowlist.pattern`.
    #[error("environment variable {name} does not match allowlist.pattern")]
    VariableNotAllowed {
        /// Name of the variable.
        name: String,
    },
    /// The reference has a path, and the provider takes none.
    #[error("this provider takes no path, found {path}")]
    PathGiven {
        /// The path.
        path: String,
    },
    /// The reference has no path, and the provider needs one.
    #[error("the reference names no {what}")]
    PathMissing {
        /// What the path stands for.
        what: &'static str,
    },
    /// The path lies outside `allowed.paths`.
    #[error("{} lies outside allowed.paths", path.display())]
    PathNotAllowed {
        /// The path.
        path: PathBuf,
    },
    /// The properties file could not be read.
    #[error("{}", properties_reason(.0))]
    Properties(PropertiesError),
    /// The properties file has no such key.
    #[error("{} has no key {key}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// The key is not the name of a file in the directory.
    #[error("{key} is not the name of a file")]
    NotAFileName {
        /// The key.
        key: String,
    },
    /// The file that holds the value could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The file that holds the value is too large.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Largest size in bytes.
        limit: u64,
    },
}

fn properties_reason(error: &PropertiesError) -> String {
    match error {
        PropertiesError::Read { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

/// `EnvVarConfigProvider`: environment variables.
#[derive(Debug, Clone)]
pub struct EnvironmentProvider {
    allowed: Option<Regex>,
}

impl EnvironmentProvider {
    /// Class name in Kafka.
    pub const CLASS: &str = "org.apache.kafka.common.config.provider.EnvVarConfigProvider";

    /// Serves the variables whose whole name matches `allowlist_pattern`; all when none.
    ///
    /// # Errors
    ///
    /// The pattern is not a regular expression.
    pub fn new(allowlist_pattern: Option<&str>) -> Result<Self, regex::Error> {
        let whole = |pattern: &str| Regex::new(&format!("^(?:{pattern})$"));
        Ok(Self { allowed: allowlist_pattern.map(whole).transpose()? })
    }
}

impl ConfigProvider for EnvironmentProvider {
    fn lookup(&self, path: &str, key: &str) -> Result<String, LookupError> {
        if !path.is_empty() {
            return Err(LookupError::PathGiven { path: path.to_owned() });
        }
        let name = key.to_owned();
        if self.allowed.as_ref().is_some_and(|pattern| !pattern.is_match(key)) {
            return Err(LookupError::VariableNotAllowed { name });
        }
        // The standard library calls these names malformed, so no variable can have one.
        if key.is_empty() || key.contains(['=', '\0']) {
            return Err(LookupError::NoVariable { name });
        }
        match std::env::var_os(key) {
            None => Err(LookupError::NoVariable { name }),
            Some(value) => value.into_string().map_err(|_| LookupError::VariableNotText { name }),
        }
    }
}

/// Directories and files that a provider may read; everything when empty.
#[derive(Debug, Clone, Default)]
pub struct AllowedPaths(Vec<PathBuf>);

impl AllowedPaths {
    /// Takes the value of `allowed.paths`: paths separated by commas.
    #[must_use]
    pub fn new(list: &str) -> Self {
        let paths = list.split(',').map(str::trim).filter(|path| !path.is_empty());
        Self(paths.map(|path| real(Path::new(path))).collect())
    }

    fn check(&self, path: &Path) -> Result<(), LookupError> {
        let place = real(path);
        if self.0.is_empty() || self.0.iter().any(|allowed| place.starts_with(allowed)) {
            return Ok(());
        }
        Err(LookupError::PathNotAllowed { path: path.to_owned() })
    }
}

/// Follows links where the path exists; else only takes `.` and `..` out.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// `FileConfigProvider`: keys of properties files.
#[derive(Debug, Clone, Default)]
pub struct FileProvider {
    allowed: AllowedPaths,
}

impl FileProvider {
    /// Class name in Kafka.
    pub const CLASS: &str = "org.apache.kafka.common.config.provider.FileConfigProvider";

    /// Serves the keys of properties files under the allowed paths.
    #[must_use]
    pub const fn new(allowed: AllowedPaths) -> Self {
        Self { allowed }
    }
}

impl ConfigProvider for FileProvider {
    fn lookup(&self, path: &str, key: &str) -> Result<String, LookupError> {
        if path.is_empty() {
            return Err(LookupError::PathMissing { what: "file" });
        }
        let path = Path::new(path);
        self.allowed.check(path)?;
        let properties = Properties::load(path).map_err(LookupError::Properties)?;
        properties
            .get(key)
            .map(str::to_owned)
            .ok_or_else(|| LookupError::NoKey { path: path.to_owned(), key: key.to_owned() })
    }
}

/// `DirectoryConfigProvider`: files of a directory, each one value.
#[derive(Debug, Clone, Default)]
pub struct DirectoryProvider {
    allowed: AllowedPaths,
}

impl DirectoryProvider {
    /// Class name in Kafka.
    pub const CLASS: &str = "org.apache.kafka.common.config.provider.DirectoryConfigProvider";

    /// Serves the contents of files under the allowed paths.
    #[must_use]
    pub const fn new(allowed: AllowedPaths) -> Self {
        Self { allowed }
    }
}

impl ConfigProvider for DirectoryProvider {
    fn lookup(&self, path: &str, key: &str) -> Result<String, LookupError> {
        if path.is_empty() {
            return Err(LookupError::PathMissing { what: "directory" });
        }
        let mut parts = Path::new(key).components();
        let single = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !single || key.contains(['/', '\0']) {
            return Err(LookupError::NotAFileName { key: key.to_owned() });
        }
        let path = Path::new(path).join(key);
        self.allowed.check(&path)?;
        let read = |reason| LookupError::Read { path: path.clone(), reason };
        if std::fs::metadata(&path).map_err(read)?.len() > VALUE_LIMIT {
            return Err(LookupError::TooLarge { path, limit: VALUE_LIMIT });
        }
        std::fs::read_to_string(&path).map_err(read)
    }
}
