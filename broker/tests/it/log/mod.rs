//! The log through its own interface: what it takes, keeps, finds and removes, on a good disk
//! and on one that fails.

mod append;
mod crash;
mod directory;
mod disk;
mod faults;
mod golden;
mod harness;
mod read;
mod retention;
