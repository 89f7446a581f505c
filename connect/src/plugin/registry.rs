//! The plug-ins that this worker has, found by Java class name or by a short form of it.

use connect_api::{
    Converter, HeaderConverter, Predicate, SinkConnector, SourceConnector, Transformation,
};

use super::alias;

/// What a plug-in is; `/connector-plugins` shows it as `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginKind {
    /// Sink connector.
    Sink,
    /// Source connector.
    Source,
    /// Key or value converter.
    Converter,
    /// Header converter.
    HeaderConverter,
    /// Single message transform.
    Transformation,
    /// Condition of a transform.
    Predicate,
}

impl PluginKind {
    /// Name as `/connector-plugins` shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sink => "sink",
            Self::Source => "source",
            Self::Converter => "converter",
            Self::HeaderConverter => "header_converter",
            Self::Transformation => "transformation",
            Self::Predicate => "predicate",
        }
    }

    /// Ending of a class name that a short name leaves out.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Sink | Self::Source => "Connector",
            Self::Converter => "Converter",
            Self::HeaderConverter => "HeaderConverter",
            Self::Transformation => "Transformation",
            Self::Predicate => "Predicate",
        }
    }

    /// Tells whether this is a source or a sink connector.
    #[must_use]
    pub const fn is_connector(self) -> bool {
        matches!(self, Self::Sink | Self::Source)
    }
}

/// Makes an instance of a plug-in.
#[derive(Clone, Copy)]
pub enum Factory {
    /// Makes a source connector.
    Source(fn() -> Box<dyn SourceConnector>),
    /// Makes a sink connector.
    Sink(fn() -> Box<dyn SinkConnector>),
    /// Makes a key or value converter.
    Converter(fn() -> Box<dyn Converter>),
    /// Makes a header converter.
    HeaderConverter(fn() -> Box<dyn HeaderConverter>),
    /// Makes a transform.
    Transformation(fn() -> Box<dyn Transformation>),
    /// Makes a predicate.
    Predicate(fn() -> Box<dyn Predicate>),
}

impl Factory {
    const fn kind(self) -> PluginKind {
        match self {
            Self::Source(_) => PluginKind::Source,
            Self::Sink(_) => PluginKind::Sink,
            Self::Converter(_) => PluginKind::Converter,
            Self::HeaderConverter(_) => PluginKind::HeaderConverter,
            Self::Transformation(_) => PluginKind::Transformation,
            Self::Predicate(_) => PluginKind::Predicate,
        }
    }
}

/// One plug-in: its Java class name and how to make it.
#[derive(Clone, Copy)]
pub struct Plugin {
    /// Java class name under which existing files know it.
    pub class: &'static str,
    /// How to make it.
    pub factory: Factory,
}

impl Plugin {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> PluginKind {
        self.factory.kind()
    }
}

/// Why no plug-in answers to a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPlugin {
    /// No class has that name.
    #[error("{}", unknown_text(name, kind, nearest.as_deref(), built_in))]
    NoSuchClass {
        /// The name that was asked for.
        name: String,
        /// What it was asked as.
        kind: &'static str,
        /// The known name most like it.
        nearest: Option<String>,
        /// Class names that are built in.
        built_in: Vec<&'static str>,
    },
    /// Several classes have that short name.
    #[error("the alias {name} is ambiguous, use one of the full class names: {}", classes.join(", "))]
    Ambiguous {
        /// The name that was asked for.
        name: String,
        /// The classes that it could mean.
        classes: Vec<&'static str>,
    },
}

fn unknown_text(name: &str, kind: &str, nearest: Option<&str>, built_in: &[&str]) -> String {
    let hint = nearest.map(|nearest| format!(" (did you mean {nearest}?)")).unwrap_or_default();
    let list = if built_in.is_empty() { "none".to_owned() } else { built_in.join(", ") };
    format!(
        "Failed to find any class that implements {kind} and which name matches {name}{hint}; \
         built in: {list}"
    )
}

/// All plug-ins of this worker.
#[derive(Clone)]
pub struct PluginRegistry {
    plugins: Vec<Plugin>,
}

impl PluginRegistry {
    /// Makes a registry of the given plug-ins.
    #[must_use]
    pub fn new(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        Self { plugins: plugins.into_iter().collect() }
    }

    /// Adds a plug-in that is not built in.
    pub fn add(&mut self, plugin: Plugin) {
        self.plugins.push(plugin);
    }

    /// All plug-ins, in the order of their registration.
    pub fn iter(&self) -> impl Iterator<Item = &Plugin> {
        self.plugins.iter()
    }

    /// Finds a source or sink connector.
    ///
    /// # Errors
    ///
    /// [`UnknownPlugin`] names the nearest known name and lists what is built in.
    pub fn connector(&self, name: &str) -> Result<&Plugin, UnknownPlugin> {
        self.find(name, "Connector", PluginKind::is_connector)
    }

    /// Makes a key or value converter.
    ///
    /// # Errors
    ///
    /// [`UnknownPlugin`] names the nearest known name and lists what is built in.
    pub fn converter(&self, name: &str) -> Result<Box<dyn Converter>, UnknownPlugin> {
        let plugin = self.find(name, "Converter", |kind| kind == PluginKind::Converter)?;
        match plugin.factory {
            Factory::Converter(make) => Ok(make()),
            _ => unreachable!("only converters were searched"),
        }
    }

    /// Makes a header converter.
    ///
    /// # Errors
    ///
    /// [`UnknownPlugin`] names the nearest known name and lists what is built in.
    pub fn header_converter(&self, name: &str) -> Result<Box<dyn HeaderConverter>, UnknownPlugin> {
        let wanted = PluginKind::HeaderConverter;
        let plugin = self.find(name, "HeaderConverter", |kind| kind == wanted)?;
        match plugin.factory {
            Factory::HeaderConverter(make) => Ok(make()),
            _ => unreachable!("only header converters were searched"),
        }
    }

    /// Makes a transform.
    ///
    /// # Errors
    ///
    /// [`UnknownPlugin`] names the nearest known name and lists what is built in.
    pub fn transformation(&self, name: &str) -> Result<Box<dyn Transformation>, UnknownPlugin> {
        let wanted = PluginKind::Transformation;
        let plugin = self.find(name, "Transformation", |kind| kind == wanted)?;
        match plugin.factory {
            Factory::Transformation(make) => Ok(make()),
            _ => unreachable!("only transforms were searched"),
        }
    }

    /// Makes a predicate.
    ///
    /// # Errors
    ///
    /// [`UnknownPlugin`] names the nearest known name and lists what is built in.
    pub fn predicate(&self, name: &str) -> Result<Box<dyn Predicate>, UnknownPlugin> {
        let wanted = PluginKind::Predicate;
        let plugin = self.find(name, "Predicate", |kind| kind == wanted)?;
        match plugin.factory {
            Factory::Predicate(make) => Ok(make()),
            _ => unreachable!("only predicates were searched"),
        }
    }

    /// Finds any plug-in, of whatever kind; the first of a class that has several kinds.
    #[must_use]
    pub fn any(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| alias::names(name, plugin.class, plugin.kind()))
    }

    fn find(
        &self,
        name: &str,
        what: &'static str,
        wanted: impl Fn(PluginKind) -> bool,
    ) -> Result<&Plugin, UnknownPlugin> {
        let of_kind: Vec<&Plugin> =
            self.plugins.iter().filter(|plugin| wanted(plugin.kind())).collect();
        if let Some(exact) = of_kind.iter().find(|plugin| plugin.class == name) {
            return Ok(exact);
        }
        let matching: Vec<&Plugin> = of_kind
            .iter()
            .copied()
            .filter(|plugin| alias::names(name, plugin.class, plugin.kind()))
            .collect();
        match matching.as_slice() {
            [one] => Ok(one),
            [] => Err(unknown(name, what, &of_kind)),
            several => Err(UnknownPlugin::Ambiguous {
                name: name.to_owned(),
                classes: several.iter().map(|plugin| plugin.class).collect(),
            }),
        }
    }
}

fn unknown(name: &str, kind: &'static str, plugins: &[&Plugin]) -> UnknownPlugin {
    let mut candidates: Vec<&str> = Vec::new();
    for plugin in plugins {
        candidates.push(plugin.class);
        candidates.push(alias::simple_name(plugin.class));
        candidates.extend(alias::pruned_name(plugin.class, plugin.kind()));
    }
    UnknownPlugin::NoSuchClass {
        name: name.to_owned(),
        kind,
        nearest: config::nearest(name, candidates.iter().copied()).map(str::to_owned),
        built_in: plugins.iter().map(|plugin| plugin.class).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::builtin;

    #[test]
    fn unknown_class_names_the_nearest_and_lists_what_is_built_in() {
        let registry = builtin::registry();
        let error = registry.connector("FileStreamSorce").err().unwrap().to_string();
        assert!(error.contains("did you mean FileStreamSource?"), "{error}");
        assert!(error.contains("org.apache.kafka.connect.file.FileStreamSinkConnector"), "{error}");
    }

    #[test]
    fn alias_and_class_find_the_same_plugin() {
        let registry = builtin::registry();
        for name in ["FileStreamSink", "FileStreamSinkConnector"] {
            assert_eq!(
                registry.connector(name).unwrap().class,
                "org.apache.kafka.connect.file.FileStreamSinkConnector"
            );
        }
        assert!(registry.converter("Json").is_ok());
    }

    #[test]
    fn ambiguous_alias_is_refused() {
        let json = *builtin::registry().any("Json").unwrap();
        let registry = PluginRegistry::new([
            Plugin { class: "a.JsonConverter", ..json },
            Plugin { class: "b.JsonConverter", ..json },
        ]);
        let error = registry.converter("Json").err().unwrap();
        assert!(matches!(error, UnknownPlugin::Ambiguous { .. }), "{error}");
        assert!(registry.converter("a.JsonConverter").is_ok());
    }
}
