//! End to end: the programs as a user starts them, with clients that nobody here wrote.

mod avro_pipeline;
mod bad_input;
mod clients;
mod kill;
mod main_job;
mod programs;
mod rest;
