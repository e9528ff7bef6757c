//! The arithmetic of figures.

/// The middle one; of an even count the upper of the two.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
pub fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}
