//! The plug-ins that ship with the worker: the only file that names a concrete one.

use connect_api::connector::Settings;
use connector_file::{FileStreamSinkConnector, FileStreamSourceConnector};

use super::registry::{Factory, Plugin, PluginRegistry};
use crate::connector_config::CONNECTOR_CLASS;
use crate::converter::avro::AvroConverter;
use crate::converter::bytes::ByteArrayConverter;
use crate::converter::header::{HeaderAdapter, SimpleHeaderConverter};
use crate::converter::json::JsonConverter;
use crate::converter::number::{
    BooleanConverter, DoubleConverter, FloatConverter, IntegerConverter, LongConverter,
    ShortConverter,
};
use crate::converter::string::StringConverter;

const FILE_SINK: &str = "org.apache.kafka.connect.file.FileStreamSinkConnector";

/// Lists a converter of keys and values.
macro_rules! converter {
    ($class:literal, $type:ty) => {
        Plugin { class: $class, factory: Factory::Converter(|| Box::new(<$type>::default())) }
    };
}

/// Lists a converter of keys and values that converts headers too.
macro_rules! header_converter {
    ($class:literal, $type:ty) => {
        Plugin {
            class: $class,
            factory: Factory::HeaderConverter(|| {
                Box::new(HeaderAdapter::new(Box::new(<$type>::default())))
            }),
        }
    };
}

/// Makes the registry of all built-in plug-ins.
#[must_use]
pub fn registry() -> PluginRegistry {
    let mut plugins = vec![
        Plugin {
            class: FILE_SINK,
            factory: Factory::Sink(|| Box::new(FileStreamSinkConnector::default())),
        },
        Plugin {
            class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
            factory: Factory::Source(|| Box::new(FileStreamSourceConnector::default())),
        },
    ];
    plugins.extend(converters());
    plugins.extend(header_converters());
    PluginRegistry::new(plugins)
}

/// Tells whether a connector writes its records to standard output, which is theirs then.
#[must_use]
pub fn writes_to_standard_output(plugins: &PluginRegistry, settings: &Settings) -> bool {
    let value = |key: &str| settings.get(key).map_or("", |value| value.trim());
    let plugin = plugins.connector(value(CONNECTOR_CLASS));
    plugin.is_ok_and(|plugin| plugin.class == FILE_SINK) && value("file").is_empty()
}

fn converters() -> Vec<Plugin> {
    vec![
        converter!("org.apache.kafka.connect.storage.StringConverter", StringConverter),
        converter!("org.apache.kafka.connect.json.JsonConverter", JsonConverter),
        converter!("org.apache.kafka.connect.converters.ByteArrayConverter", ByteArrayConverter),
        converter!("org.apache.kafka.connect.converters.BooleanConverter", BooleanConverter),
        converter!("org.apache.kafka.connect.converters.ShortConverter", ShortConverter),
        converter!("org.apache.kafka.connect.converters.IntegerConverter", IntegerConverter),
        converter!("org.apache.kafka.connect.converters.LongConverter", LongConverter),
        converter!("org.apache.kafka.connect.converters.FloatConverter", FloatConverter),
        converter!("org.apache.kafka.connect.converters.DoubleConverter", DoubleConverter),
        converter!("io.confluent.connect.avro.AvroConverter", AvroConverter),
    ]
}

fn header_converters() -> Vec<Plugin> {
    vec![
        Plugin {
            class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
            factory: Factory::HeaderConverter(|| Box::new(SimpleHeaderConverter)),
        },
        header_converter!("org.apache.kafka.connect.storage.StringConverter", StringConverter),
        header_converter!("org.apache.kafka.connect.json.JsonConverter", JsonConverter),
        header_converter!(
            "org.apache.kafka.connect.converters.ByteArrayConverter",
            ByteArrayConverter
        ),
        header_converter!("org.apache.kafka.connect.converters.BooleanConverter", BooleanConverter),
        header_converter!("org.apache.kafka.connect.converters.ShortConverter", ShortConverter),
        header_converter!("org.apache.kafka.connect.converters.IntegerConverter", IntegerConverter),
        header_converter!("org.apache.kafka.connect.converters.LongConverter", LongConverter),
        header_converter!("org.apache.kafka.connect.converters.FloatConverter", FloatConverter),
        header_converter!("org.apache.kafka.connect.converters.DoubleConverter", DoubleConverter),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entries: &[(&str, &str)], expected: bool) {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        assert_eq!(writes_to_standard_output(&registry(), &entries.collect()), expected);
    }

    #[test]
    fn file_sink_without_a_file_has_standard_output() {
        check(&[("connector.class", "FileStreamSink")], true);
        check(&[("connector.class", FILE_SINK), ("file", " ")], true);
        check(&[("connector.class", "FileStreamSink"), ("file", "out.txt")], false);
        check(&[("connector.class", "FileStreamSource")], false);
    }
}
