//! librdkafka's result codes and error objects.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::ffi::{CStr, c_char};

use rdkafka::bindings as rd;

use crate::error::{ErrorCode, KafkaError};

/// Copies a C string; null gives an empty one.
///
/// # Safety
///
/// `ptr` is null or points to a string that ends in a zero byte.
pub(crate) unsafe fn text(ptr: *const c_char) -> String {
    if ptr.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the zero byte.
    unsafe { CStr::from_ptr(ptr) }.to_string_lossy().into_owned()
}

/// The name of a code as Kafka's documentation spells it.
pub(crate) fn name_of_code(code: i32) -> String {
    match rd::rd_kafka_resp_err_t::try_from(code) {
        // SAFETY: takes any value of its enum, returns a static string.
        Ok(code) => unsafe { text(rd::rd_kafka_err2name(code)) },
        Err(_) => format!("code {code}"),
    }
}

/// One sentence on a code.
pub(crate) fn describe_code(code: i32) -> String {
    match rd::rd_kafka_resp_err_t::try_from(code) {
        // SAFETY: takes any value of its enum, returns a static string.
        Ok(code) => unsafe { text(rd::rd_kafka_err2str(code)) },
        Err(_) => format!("error code {code}"),
    }
}

/// Takes over an error object; null means success.
///
/// # Safety
///
/// `ptr` is null or an error object that nobody else owns.
pub(crate) unsafe fn error_from_ptr(ptr: *mut rd::rd_kafka_error_t) -> Result<(), KafkaError> {
    if ptr.is_null() {
        return Ok(());
    }
    // SAFETY: a live error object; its text is copied before it is destroyed.
    unsafe {
        let code = ErrorCode::from_raw(rd::rd_kafka_error_code(ptr) as i32);
        let fatal = rd::rd_kafka_error_is_fatal(ptr) != 0;
        let error = KafkaError::with_reason(code, text(rd::rd_kafka_error_string(ptr)));
        rd::rd_kafka_error_destroy(ptr);
        Err(if fatal { error.into_fatal() } else { error })
    }
}
