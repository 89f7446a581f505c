//! The configured providers of a worker, and the resolution of references with them.
//!
//! Settings, as in Kafka: `config.providers=<name>,…`, then for each `config.providers.<name>.class`
//! and `config.providers.<name>.param.<parameter>`. A reference to a name that is not configured
//! stays as it is; one that a configured provider cannot resolve is an error. A resolved value is
//! not searched for references again.

use std::collections::BTreeMap;
use std::fmt;

use super::reference::{Piece, pieces};
use super::source::{
    AllowedPaths, ConfigProvider, DirectoryProvider, EnvironmentProvider, FileProvider, LookupError,
};
use crate::unknown::nearest;

const PROVIDERS: &str = "config.providers";

/// The configured providers, by name.
#[derive(Default)]
pub struct Providers {
    by_name: BTreeMap<String, Box<dyn ConfigProvider>>,
}

/// Settings with their references resolved.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The settings.
    pub settings: BTreeMap<String, String>,
    /// The values that came from providers: what must not be shown.
    pub secrets: Vec<String>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.settings.keys().collect();
        f.debug_struct("Resolved").field("keys", &keys).finish_non_exhaustive()
    }
}

/// Why providers could not be set up, or a reference not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// A named provider has no class.
    #[error("missing configuration config.providers.{name}.class of config provider {name}")]
    NoClass {
        /// Name of the provider.
        name: String,
    },
    /// A provider's class is not built in.
    #[error(
        "invalid value {class} for configuration config.providers.{name}.class: expected one of {}",
        CLASSES.join(", ")
    )]
    UnknownClass {
        /// Name of the provider.
        name: String,
        /// The class.
        class: String,
    },
    /// A provider has no such parameter.
    #[error("unknown configuration config.providers.{name}.param.{parameter}: {known}")]
    UnknownParameter {
        /// Name of the provider.
        name: String,
        /// The parameter.
        parameter: String,
        /// Which parameter the provider has.
        known: String,
    },
    /// `allowlist.pattern` is not a regular expression.
    #[error(
        "invalid value {pattern} for configuration config.providers.{name}.param.allowlist.pattern"
    )]
    BadPattern {
        /// Name of the provider.
        name: String,
        /// The pattern.
        pattern: String,
        /// What the regular expression engine said.
        source: Box<regex::Error>,
    },
    /// A reference could not be resolved.
    #[error("cannot resolve {reference} in configuration {key}: {reason}")]
    Unresolved {
        /// The setting that holds the reference.
        key: String,
        /// The reference as written.
        reference: String,
        /// Why there is no value.
        reason: Box<LookupError>,
    },
}

const CLASSES: [&str; 3] =
    [EnvironmentProvider::CLASS, FileProvider::CLASS, DirectoryProvider::CLASS];

impl Providers {
    /// Sets up the providers that a worker's settings name; none when they name none.
    ///
    /// # Errors
    ///
    /// Every [`ProviderError`] but [`ProviderError::Unresolved`].
    pub fn from_worker(settings: &BTreeMap<String, String>) -> Result<Self, ProviderError> {
        let mut providers = Self::default();
        let names = settings.get(PROVIDERS).map_or("", String::as_str);
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            providers.by_name.insert(name.to_owned(), build(name, settings)?);
        }
        Ok(providers)
    }

    /// Adds a provider, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, provider: Box<dyn ConfigProvider>) {
        self.by_name.insert(name.into(), provider);
    }

    /// Resolves every reference in the values of some settings.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unresolved`] for the first reference that a configured provider cannot
    /// resolve.
    pub fn resolve(
        &self,
        settings: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ProviderError> {
        Ok(self.resolve_with_secrets(settings)?.settings)
    }

    /// Resolves as [`Providers::resolve`] does, and tells which values must not be shown.
    ///
    /// # Errors
    ///
    /// As [`Providers::resolve`].
    pub fn resolve_with_secrets(
        &self,
        settings: &BTreeMap<String, String>,
    ) -> Result<Resolved, ProviderError> {
        let mut resolved = Resolved::default();
        for (key, value) in settings {
            let value = self.resolve_value(key, value, &mut resolved.secrets)?;
            resolved.settings.insert(key.clone(), value);
        }
        resolved.secrets.sort_unstable();
        resolved.secrets.dedup();
        Ok(resolved)
    }

    fn resolve_value(
        &self,
        key: &str,
        value: &str,
        secrets: &mut Vec<String>,
    ) -> Result<String, ProviderError> {
        let mut out = String::with_capacity(value.len());
        for piece in pieces(value) {
            let reference = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Reference(reference) => reference,
            };
            let Some(provider) = self.by_name.get(reference.provider) else {
                out.push_str(reference.text);
                continue;
            };
            let found = provider.lookup(reference.path, reference.key).map_err(|reason| {
                ProviderError::Unresolved {
                    key: key.to_owned(),
                    reference: reference.text.to_owned(),
                    reason: Box::new(reason),
                }
            })?;
            out.push_str(&found);
            if !found.is_empty() {
                secrets.push(found);
            }
        }
        Ok(out)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

fn build(
    name: &str,
    settings: &BTreeMap<String, String>,
) -> Result<Box<dyn ConfigProvider>, ProviderError> {
    let class = settings
        .get(&format!("{PROVIDERS}.{name}.class"))
        .map(|class| class.trim())
        .ok_or_else(|| ProviderError::NoClass { name: name.to_owned() })?;
    let known = CLASSES.into_iter().find(|known| {
        *known == class || known.rsplit('.').next().is_some_and(|simple| simple == class)
    });
    let Some(known) = known else {
        return Err(ProviderError::UnknownClass { name: name.to_owned(), class: class.to_owned() });
    };
    let parameter =
        if known == EnvironmentProvider::CLASS { "allowlist.pattern" } else { "allowed.paths" };
    let value = only_parameter(name, parameter, settings)?;
    let paths = || AllowedPaths::new(value.unwrap_or_default());
    Ok(match known {
        FileProvider::CLASS => Box::new(FileProvider::new(paths())),
        DirectoryProvider::CLASS => Box::new(DirectoryProvider::new(paths())),
        _ => Box::new(EnvironmentProvider::new(value).map_err(|source| {
            ProviderError::BadPattern {
                name: name.to_owned(),
                pattern: value.unwrap_or_default().to_owned(),
                source: Box::new(source),
            }
        })?),
    })
}

/// Returns the value of the one parameter that a provider has, and refuses every other one.
fn only_parameter<'a>(
    name: &str,
    parameter: &str,
    settings: &'a BTreeMap<String, String>,
) -> Result<Option<&'a str>, ProviderError> {
    let prefix = format!("{PROVIDERS}.{name}.param.");
    let mut value = None;
    for (key, given) in settings {
        let Some(found) = key.strip_prefix(&prefix) else { continue };
        if found != parameter {
            let known = match nearest(found, [parameter]) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("the provider has only {parameter}"),
            };
            return Err(ProviderError::UnknownParameter {
                name: name.to_owned(),
                parameter: found.to_owned(),
                known,
            });
        }
        value = Some(given.as_str());
    }
    Ok(value)
}
