//! End to end: the programs as a user starts them, with clients that nobody here wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod avro_pipeline;
mod bad_input;
mod clients;
mod kafka_tools;
mod kill;
mod main_job;
mod programs;
mod rest;
