//! What is in the middle.

/// The median of figures that can be compared with each other; of an even number of them the upper one of the two in the middle. `None` of none.
pub fn median<T: Copy + PartialOrd>(figures: impl IntoIterator<Item = T>) -> Option<T> {
    let mut figures: Vec<T> = figures.into_iter().collect();
    figures.sort_unstable_by(|one, other| one.partial_cmp(other).expect("figures can be compared"));
    figures.get(figures.len() / 2).copied()
}
