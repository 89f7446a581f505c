//! How values print: what Java's `toString` gives, which `StringConverter` and `FileStreamSink`
//! write. Struct fields that are null are left out: `Struct{a=1,b=x}`; maps are `{k=v}`, lists
//! `[a, b]`. Bytes, which Java prints as an object identity, print as base64.

use std::fmt::{self, Write};

use super::value::{Struct, Value};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Int8(value) => write!(f, "{value}"),
            Self::Int16(value) => write!(f, "{value}"),
            Self::Int32(value) => write!(f, "{value}"),
            Self::Int64(value) => write!(f, "{value}"),
            Self::Float32(value) => write_float(f, f64::from(*value), &value.to_string()),
            Self::Float64(value) => write_float(f, *value, &value.to_string()),
            Self::String(text) => f.write_str(text),
            Self::Bytes(bytes) => write_base64(f, bytes),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::Date(days) => write_java_date(f, i64::from(*days) * 86_400_000),
            Self::Time(ms) => write_java_date(f, i64::from(*ms)),
            Self::Timestamp(ms) => write_java_date(f, *ms),
            Self::Array(items) => write_list(f, items),
            Self::Map(entries) => write_map(f, entries),
            Self::Struct(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Struct{")?;
        let mut first = true;
        for (field, value) in self.schema().fields().iter().zip(self.values()) {
            if value.is_null() {
                continue;
            }
            if !first {
                f.write_char(',')?;
            }
            first = false;
            write!(f, "{}={value}", field.name)?;
        }
        f.write_char('}')
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Value]) -> fmt::Result {
    f.write_char('[')?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    f.write_char(']')
}

fn write_map(f: &mut fmt::Formatter<'_>, entries: &[(Value, Value)]) -> fmt::Result {
    f.write_char('{')?;
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{key}={value}")?;
    }
    f.write_char('}')
}

/// Java: plain digits with at least one after the point between 10^-3 and 10^7, else an exponent.
/// `shortest` is Rust's shortest form of the same number, without an exponent.
fn write_float(f: &mut fmt::Formatter<'_>, value: f64, shortest: &str) -> fmt::Result {
    if value.is_nan() {
        return f.write_str("NaN");
    }
    if value.is_infinite() {
        return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) {
        f.write_str(shortest)?;
        return if shortest.contains('.') { Ok(()) } else { f.write_str(".0") };
    }
    let (sign, digits) = shortest.strip_prefix('-').map_or(("", shortest), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.bytes().take_while(|byte| *byte == b'0').count();
    let significant = all[leading..].trim_end_matches('0');
    let point = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(leading).unwrap_or(0) - 1;
    let (first, rest) = significant.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    write!(f, "{sign}{first}.{rest}E{point}")
}

fn write_base64(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .chain(std::iter::repeat(&0))
            .take(3)
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        for place in 0..4 {
            if place <= chunk.len() {
                let index = usize::try_from(word >> (18 - 6 * place) & 63).unwrap_or(0);
                f.write_char(char::from(ALPHABET[index]))?;
            } else {
                f.write_char('=')?;
            }
        }
    }
    Ok(())
}

/// `Thu Jan 01 00:00:00 UTC 1970`, as `java.util.Date` prints in UTC.
fn write_java_date(f: &mut fmt::Formatter<'_>, ms: i64) -> fmt::Result {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = ms.div_euclid(1000);
    let days = seconds.div_euclid(86_400);
    let second_of_day = seconds.rem_euclid(86_400);
    let (year, month, day) = civil_from_days(days);
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    let (hour, minute, second) =
        (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    write!(f, "{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year:04}")
}

/// Year, month (from 1) and day (from 1) of a day number since 1970-01-01, proleptic Gregorian.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Schema, SchemaBuilder};

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tables below")]
    fn check(value: Value, printed: &str) {
        assert_eq!(value.to_string(), printed);
    }

    #[test]
    fn floats_print_as_java_does() {
        check(Value::Float64(1.0), "1.0");
        check(Value::Float64(0.001), "0.001");
        check(Value::Float64(1e7), "1.0E7");
        check(Value::Float64(-12_345_678.9), "-1.23456789E7");
        check(Value::Float64(0.000_12), "1.2E-4");
        check(Value::Float32(3.4e38), "3.4E38");
        check(Value::Float64(f64::NAN), "NaN");
    }

    #[test]
    fn struct_leaves_out_null_fields() {
        let schema = SchemaBuilder::structure()
            .field("a", Schema::int32())
            .field("b", Schema::optional_string())
            .field("c", Schema::string())
            .build()
            .unwrap();
        let mut value = Struct::new(schema).unwrap();
        value.put("a", Value::Int32(1)).unwrap().put("c", "x").unwrap();
        check(value.into(), "Struct{a=1,c=x}");
    }

    #[test]
    fn maps_and_lists_print_as_java_does() {
        check(Value::Map(vec![("some_key".into(), Value::Int64(0))]), "{some_key=0}");
        check(Value::Array(vec![Value::Int8(1), Value::Null]), "[1, null]");
    }

    #[test]
    fn bytes_print_as_base64() {
        check(Value::Bytes("foob".into()), "Zm9vYg==");
        check(Value::Bytes("foo".into()), "Zm9v");
    }

    #[test]
    fn instants_print_as_java_util_date() {
        check(Value::Timestamp(0), "Thu Jan 01 00:00:00 UTC 1970");
        check(Value::Timestamp(1_709_210_096_123), "Thu Feb 29 12:34:56 UTC 2024");
        check(Value::Timestamp(-1), "Wed Dec 31 23:59:59 UTC 1969");
        check(Value::Date(19_782), "Thu Feb 29 00:00:00 UTC 2024");
    }
}
