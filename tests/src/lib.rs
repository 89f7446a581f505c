//! Harness of the end-to-end tests: our programs as processes, and other people's clients.
//!
//! | module | holds |
//! |---|---|
//! | [`process`] | a program of ours in a directory of its own, stopped by its own process id |
//! | [`stack`] | the shipped configuration on free ports: broker, registry and worker |
//! | [`clients`] | kcat, and Python with confluent-kafka and kafka-python |
//! | [`wait`] | waiting for a condition with a deadline |
//! | [`seed`] | the run's random seed, printed with every failure |

pub mod clients;
pub mod process;
pub mod seed;
pub mod stack;
pub mod wait;
