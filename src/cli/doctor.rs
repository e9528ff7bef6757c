//! `keyward doctor`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{
    Context, clock,
    error::CliError,
    output::{self, Row},
};
use crate::{
    app::doctor::{self, Finding, PartHealth},
    domain::{causes::Causes, clock::Timestamp},
};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let findings = match context.settings() {
        Ok((settings, in_force)) => doctor::examine(&settings, &in_force, &clock()).await,
        Err(error) => vec![Finding::wrong("settings", Causes(&error).to_string())],
    };
    output::listing(&findings, args.json)?;
    let unwell = findings.iter().any(|finding| finding.health == PartHealth::Wrong);
    if unwell { Err(CliError::Unwell) } else { Ok(()) }
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["part", "health", "finding"];

    fn cells(&self, _now: Timestamp) -> Vec<String> {
        vec![self.part.to_owned(), self.health.as_str().to_owned(), self.text.clone()]
    }

    fn answer(&self) -> impl Serialize {
        Found { part: self.part, health: self.health.as_str(), finding: &self.text }
    }
}

#[derive(Serialize)]
struct Found<'a> {
    part: &'a str,
    health: &'a str,
    finding: &'a str,
}
