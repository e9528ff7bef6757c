//! Apps that nobody can sign in to, by what was decided for them: two decisions at once may come to that, or a setting
//! that has changed since.

use crate::{
    config::AccountEmail,
    domain::{app::App, identifier::Identifiers},
};

/// A line for each of them.
pub(super) fn advice(apps: &[App], email: AccountEmail) -> Vec<String> {
    apps.iter().filter_map(|app| of_app(app, email)).collect()
}

fn of_app(app: &App, email: AccountEmail) -> Option<String> {
    let name = app.name.as_str();
    if !app.policy.sign_in_rules().can_be_met() {
        return Some(format!(
            "nobody can sign in to the app {name} by the methods that it takes: `keyward app update {name}` with \
             --no-methods or another --mfa"
        ));
    }
    let takes_username = app.policy.identifiers.is_none_or(Identifiers::take_username);
    (!takes_username && email == AccountEmail::Off).then(|| {
        format!(
            "the app {name} takes e-mail addresses alone, and accounts.email is off, so no password signs in to it: \
             `keyward app update {name} --no-identifiers`"
        )
    })
}
