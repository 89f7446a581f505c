//! Short names of plug-ins: Java's rule, by which `FileStreamSource` means
//! `org.apache.kafka.connect.file.FileStreamSourceConnector`.
//!
//! A class goes by its simple name and by that name without the suffix of its kind. A short name
//! that fits two classes fits none. Source: `PluginUtils` of Apache Kafka.

use super::registry::PluginKind;

/// Returns the part of a class name behind the last `.` and `$`.
#[must_use]
pub fn simple_name(class: &str) -> &str {
    class.rsplit(['.', '$']).next().unwrap_or(class)
}

/// Returns the simple name without the suffix of its kind, if it has that suffix.
#[must_use]
pub fn pruned_name(class: &str, kind: PluginKind) -> Option<&str> {
    simple_name(class).strip_suffix(kind.suffix()).filter(|name| !name.is_empty())
}

/// Tells whether `name` is a way to say `class`.
#[must_use]
pub fn names(name: &str, class: &str, kind: PluginKind) -> bool {
    name == class || name == simple_name(class) || pruned_name(class, kind) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, class: &str, kind: PluginKind, expected: bool) {
        assert_eq!(names(name, class, kind), expected, "{name} for {class}");
    }

    #[test]
    fn class_goes_by_full_simple_and_pruned_name() {
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        check(class, class, PluginKind::Source, true);
        check("FileStreamSourceConnector", class, PluginKind::Source, true);
        check("FileStreamSource", class, PluginKind::Source, true);
        check("FileStream", class, PluginKind::Source, false);
        check("filestreamsource", class, PluginKind::Source, false);
    }

    #[test]
    fn suffix_is_that_of_the_kind() {
        let class = "org.apache.kafka.connect.storage.StringConverter";
        check("String", class, PluginKind::Converter, true);
        check("String", class, PluginKind::HeaderConverter, false);
        let header = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
        check("Simple", header, PluginKind::HeaderConverter, true);
    }

    #[test]
    fn nested_class_goes_by_its_inner_name() {
        assert_eq!(simple_name("org.apache.kafka.connect.transforms.Cast$Value"), "Value");
    }
}
