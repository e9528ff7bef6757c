//! `keyward gateway`

use std::{
    fs::File,
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Context,
    error::CliError,
    output::{self, Row},
    password,
};
use crate::{
    config::Server,
    domain::{clock::Timestamp, random},
    gateway::{
        Target,
        attacks::{AttackResult, Attacker, Outcome, TestUser},
        configs::{self, Addresses, Asks, GATEWAYS},
        echo,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a gateway's configuration for the settings in force, to put it in front of an app
    Init(Init),
    /// Attack a gateway from outside, and say line by line what holds; exit 1 if somebody gets in
    Test(Test),
    /// Run an app that answers with what reached it: put it behind a gateway for `test`
    Echo {
        /// Where it listens
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
    },
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The gateway
    #[arg(value_parser = GATEWAYS.map(|gateway| gateway.name))]
    name: String,
    /// The app to protect: a host and a port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = host_and_port)]
    app: (String, u16),
    /// Where the gateway is to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Write into this folder instead, and overwrite nothing
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The gateway, such as <https://app.example.com>; with the path of a part that is protected, where
    /// not all is
    url: String,
    /// Keyward as a client reaches it; if not given, its `server.public_url`
    #[arg(long, value_name = "URL")]
    keyward: Option<String>,
    /// Sign in as this user, best one without roles; the session is signed out at the end
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the user's password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Read an access token from standard input; its session is signed out at the end
    #[arg(long, conflicts_with = "username")]
    token_stdin: bool,
    /// A path that the gateway opens only to a role, which the user lacks
    #[arg(long, value_name = "PATH")]
    forbidden: Option<String>,
    /// A path that the gateway opens only after two factors, where the user has shown one
    #[arg(long, value_name = "PATH")]
    step_up: Option<String>,
    /// An access token that has expired
    #[arg(long, value_name = "TOKEN")]
    expired: Option<String>,
    /// Print an array of objects
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Init(wanted) => init(context, &wanted),
        Command::Test(wanted) => test(context, wanted).await,
        Command::Echo { listen } => {
            let ready = |address| output::note(&format!("listening on {address}"));
            Ok(echo::serve(listen, ready).await?)
        }
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
    let parts = parts.filter(|(host, _)| !host.is_empty() && host.chars().all(is_host));
    parts.map(|(host, port)| (host.to_owned(), port)).ok_or_else(|| "not a host and a port".to_owned())
}

fn init(context: &Context, wanted: &Init) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let gateway = GATEWAYS.into_iter().find(|gateway| gateway.name == wanted.name);
    let gateway = gateway.ok_or_else(|| CliError::Refused(format!("no gateway {}", wanted.name)))?;
    let check = asked(gateway.asks, &settings.server)?;
    let host = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let check = configs::to_reach(check);
    let addresses = Addresses {
        check: (&host(check), check.port()),
        app: (&wanted.app.0, wanted.app.1),
        listen: (&host(wanted.listen), wanted.listen.port()),
    };
    let files = gateway.files(&addresses);
    match (&files[..], &wanted.into) {
        (files, Some(folder)) => files.iter().try_for_each(|(name, text)| write(&folder.join(name), text)),
        ([(_, text)], None) => output::line(text.trim_end()),
        (files, None) => {
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            let names = names.join(" and ");
            Err(CliError::Refused(format!("{} needs {names}: say --into FOLDER", wanted.name)))
        }
    }
}

/// Where the listener is that a gateway asks.
fn asked(asks: Asks, server: &Server) -> Result<SocketAddr, CliError> {
    let (setting, set, such_as) = match asks {
        Asks::Check => ("server.check_listen", server.check_listen, "127.0.0.1:8082"),
        Asks::ExtAuthz => ("server.ext_authz_listen", server.ext_authz_listen, "127.0.0.1:8083"),
    };
    set.ok_or_else(|| {
        let why = format!(
            "{setting} is not set, and a gateway must not ask the public listener, which answers more \
             than the check: set it, such as to {such_as:?}"
        );
        CliError::Refused(why)
    })
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| CliError::Refused(format!("{} cannot be made: {error}", path.display())))?;
    output::line(&format!("{} is written.", path.display()))
}

async fn test(context: &Context, wanted: Test) -> Result<(), CliError> {
    let gateway = Target::parse(&wanted.url)?;
    let user = test_user(context, &wanted).await?;
    let mark = format!("{:016x}", u64::from_be_bytes(random::bytes()));
    let attacker = Attacker::new(gateway, user, &mark);
    let attacker = attacker.with_expired(wanted.expired).with_forbidden(wanted.forbidden);
    let attacker = attacker.with_step_up(wanted.step_up);
    let results = attacker.run().await?;
    output::listing(&results, wanted.json)?;
    let is_open = results.iter().any(|result| result.outcome == Outcome::Open);
    if is_open { Err(CliError::Open) } else { Ok(()) }
}

async fn test_user(context: &Context, wanted: &Test) -> Result<Option<TestUser>, CliError> {
    let keyward = if let Some(url) = &wanted.keyward {
        Target::parse(url)?
    } else {
        let server = context.settings()?.0.server;
        Target::parse(server.public_url(server.listen).as_str())?
    };
    if let Some(username) = &wanted.username {
        let password = password::ask_for_known(username, wanted.password_stdin)?;
        return Ok(Some(TestUser::sign_in(keyward, username, &password).await?));
    }
    if wanted.token_stdin {
        let token = password::token()?;
        return Ok(Some(TestUser::with_token(keyward, &token).await?));
    }
    Ok(None)
}

impl Row for AttackResult {
    const COLUMNS: &'static [&'static str] = &["attack", "verdict", "seen"];

    fn cells(&self, _now: Timestamp) -> Vec<String> {
        let verdict = if self.outcome == Outcome::Open { "LETS IN" } else { self.outcome.as_str() };
        vec![self.attack.clone(), verdict.to_owned(), self.seen.clone()]
    }

    fn answer(&self) -> impl Serialize {
        Attacked { attack: &self.attack, verdict: self.outcome.as_str(), seen: &self.seen }
    }
}

#[derive(Serialize)]
struct Attacked<'a> {
    attack: &'a str,
    verdict: &'a str,
    seen: &'a str,
}
