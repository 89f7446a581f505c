//! The four logical types of Kafka Connect.
//!
//! | name | physical type | value |
//! |---|---|---|
//! | `org.apache.kafka.connect.data.Decimal` | bytes, two's complement, big-endian | [`Decimal`] whose scale is the parameter `scale` |
//! | `org.apache.kafka.connect.data.Date` | int32 | days since 1970-01-01 |
//! | `org.apache.kafka.connect.data.Time` | int32 | milliseconds since midnight |
//! | `org.apache.kafka.connect.data.Timestamp` | int64 | milliseconds since 1970-01-01T00:00Z |

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;

use super::schema::{Schema, SchemaBuilder, SchemaType};
use super::value::Value;
use crate::error::{ConnectError, Result};

/// Schema name of exact decimal numbers.
pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// Schema name of dates.
pub const DATE: &str = "org.apache.kafka.connect.data.Date";
/// Schema name of times of day.
pub const TIME: &str = "org.apache.kafka.connect.data.Time";
/// Schema name of instants.
pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
/// Parameter that holds a decimal's scale.
pub const SCALE: &str = "scale";

const MS_PER_DAY: i32 = 86_400_000;
/// Largest scale, either sign, that text forms and parsers accept.
const MAX_SCALE: i32 = 10_000;

/// An exact decimal number: `unscaled` × 10^-`scale`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits as one integer.
    pub unscaled: BigInt,
    /// Digits after the point; negative means zeros before it.
    pub scale: i32,
}

impl Decimal {
    /// Makes a number from its digits and scale.
    pub fn new(unscaled: impl Into<BigInt>, scale: i32) -> Self {
        Self { unscaled: unscaled.into(), scale }
    }

    /// Reads the physical form: two's complement, big-endian. No bytes read as 0.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], scale: i32) -> Self {
        Self { unscaled: BigInt::from_signed_bytes_be(bytes), scale }
    }

    /// Writes the physical form: two's complement, big-endian, as few bytes as possible.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }
}

impl fmt::Display for Decimal {
    /// Prints without an exponent, as Java's `toPlainString`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == num_bigint::Sign::Minus {
            f.write_str("-")?;
        }
        let scale = self.scale.clamp(-MAX_SCALE, MAX_SCALE);
        let Ok(after) = usize::try_from(scale) else {
            let zeros = usize::try_from(-scale).unwrap_or(0);
            let zeros = if digits == "0" { 0 } else { zeros };
            return write!(f, "{digits}{}", "0".repeat(zeros));
        };
        if after == 0 {
            return f.write_str(&digits);
        }
        if digits.len() > after {
            let (whole, fraction) = digits.split_at(digits.len() - after);
            write!(f, "{whole}.{fraction}")
        } else {
            write!(f, "0.{}{digits}", "0".repeat(after - digits.len()))
        }
    }
}

impl FromStr for Decimal {
    type Err = ConnectError;

    /// Reads digits with an optional sign, point and exponent; the scale is what was written.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || ConnectError::data(format!("\"{text}\" is not a decimal number"));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        let unscaled =
            BigInt::from_str(digits.strip_prefix('+').unwrap_or(&digits)).map_err(|_| bad())?;
        let scale = i32::try_from(fraction.len())
            .ok()
            .and_then(|after| after.checked_sub(exponent))
            .filter(|scale| scale.abs() <= MAX_SCALE)
            .ok_or_else(bad)?;
        Ok(Self { unscaled, scale })
    }
}

/// Starts the schema of decimals with the given scale.
#[must_use]
pub fn decimal(scale: i32) -> SchemaBuilder {
    SchemaBuilder::new(SchemaType::Bytes)
        .name(DECIMAL)
        .parameter(SCALE, scale.to_string())
        .version(1)
}

/// Starts the schema of dates.
#[must_use]
pub fn date() -> SchemaBuilder {
    SchemaBuilder::new(SchemaType::Int32).name(DATE).version(1)
}

/// Starts the schema of times of day.
#[must_use]
pub fn time() -> SchemaBuilder {
    SchemaBuilder::new(SchemaType::Int32).name(TIME).version(1)
}

/// Starts the schema of instants.
#[must_use]
pub fn timestamp() -> SchemaBuilder {
    SchemaBuilder::new(SchemaType::Int64).name(TIMESTAMP).version(1)
}

/// Reads the scale of a decimal's schema.
///
/// # Errors
///
/// Data: the parameter is missing or no integer.
pub fn decimal_scale(schema: &Schema) -> Result<i32> {
    let text = schema.parameters().get(SCALE).ok_or_else(|| {
        ConnectError::data("Invalid Decimal schema: scale parameter not found.".to_owned())
    })?;
    text.parse().map_err(|_| {
        ConnectError::data(format!("Invalid scale parameter found in Decimal schema: {text}"))
    })
}

/// Turns a physical value into the logical one that its schema names; others pass unchanged.
///
/// # Errors
///
/// Data: a decimal without a scale.
pub fn to_logical(schema: &Schema, value: Value) -> Result<Value> {
    Ok(match (schema.name(), value) {
        (Some(DECIMAL), Value::Bytes(bytes)) => {
            Value::Decimal(Decimal::from_bytes(&bytes, decimal_scale(schema)?))
        }
        (Some(DATE), Value::Int32(days)) => Value::Date(days),
        (Some(TIME), Value::Int32(ms)) => Value::Time(ms),
        (Some(TIMESTAMP), Value::Int64(ms)) => Value::Timestamp(ms),
        (_, value) => value,
    })
}

/// Turns a logical value into its physical form; others pass unchanged.
#[must_use]
pub fn to_physical(value: Value) -> Value {
    match value {
        Value::Decimal(number) => Value::Bytes(number.to_bytes().into()),
        Value::Date(days) => Value::Int32(days),
        Value::Time(ms) => Value::Int32(ms),
        Value::Timestamp(ms) => Value::Int64(ms),
        value => value,
    }
}

/// Tells whether a value fits a logical schema; none when neither is logical.
pub(super) fn value_fits(schema: &Schema, value: &Value) -> Result<Option<bool>> {
    Ok(match (schema.name(), value) {
        (Some(DECIMAL), Value::Decimal(number)) => {
            let scale = decimal_scale(schema)?;
            if number.scale != scale {
                return Err(ConnectError::data(format!(
                    "Decimal value has mismatching scale for given Decimal schema. Schema has \
                     scale {scale}, value has scale {}.",
                    number.scale
                )));
            }
            Some(true)
        }
        (Some(DATE), Value::Date(_)) | (Some(TIMESTAMP), Value::Timestamp(_)) => Some(true),
        (Some(TIME), Value::Time(ms)) => Some((0..MS_PER_DAY).contains(ms)),
        (Some(DECIMAL | DATE | TIME | TIMESTAMP), _)
        | (_, Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_)) => {
            Some(false)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, unscaled: i64, scale: i32, printed: &str) {
        let number: Decimal = text.parse().unwrap();
        assert_eq!(number, Decimal::new(unscaled, scale));
        assert_eq!(number.to_string(), printed);
    }

    #[test]
    fn decimal_reads_and_prints() {
        check_text("1.50", 150, 2, "1.50");
        check_text("-0.05", -5, 2, "-0.05");
        check_text("12e2", 12, -2, "1200");
        check_text("0", 0, 0, "0");
        check_text("+7", 7, 0, "7");
        for bad in ["", "-", ".", "1e", "1e99999", "0x1", "1 "] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn decimal_bytes_are_shortest_twos_complement() {
        assert_eq!(Decimal::new(-1, 0).to_bytes(), [0xff]);
        assert_eq!(Decimal::new(128, 0).to_bytes(), [0, 0x80]);
        assert_eq!(Decimal::from_bytes(&[0, 0x80], 2), Decimal::new(128, 2));
        assert_eq!(Decimal::from_bytes(&[], 0), Decimal::new(0, 0));
    }

    #[test]
    fn scale_must_match() {
        let schema = decimal(2).build().unwrap();
        assert!(value_fits(&schema, &Value::Decimal(Decimal::new(1, 2))).is_ok());
        assert!(value_fits(&schema, &Value::Decimal(Decimal::new(1, 3))).is_err());
    }
}
