//! Why a command failed, and with which exit code.

use std::{io, process::ExitCode};

use crate::{
    app::StartError, auth::error::AuthError, config::ConfigError, gateway::GatewayError,
    keys::error::KeyError,
};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Verb(#[from] AuthError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
    /// What was asked for is not there, or not possible.
    #[error("{0}")]
    Refused(String),
    /// Whoever read the output has gone.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// What would be changed has been printed, and is not.
    #[error("nothing was changed: --yes does what is shown above")]
    Pending,
    /// Which ones has been printed already.
    #[error("rows were refused, see above")]
    RowsRefused,
    /// What was found has been printed already.
    #[error("something is wrong, see above")]
    Unwell,
    /// The same of a gateway.
    #[error("somebody gets in who should not, see above")]
    Open,
}

impl CliError {
    /// A name or another value on the command line that cannot be one.
    pub(super) fn of_value(error: &clap::Error) -> Self {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        Self::Refused(line.trim_start_matches("error: ").to_owned())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        if self.is_closed_pipe() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// `keyward session list | head` is no failure.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
