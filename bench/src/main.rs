//! Benchmarks that print our figures beside a peer's.
fn main() {}
