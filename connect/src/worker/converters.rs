//! The converters of one task: the connector's own, or else the worker's.
//!
//! A connector that names a converter brings all of that converter's settings; the worker's
//! sub-keys are not mixed in. `schema.registry.url` alone falls back to the worker-wide one.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::ConfigDef;
use connect_api::connector::Settings;
use connect_api::{ConnectError, Converter, HeaderConverter, Result, Side};

use crate::config::{ConverterSettings, WorkerConfig};
use crate::plugin::{PluginRegistry, UnknownPlugin};

const REGISTRY_URL: &str = "schema.registry.url";

/// A converter and the class it was made of, for messages.
pub struct Named<T: ?Sized> {
    /// Class name or alias, as configured.
    pub class: Arc<str>,
    /// The converter.
    pub converter: Box<T>,
}

/// Key, value and header converter of a task.
pub struct Converters {
    /// For keys.
    pub key: Named<dyn Converter>,
    /// For values.
    pub value: Named<dyn Converter>,
    /// For headers.
    pub header: Named<dyn HeaderConverter>,
}

impl Converters {
    /// Makes and configures the converters that a connector's settings ask for.
    ///
    /// # Errors
    ///
    /// Config: a class is unknown, or one of its settings is wrong.
    pub fn of(
        settings: &Settings,
        worker: &WorkerConfig,
        plugins: &PluginRegistry,
    ) -> Result<Self> {
        Ok(Self {
            key: of_side(settings, worker, plugins, Side::Key)?,
            value: of_side(settings, worker, plugins, Side::Value)?,
            header: of_headers(settings, worker, plugins)?,
        })
    }
}

/// What is configured under `key`: the connector's, or else the worker's.
#[must_use]
pub fn configured(settings: &Settings, key: &str, worker: &ConverterSettings) -> ConverterSettings {
    match settings.get(key).map(|class| class.trim()).filter(|class| !class.is_empty()) {
        None => worker.clone(),
        Some(class) => {
            let prefix = format!("{key}.");
            let own = settings.iter().filter_map(|(key, value)| {
                Some((key.strip_prefix(&prefix)?.to_owned(), value.clone()))
            });
            ConverterSettings { class: class.to_owned(), settings: own.collect() }
        }
    }
}

/// Warns of settings that a converter does not know.
fn warn_of_unknown(prefix: &str, settings: &BTreeMap<String, String>, definition: &ConfigDef) {
    for key in settings.keys().filter(|key| definition.key(key).is_none()) {
        let hint = definition.nearest(key).map(|near| format!("; did you mean {prefix}.{near}?"));
        tracing::warn!(
            "unknown configuration {prefix}.{key} is ignored{}",
            hint.unwrap_or_default()
        );
    }
}

/// Adds the worker-wide registry to a converter that needs one and names none.
pub fn with_registry(
    settings: &mut BTreeMap<String, String>,
    definition: &ConfigDef,
    worker: &WorkerConfig,
) {
    if definition.key(REGISTRY_URL).is_some()
        && !settings.contains_key(REGISTRY_URL)
        && let Some(url) = &worker.schema_registry_url
    {
        settings.insert(REGISTRY_URL.to_owned(), url.clone());
    }
}

fn of_side(
    settings: &Settings,
    worker: &WorkerConfig,
    plugins: &PluginRegistry,
    side: Side,
) -> Result<Named<dyn Converter>> {
    let (key, default) = match side {
        Side::Key => ("key.converter", &worker.key_converter),
        Side::Value => ("value.converter", &worker.value_converter),
    };
    let mut wanted = configured(settings, key, default);
    let mut converter =
        plugins.converter(&wanted.class).map_err(|error| unknown(key, &wanted.class, &error))?;
    warn_of_unknown(key, &wanted.settings, converter.config());
    with_registry(&mut wanted.settings, converter.config(), worker);
    converter.configure(&wanted.settings, side).map_err(|error| prefixed(key, error))?;
    Ok(Named { class: wanted.class.into(), converter })
}

fn of_headers(
    settings: &Settings,
    worker: &WorkerConfig,
    plugins: &PluginRegistry,
) -> Result<Named<dyn HeaderConverter>> {
    let key = "header.converter";
    let wanted = configured(settings, key, &worker.header_converter);
    let mut converter = plugins
        .header_converter(&wanted.class)
        .map_err(|error| unknown(key, &wanted.class, &error))?;
    warn_of_unknown(key, &wanted.settings, converter.config());
    converter.configure(&wanted.settings).map_err(|error| prefixed(key, error))?;
    Ok(Named { class: wanted.class.into(), converter })
}

fn unknown(key: &str, class: &str, error: &UnknownPlugin) -> ConnectError {
    ConnectError::config(key, class, error.to_string())
}

fn prefixed(prefix: &str, error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Config { key, value, expected } => {
            ConnectError::Config { key: format!("{prefix}.{key}"), value, expected }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> ConverterSettings {
        ConverterSettings {
            class: "JsonConverter".into(),
            settings: BTreeMap::from([("schemas.enable".into(), "false".into())]),
        }
    }

    #[test]
    fn worker_settings_are_not_mixed_into_an_override() {
        let settings = Settings::from([
            ("value.converter".into(), "AvroConverter".into()),
            ("value.converter.auto.register.schemas".into(), "false".into()),
        ]);
        let found = configured(&settings, "value.converter", &worker());
        assert_eq!(found.class, "AvroConverter");
        let expected = BTreeMap::from([("auto.register.schemas".into(), "false".into())]);
        assert_eq!(found.settings, expected);
        assert_eq!(configured(&settings, "key.converter", &worker()), worker());
    }
}
