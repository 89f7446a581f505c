//! librdkafka's log lines, handed to `tracing`.
#![expect(unsafe_code, reason = "a callback from librdkafka")]

use std::ffi::{c_char, c_int};

use rdkafka::bindings as rd;

use crate::native::text;

/// Called by librdkafka's threads, one line at a time.
///
/// Syslog levels: what librdkafka retries by itself (3, 4) is a warning here.
pub(crate) unsafe extern "C" fn write_line(
    rk: *const rd::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka passes strings that end in a zero byte, and a live or null client.
    let (client, facility, line) = unsafe {
        let client = if rk.is_null() { String::new() } else { text(rd::rd_kafka_name(rk)) };
        (client, text(facility), text(line))
    };
    match level {
        ..=2 => tracing::error!(target: "librdkafka", client, facility, "{line}"),
        3 | 4 => tracing::warn!(target: "librdkafka", client, facility, "{line}"),
        5 => tracing::info!(target: "librdkafka", client, facility, "{line}"),
        6 => tracing::debug!(target: "librdkafka", client, facility, "{line}"),
        _ => tracing::trace!(target: "librdkafka", client, facility, "{line}"),
    }
}
