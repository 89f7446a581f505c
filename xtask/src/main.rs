//! cargo xtask check | docs.
fn main() {}
