//! The way that mail takes, as the settings say.

use std::{fs, time::Duration};

use super::StartError;
use crate::{
    config::{PublicUrl, Settings, Smtp, SmtpSecurity},
    mail::{Catalogue, Post, SmtpRoute, SmtpTls},
};

/// Where mails are written where no server is set, below `storage.data_dir`.
pub(super) const FOLDER: &str = "mail";
/// How long a mail server may take until a mail can be handed to it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Blocks: it is for the start. The server itself is not asked.
pub(super) fn of(settings: &Settings, public_url: &PublicUrl) -> Result<Post, StartError> {
    let (mail, catalogue) = (&settings.mail, Catalogue::with(settings.mail.templates.as_deref())?);
    match (&mail.smtp, &mail.from) {
        (Some(smtp), Some(from)) => Ok(Post::by_smtp(catalogue, from.clone(), route(smtp, public_url)?)?),
        _ => Ok(Post::into_folder(catalogue, mail.from.clone(), settings.storage.data_dir.join(FOLDER))?),
    }
}

fn route(smtp: &Smtp, public_url: &PublicUrl) -> Result<SmtpRoute, StartError> {
    let authorities = smtp.tls_ca.as_ref().map(|path| {
        let read = fs::read(path);
        read.map_err(|source| StartError::File { setting: "mail.smtp_tls_ca", path: path.clone(), source })
    });
    Ok(SmtpRoute {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.security {
            SmtpSecurity::Implicit => SmtpTls::Implicit,
            SmtpSecurity::StartTls => SmtpTls::StartTls,
            SmtpSecurity::Plain => SmtpTls::Plain,
        },
        login: smtp.login.clone(),
        authorities: authorities.transpose()?,
        own_host: public_url.host().to_owned(),
        patience: PATIENCE,
    })
}
