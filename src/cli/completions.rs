//! `keyward completions`

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use super::{Cli, error::CliError, output};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keyward", &mut script);
    output::text(&String::from_utf8_lossy(&script))
}
