//! Validation of a connector's settings: the worker's definitions, the connector's, those of the
//! converters that it overrides, and what depends on several keys.
//!
//! May take as long as the connector likes (it may ask a database), so it never runs on the
//! herder's own task.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::ConfigDef;
use config::provider::Resolved;
use connect_api::connector::Settings;
use connect_api::{ConnectError, Side};

use super::checks::{self, Complaint};
use super::config_infos::{ConfigInfo, ConfigInfos};
use super::error::HerderError;
use crate::config::WorkerConfig;
use crate::connector_config::{CONNECTOR_CLASS, SINK, SOURCE};
use crate::override_policy::OVERRIDE_PREFIXES;
use crate::plugin::{Plugin, PluginKind, PluginRegistry};
use crate::worker::connector_host::Connector;
use crate::worker::converters::with_registry;

/// Validates the settings of connectors.
#[derive(Clone)]
pub struct Validator {
    plugins: PluginRegistry,
    worker: Arc<WorkerConfig>,
    /// Where the settings stand in a file; empty when they came over REST.
    lines: Arc<BTreeMap<String, usize>>,
}

impl Validator {
    /// Makes a validator for one worker.
    #[must_use]
    pub fn new(plugins: PluginRegistry, worker: Arc<WorkerConfig>) -> Self {
        Self { plugins, worker, lines: Arc::default() }
    }

    /// The same validator for settings of a file, whose lines its warnings name.
    #[must_use]
    pub fn with_lines(self, lines: BTreeMap<String, usize>) -> Self {
        Self { lines: Arc::new(lines), ..self }
    }

    /// The plug-in that the settings name.
    ///
    /// # Errors
    ///
    /// [`HerderError::NoClass`], [`HerderError::UnknownClass`].
    pub fn plugin(&self, settings: &Settings) -> Result<&Plugin, HerderError> {
        let class = settings.get(CONNECTOR_CLASS).map_or("", |class| class.trim());
        if class.is_empty() {
            return Err(HerderError::NoClass);
        }
        Ok(self.plugins.connector(class)?)
    }

    /// Resolves the references in a connector's settings.
    ///
    /// # Errors
    ///
    /// [`HerderError::Provider`] names the reference.
    pub fn resolve(&self, settings: &Settings) -> Result<Resolved, HerderError> {
        Ok(self.worker.providers.resolve_with_secrets(settings)?)
    }

    /// Validates settings, whose references are not resolved yet.
    ///
    /// # Errors
    ///
    /// No or an unknown class, an unresolvable reference, or a connector that cannot validate.
    /// Wrong settings are no error, but the answer.
    pub async fn validate(&self, settings: &Settings) -> Result<ConfigInfos, HerderError> {
        let plugin = *self.plugin(settings)?;
        let Resolved { settings: resolved, secrets } = self.resolve(settings)?;
        let connector = Connector::of(&plugin).ok_or(HerderError::NoClass)?;
        let base: &ConfigDef = if plugin.kind() == PluginKind::Sink { &SINK } else { &SOURCE };
        let own = connector.config();
        let mut infos = ConfigInfos {
            name: settings.get(CONNECTOR_CLASS).cloned().unwrap_or_default(),
            error_count: 0,
            groups: base.groups().iter().map(|group| (*group).to_owned()).collect(),
            configs: Vec::new(),
        };
        add_definition(&mut infos, base, &resolved, "");
        add_definition(&mut infos, own, &resolved, "");
        let mut complaints = checks::check(&resolved, plugin.kind(), &self.plugins, &self.worker);
        for (key, for_headers) in checks::CONVERTERS {
            self.check_converter(&mut infos, &mut complaints, &resolved, (key, for_headers));
        }
        add_overrides(&mut infos, &resolved);
        complaints.extend(connector.validate(resolved.clone()).await?);
        let mut infos = infos.with_errors(complaints);
        infos.hide_resolved(settings, &Resolved { settings: resolved, secrets });
        Ok(infos)
    }

    /// Validates, and turns wrong settings into an error.
    ///
    /// # Errors
    ///
    /// As [`Validator::validate`], and [`HerderError::Invalid`].
    pub async fn require_valid(&self, settings: &Settings) -> Result<(), HerderError> {
        let infos = self.validate(settings).await?;
        self.warn_of_unknown(settings, &infos);
        if infos.error_count > 0 {
            return Err(HerderError::Invalid(infos.errors().map(str::to_owned).collect()));
        }
        Ok(())
    }

    fn warn_of_unknown(&self, settings: &Settings, infos: &ConfigInfos) {
        let known = infos.configs.iter().filter(|info| info.definition.is_some());
        let known: Vec<&str> = known.map(|info| info.value.name.as_str()).collect();
        let name = settings.get("name").map_or("", String::as_str);
        for (key, nearest) in checks::unknown_keys(settings, &known) {
            let hint = nearest.map(|nearest| format!("; did you mean {nearest}?"));
            let hint = hint.unwrap_or_default();
            let line = self.lines.get(&key).map(|line| format!(" in line {line}"));
            let line = line.unwrap_or_default();
            tracing::warn!("connector {name}: unknown configuration {key}{line} is ignored{hint}");
        }
        for (key, _) in checks::CONVERTERS {
            let prefix = format!("{key}.");
            let has_settings = settings.keys().any(|setting| setting.starts_with(&prefix));
            if has_settings && !settings.contains_key(key) {
                tracing::warn!(
                    "connector {name}: the settings under {prefix} have no effect without {key}, \
                     because the worker's converter keeps the worker's settings"
                );
            }
        }
    }

    fn check_converter(
        &self,
        infos: &mut ConfigInfos,
        complaints: &mut Vec<Complaint>,
        settings: &Settings,
        (key, for_headers): (&str, bool),
    ) {
        let class = settings.get(key).map_or("", |class| class.trim());
        if class.is_empty() {
            return;
        }
        let prefix = format!("{key}.");
        let own: Settings = settings
            .iter()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), value.clone()))
            })
            .collect();
        let outcome = if for_headers {
            self.check_header_converter(class, &own)
        } else {
            let side = if key == "key.converter" { Side::Key } else { Side::Value };
            self.check_side_converter(class, own.clone(), side)
        };
        match outcome {
            Ok((definition, configured)) => {
                let mut complete = own;
                with_registry(&mut complete, definition, &self.worker);
                add_definition(infos, definition, &complete, &prefix);
                if let Err(error) = configured {
                    complaints.push(complaint_of(&prefix, &error));
                }
            }
            Err(reason) => complaints.push((
                key.to_owned(),
                format!("Invalid value {class} for configuration {key}: {reason}"),
            )),
        }
    }

    fn check_side_converter(
        &self,
        class: &str,
        mut own: BTreeMap<String, String>,
        side: Side,
    ) -> Result<CheckedConverter, String> {
        let mut converter = self.plugins.converter(class).map_err(|error| error.to_string())?;
        with_registry(&mut own, converter.config(), &self.worker);
        Ok((converter.config(), converter.configure(&own, side)))
    }

    fn check_header_converter(
        &self,
        class: &str,
        own: &BTreeMap<String, String>,
    ) -> Result<CheckedConverter, String> {
        let mut converter =
            self.plugins.header_converter(class).map_err(|error| error.to_string())?;
        Ok((converter.config(), converter.configure(own)))
    }
}

/// A converter's definition, and whether it took its settings.
type CheckedConverter = (&'static ConfigDef, Result<(), ConnectError>);

fn complaint_of(prefix: &str, error: &ConnectError) -> Complaint {
    match error {
        ConnectError::Config { key, value, expected } => {
            let key = format!("{prefix}{key}");
            let text = format!("Invalid value {value} for configuration {key}: {expected}");
            (key, text)
        }
        other => (prefix.trim_end_matches('.').to_owned(), other.to_string()),
    }
}

fn add_definition(
    infos: &mut ConfigInfos,
    definition: &ConfigDef,
    settings: &BTreeMap<String, String>,
    prefix: &str,
) {
    for group in definition.groups() {
        if !infos.groups.iter().any(|known| known == group) {
            infos.groups.push(group.to_owned());
        }
    }
    for report in definition.validate(settings) {
        let name = format!("{prefix}{}", report.key.name);
        if !infos.configs.iter().any(|info| info.value.name == name) {
            infos.configs.push(ConfigInfo::of(report, prefix));
        }
    }
}

fn add_overrides(infos: &mut ConfigInfos, settings: &Settings) {
    for (key, value) in settings {
        if OVERRIDE_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
            let shown = if config::is_secret_name(key) { config::HIDDEN } else { value };
            infos.configs.push(ConfigInfo::undefined(key, Some(shown.to_owned())));
        }
    }
}
