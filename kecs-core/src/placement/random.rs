//! Chance that a test can repeat.

/// A number below `bound`, evenly spread over the seeds; `None` if there is no such number.
///
/// One step of `SplitMix64`: neighbouring seeds give unrelated numbers, so that callers may simply count.
pub(super) fn below(seed: u64, bound: usize) -> Option<usize> {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let bound = u64::try_from(bound).ok().filter(|bound| *bound > 0)?;
    // The upper half of a product with a number below 2^64 is below the bound.
    usize::try_from((u128::from(mixed) * u128::from(bound)) >> 64).ok()
}
