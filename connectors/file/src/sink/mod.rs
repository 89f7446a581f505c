//! `FileStreamSink`: the records of topics, line by line, to the end of a text file.
//!
//! The way of a record: the `task` writes a batch's text into one buffer; `append` puts the
//! buffer at the end of the file, whole or not at all; `shared` lets the tasks of one connector
//! share the file, and nobody else.

mod append;
mod connector;
mod shared;
mod task;

pub use connector::FileStreamSinkConnector;
