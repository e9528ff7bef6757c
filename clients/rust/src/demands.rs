//! What a route asks for beyond a sign-in, and who has it.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{identity::Facts, refusal::Refusal};

/// The demands of a route; none of them is ever taken back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demands {
    pub roles: Vec<String>,
    /// How many factors.
    pub acr: u8,
    pub max_age: Option<Duration>,
}

impl Demands {
    /// As the check takes them.
    pub(crate) fn query(&self) -> String {
        let roles =
            self.roles.iter().map(|role| format!("role={}", utf8_percent_encode(role, NON_ALPHANUMERIC)));
        let acr = (self.acr > 1).then(|| format!("acr={}", self.acr));
        let max_age = self.max_age.map(|age| format!("max_age={}", whole_seconds(age)));
        let all: Vec<String> = roles.chain(acr).chain(max_age).collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }

    /// Whether who shows a token has what is asked for, in the order in which the check looks: roles, factors, recency.
    pub(crate) fn met_by(&self, facts: &Facts, now: u64) -> Result<(), Refusal> {
        if !self.roles.iter().all(|role| facts.roles.contains(role)) {
            return Err(Refusal::insufficient_role());
        }
        let (acr, auth_time) = facts.token.as_ref().map_or(("1", 0), |token| (&*token.acr, token.auth_time));
        match self.acr {
            0 | 1 => {}
            2 if acr == "2" => {}
            2 => return Err(Refusal::second_factor()),
            _ => return Err(Refusal::unknown_sign_in()),
        }
        match self.max_age.map(whole_seconds) {
            Some(age) if auth_time.saturating_add(age.into()) < now => Err(Refusal::sign_in_within(age)),
            _ => Ok(()),
        }
    }
}

/// At most what the check takes.
fn whole_seconds(age: Duration) -> u32 {
    u32::try_from(age.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Token;

    #[test]
    fn demands_are_asked_as_the_check_takes_them() {
        assert_eq!(Demands::default().query(), "");
        let demands = Demands {
            roles: vec!["admin".to_owned(), "a&acr=1 ü".to_owned()],
            acr: 2,
            max_age: Some(Duration::from_mins(5)),
        };
        assert_eq!(demands.query(), "?role=admin&role=a%26acr%3D1%20%C3%BC&acr=2&max_age=300");
    }

    /// Somebody with two factors, shown at 100.
    fn shown() -> Facts {
        let token = Token {
            id: String::new(),
            issued_at: 100,
            expires_at: 900,
            acr: "2".to_owned(),
            amr: Vec::new(),
            auth_time: 100,
        };
        let [user, username, session, app] = [const { String::new() }; 4];
        Facts { user, username, session, app, roles: Vec::new(), token: Some(token) }
    }

    #[test]
    fn an_unknown_number_of_factors_is_what_nobody_has() {
        let demands = |acr| Demands { acr, ..Demands::default() };
        assert!(demands(2).met_by(&shown(), 100).is_ok());
        assert!(demands(3).met_by(&shown(), 100).is_err());
    }

    #[test]
    fn a_sign_in_is_recent_up_to_the_very_second() {
        let demands = Demands { max_age: Some(Duration::from_mins(1)), ..Demands::default() };
        assert!(demands.met_by(&shown(), 160).is_ok());
        assert!(demands.met_by(&shown(), 161).is_err());
    }
}
