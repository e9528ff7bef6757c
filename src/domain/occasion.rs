//! How something came about: who asked for it, from where, in which request. Whoever asks a verb for something says
//! it, and the events of that verb tell it on.

use std::{fmt, net::IpAddr, str::FromStr};

use super::{
    app::AppName,
    ids::{InvalidId, UserId},
    session::{USER_AGENT_MAX_BYTES, printable},
};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not shown who they are.
    Client,
    /// A signed-in user; an administrator, where it is about somebody else.
    User(UserId),
    /// An app by its secret.
    App(AppName),
    /// An operator at the command line, as the operating system calls them.
    Shell(String),
    /// The server by itself.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::App(name) => write!(f, "app:{}", name.as_str()),
            Self::Shell(name) => write!(f, "shell:{name}"),
            Self::Server => f.write_str("server"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            None if text == "client" => Ok(Self::Client),
            None if text == "server" => Ok(Self::Server),
            Some(("user", id)) => id.parse().map(Self::User),
            Some(("app", name)) => AppName::parse(name).map(Self::App).map_err(|_| InvalidId("actor")),
            Some(("shell", name)) => Ok(Self::Shell(name.to_owned())),
            _ => Err(InvalidId("actor")),
        }
    }
}

/// How something came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`; bounded, and free of control characters.
    pub agent: Option<String>,
    /// The id of the request.
    pub request: Option<String>,
    pub by: Actor,
}

impl Occasion {
    /// A client that has shown nothing yet.
    #[must_use]
    pub fn of_client(address: Option<IpAddr>, agent: Option<&str>, request: Option<String>) -> Self {
        let agent = agent.and_then(|text| printable(text, USER_AGENT_MAX_BYTES));
        Self { address, agent, request, by: Actor::Client }
    }

    /// An operator at the command line.
    #[must_use]
    pub const fn of_shell(name: String) -> Self {
        Self { address: None, agent: None, request: None, by: Actor::Shell(name) }
    }

    /// The server by itself.
    #[must_use]
    pub const fn of_server() -> Self {
        Self { address: None, agent: None, request: None, by: Actor::Server }
    }

    /// The same, by somebody who has shown who they are.
    #[must_use]
    pub fn by(self, by: Actor) -> Self {
        Self { by, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    #[test]
    fn actors_are_read_as_they_are_written() {
        let user = UserId::new(Timestamp::from_secs(1));
        let shell = Actor::Shell("deploy:er".to_owned());
        for actor in
            [Actor::Client, Actor::User(user), Actor::App(AppName::default_app()), shell, Actor::Server]
        {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        assert!("somebody".parse::<Actor>().is_err());
    }
}
