//! What has to be done so that all is as the file says: steps, each one verb that is whole or not done at all.

use std::time::Duration;

use super::file::{AppDecisions, Desired, DesiredApp, DesiredUser};
use crate::{
    answers::{AppliedChange, ChangeKind},
    auth::apps::{AppUpdate, NewApp},
    domain::{
        app::{App, AppKind, AppName, Origin},
        app_policy::{AppPolicy, Audience, PolicyChange, PolicyEdit},
        identifier::Identifiers,
        ids::UserId,
        page_url::PageUrl,
        user::{Role, RoleChange, User},
    },
};

/// One verb.
#[derive(Debug)]
pub(super) enum Step {
    Add(NewApp),
    Update(AppName, AppUpdate),
    Roles(UserId, RoleChange),
    Remove(AppName),
}

impl Step {
    /// Whether the app of that name is confidential, where this step makes it.
    pub(super) fn kind_of_new(&self, name: &AppName) -> Option<bool> {
        match self {
            Self::Add(new) if new.name == *name => Some(new.confidential),
            _ => None,
        }
    }
}

/// A step, and what is said of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub step: Step,
    pub change: AppliedChange,
}

/// The steps from what is to what is wanted; `prune` removes apps that are not named. Removals are the last:
/// what is cut short has taken nothing away that something new was to replace.
pub(super) fn steps(wanted: &Desired, apps: &[App], users: &[User], prune: bool) -> Vec<Planned> {
    let mut steps = Vec::new();
    for (name, app) in &wanted.apps {
        if let DesiredApp::There(decisions) = app {
            steps.extend(of_app(name, apps.iter().find(|app| app.name == *name), decisions));
        }
    }
    let pairs = wanted.users.iter().zip(users);
    steps.extend(pairs.filter_map(|(wanted, user)| of_user(wanted, user)));
    let is_gone = |app: &&App| match wanted.apps.get(&app.name) {
        Some(DesiredApp::Removed) => true,
        Some(DesiredApp::There(_)) => false,
        None => prune && app.name != AppName::default_app(),
    };
    steps.extend(apps.iter().filter(is_gone).map(|app| removed(&app.name)));
    steps
}

/// A new app comes first as such, and then gets what was decided for it.
fn of_app(name: &AppName, there: Option<&App>, wanted: &AppDecisions) -> Vec<Planned> {
    let mut details = Vec::new();
    let policy = of_policy(there.map(|app| &app.policy), wanted, &mut details);
    let mut update = AppUpdate { policy, ..AppUpdate::default() };
    if let Some(App { kind, origins, .. }) = there {
        let is_confidential = matches!(kind, AppKind::Confidential { .. });
        update.confidential = wanted.confidential.filter(|wanted| *wanted != is_confidential);
        details.extend(update.confidential.map(|it| format!("kind: {} -> {}", word(!it), word(it))));
        update.origins = wanted.origins.clone().filter(|wanted| wanted != origins);
        let changed = update.origins.as_ref();
        details.extend(changed.map(|wanted| of_list("origins", origins, wanted, Origin::as_str)));
    }
    let changed = (!details.is_empty()).then(|| {
        let change = AppliedChange::of_app(ChangeKind::Change, name.as_str(), details);
        Planned { step: Step::Update(name.clone(), update), change }
    });
    there.is_none().then(|| added(name, wanted)).into_iter().chain(changed).collect()
}

fn added(name: &AppName, wanted: &AppDecisions) -> Planned {
    let (confidential, origins) =
        (wanted.confidential.unwrap_or(false), wanted.origins.clone().unwrap_or_default());
    let details = vec![format!("kind: {}", word(confidential)), format!("origins: {}", joined(&origins))];
    let change = AppliedChange::of_app(ChangeKind::Add, name.as_str(), details);
    Planned { step: Step::Add(NewApp { name: name.clone(), confidential, origins }), change }
}

const fn word(confidential: bool) -> &'static str {
    if confidential { "confidential" } else { "public" }
}

fn of_policy(there: Option<&AppPolicy>, wanted: &AppDecisions, details: &mut Vec<String>) -> PolicyChange {
    let none = AppPolicy::default();
    let there = there.unwrap_or(&none);
    let seconds = |life: &Duration| format!("{}s", life.as_secs());
    let access_ttl = edit(there.access_ttl.as_ref(), &wanted.access_ttl);
    let audience = edit(there.audience.as_ref(), &wanted.audience);
    details.extend(of_edit("access_ttl", there.access_ttl.as_ref(), &access_ttl, seconds));
    let named = |audience: &Audience| audience.as_str().to_owned();
    details.extend(of_edit("audience", there.audience.as_ref(), &audience, named));
    let role = edit(there.role.as_ref(), &wanted.role);
    details.extend(of_edit("role", there.role.as_ref(), &role, |role| role.as_str().to_owned()));
    let mfa = edit(there.mfa.as_ref(), &wanted.mfa);
    details.extend(of_edit("mfa", there.mfa.as_ref(), &mfa, |mfa| mfa.as_str().to_owned()));
    let methods = edit(there.methods.as_ref(), &wanted.methods);
    details.extend(of_edit("methods", there.methods.as_ref(), &methods, |list| list.names().join(" ")));
    let identifiers = edit(there.identifiers.as_ref(), &wanted.identifiers);
    let named = |list: &Identifiers| list.names().join(" ");
    details.extend(of_edit("identifiers", there.identifiers.as_ref(), &identifiers, named));
    let confirm_url = edit(there.confirm_url.as_ref(), &wanted.confirm_url);
    let reset_url = edit(there.reset_url.as_ref(), &wanted.reset_url);
    let shown = |url: &PageUrl| url.as_str().to_owned();
    details.extend(of_edit("confirm_url", there.confirm_url.as_ref(), &confirm_url, shown));
    details.extend(of_edit("reset_url", there.reset_url.as_ref(), &reset_url, shown));
    PolicyChange { access_ttl, audience, role, confirm_url, reset_url, mfa, methods, identifiers }
}

/// Nothing, where it is so already.
fn edit<T: Clone + PartialEq>(there: Option<&T>, wanted: &PolicyEdit<T>) -> PolicyEdit<T> {
    match wanted {
        PolicyEdit::Take(value) if there != Some(value) => PolicyEdit::Take(value.clone()),
        PolicyEdit::Drop if there.is_some() => PolicyEdit::Drop,
        _ => PolicyEdit::Keep,
    }
}

fn of_edit<T>(
    name: &str,
    there: Option<&T>,
    edit: &PolicyEdit<T>,
    text: impl Fn(&T) -> String,
) -> Option<String> {
    let new = match edit {
        PolicyEdit::Keep => return None,
        PolicyEdit::Drop => "-".to_owned(),
        PolicyEdit::Take(value) => text(value),
    };
    Some(format!("{name}: {} -> {new}", there.map_or("-".to_owned(), &text)))
}

fn of_user(wanted: &DesiredUser, user: &User) -> Option<Planned> {
    let missing =
        |from: &[Role], of: &[Role]| of.iter().filter(|role| !from.contains(role)).cloned().collect();
    let change = RoleChange {
        add: missing(&user.roles, &wanted.roles),
        remove: missing(&wanted.roles, &user.roles),
        is_whole: false,
    };
    (!change.add.is_empty() || !change.remove.is_empty()).then(|| {
        let details = vec![of_list("roles", &user.roles, &wanted.roles, Role::as_str)];
        let said = AppliedChange::of_user(user.username.shown(), details);
        Planned { step: Step::Roles(user.id, change), change: said }
    })
}

fn removed(name: &AppName) -> Planned {
    let details = vec!["its sessions end".to_owned()];
    let change = AppliedChange::of_app(ChangeKind::Remove, name.as_str(), details);
    Planned { step: Step::Remove(name.clone()), change }
}

/// What goes and what comes.
fn of_list<T: PartialEq>(name: &str, old: &[T], new: &[T], text: impl Fn(&T) -> &str) -> String {
    let gone = old.iter().filter(|item| !new.contains(item)).map(|item| format!("-{}", text(item)));
    let come = new.iter().filter(|item| !old.contains(item)).map(|item| format!("+{}", text(item)));
    format!("{name}: {}", gone.chain(come).collect::<Vec<_>>().join(" "))
}

fn joined(origins: &[Origin]) -> String {
    let texts: Vec<&str> = origins.iter().map(Origin::as_str).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(" ") }
}
