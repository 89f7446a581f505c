//! The thin safe layer over librdkafka's C interface: configuration, client handle, lists of
//! partitions, result codes, log lines.

mod code;
mod conf;
mod handle;
mod last_error;
mod log;
mod partition_list;

pub(crate) use code::{describe_code, error_from_ptr, name_of_code, text};
pub(crate) use conf::{Conf, ConfError};
pub(crate) use handle::{Callbacks, Event, Handle, Kind, Queue, last_error, millis};
pub(crate) use last_error::LastError;
pub(crate) use partition_list::PartitionList;
