//! A client of one mail server. A connection is used for one mail after the other while there are any; each step has
//! an end in time, and one that was broken off is not used again. What a server says is kept as its codes alone: some
//! repeat the mail, and with it the link.

use std::{
    io, iter,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::NotSent;

/// How long it may take to say that it is still there, or good bye.
const WORD: Duration = Duration::from_secs(5);
/// How many connections are kept between two mails.
const IDLE: usize = 8;
/// Refusals that are about who sends and not about the mail (RFC 4954 section 6).
const OF_LOGIN: [u16; 4] = [530, 534, 535, 538];

/// How a connection is kept from being overheard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, and nothing is sent where that is not offered.
    StartTls,
    Plain,
}

/// The way to a mail server.
pub struct SmtpRoute {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// Name and password.
    pub login: Option<(String, SecretString)>,
    /// PEM of the authorities; `None` = the system's.
    pub authorities: Option<Vec<u8>>,
    /// What this server calls itself.
    pub own_host: String,
    /// How long it may take until a mail can be handed to it, and half of how long to accept one. RFC 5321 section
    /// 4.5.3.2 would have us wait longer; here the next try comes soon.
    pub patience: Duration,
}

/// A way that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("the authorities of the mail server cannot be used")]
pub struct SmtpError(#[source] Error);

pub(super) struct SmtpClient {
    route: SmtpRoute,
    parameters: TlsParameters,
    hello: ClientId,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl SmtpClient {
    pub(super) fn new(route: SmtpRoute) -> Result<Self, SmtpError> {
        let mut tls = TlsParameters::builder(route.host.clone());
        if let Some(pem) = &route.authorities {
            tls = tls
                .certificate_store(CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(pem).map_err(SmtpError)?);
        }
        let hello = match route.own_host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            Ok(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Err(_) => ClientId::Domain(route.own_host.clone()),
        };
        let parameters = tls.build_rustls().map_err(SmtpError)?;
        Ok(Self { route, parameters, hello, idle: Mutex::default() })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let mut connection = self.connection().await?;
        match timeout(self.route.patience * 2, connection.send(message.envelope(), &message.formatted()))
            .await
        {
            Ok(Ok(_)) => {
                self.park(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(of_mail(&error)),
            Err(_) => Err(NotSent::Later("the server did not answer in time".to_owned())),
        }
    }

    pub(super) async fn probe(&self) -> Result<(), NotSent> {
        let mut connection = self.connection().await?;
        // That it answers is known by now.
        let _ = timeout(WORD, connection.quit()).await;
        Ok(())
    }

    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut connection in idle {
            let _ = timeout(WORD, connection.quit()).await;
        }
    }

    /// One that a mail can be handed to.
    async fn connection(&self) -> Result<AsyncSmtpConnection, NotSent> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut connection) = idle else { break };
            if timeout(WORD, connection.test_connected()).await == Ok(true) {
                return Ok(connection);
            }
        }
        match timeout(self.route.patience, self.open()).await {
            Ok(opened) => opened.map_err(|error| NotSent::Away(said(&error))),
            Err(_) => Err(NotSent::Away("the server did not answer in time".to_owned())),
        }
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let SmtpRoute { host, port, tls, login, .. } = &self.route;
        let wrapped = (*tls == SmtpTls::Implicit).then(|| self.parameters.clone());
        let place = (host.as_str(), *port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(place, Some(self.route.patience), &self.hello, wrapped, None);
        let mut connection = connected.await?;
        if *tls == SmtpTls::StartTls {
            connection.starttls(self.parameters.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}

/// What an answer to a mail means for it.
fn of_mail(error: &Error) -> NotSent {
    let is_of_login = error.status().is_some_and(|code| OF_LOGIN.contains(&u16::from(code)));
    // The client itself refuses what the server has said it cannot take: an address beyond ASCII.
    if (error.is_permanent() && !is_of_login) || error.is_client() {
        NotSent::Never(said(error))
    } else {
        NotSent::Later(said(error))
    }
}

/// Whether what was read is no TLS that is trusted: the library hands that on as an error of input.
fn is_of_tls(error: &Error) -> bool {
    inputs(error).any(|input| input.kind() == io::ErrorKind::InvalidData)
}

/// The errors of input below one of the library.
fn inputs(error: &Error) -> impl Iterator<Item = &io::Error> {
    let causes = iter::successors(std::error::Error::source(error), |&cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref())
}

/// With the reason as the operating system has it, which knows nothing of a mail.
fn away(error: &Error) -> String {
    let reason = inputs(error).next().map(|reason| format!(": {reason}"));
    format!("the server cannot be reached{}", reason.unwrap_or_default())
}

/// The codes of an answer (RFC 5321 section 4.2, RFC 3463), or what went wrong in our own words.
fn said(error: &Error) -> String {
    let Some(code) = error.status() else {
        return match error {
            _ if error.is_tls() || is_of_tls(error) => "TLS failed".to_owned(),
            _ if error.is_client() => "the server does not offer what is needed".to_owned(),
            _ if error.is_response() => "the server broke off, or answered what is no SMTP".to_owned(),
            _ => away(error),
        };
    };
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let is_status =
        |word: &&str| word.split('.').count() == 3 && word.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    match cause.split_whitespace().next().filter(is_status) {
        Some(status) if status.len() <= 9 => format!("the server said {code} {status}"),
        _ => format!("the server said {code}"),
    }
}
