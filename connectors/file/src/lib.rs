//! File source and sink connectors, under the names and with the contract of Kafka's
//! `FileStreamSource` and `FileStreamSink` (`connect/file` in apache/kafka).
//!
//! | module | holds |
//! |---|---|
//! | [`source`] | a growing text file, line by line, into a topic |
//! | [`sink`] | the records of topics, line by line, to the end of a text file |
//!
//! What differs from Java, on purpose: positions count bytes, so a restart resumes exactly after
//! the last line whatever its alphabet; truncation, rotation and replacement of the source file
//! are noticed; a batch that is full leaves no line waiting; a failed write fails the task or is
//! retried without half lines; a flush reaches the disk; two sinks cannot write to one file.

pub mod sink;
pub mod source;

pub use sink::FileStreamSinkConnector;
pub use source::FileStreamSourceConnector;
