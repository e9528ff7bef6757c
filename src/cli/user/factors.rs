//! `keyward user factors`

use clap::{Args, Subcommand};
use serde::Serialize;

use super::find;
use crate::{
    answers::{Factor, Factors, RemovedFactors},
    auth::Auth,
    cli::{
        error::CliError,
        operator,
        output::{self, Format, Row, relative},
    },
    domain::{clock::Timestamp, factor, user::Username},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct FactorsArgs {
    /// Whose account
    #[arg(value_parser = Username::known)]
    name: Username,
    #[command(flatten)]
    format: Format,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take all of them away, with the recovery codes: for who has lost them. The sessions go on
    Remove {
        #[command(flatten)]
        format: Format,
    },
}

pub(super) async fn run(auth: &Auth, wanted: FactorsArgs) -> Result<(), CliError> {
    let FactorsArgs { name, format, action } = wanted;
    let user = find(auth, &name).await?;
    let Some(Action::Remove { format: after }) = action else {
        return list(&auth.factors_of(user.id).await?, format);
    };
    let removed = auth.remove_factors(user.id, &operator::occasion()).await?;
    let sentence = match removed {
        0 => format!("{name} has no second factor."),
        1 => format!("{name} signs in by the password alone; the second factor is removed."),
        _ => format!("{name} signs in by the password alone; {removed} factors are removed."),
    };
    let format = if format.is_json() { format } else { after };
    format.say(&RemovedFactors { removed }, &sentence)
}

fn list(own: &factor::UserFactors, format: Format) -> Result<(), CliError> {
    if format.is_json() {
        return format.show(&Factors::from(own));
    }
    let confirmed: Vec<factor::Factor> = own.confirmed().cloned().collect();
    output::note(&format!("{} recovery codes are left.", own.recovery_codes.len()));
    output::listing(&confirmed, false)
}

impl Row for factor::Factor {
    const COLUMNS: &'static [&'static str] = &["id", "kind", "created"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![self.id.to_string(), self.kind.as_str().to_owned(), relative(self.created_at, now)]
    }

    fn answer(&self) -> impl Serialize {
        Factor::from(self)
    }
}
