//! A set of librdkafka settings on its way into a client.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::ffi::CString;

use rdkafka::bindings as rd;

use crate::native::text;

/// Why a setting was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConfError {
    /// librdkafka has no such setting.
    Unknown,
    /// The value is not one of those it takes; the text says which those are.
    Invalid(String),
}

/// Owns a configuration object until a client takes it.
pub(crate) struct Conf {
    ptr: *mut rd::rd_kafka_conf_t,
}

impl Conf {
    /// Starts with librdkafka's defaults.
    pub(crate) fn new() -> Self {
        // SAFETY: has no arguments; aborts when memory is out, so never null.
        Self { ptr: unsafe { rd::rd_kafka_conf_new() } }
    }

    /// Sets one value.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ConfError> {
        let zero = || ConfError::Invalid("holds a zero byte".to_owned());
        let name = CString::new(name).map_err(|_| zero())?;
        let value = CString::new(value).map_err(|_| zero())?;
        let mut reason = [0 as std::ffi::c_char; 512];
        // SAFETY: both strings end in a zero byte; the buffer's size is given with it.
        let result = unsafe {
            rd::rd_kafka_conf_set(
                self.ptr,
                name.as_ptr(),
                value.as_ptr(),
                reason.as_mut_ptr(),
                reason.len(),
            )
        };
        match result {
            rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Err(ConfError::Unknown),
            rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => {
                // SAFETY: librdkafka ends what it writes with a zero byte.
                Err(ConfError::Invalid(unsafe { text(reason.as_ptr()) }))
            }
        }
    }

    /// The object, still owned by `self`.
    pub(crate) fn as_ptr(&self) -> *mut rd::rd_kafka_conf_t {
        self.ptr
    }

    /// Gives the object away: a client that could be made owns it.
    pub(crate) fn release(mut self) {
        self.ptr = std::ptr::null_mut();
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        if !self.ptr.is_null() {
            // SAFETY: still ours.
            unsafe { rd::rd_kafka_conf_destroy(self.ptr) };
        }
    }
}
