//! Whether a new schema may join a subject: rules per format, and the seven levels over them.
//!
//! | module | holds |
//! |---|---|
//! | [`level`] | [`Level`], and [`check`]: which versions are compared in which direction |
//! | [`avro`] | whether an Avro reader can read what an Avro writer wrote |
//! | [`difference`] | one incompatibility, and the sentence that clients see |
//!
//! Pure and bounded; the sentences are those of Confluent's registry, which tools match.

pub mod avro;
pub mod difference;
pub mod level;

pub use difference::{Difference, DifferenceKind};
pub use level::{Level, UnknownLevel, Verdict, check};
