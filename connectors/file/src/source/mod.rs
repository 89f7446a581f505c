//! `FileStreamSource`: a growing text file, line by line, into a topic.
//!
//! The way of a line: `watch` wakes the `task`, whose `tail` reads what is new into
//! `lines`, which cuts it; `text` turns the bytes of a line into the text of a record.

mod connector;
mod identity;
mod lines;
mod standard_input;
mod tail;
mod task;
mod text;
mod watch;

pub use connector::FileStreamSourceConnector;
pub use lines::LONGEST_LINE_BYTES;
