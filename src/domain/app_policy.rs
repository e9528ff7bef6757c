//! What an operator decides for one app. What is not decided there is as the settings say.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{
    admin::AdminRole,
    identifier::Identifiers,
    limits::ACCESS_TTL_MAX,
    page_url::PageUrl,
    sign_in::{Methods, SecondFactor, SignInRules},
    user::InvalidName,
};

/// Of the forms that are read and written here. A higher one holds what must not be passed over.
const VERSION: u64 = 1;
/// Of a policy that says what a sign-in takes: who does not know that must let nobody in.
const VERSION_WITH_RULES: u64 = 2;

/// Whom the tokens of an app are for besides `tokens.audience`: an API that verifies them by itself and takes no
/// others (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Reads 1 to 256 of visible ASCII.
    ///
    /// # Errors
    /// When it does not have that form.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() || text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidName("an audience is 1 to 256 of visible ASCII"));
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was decided for an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppPolicy {
    /// How long its access tokens live, where `tokens.access_ttl` is not shorter. In whole seconds.
    pub access_ttl: Option<Duration>,
    pub audience: Option<Audience>,
    /// How far it may operate the server; of a public one, which proves itself by nothing, it opens nothing.
    pub role: Option<AdminRole>,
    /// The page that confirms addresses, and undoes changes of them.
    pub confirm_url: Option<PageUrl>,
    /// The page that sets a new password.
    pub reset_url: Option<PageUrl>,
    /// Whether it asks for a second factor.
    pub mfa: Option<SecondFactor>,
    /// What may be proved by at a sign-in to it, and at a step-up.
    pub methods: Option<Methods>,
    /// By what somebody may name themselves there.
    pub identifiers: Option<Identifiers>,
}

/// What becomes of one thing that was decided, or was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PolicyEdit<T> {
    #[default]
    Keep,
    /// It is as the settings say.
    Drop,
    Take(T),
}

/// What becomes of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    pub access_ttl: PolicyEdit<Duration>,
    pub audience: PolicyEdit<Audience>,
    pub role: PolicyEdit<AdminRole>,
    pub confirm_url: PolicyEdit<PageUrl>,
    pub reset_url: PolicyEdit<PageUrl>,
    pub mfa: PolicyEdit<SecondFactor>,
    pub methods: PolicyEdit<Methods>,
    pub identifiers: PolicyEdit<Identifiers>,
}

impl AppPolicy {
    /// What a sign-in must prove: a second factor of those who have one, by all there is, unless it was decided
    /// otherwise.
    #[must_use]
    pub fn sign_in_rules(&self) -> SignInRules {
        let (second_factor, methods) = (self.mfa.unwrap_or_default(), self.methods.unwrap_or(Methods::ALL));
        SignInRules { second_factor, methods }
    }

    /// What it is after a change.
    #[must_use]
    pub fn rules_after(&self, change: &PolicyChange) -> SignInRules {
        let (mfa, methods) = (change.mfa.onto(self.mfa), change.methods.onto(self.methods));
        Self { mfa, methods, ..Self::default() }.sign_in_rules()
    }

    /// The policy as it is kept: a flat JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut members = Map::from_iter([("v".to_owned(), VERSION.into())]);
        if let Some(ttl) = self.access_ttl {
            members.insert("access_ttl".to_owned(), ttl.as_secs().into());
        }
        if let Some(audience) = &self.audience {
            members.insert("audience".to_owned(), audience.as_str().into());
        }
        if let Some(role) = self.role {
            members.insert("role".to_owned(), role.as_str().into());
        }
        for (name, url) in [("confirm_url", &self.confirm_url), ("reset_url", &self.reset_url)] {
            if let Some(url) = url {
                members.insert(name.to_owned(), url.as_str().into());
            }
        }
        let rules = [
            ("mfa", self.mfa.map(|mfa| mfa.as_str().into())),
            ("methods", self.methods.map(|methods| methods.names().into())),
            ("identifiers", self.identifiers.map(|identifiers| identifiers.names().into())),
        ];
        for (name, rule) in rules {
            if let Some(rule) = rule {
                members.insert("v".to_owned(), VERSION_WITH_RULES.into());
                members.insert(name.to_owned(), rule);
            }
        }
        Value::Object(members).to_string()
    }

    /// Reads it back. Members that are not known are passed over: a later server has them, which would have
    /// raised the version if that did harm. `None` = a higher version, or nothing that was ever written.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        let members: Map<String, Value> = serde_json::from_str(json).ok()?;
        if !(VERSION..=VERSION_WITH_RULES).contains(&members.get("v")?.as_u64()?) {
            return None;
        }
        // A member may be missing; one that is there is to be readable.
        let ttl = |value: &Value| value.as_u64().map(Duration::from_secs).and_then(access_ttl).ok_or(());
        let audience =
            |value: &Value| value.as_str().ok_or(()).and_then(|text| Audience::parse(text).map_err(drop));
        let role = |value: &Value| value.as_str().and_then(AdminRole::parse).ok_or(());
        let url =
            |value: &Value| value.as_str().ok_or(()).and_then(|text| PageUrl::parse(text).map_err(drop));
        let mfa = |value: &Value| value.as_str().and_then(SecondFactor::parse).ok_or(());
        let methods = |value: &Value| words(value).and_then(|words| Methods::named(words).map_err(drop));
        let identifiers =
            |value: &Value| words(value).and_then(|words| Identifiers::named(words).map_err(drop));
        Some(Self {
            access_ttl: members.get("access_ttl").map(ttl).transpose().ok()?,
            audience: members.get("audience").map(audience).transpose().ok()?,
            role: members.get("role").map(role).transpose().ok()?,
            confirm_url: members.get("confirm_url").map(url).transpose().ok()?,
            reset_url: members.get("reset_url").map(url).transpose().ok()?,
            mfa: members.get("mfa").map(mfa).transpose().ok()?,
            methods: members.get("methods").map(methods).transpose().ok()?,
            identifiers: members.get("identifiers").map(identifiers).transpose().ok()?,
        })
    }
}

fn words(value: &Value) -> Result<Vec<&str>, ()> {
    let words = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    words.ok_or(())
}

impl PolicyChange {
    /// Whether it changes what a sign-in must prove.
    #[must_use]
    pub fn is_of_rules(&self) -> bool {
        self.mfa != PolicyEdit::Keep || self.methods != PolicyEdit::Keep
    }

    /// What is to be merged into the object that is kept (RFC 7396): so a change of one member loses neither
    /// another's, nor one that only a later server knows.
    #[must_use]
    pub fn patch(&self) -> String {
        let mut members = Map::new();
        let mut put = |name: &str, decision: PolicyEdit<Value>| match decision {
            PolicyEdit::Keep => {}
            PolicyEdit::Drop => drop(members.insert(name.to_owned(), Value::Null)),
            PolicyEdit::Take(value) => drop(members.insert(name.to_owned(), value)),
        };
        put("access_ttl", self.access_ttl.map(|ttl| ttl.as_secs().into()));
        put("audience", self.audience.clone().map(|audience| audience.as_str().into()));
        put("role", self.role.map(|role| role.as_str().into()));
        put("confirm_url", self.confirm_url.clone().map(|url| url.as_str().into()));
        put("reset_url", self.reset_url.clone().map(|url| url.as_str().into()));
        put("mfa", self.mfa.map(|mfa| mfa.as_str().into()));
        put("methods", self.methods.map(|methods| methods.names().into()));
        put("identifiers", self.identifiers.map(|identifiers| identifiers.names().into()));
        if self.mfa.is_taken() || self.methods.is_taken() || self.identifiers.is_taken() {
            members.insert("v".to_owned(), VERSION_WITH_RULES.into());
        }
        Value::Object(members).to_string()
    }
}

impl<T> PolicyEdit<T> {
    /// The same with the value read into its type.
    ///
    /// # Errors
    /// What `parse` says of it.
    pub fn parse<U, E>(self, parse: impl FnOnce(T) -> Result<U, E>) -> Result<PolicyEdit<U>, E> {
        Ok(match self {
            Self::Keep => PolicyEdit::Keep,
            Self::Drop => PolicyEdit::Drop,
            Self::Take(value) => PolicyEdit::Take(parse(value)?),
        })
    }

    /// What it makes of what was decided before.
    fn onto(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Drop => None,
            Self::Take(value) => Some(value),
        }
    }

    const fn is_taken(&self) -> bool {
        matches!(self, Self::Take(_))
    }

    fn map<U>(self, map: impl FnOnce(T) -> U) -> PolicyEdit<U> {
        match self {
            Self::Keep => PolicyEdit::Keep,
            Self::Drop => PolicyEdit::Drop,
            Self::Take(value) => PolicyEdit::Take(map(value)),
        }
    }
}

/// A life that access tokens may have: whole seconds, at most a day.
#[must_use]
pub fn access_ttl(life: Duration) -> Option<Duration> {
    let is_whole = life.subsec_nanos() == 0;
    (is_whole && !life.is_zero() && life <= ACCESS_TTL_MAX).then_some(life)
}

#[cfg(test)]
mod tests {
    use super::{super::sign_in::Method, *};

    fn policy(secs: u64, audience: &str) -> AppPolicy {
        AppPolicy {
            access_ttl: Some(Duration::from_secs(secs)),
            audience: Some(Audience::parse(audience).expect("an audience")),
            role: Some(AdminRole::Support),
            confirm_url: Some(PageUrl::parse("https://a.example.com/confirm").expect("a URL")),
            reset_url: Some(PageUrl::parse("https://a.example.com/#reset={token}").expect("a URL")),
            mfa: Some(SecondFactor::Required),
            methods: Some(Methods::of(&[Method::Password, Method::Totp])),
            identifiers: Identifiers::named(["email"]).ok(),
        }
    }

    #[test]
    fn a_policy_is_read_back_as_it_was_written() {
        for policy in [AppPolicy::default(), policy(1, "a"), policy(86_400, "https://api.example.com/v1")] {
            assert_eq!(AppPolicy::read(&policy.json()), Some(policy));
        }
    }

    #[test]
    fn what_a_later_server_added_is_passed_over_and_what_it_forbids_to_is_not() {
        let known = r#"{"v":1,"access_ttl":60,"locale":{"of":["mails"]}}"#;
        let expected = AppPolicy { access_ttl: Some(Duration::from_mins(1)), ..AppPolicy::default() };
        assert_eq!(AppPolicy::read(known), Some(expected));
        assert_eq!(AppPolicy::read(r#"{"v":3,"mfa":"required"}"#), None);
    }

    #[test]
    fn what_was_never_written_is_not_read_as_no_policy() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"v":"1"}"#,
            r#"{"v":1,"access_ttl":0}"#,
            r#"{"v":1,"access_ttl":86401}"#,
            r#"{"v":1,"access_ttl":60.5}"#,
            r#"{"v":1,"access_ttl":null}"#,
            r#"{"v":1,"audience":""}"#,
            r#"{"v":1,"audience":["a"]}"#,
            r#"{"v":1,"audience":"a b"}"#,
            r#"{"v":1,"role":"root"}"#,
            r#"{"v":1,"role":1}"#,
            r#"{"v":1,"reset_url":"javascript:alert(1)"}"#,
            r#"{"v":1,"confirm_url":null}"#,
            r#"{"v":2,"mfa":"maybe"}"#,
            r#"{"v":2,"mfa":null}"#,
            r#"{"v":2,"methods":[]}"#,
            r#"{"v":2,"methods":"password"}"#,
            r#"{"v":2,"methods":["password","sms"]}"#,
            r#"{"v":2,"methods":null}"#,
            r#"{"v":2,"identifiers":[]}"#,
            r#"{"v":2,"identifiers":["phone"]}"#,
        ] {
            assert_eq!(AppPolicy::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_change_names_what_it_changes_alone() {
        assert_eq!(PolicyChange::default().patch(), "{}");
        let change = PolicyChange {
            access_ttl: PolicyEdit::Take(Duration::from_mins(1)),
            audience: PolicyEdit::Drop,
            role: PolicyEdit::Take(AdminRole::Read),
            confirm_url: PolicyEdit::Take(PageUrl::parse("https://a.example.com/c").expect("a URL")),
            reset_url: PolicyEdit::Drop,
            ..PolicyChange::default()
        };
        let patch = r#"{"access_ttl":60,"audience":null,"confirm_url":"https://a.example.com/c","reset_url":null,"role":"admin.read"}"#;
        assert_eq!(change.patch(), patch);
        // A server that does not know of it must not read the policy without it.
        let mfa = PolicyEdit::Take(SecondFactor::Required);
        let change = PolicyChange { mfa, ..PolicyChange::default() };
        assert_eq!(change.patch(), r#"{"mfa":"required","v":2}"#);
        let methods = PolicyEdit::Take(Methods::of(&[Method::Totp, Method::Password]));
        let change = PolicyChange { methods, identifiers: PolicyEdit::Drop, ..PolicyChange::default() };
        assert_eq!(change.patch(), r#"{"identifiers":null,"methods":["password","totp"],"v":2}"#);
        let identifiers = PolicyEdit::Take(Identifiers::ALL);
        let change = PolicyChange { identifiers, ..PolicyChange::default() };
        assert_eq!(change.patch(), r#"{"identifiers":["username","email"],"v":2}"#);
    }
}
