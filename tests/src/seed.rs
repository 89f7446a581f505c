//! The seed of all random choices of a test run: `WATERSHED_SEED`, or a fresh one.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the run's seed and prints it, so that a failure shows how to repeat it.
#[must_use]
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(|| {
        std::env::var("WATERSHED_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(
            || {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::from(now.subsec_nanos()) ^ now.as_secs()
            },
        )
    });
    println!("seed: {seed} (repeat with WATERSHED_SEED={seed})");
    seed
}

/// Tells whether counts run in full (`WATERSHED_FULL=1`) instead of in a slice.
#[must_use]
pub fn full() -> bool {
    std::env::var("WATERSHED_FULL").is_ok_and(|text| text == "1")
}
