//! The file of `keyward apply`: what it says of apps and users, read into types. What it does not say of an app
//! stays as it is.

use std::{collections::BTreeMap, fmt::Display, path::Path, time::Duration};

use toml::{Table, Value};

use crate::{
    auth::error::Invalid,
    cli::error::CliError,
    config,
    domain::{
        admin::AdminRole,
        app::{AppName, Origin},
        app_policy::{self, AppPolicy, Audience, PolicyChange, PolicyEdit},
        identifier::Identifiers,
        page_url::PageUrl,
        sign_in::{Methods, SecondFactor},
        user::{InvalidName, ROLES_MAX, Role, Username},
    },
};

const SECTIONS: [&str; 2] = ["apps", "users"];
const OF_APP: [&str; 11] = [
    "kind",
    "origins",
    "access_ttl",
    "audience",
    "role",
    "mfa",
    "methods",
    "identifiers",
    "confirm_url",
    "reset_url",
    "removed",
];
const OF_USER: [&str; 1] = ["roles"];

/// What is to be.
#[derive(Debug, Default)]
pub(super) struct Desired {
    pub apps: BTreeMap<AppName, DesiredApp>,
    pub users: Vec<DesiredUser>,
}

/// What is to become of an app.
#[derive(Debug)]
pub(super) enum DesiredApp {
    Removed,
    There(AppDecisions),
}

/// What is decided for an app; `None` = it stays as it is.
#[derive(Debug, Default)]
pub(super) struct AppDecisions {
    pub confidential: Option<bool>,
    pub origins: Option<Vec<Origin>>,
    pub access_ttl: PolicyEdit<Duration>,
    pub audience: PolicyEdit<Audience>,
    /// What it may do over the admin API.
    pub role: PolicyEdit<AdminRole>,
    /// Its pages that links in mails lead to.
    pub confirm_url: PolicyEdit<PageUrl>,
    pub reset_url: PolicyEdit<PageUrl>,
    /// Whether it asks for a second factor.
    pub mfa: PolicyEdit<SecondFactor>,
    /// What may be proved by at a sign-in to it.
    pub methods: PolicyEdit<Methods>,
    /// By what somebody may name themselves there.
    pub identifiers: PolicyEdit<Identifiers>,
}

/// A user, and which roles they have: these and no others.
#[derive(Debug)]
pub(super) struct DesiredUser {
    pub name: Username,
    pub roles: Vec<Role>,
}

impl Desired {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let wrong = |what: String| CliError::Refused(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            wrong(format!("line {line}: {}", error.message()))
        })?;
        wanted(&table).map_err(wrong)
    }
}

/// What is wrong, with its place in the file.
type Read<T> = Result<T, String>;

fn wanted(table: &Table) -> Read<Desired> {
    known("", table, &SECTIONS)?;
    let mut wanted = Desired::default();
    for (name, value) in section(table, "apps")? {
        let place = format!("apps.{name}");
        let name = AppName::parse(name).map_err(|error| format!("{place}: {error}"))?;
        let app = app(&place, inner(&place, value)?)?;
        refuse_of_default(&place, &name, &app)?;
        wanted.apps.insert(name, app);
    }
    for (name, value) in section(table, "users")? {
        let place = format!("users.{name}");
        let name = Username::known(name).map_err(|error| format!("{place}: {error}"))?;
        if wanted.users.iter().any(|user| user.name.key() == name.key()) {
            return Err(format!("{place} is there already: names are compared without case"));
        }
        wanted.users.push(DesiredUser { name, roles: roles(&place, inner(&place, value)?)? });
    }
    Ok(wanted)
}

fn app(place: &str, table: &Table) -> Read<DesiredApp> {
    known(place, table, &OF_APP)?;
    match table.get("removed") {
        Some(Value::Boolean(true)) if table.len() == 1 => return Ok(DesiredApp::Removed),
        Some(Value::Boolean(true)) => {
            return Err(format!("{place} is removed, and has other keys beside that"));
        }
        None | Some(Value::Boolean(false)) => {}
        Some(_) => return Err(format!("{place}.removed wants true or false")),
    }
    let confidential = match text(place, table, "kind")? {
        None => None,
        Some("public") => Some(false),
        Some("confidential") => Some(true),
        Some(_) => return Err(format!("{place}.kind wants \"public\" or \"confidential\"")),
    };
    let role = |text: &str| AdminRole::parse(text).ok_or("wants admin, admin.support or admin.read");
    let access_ttl =
        |text: &str| config::duration(text).and_then(app_policy::access_ttl).ok_or("wants 1s to 24h");
    let decisions = AppDecisions {
        confidential,
        origins: list(place, table, "origins", Origin::parse)?.map(in_order),
        access_ttl: decision(place, table, "access_ttl", access_ttl)?,
        audience: decision(place, table, "audience", Audience::parse)?,
        role: decision(place, table, "role", role)?,
        confirm_url: decision(place, table, "confirm_url", PageUrl::parse)?,
        reset_url: decision(place, table, "reset_url", PageUrl::parse)?,
        mfa: decision(place, table, "mfa", second_factor)?,
        methods: choice(place, table, "methods", |words| Methods::named(words.iter().copied()))?,
        identifiers: choice(place, table, "identifiers", |words| Identifiers::named(words.iter().copied()))?,
    };
    refuse_closed(place, &decisions)?;
    Ok(DesiredApp::There(decisions))
}

/// What the file alone says of an app that nobody could sign in to, before anything is done.
fn refuse_closed(place: &str, app: &AppDecisions) -> Read<()> {
    let (mfa, methods) = (app.mfa, app.methods);
    let change = PolicyChange { mfa, methods, ..PolicyChange::default() };
    if AppPolicy::default().rules_after(&change).can_be_met() {
        return Ok(());
    }
    Err(format!("{place}: {}", Invalid::NoWayIn))
}

fn second_factor(text: &str) -> Result<SecondFactor, &'static str> {
    SecondFactor::parse(text).ok_or("wants off, optional or required")
}

fn refuse_of_default(place: &str, name: &AppName, app: &DesiredApp) -> Read<()> {
    if *name != AppName::default_app() {
        return Ok(());
    }
    match app {
        DesiredApp::Removed => Err(format!("{place} stays: it cannot be removed")),
        DesiredApp::There(AppDecisions { confidential: Some(true), .. }) => {
            Err(format!("{place}.kind: the app default is public"))
        }
        DesiredApp::There(_) => Ok(()),
    }
}

fn roles(place: &str, table: &Table) -> Read<Vec<Role>> {
    known(place, table, &OF_USER)?;
    let roles = list(place, table, "roles", Role::parse)?.map(in_order);
    let roles = roles.ok_or_else(|| format!("{place}.roles is missing: [] takes all of them"))?;
    if roles.len() > ROLES_MAX {
        return Err(format!("{place}.roles: a user has at most {ROLES_MAX}"));
    }
    Ok(roles)
}

/// Each once.
fn in_order<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

/// An unknown key is a mistake, and most likely a slip of the pen.
fn known(place: &str, table: &Table, keys: &[&str]) -> Read<()> {
    let dotted = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    let Some(strange) = table.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
    let alike = |key: &&&str| strsim::normalized_damerau_levenshtein(strange, key);
    let nearest = keys.iter().max_by(|a, b| alike(a).total_cmp(&alike(b))).copied().unwrap_or_default();
    Err(format!("unknown key {}; the nearest is {}", dotted(strange), dotted(nearest)))
}

fn section<'a>(table: &'a Table, name: &str) -> Read<impl Iterator<Item = (&'a String, &'a Value)>> {
    let section = table.get(name).map(|value| inner(name, value)).transpose()?;
    Ok(section.into_iter().flatten())
}

fn inner<'a>(place: &str, value: &'a Value) -> Read<&'a Table> {
    value.as_table().ok_or_else(|| format!("{place} wants a table"))
}

fn text<'a>(place: &str, table: &'a Table, key: &str) -> Read<Option<&'a str>> {
    let text =
        |value: &'a Value| value.as_str().ok_or_else(|| format!("{place}.{key} wants a text in quotes"));
    table.get(key).map(text).transpose()
}

/// The empty text stands for what the settings say.
fn decision<T, E: Display>(
    place: &str,
    table: &Table,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Read<PolicyEdit<T>> {
    match text(place, table, key)? {
        None => Ok(PolicyEdit::Keep),
        Some("") => Ok(PolicyEdit::Drop),
        Some(text) => parse(text).map(PolicyEdit::Take).map_err(|error| format!("{place}.{key}: {error}")),
    }
}

/// The empty list stands for what is so where nothing is decided.
fn choice<T>(
    place: &str,
    table: &Table,
    key: &str,
    parse: impl FnOnce(&[&str]) -> Result<T, InvalidName>,
) -> Read<PolicyEdit<T>> {
    let Some(value) = table.get(key) else { return Ok(PolicyEdit::Keep) };
    let words = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    match words.ok_or_else(|| format!("{place}.{key} wants a list of texts"))?.as_slice() {
        [] => Ok(PolicyEdit::Drop),
        words => parse(words).map(PolicyEdit::Take).map_err(|error| format!("{place}.{key}: {error}")),
    }
}

fn list<T, E: Display>(
    place: &str,
    table: &Table,
    key: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Read<Option<Vec<T>>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let wrong = || format!("{place}.{key} wants a list of texts");
    let items = value.as_array().ok_or_else(wrong)?.iter().map(|item| {
        let text = item.as_str().ok_or_else(wrong)?;
        parse(text).map_err(|error| format!("{place}.{key}: {text:?}: {error}"))
    });
    items.collect::<Read<Vec<T>>>().map(Some)
}
