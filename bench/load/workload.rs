//! The requests of a row, round after round.

use std::thread;

use super::{connection::Connection, express::Express, keyward::Keyward, request::Request, seeder::Seeder};

const MANY: usize = 10_000;
/// More than are asked for in a second of what is good but once.
const PLENTY: usize = 40_000;
/// One for each connection and some for wrk, which asks for one to look at.
const CHAINS: usize = 80;
/// That show a server many tokens.
const CALLERS: usize = 8;
/// Requests of the default limit.
pub const LIMIT: u32 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// One token, again and again.
    Check,
    /// Tokens of as many sessions, in turn.
    CheckMany,
    /// Each token for the first time, the first one of its session.
    FirstSight,
    /// The same of tokens that a refresh brought.
    FirstSightOfNext,
    /// A token whose session is over its limit.
    OverLimit,
    Login,
    /// One refresh after the other, each with the token that the one before brought.
    Refresh,
    /// Each session but once.
    Logout,
    /// One token, again and again, by an app that shows its secret.
    Introspection,
    Jwks,
}

/// The servers of a row, and the tokens they know.
pub struct Servers {
    pub keyward: Keyward,
    pub express: Express,
    seeder: Seeder,
    /// Each of a session of its own; those that are asked about again and again.
    tokens: Vec<String>,
}

impl Servers {
    /// The session is where the row wants it, the tokens have been seen.
    pub fn of(workload: Workload, keyward: Keyward, express: Express) -> Self {
        let seeder = Seeder::of(&keyward);
        let tokens = seeder.access_tokens(if workload == Workload::CheckMany { MANY } else { 1 });
        let servers = Self { keyward, express, seeder, tokens };
        match workload {
            Workload::OverLimit => servers.exhaust(),
            Workload::CheckMany => servers.show_all(),
            _ => {}
        }
        servers
    }

    fn exhaust(&self) {
        for server in [self.keyward.target(), self.express.target()] {
            for _ in 0..=LIMIT {
                Request::check(&self.tokens[0]).ask(server.address);
            }
        }
    }

    fn show_all(&self) {
        thread::scope(|scope| {
            for tokens in self.tokens.chunks(MANY / CALLERS) {
                scope.spawn(move || {
                    let mut connection = Connection::open(self.keyward.address());
                    for token in tokens {
                        Request::check(token).ask_on(&mut connection);
                    }
                });
            }
        });
    }
}

impl Workload {
    /// The requests of a round of so many seconds, to Keyward and to the peer. Of none, a sample.
    pub fn requests(self, servers: &Servers, seconds: u64) -> [Vec<Request>; 2] {
        let each = |tokens: &[String], request: &dyn Fn(&str) -> Request| -> Vec<Request> {
            tokens.iter().map(|token| request(token)).collect()
        };
        let fresh = || servers.seeder.access_tokens(if seconds == 0 { 1 } else { PLENTY });
        let same = |requests: Vec<Request>| [requests.clone(), requests];
        match self {
            Self::Check | Self::CheckMany | Self::OverLimit => same(each(&servers.tokens, &Request::check)),
            Self::FirstSight => same(each(&fresh(), &Request::check)),
            Self::FirstSightOfNext => {
                let next = servers.seeder.next_access_tokens(if seconds == 0 { 1 } else { PLENTY });
                same(each(&next, &Request::check))
            }
            Self::Logout => same(each(&fresh(), &Request::logout)),
            Self::Login => same(vec![Request::login()]),
            Self::Introspection => {
                same(each(&servers.tokens, &|token| Request::introspection(token, &servers.keyward.secret)))
            }
            Self::Jwks => same(vec![Request::jwks()]),
            Self::Refresh => [
                servers
                    .seeder
                    .sessions(CHAINS)
                    .iter()
                    .map(|token| Request::refresh(token.expose()))
                    .collect(),
                each(&servers.express.sessions(CHAINS), &Request::refresh),
            ],
        }
    }

    /// At once. Of sign-ins few: what is under way when a round ends has been paid for and does not count.
    pub const fn connections(self) -> u32 {
        match self {
            Self::Login => 8,
            _ => 64,
        }
    }

    /// How many answers of a round may be others than the row is about.
    pub fn tolerated(self, seconds: u64) -> u64 {
        match self {
            // So many windows may begin meanwhile, the one the round begins in among them.
            Self::OverLimit => (2 + seconds / 60) * u64::from(LIMIT),
            _ => 0,
        }
    }

    /// How many seconds a round may have at most: what is good but once runs out.
    pub const fn longest_round(self) -> u64 {
        match self {
            Self::FirstSight | Self::FirstSightOfNext | Self::Logout => 1,
            _ => u64::MAX,
        }
    }

    /// How many requests there are of what is good but once.
    pub const fn runs_out_after(self) -> Option<usize> {
        match self {
            Self::FirstSight | Self::FirstSightOfNext | Self::Logout => Some(PLENTY),
            _ => None,
        }
    }
}
