//! Values after a successful parse: what a component reads its settings from.
//!
//! An accessor panics when its key is not defined or is of another type: a mistake in the
//! program, never in the input.

use std::collections::BTreeMap;
use std::fmt;

use crate::value::{ConfigValue, Password};

/// Settings of a component, parsed and checked.
#[derive(Clone, PartialEq)]
pub struct Config {
    values: BTreeMap<String, ConfigValue>,
    originals: BTreeMap<String, String>,
}

macro_rules! number_accessors {
    ($plain:ident, $optional:ident, $type:ty, $variant:ident, $what:literal) => {
        #[doc = concat!("Returns the value of a setting of type ", $what, ".")]
        ///
        /// # Panics
        ///
        /// The key is not defined with this type, or has no value.
        #[must_use]
        pub fn $plain(&self, key: &str) -> $type {
            self.$optional(key).unwrap_or_else(|| panic!("{key} has no value"))
        }

        #[doc = concat!("Returns the value of a setting of type ", $what, ", if it has one.")]
        ///
        /// # Panics
        ///
        /// The key is not defined with this type.
        #[must_use]
        pub fn $optional(&self, key: &str) -> Option<$type> {
            match self.value(key) {
                ConfigValue::Null => None,
                ConfigValue::$variant(value) => Some(*value),
                _ => panic!("{key} is not of type {}", $what),
            }
        }
    };
}

impl Config {
    pub(crate) const fn new(
        values: BTreeMap<String, ConfigValue>,
        originals: BTreeMap<String, String>,
    ) -> Self {
        Self { values, originals }
    }

    /// Returns the value of a setting, whatever its type.
    ///
    /// # Panics
    ///
    /// The key is not defined.
    #[must_use]
    pub fn value(&self, key: &str) -> &ConfigValue {
        self.values.get(key).unwrap_or_else(|| panic!("{key} is not a defined configuration"))
    }

    /// Returns the text of a setting of type STRING or CLASS.
    ///
    /// # Panics
    ///
    /// The key is not defined with such a type, or has no value.
    #[must_use]
    pub fn string(&self, key: &str) -> &str {
        self.optional_string(key).unwrap_or_else(|| panic!("{key} has no value"))
    }

    /// Returns the text of a setting of type STRING or CLASS, if it has one.
    ///
    /// # Panics
    ///
    /// The key is not defined with such a type.
    #[must_use]
    pub fn optional_string(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            ConfigValue::Null => None,
            ConfigValue::String(text) | ConfigValue::Class(text) => Some(text),
            _ => panic!("{key} is not of type STRING or CLASS"),
        }
    }

    number_accessors!(int, optional_int, i32, Int, "INT");
    number_accessors!(long, optional_long, i64, Long, "LONG");
    number_accessors!(short, optional_short, i16, Short, "SHORT");
    number_accessors!(double, optional_double, f64, Double, "DOUBLE");
    number_accessors!(boolean, optional_boolean, bool, Boolean, "BOOLEAN");

    /// Returns the elements of a setting of type LIST; none when it has no value.
    ///
    /// # Panics
    ///
    /// The key is not defined with this type.
    #[must_use]
    pub fn list(&self, key: &str) -> &[String] {
        match self.value(key) {
            ConfigValue::Null => &[],
            ConfigValue::List(items) => items,
            _ => panic!("{key} is not of type LIST"),
        }
    }

    /// Returns the secret of a setting of type PASSWORD, if it has one.
    ///
    /// # Panics
    ///
    /// The key is not defined with this type.
    #[must_use]
    pub fn password(&self, key: &str) -> Option<&Password> {
        match self.value(key) {
            ConfigValue::Null => None,
            ConfigValue::Password(password) => Some(password),
            _ => panic!("{key} is not of type PASSWORD"),
        }
    }

    /// Tells whether the setting was given, rather than left to its default.
    #[must_use]
    pub fn is_given(&self, key: &str) -> bool {
        self.originals.contains_key(key)
    }

    /// All settings as they were given, unknown keys included. May hold secrets.
    #[must_use]
    pub const fn originals(&self) -> &BTreeMap<String, String> {
        &self.originals
    }

    /// The given settings under a prefix, with the prefix removed. May hold secrets.
    #[must_use]
    pub fn originals_with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        let strip = |(key, value): (&String, &String)| {
            key.strip_prefix(prefix).map(|key| (key.to_owned(), value.clone()))
        };
        self.originals.iter().filter_map(strip).collect()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.values).finish()
    }
}
