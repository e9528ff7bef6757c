//! How a mail looks and how it leaves: texts in the reader's language, the message made of them, and the way out, by
//! SMTP or into a folder. Whom it is for, and what its link opens, was decided before.

mod catalogue;
mod folder;
mod letter;
mod smtp;

use std::path::PathBuf;

pub use self::{
    catalogue::{Catalogue, CatalogueError},
    letter::{Facts, Letter, Way},
    smtp::{SmtpError, SmtpRoute, SmtpTls},
};
use self::{
    folder::MailFolder,
    letter::{compose, for_people, for_servers},
    smtp::SmtpClient,
};
use crate::domain::{
    sender::Sender,
    user::{Email, InvalidName},
};

/// Why a mail did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The server cannot be used at all, whatever the mail.
    #[error("{0}")]
    Away(String),
    /// It did not take this one now.
    #[error("{0}")]
    Later(String),
    /// It will never take this one.
    #[error("{0}")]
    Never(String),
}

enum WayOut {
    Smtp(SmtpClient),
    Folder(MailFolder),
}

/// Sends mail.
pub struct Post {
    catalogue: Catalogue,
    sender: Sender,
    way: WayOut,
}

impl Post {
    /// By way of a mail server, which is not asked before there is mail.
    ///
    /// # Errors
    /// When its authorities cannot be read.
    pub fn by_smtp(catalogue: Catalogue, sender: Sender, route: SmtpRoute) -> Result<Self, SmtpError> {
        Ok(Self { catalogue, sender, way: WayOut::Smtp(SmtpClient::new(route)?) })
    }

    /// Into a folder, a file each.
    ///
    /// # Errors
    /// Never: the address that stands for the sender's where none is set is one.
    pub fn into_folder(
        catalogue: Catalogue,
        sender: Option<Sender>,
        folder: PathBuf,
    ) -> Result<Self, InvalidName> {
        let sender = match sender {
            Some(sender) => sender,
            None => Sender { name: Some("Keyward".to_owned()), address: Email::parse("keyward@localhost")? },
        };
        Ok(Self { catalogue, sender, way: WayOut::Folder(MailFolder::at(folder)) })
    }

    /// Sends one mail.
    ///
    /// # Errors
    /// Says whether another try can help. No text of the mail is in it.
    pub async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let composed = |encoded| compose(letter, &self.catalogue, &self.sender, encoded);
        match &self.way {
            WayOut::Smtp(client) => Box::pin(client.send(&composed(for_servers)?)).await,
            WayOut::Folder(folder) => folder.keep(letter.id, composed(for_people)?.formatted()).await,
        }
    }

    /// Whether the server takes mail, found out without sending any.
    ///
    /// # Errors
    /// Says why it does not.
    pub async fn probe(&self) -> Result<(), NotSent> {
        match &self.way {
            WayOut::Smtp(client) => Box::pin(client.probe()).await,
            WayOut::Folder(_) => Ok(()),
        }
    }

    /// Nothing is to be sent for a while: connections are given back.
    pub async fn rest(&self) {
        if let WayOut::Smtp(client) = &self.way {
            Box::pin(client.rest()).await;
        }
    }
}
