//! Types and values of settings, as `org.apache.kafka.common.config.ConfigDef` has them.
//!
//! A value is made from text by [`ConfigType::parse`] alone; surrounding white space is dropped,
//! as Kafka does. A password never prints.

use std::fmt;

use crate::redaction::HIDDEN;

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Short,
    /// 64-bit integer.
    Long,
    /// 64-bit float.
    Double,
    /// Texts separated by commas; empty text is the empty list.
    List,
    /// Name of a Java class or its alias.
    Class,
    /// Text that is shown nowhere.
    Password,
}

impl ConfigType {
    /// Name as Kafka's REST answers and messages spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    /// Reads a value of this type from the text of a settings file.
    ///
    /// # Errors
    ///
    /// The expectation that the text does not meet, in Kafka's words.
    pub fn parse(self, text: &str) -> Result<ConfigValue, String> {
        let text = text.trim();
        let number = || format!("Not a number of type {}", self.name());
        match self {
            Self::Boolean if text.eq_ignore_ascii_case("true") => Ok(ConfigValue::Boolean(true)),
            Self::Boolean if text.eq_ignore_ascii_case("false") => Ok(ConfigValue::Boolean(false)),
            Self::Boolean => Err("Expected value to be either true or false".to_owned()),
            Self::String => Ok(ConfigValue::String(text.to_owned())),
            Self::Int => text.parse().map(ConfigValue::Int).map_err(|_| number()),
            Self::Short => text.parse().map(ConfigValue::Short).map_err(|_| number()),
            Self::Long => text.parse().map(ConfigValue::Long).map_err(|_| number()),
            Self::Double => text.parse().map(ConfigValue::Double).map_err(|_| number()),
            Self::List if text.is_empty() => Ok(ConfigValue::List(Vec::new())),
            Self::List => {
                let items = text.split(',').map(|item| item.trim().to_owned()).collect();
                Ok(ConfigValue::List(items))
            }
            Self::Class => Ok(ConfigValue::Class(text.to_owned())),
            Self::Password => Ok(ConfigValue::Password(Password::new(text))),
        }
    }
}

impl fmt::Display for ConfigType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a setting matters to the person who sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// Most people set it.
    High,
    /// Many people set it.
    Medium,
    /// Few people set it.
    Low,
}

impl Importance {
    /// Name as Kafka's REST answers spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// How wide a form shows a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Width {
    /// Not said.
    #[default]
    None,
    /// A number or a word.
    Short,
    /// A name.
    Medium,
    /// A path, a list, a URL.
    Long,
}

impl Width {
    /// Name as Kafka's REST answers spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Short => "SHORT",
            Self::Medium => "MEDIUM",
            Self::Long => "LONG",
        }
    }
}

/// A secret: prints as `[hidden]` whichever way it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes the secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Shows the secret, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    /// Not set, and there is no default.
    Null,
    /// True or false.
    Boolean(bool),
    /// Text.
    String(String),
    /// 32-bit integer.
    Int(i32),
    /// 16-bit integer.
    Short(i16),
    /// 64-bit integer.
    Long(i64),
    /// 64-bit float.
    Double(f64),
    /// Texts in order.
    List(Vec<String>),
    /// Name of a Java class or its alias.
    Class(String),
    /// A secret.
    Password(Password),
}

impl ConfigValue {
    /// Returns the text of a string or of a class name.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Class(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the elements of a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the value of any integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Short(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(i64::from(*value)),
            Self::Long(value) => Some(*value),
            _ => None,
        }
    }

    /// Writes the value as a settings file would hold it; none for null, `[hidden]` for a secret.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::String(text) | Self::Class(text) => Some(text.clone()),
            Self::Int(value) => Some(value.to_string()),
            Self::Short(value) => Some(value.to_string()),
            Self::Long(value) => Some(value.to_string()),
            Self::Double(value) => Some(format!("{value:?}")),
            Self::List(items) => Some(items.join(",")),
            Self::Password(_) => Some(HIDDEN.to_owned()),
        }
    }
}

impl fmt::Display for ConfigValue {
    /// Prints as Java prints the object, which is how Kafka's messages show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => write!(f, "[{}]", items.join(", ")),
            other => f.write_str(other.to_text().as_deref().unwrap_or("null")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config_type: ConfigType, text: &str, expected: Result<ConfigValue, &str>) {
        assert_eq!(config_type.parse(text), expected.map_err(str::to_owned));
    }

    #[test]
    fn values_parse_as_kafka_parses_them() {
        check(ConfigType::Boolean, " TRUE ", Ok(ConfigValue::Boolean(true)));
        check(ConfigType::Boolean, "yes", Err("Expected value to be either true or false"));
        check(ConfigType::Int, " +12 ", Ok(ConfigValue::Int(12)));
        check(ConfigType::Int, "2147483648", Err("Not a number of type INT"));
        check(ConfigType::Short, "40000", Err("Not a number of type SHORT"));
        check(ConfigType::Long, "", Err("Not a number of type LONG"));
        check(ConfigType::Double, "1.5e3", Ok(ConfigValue::Double(1500.0)));
        check(ConfigType::List, "  ", Ok(ConfigValue::List(vec![])));
        let items = ["a", "b c", "", "d"].map(str::to_owned).to_vec();
        check(ConfigType::List, " a , b c,,d ", Ok(ConfigValue::List(items)));
        check(ConfigType::String, " x y ", Ok(ConfigValue::String("x y".to_owned())));
    }

    #[test]
    fn password_prints_hidden_in_every_form() {
        let value = ConfigType::Password.parse("s3cret").unwrap();
        let ConfigValue::Password(password) = &value else { panic!("not a password") };
        for printed in [
            format!("{value}"),
            format!("{value:?}"),
            format!("{password}"),
            format!("{password:?}"),
            value.to_text().unwrap(),
        ] {
            assert!(!printed.contains("s3cret"), "{printed}");
            assert!(printed.contains("[hidden]"), "{printed}");
        }
        assert_eq!(password.reveal(), "s3cret");
    }
}
