//! Random numbers from a seed, so that a run can be repeated as closely as a machine allows.

/// The increment and the multipliers of `SplitMix64` (Steele, Lea, Flood: "Fast Splittable
/// Pseudorandom Number Generators", 2014).
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIERS: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Makes the sequence of a seed; different values of `stream` give different sequences.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(seed ^ mixed(stream)))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(INCREMENT);
        mixed(self.0)
    }

    /// A number below a bound; 0 when there is nothing below it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or_default()
    }

    /// A random decision that is true once in this many times on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The effect of a request's key on the state of a persona; see [`super::checks`].
pub fn effect_of(request: u32) -> u64 {
    mixed(u64::from(request).wrapping_add(INCREMENT))
}

/// Mixes the bits of a number; a one-to-one function.
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(MULTIPLIERS[0]);
    let number = (number ^ (number >> 27)).wrapping_mul(MULTIPLIERS[1]);
    number ^ (number >> 31)
}
