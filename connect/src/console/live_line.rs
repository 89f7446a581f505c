//! One line per connector: state, records/s, bytes/s, lag, how far it is, errors. Pure.

use std::time::Duration;

use crate::progress::ConnectorProgress;

/// A connector at one moment, and how it was a while ago.
#[derive(Debug, Clone)]
pub struct LiveLine<'a> {
    /// Name of the connector.
    pub name: &'a str,
    /// State, in capitals.
    pub state: &'a str,
    /// Counters now.
    pub now: &'a ConnectorProgress,
    /// Counters at the line before.
    pub before: &'a ConnectorProgress,
    /// Time between the two.
    pub elapsed: Duration,
}

impl LiveLine<'_> {
    /// The line; names are padded to `width`.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let Self { name, state, now, before, elapsed } = self;
        let records = rate(now.records.saturating_sub(before.records), *elapsed);
        let bytes = rate(now.bytes.saturating_sub(before.bytes), *elapsed);
        let lag = now.lag.map_or_else(|| "-".to_owned(), |lag| grouped(lag.unsigned_abs()));
        let last = if now.last_offset.is_empty() { "-" } else { &now.last_offset };
        format!(
            "{name:width$}  {state:<8} {:>11} records/s {:>11}/s  lag {lag:<8} last offset {last}  errors {}",
            grouped(records),
            size(bytes),
            grouped(now.errors)
        )
    }
}

/// What a connector has done in all, for the end.
#[must_use]
pub fn total(name: &str, progress: &ConnectorProgress) -> String {
    let ConnectorProgress { records, bytes, errors, .. } = progress;
    let last = if progress.last_offset.is_empty() { "-" } else { &progress.last_offset };
    format!(
        "{name}: {} records, {}, last offset {last}, {} errors",
        grouped(*records),
        size(*bytes),
        grouped(*errors)
    )
}

fn rate(count: u64, elapsed: Duration) -> u64 {
    let ms = elapsed.as_millis().max(1);
    u64::try_from(u128::from(count) * 1000 / ms).unwrap_or(u64::MAX)
}

/// Writes a number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes bytes in the largest decimal unit that leaves a digit before the point.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(bytes: u64, expected: &str) {
        assert_eq!(size(bytes), expected);
    }

    #[test]
    fn sizes_have_decimal_units() {
        check_size(0, "0 B");
        check_size(999, "999 B");
        check_size(1_000, "1.0 KB");
        check_size(52_360_000, "52.3 MB");
        check_size(1_999_999_999, "1.9 GB");
    }

    #[test]
    fn line_shows_rates_since_the_line_before() {
        let progress = |records, bytes| ConnectorProgress {
            records,
            bytes,
            lag: Some(12),
            last_offset: "t-0 41".into(),
            ..ConnectorProgress::default()
        };
        let line = LiveLine {
            name: "sink",
            state: "RUNNING",
            now: &progress(3_000, 200_000),
            before: &progress(1_000, 0),
            elapsed: Duration::from_secs(2),
        };
        let text = line.text(6);
        for expected in ["sink  ", "1,000 records/s", "100.0 KB/s", "lag 12", "t-0 41", "errors 0"]
        {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
