//! Figures that are lines of their own, as a table in Markdown.

use super::goals::Measured;

/// What was measured, and its goal if it has one.
pub struct Figure {
    name: String,
    text: String,
    pub measured: Option<Measured>,
}

impl Figure {
    pub fn new(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), text, measured: None }
    }

    /// The same, held to a goal.
    pub fn held(text: String, measured: Measured) -> Self {
        Self { name: measured.row.clone(), text, measured: Some(measured) }
    }
}

pub fn print(figures: &[Figure]) {
    if figures.is_empty() {
        return;
    }
    println!("\n| | measured | goal |\n|---|---:|---|");
    for Figure { name, text, measured } in figures {
        let goal = measured.as_ref().map_or(String::new(), Measured::verdict);
        println!("| {name} | {text} | {goal} |");
    }
}
