//! One setting: its name, type, default, checks and documentation.
//!
//! A key with neither [`Key::default_value`] nor [`Key::default_null`] is required.

use std::fmt;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::value::{ConfigType, ConfigValue, Importance, Width};

/// Check of a value: gets the key's name and the value, returns the expectation it does not meet.
pub type Validator = Arc<dyn Fn(&str, &ConfigValue) -> Result<(), String> + Send + Sync>;

/// Default of a setting, written as a settings file would hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultValue(String);

impl From<&str> for DefaultValue {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for DefaultValue {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<f64> for DefaultValue {
    fn from(value: f64) -> Self {
        Self(format!("{value:?}"))
    }
}

macro_rules! default_from_printable {
    ($($type:ty),*) => {$(
        impl From<$type> for DefaultValue {
            fn from(value: $type) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}
default_from_printable!(bool, i16, i32, i64);

impl From<&[&str]> for DefaultValue {
    fn from(items: &[&str]) -> Self {
        Self(items.join(","))
    }
}

impl<const N: usize> From<[&str; N]> for DefaultValue {
    fn from(items: [&str; N]) -> Self {
        Self(items.join(","))
    }
}

impl<const N: usize> From<&[&str; N]> for DefaultValue {
    fn from(items: &[&str; N]) -> Self {
        Self(items.join(","))
    }
}

/// End of a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// For integer settings.
    Integer(i64),
    /// For settings of type DOUBLE.
    Float(f64),
}

impl Bound {
    fn less_than(self, value: &ConfigValue) -> bool {
        match (self, value.as_i64(), value) {
            (Self::Integer(bound), Some(value), _) => bound < value,
            (_, Some(value), _) => self.as_f64() < integer_as_f64(value),
            (_, None, ConfigValue::Double(value)) => self.as_f64() < *value,
            _ => false,
        }
    }

    fn more_than(self, value: &ConfigValue) -> bool {
        match (self, value.as_i64(), value) {
            (Self::Integer(bound), Some(value), _) => bound > value,
            (_, Some(value), _) => self.as_f64() > integer_as_f64(value),
            // Not-a-number is below every bound, or it would pass all of them.
            (_, None, ConfigValue::Double(value)) => value.is_nan() || self.as_f64() > *value,
            _ => false,
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => integer_as_f64(value),
            Self::Float(value) => value,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Kafka compares numbers of mixed kinds as doubles")]
const fn integer_as_f64(value: i64) -> f64 {
    value as f64
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<i16> for Bound {
    fn from(value: i16) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<i32> for Bound {
    fn from(value: i32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<i64> for Bound {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Bound {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// One check of a value, in the order in which they were added.
#[derive(Clone)]
enum Check {
    AtLeast(Bound),
    AtMost(Bound),
    OneOf(Vec<String>),
    OneOfIgnoreCase(Vec<String>),
    NonEmpty,
    Custom(Validator),
}

/// What a setting's value is when nobody sets it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fallback {
    /// Nothing: it must be set.
    Required,
    /// A value, possibly [`ConfigValue::Null`].
    Value(ConfigValue),
}

/// When a setting is shown in a form: while another one has one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleWhen {
    /// Name of the other setting.
    pub key: String,
    /// Its values, one of which makes this setting visible.
    pub values: Vec<String>,
}

/// Definition of one setting.
#[derive(Clone)]
#[non_exhaustive]
pub struct Key {
    /// Name.
    pub name: String,
    /// Kind of value.
    pub config_type: ConfigType,
    /// Value when it is not set.
    pub fallback: Fallback,
    /// How much it matters.
    pub importance: Importance,
    /// What it does, for a person.
    pub documentation: String,
    /// Group in a form and in the documentation.
    pub group: Option<String>,
    /// Place in the group; -1 when not said.
    pub order: i32,
    /// Width in a form.
    pub width: Width,
    /// Title in a form; the name when not said.
    pub display_name: String,
    /// Values to offer.
    pub recommended: Vec<String>,
    /// Names of settings whose meaning depends on this one.
    pub dependents: Vec<String>,
    /// Condition under which a form shows it; always when none.
    pub visible_when: Option<VisibleWhen>,
    /// True for settings that the documentation leaves out.
    pub internal: bool,
    checks: Vec<Check>,
}

impl Key {
    fn new(name: impl Into<String>, config_type: ConfigType) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            config_type,
            fallback: Fallback::Required,
            importance: Importance::Medium,
            documentation: String::new(),
            group: None,
            order: -1,
            width: Width::None,
            recommended: Vec::new(),
            dependents: Vec::new(),
            visible_when: None,
            internal: false,
            checks: Vec::new(),
        }
    }

    /// Defines a setting of type BOOLEAN.
    #[must_use]
    pub fn boolean(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Boolean)
    }

    /// Defines a setting of type STRING.
    #[must_use]
    pub fn string(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::String)
    }

    /// Defines a setting of type INT.
    #[must_use]
    pub fn int(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Int)
    }

    /// Defines a setting of type SHORT.
    #[must_use]
    pub fn short(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Short)
    }

    /// Defines a setting of type LONG.
    #[must_use]
    pub fn long(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Long)
    }

    /// Defines a setting of type DOUBLE.
    #[must_use]
    pub fn double(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Double)
    }

    /// Defines a setting of type LIST.
    #[must_use]
    pub fn list(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::List)
    }

    /// Defines a setting of type CLASS.
    #[must_use]
    pub fn class(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Class)
    }

    /// Defines a setting of type PASSWORD.
    #[must_use]
    pub fn password(name: impl Into<String>) -> Self {
        Self::new(name, ConfigType::Password)
    }

    /// Sets the value that holds when none is given.
    ///
    /// # Panics
    ///
    /// The default is not of the key's type: a mistake in the definition, not in the input.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<DefaultValue>) -> Self {
        let DefaultValue(text) = value.into();
        match self.config_type.parse(&text) {
            Ok(value) => self.fallback = Fallback::Value(value),
            Err(expected) => panic!("default of {}: {expected}", self.name),
        }
        self
    }

    /// Lets the setting be absent, with no value then.
    #[must_use]
    pub fn default_null(mut self) -> Self {
        self.fallback = Fallback::Value(ConfigValue::Null);
        self
    }

    /// Demands that the setting is given; what a key without a default is anyway.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.fallback = Fallback::Required;
        self
    }

    /// Says what the setting does.
    #[must_use]
    pub fn doc(mut self, text: impl Into<String>) -> Self {
        self.documentation = text.into();
        self
    }

    /// Says how much the setting matters; medium when not said.
    #[must_use]
    pub const fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// Puts the setting into a group, at a place.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, order: i32) -> Self {
        self.group = Some(group.into());
        self.order = order;
        self
    }

    /// Says how wide a form shows the setting.
    #[must_use]
    pub const fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Gives the setting a title for forms.
    #[must_use]
    pub fn display_name(mut self, title: impl Into<String>) -> Self {
        self.display_name = title.into();
        self
    }

    /// Refuses numbers below a bound.
    #[must_use]
    pub fn at_least(self, bound: impl Into<Bound>) -> Self {
        self.with(Check::AtLeast(bound.into()))
    }

    /// Refuses numbers above a bound.
    #[must_use]
    pub fn at_most(self, bound: impl Into<Bound>) -> Self {
        self.with(Check::AtMost(bound.into()))
    }

    /// Refuses numbers outside a range, both ends included.
    #[must_use]
    pub fn between(self, low: impl Into<Bound>, high: impl Into<Bound>) -> Self {
        self.at_least(low).at_most(high)
    }

    /// Refuses texts (or elements of a list) that are not in the given set.
    #[must_use]
    pub fn one_of(self, values: &[&str]) -> Self {
        self.with(Check::OneOf(owned(values)))
    }

    /// Refuses texts that are not in the given set, upper and lower case being the same.
    #[must_use]
    pub fn one_of_ignore_case(self, values: &[&str]) -> Self {
        self.with(Check::OneOfIgnoreCase(owned(values)))
    }

    /// Refuses the empty text and the empty list.
    #[must_use]
    pub fn non_empty(self) -> Self {
        self.with(Check::NonEmpty)
    }

    /// Adds a check of one's own; it is not asked about null.
    #[must_use]
    pub fn validator(self, validator: Validator) -> Self {
        self.with(Check::Custom(validator))
    }

    /// Lists values to offer.
    #[must_use]
    pub fn recommended(mut self, values: &[&str]) -> Self {
        self.recommended = owned(values);
        self
    }

    /// Lists the settings whose meaning depends on this one.
    #[must_use]
    pub fn dependents(mut self, keys: &[&str]) -> Self {
        self.dependents = owned(keys);
        self
    }

    /// Shows the setting in forms only while another one has one of the given values.
    #[must_use]
    pub fn visible_when(mut self, key: impl Into<String>, values: &[&str]) -> Self {
        self.visible_when = Some(VisibleWhen { key: key.into(), values: owned(values) });
        self
    }

    /// Leaves the setting out of the documentation.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// Tells whether the setting must be given.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.fallback == Fallback::Required
    }

    /// Writes the default as a settings file would hold it; `[hidden]` for a password.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        match &self.fallback {
            Fallback::Required => None,
            Fallback::Value(value) => value.to_text(),
        }
    }

    /// Describes the values that pass the checks, as Kafka's documentation does; empty for all.
    #[must_use]
    pub fn valid_values(&self) -> String {
        let mut low = None;
        let mut high = None;
        let mut parts = Vec::new();
        for check in &self.checks {
            match check {
                Check::AtLeast(bound) => low = Some(bound),
                Check::AtMost(bound) => high = Some(bound),
                Check::OneOf(values) => parts.push(format!("[{}]", values.join(", "))),
                Check::OneOfIgnoreCase(values) => {
                    parts.push(format!("(case insensitive) [{}]", values.join(", ")));
                }
                Check::NonEmpty if self.config_type == ConfigType::List => {
                    parts.push("non-empty list".to_owned());
                }
                Check::NonEmpty => parts.push("non-empty string".to_owned()),
                Check::Custom(_) => {}
            }
        }
        match (low, high) {
            (Some(low), Some(high)) => parts.push(format!("[{low},...,{high}]")),
            (Some(low), None) => parts.push(format!("[{low},...]")),
            (None, Some(high)) => parts.push(format!("[...,{high}]")),
            (None, None) => {}
        }
        parts.join(", ")
    }

    /// Reads the setting's value from text and checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] by the first expectation that is not met.
    pub fn parse(&self, text: &str) -> Result<ConfigValue, ConfigError> {
        let value = self
            .config_type
            .parse(text)
            .map_err(|expected| ConfigError::invalid(&self.name, text, expected))?;
        self.check(&value)?;
        Ok(value)
    }

    /// Checks a value that is of the key's type; null passes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] by the first expectation that is not met.
    pub fn check(&self, value: &ConfigValue) -> Result<(), ConfigError> {
        if *value == ConfigValue::Null {
            return Ok(());
        }
        for check in &self.checks {
            if let Err((shown, expected)) = check.run(&self.name, value) {
                return Err(ConfigError::invalid(&self.name, shown, expected));
            }
        }
        Ok(())
    }

    fn with(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("config_type", &self.config_type)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

impl Check {
    /// Runs the check; the error is the value to show and the expectation.
    fn run(&self, key: &str, value: &ConfigValue) -> Result<(), (String, String)> {
        let refuse = |expected: String| Err((value.to_string(), expected));
        match self {
            Self::AtLeast(bound) if bound.more_than(value) => {
                refuse(format!("Value must be at least {bound}"))
            }
            Self::AtMost(bound) if bound.less_than(value) => {
                refuse(format!("Value must be no more than {bound}"))
            }
            Self::OneOf(allowed) => {
                match texts(value).iter().find(|text| !allowed.contains(text)) {
                    Some(text) => Err((
                        text.clone(),
                        format!("String must be one of: {}", allowed.join(", ")),
                    )),
                    None => Ok(()),
                }
            }
            Self::OneOfIgnoreCase(allowed) => {
                let known = |text: &String| allowed.iter().any(|a| a.eq_ignore_ascii_case(text));
                match texts(value).iter().find(|text| !known(text)) {
                    Some(text) => Err((
                        text.clone(),
                        format!("String must be one of (case insensitive): {}", allowed.join(", ")),
                    )),
                    None => Ok(()),
                }
            }
            Self::NonEmpty => match value {
                ConfigValue::List(items) if items.is_empty() => {
                    refuse("List must be non-empty".to_owned())
                }
                ConfigValue::String(text) | ConfigValue::Class(text) if text.is_empty() => {
                    refuse("String must be non-empty".to_owned())
                }
                ConfigValue::Password(password) if password.reveal().is_empty() => {
                    refuse("String must be non-empty".to_owned())
                }
                _ => Ok(()),
            },
            Self::Custom(validator) => validator(key, value).or_else(refuse),
            Self::AtLeast(_) | Self::AtMost(_) => Ok(()),
        }
    }
}

/// The texts that a membership check looks at: a list's elements, or the one text.
fn texts(value: &ConfigValue) -> Vec<String> {
    match value {
        ConfigValue::List(items) => items.clone(),
        other => vec![other.to_string()],
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
