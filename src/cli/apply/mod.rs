//! `keyward apply`

mod file;
mod plan;

use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use clap::Args as ClapArgs;

use self::{
    file::{Desired, DesiredUser},
    plan::{Planned, Step},
};
use super::{
    Context,
    error::CliError,
    operator,
    output::{self, Format},
};
use crate::{
    answers::Applied,
    auth::{
        Auth,
        apps::AppUpdate,
        error::{AuthError, Missing},
    },
    domain::{secret::AppSecret, user::User},
};

/// Make apps, roles and policies as a file says, after showing what that changes
///
/// The file is TOML: `[apps.NAME]` with `kind`, `origins`, `access_ttl`, `audience`, `role`, `mfa`, `methods`,
/// `identifiers`, or `removed = true`; and `[users.NAME]` with `roles`, which are then all that the user has. What is not said of an app stays as it is.
/// Without --yes it asks, and where there is no terminal it changes nothing and ends in exit code 1 if there is
/// anything to change. What a run that was cut short has left, the next one does.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// What is to be, as TOML
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Remove apps that the file does not name, and end their sessions; `default` stays
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let wanted = Desired::read(&args.file)?;
    if args.prune && wanted.apps.is_empty() {
        let file = args.file.display();
        return Err(CliError::Refused(format!("{file} names no app: --prune would remove every one")));
    }
    let app = context.open().await?;
    let auth = app.auth();
    let users = users(auth, &wanted.users).await?;
    let steps = plan::steps(&wanted, &auth.apps().await?, &users, args.prune);
    refuse_mistakes(auth, &steps).await?;
    let mut said =
        Applied { applied: false, changes: steps.iter().map(|step| step.change.clone()).collect() };
    if !args.format.is_json() {
        show(&steps)?;
    }
    if !steps.is_empty() && !is_wanted(args)? {
        if args.format.is_json() {
            args.format.say(&said, "")?;
        }
        return Err(CliError::Pending);
    }
    let done = do_all(auth, steps, &mut said, args.format).await;
    said.applied = done.is_ok();
    if args.format.is_json() {
        // What was done is said whatever came then: a new secret is nowhere else.
        args.format.say(&said, "")?;
    }
    done
}

/// The users of the file; it makes none, for it holds no password.
async fn users(auth: &Auth, wanted: &[DesiredUser]) -> Result<Vec<User>, CliError> {
    let mut users = Vec::new();
    for DesiredUser { name, .. } in wanted {
        users.push(auth.user(name).await.map_err(|error| match error {
            AuthError::NotFound(Missing::User) => {
                CliError::Refused(format!("there is no user {name}: `keyward user add` makes it"))
            }
            error => error.into(),
        })?);
    }
    Ok(users)
}

/// What comes to a mistake only with what is there, or with the settings, before anything is done.
async fn refuse_mistakes(auth: &Auth, steps: &[Planned]) -> Result<(), CliError> {
    for planned in steps {
        let Step::Update(name, AppUpdate { confidential, policy, .. }) = &planned.step else { continue };
        let made = steps.iter().find_map(|planned| planned.step.kind_of_new(name));
        auth.require_sense(name, confidential.or(made), policy).await.map_err(|error| match error {
            AuthError::Invalid(mistake) => CliError::Refused(format!("apps.{}: {mistake}", name.as_str())),
            error => error.into(),
        })?;
    }
    Ok(())
}

fn show(steps: &[Planned]) -> Result<(), CliError> {
    if steps.is_empty() {
        return output::line("All is as the file says.");
    }
    steps.iter().try_for_each(|planned| output::line(&planned.change.to_string()))
}

/// Asks, where somebody is there who can answer.
fn is_wanted(args: &Args) -> Result<bool, CliError> {
    if args.yes || args.format.is_json() || !io::stdin().is_terminal() {
        return Ok(args.yes);
    }
    output::note("Do it? [y/N]");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

async fn do_all(
    auth: &Auth,
    steps: Vec<Planned>,
    said: &mut Applied,
    format: Format,
) -> Result<(), CliError> {
    for (place, Planned { step, .. }) in steps.into_iter().enumerate() {
        let secret = take(auth, step).await?;
        let change = &mut said.changes[place];
        change.done = true;
        if let Some(secret) = secret {
            if !format.is_json() {
                output::note(&format!("The secret of {}, shown this once:", change.name()));
                output::line(secret.expose())?;
            }
            change.secret = Some(secret.expose().to_owned());
        }
    }
    Ok(())
}

/// Takes a step; returns a secret that was made by it.
async fn take(auth: &Auth, step: Step) -> Result<Option<AppSecret>, CliError> {
    let occasion = operator::occasion();
    match step {
        Step::Add(new) => Ok(auth.add_app(new, &occasion).await?.secret),
        Step::Update(name, update) => Ok(auth.update_app(&name, update, &occasion).await?.secret),
        Step::Roles(user, change) => Ok(auth.change_roles(user, &change, &occasion).await.map(|_| None)?),
        Step::Remove(name) => match auth.remove_app(&name, &occasion).await {
            // Somebody was faster.
            Ok(_) | Err(AuthError::NotFound(Missing::App)) => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}
