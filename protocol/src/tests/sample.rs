//! Random messages for tests: only what a version has, nulls only where it allows them.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};

use crate::wire::Version;
use crate::{Records, Uuid};

/// A source of values that repeats itself from the same seed.
pub(crate) struct Random(StdRng);

impl Random {
    /// Begins at a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Returns true every other time, on average.
    pub(crate) fn coin(&mut self) -> bool {
        self.0.random()
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn bytes(&mut self, below: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.below(below)];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// A type that random values can be made of.
pub(crate) trait Sample {
    /// Makes one for a message of the given version.
    fn sample(random: &mut Random, at: Version) -> Self;
}

macro_rules! samples {
    ($($type:ty: $random:ident => $value:expr;)*) => {
        $(
            impl Sample for $type {
                fn sample($random: &mut Random, _: Version) -> Self {
                    $value
                }
            }
        )*
    };
}

samples! {
    bool: r => r.coin();
    i8: r => r.0.random();
    i16: r => r.0.random();
    u16: r => r.0.random();
    i32: r => r.0.random();
    u32: r => r.0.random();
    i64: r => r.0.random();
    f64: r => r.0.random();
    Uuid: r => Uuid(r.0.random());
    Bytes: r => r.bytes(40).into();
    Records: r => Records::Bytes(r.bytes(700).into());
    String: r => (0..r.below(20)).map(|_| ['a', 'z', '7', '.', '-', 'ä', '水'][r.below(7)]).collect();
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random, at: Version) -> Self {
        (random.below(4) > 0).then(|| T::sample(random, at))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(random: &mut Random, at: Version) -> Self {
        (0..random.below(4)).map(|_| T::sample(random, at)).collect()
    }
}
