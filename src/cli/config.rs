//! `keyward config`

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{
    Context,
    error::CliError,
    output::{self, Row},
};
use crate::{
    config::{EXAMPLE, SettingInForce},
    domain::clock::Timestamp,
};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print the manual: every setting with its default, as a settings file to start from
    #[arg(long, conflicts_with = "json")]
    example: bool,
    /// Print an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    if args.example {
        return output::line(EXAMPLE.trim_end());
    }
    output::listing(context.settings()?.1.settings(), args.json)
}

impl Row for SettingInForce {
    const COLUMNS: &'static [&'static str] = &["setting", "value", "from"];

    fn cells(&self, _now: Timestamp) -> Vec<String> {
        vec![self.name.clone(), self.value.to_string(), self.origin.to_string()]
    }

    fn answer(&self) -> impl Serialize {
        Setting { name: &self.name, value: &self.value, from: self.origin.to_string() }
    }
}

#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    value: &'a toml::Value,
    from: String,
}
