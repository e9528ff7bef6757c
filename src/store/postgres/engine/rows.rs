//! From rows to domain types. A row this server would never write is an error that names table,
//! column and id.

use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use crate::{
    domain::{
        app::{App, AppKind, AppName, Origin},
        app_policy::AppPolicy,
        clock::Timestamp,
        event::{Event, EventId},
        factor::{Factor, FactorKind, SealedSecret},
        ids::{FactorId, SessionId, UserId},
        locale::Locale,
        mail::{Mail, MailId, Recipient},
        recovery_code::RecoveryHash,
        secret::PasswordHash,
        user::{Account, Email, Role, User, UserStatus, Username},
    },
    store::{
        addresses::PendingEmail,
        outbox::KeptMail,
        postgres::{STORE, StoreError},
    },
};

/// A row, by the id it is named with in errors.
struct NamedRow<'a> {
    row: &'a Row,
    id: String,
}

impl NamedRow<'_> {
    /// The value of a column, given as `table.column`.
    fn value<'r, T: FromSql<'r>>(&'r self, place: &'static str) -> Result<T, StoreError> {
        let column = place.rsplit_once('.').map_or(place, |(_, column)| column);
        self.row.try_get(column).map_err(|_| self.corrupt(place))
    }

    /// A text read into its type.
    fn parsed<T>(&self, place: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(self.value(place)?).ok_or_else(|| self.corrupt(place))
    }

    /// A text that may be missing.
    fn optional<T>(
        &self,
        place: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(place)?;
        text.map(|text| parse(text).ok_or_else(|| self.corrupt(place))).transpose()
    }

    /// A list of texts, each read into its type.
    fn list<T>(&self, place: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, StoreError> {
        let texts: Vec<&str> = self.value(place)?;
        texts.into_iter().map(parse).collect::<Option<_>>().ok_or_else(|| self.corrupt(place))
    }

    /// A number that is counted from 0.
    fn number(&self, place: &'static str) -> Result<u32, StoreError> {
        let number: i64 = self.value(place)?;
        u32::try_from(number).map_err(|_| self.corrupt(place))
    }

    fn corrupt(&self, place: &'static str) -> StoreError {
        StoreError::Corrupt { store: STORE, place, id: self.id.clone() }
    }
}

/// A row of `users` with its hash.
pub(in crate::store::postgres) fn account(row: &Row) -> Result<Account, StoreError> {
    let user = user(row)?;
    let record = NamedRow { row, id: user.id.to_string() };
    let password_hash = PasswordHash::from_phc(record.value("users.password_hash")?);
    Ok(Account { user, password_hash, pardons: record.number("users.pardons")? })
}

/// A row of `users`.
pub(in crate::store::postgres) fn user(row: &Row) -> Result<User, StoreError> {
    let unnamed = NamedRow { row, id: "a row".to_owned() };
    let id: Uuid = unnamed.value("users.id")?;
    let record = NamedRow { row, id: id.to_string() };
    let email: Option<&str> = record.value("users.email")?;
    let email = email.map(|text| Email::known(text).map_err(|_| record.corrupt("users.email")));
    let locale: Option<&str> = record.value("users.locale")?;
    let locale = locale.map(|text| Locale::parse(text).map_err(|_| record.corrupt("users.locale")));
    Ok(User {
        id: UserId::from_uuid(id),
        username: record.parsed("users.username", |text| Username::known(text).ok())?,
        email: email.transpose()?,
        email_verified: record.value("users.email_verified")?,
        roles: record.list("users.roles", |text| Role::parse(text).ok())?,
        roles_at: Timestamp::from_secs(record.value("users.roles_at")?),
        status: record.parsed("users.status", status_of)?,
        locale: locale.transpose()?,
        created_at: Timestamp::from_millis(record.value("users.created_at")?),
    })
}

/// A row of `apps`.
pub(in crate::store::postgres) fn app(row: &Row) -> Result<App, StoreError> {
    let unnamed = NamedRow { row, id: "a row".to_owned() };
    let record = NamedRow { row, id: unnamed.value("apps.name")? };
    let secret: Option<&[u8]> = record.value("apps.secret_sha256")?;
    let secret = secret.map(|hash| hash.try_into().map_err(|_| record.corrupt("apps.secret_sha256")));
    Ok(App {
        name: record.parsed("apps.name", |text| AppName::parse(text).ok())?,
        kind: match secret.transpose()? {
            Some(secret_sha256) => AppKind::Confidential { secret_sha256 },
            None => AppKind::Public,
        },
        origins: record.list("apps.origins", |text| Origin::parse(text).ok())?,
        policy: record.parsed("apps.policy", AppPolicy::read)?,
        created_at: Timestamp::from_millis(record.value("apps.created_at")?),
    })
}

/// A row of `events`.
pub(in crate::store::postgres) fn event(row: &Row) -> Result<Event, StoreError> {
    let unnamed = NamedRow { row, id: "a row".to_owned() };
    let id = EventId::from_uuid(unnamed.value("events.id")?);
    let record = NamedRow { row, id: id.to_string() };
    let session: Option<&[u8]> = record.value("events.session_id")?;
    let session = session.map(|bytes| bytes.try_into().map_err(|_| record.corrupt("events.session_id")));
    Ok(Event {
        id,
        at: Timestamp::from_millis(record.value("events.at")?),
        kind: record.parsed("events.kind", |text| text.parse().ok())?,
        user: record.value::<Option<Uuid>>("events.user_id")?.map(UserId::from_uuid),
        session: session.transpose()?.map(SessionId::from_bytes),
        app: record.optional("events.app", |text| AppName::parse(text).ok())?,
        address: record.optional("events.address", |text| text.parse().ok())?,
        agent: record.value("events.agent")?,
        by: record.parsed("events.by_whom", |text| text.parse().ok())?,
        reason: record.value("events.reason")?,
        detail: record.value("events.detail")?,
        request: record.value("events.request_id")?,
        count: record.number("events.count")?,
    })
}

/// A row of `mails`.
pub(in crate::store::postgres) fn mail(row: &Row) -> Result<KeptMail, StoreError> {
    let unnamed = NamedRow { row, id: "a row".to_owned() };
    let id = MailId::from_uuid(unnamed.value("mails.id")?);
    let record = NamedRow { row, id: id.to_string() };
    Ok(KeptMail {
        mail: Mail {
            id,
            kind: record.parsed("mails.kind", |text| text.parse().ok())?,
            recipient: recipient(&record)?,
            app: record.parsed("mails.app", |text| AppName::parse(text).ok())?,
            created_at: Timestamp::from_millis(record.value("mails.created_at")?),
            until: Timestamp::from_millis(record.value("mails.until")?),
            attempts: record.number("mails.attempts")?,
        },
        due_at: Timestamp::from_millis(record.value("mails.due_at")?),
        is_dead: record.value("mails.is_dead")?,
        failure: record.value("mails.failure")?,
    })
}

fn recipient(record: &NamedRow<'_>) -> Result<Recipient, StoreError> {
    let identifier: Option<String> = record.value("mails.identifier")?;
    if let Some(identifier) = identifier {
        return Ok(Recipient::Named(identifier));
    }
    let user = UserId::from_uuid(record.value("mails.user_id")?);
    match record.optional("mails.address", |text| Email::known(text).ok())? {
        None => Ok(Recipient::User(user)),
        Some(address) => Ok(Recipient::At { user, address, version: record.number("mails.version")? }),
    }
}

/// A row of `email_changes` with an address that is pending.
pub(in crate::store::postgres) fn pending_email(row: &Row, user: UserId) -> Result<PendingEmail, StoreError> {
    let record = NamedRow { row, id: user.to_string() };
    Ok(PendingEmail {
        address: record.parsed("email_changes.pending", |text| Email::known(text).ok())?,
        version: record.number("email_changes.version")?,
        until: Timestamp::from_millis(record.value("email_changes.pending_until")?),
        opens: record.value("email_changes.opens")?,
    })
}

/// A number of a user's row.
pub(in crate::store::postgres) fn number(
    row: &Row,
    place: &'static str,
    user: UserId,
) -> Result<u32, StoreError> {
    NamedRow { row, id: user.to_string() }.number(place)
}

/// A row of `factors`.
pub(in crate::store::postgres) fn factor(row: &Row) -> Result<Factor, StoreError> {
    let unnamed = NamedRow { row, id: "a row".to_owned() };
    let id: &[u8] = unnamed.value("factors.id")?;
    let id = FactorId::from_bytes(id.try_into().map_err(|_| unnamed.corrupt("factors.id"))?);
    let record = NamedRow { row, id: id.to_string() };
    Ok(Factor {
        id,
        kind: record.parsed("factors.kind", FactorKind::parse)?,
        sealed: SealedSecret::new(record.value("factors.sealed")?),
        created_at: Timestamp::from_millis(record.value("factors.created_at")?),
        confirmed_at: record.value::<Option<i64>>("factors.confirmed_at")?.map(Timestamp::from_millis),
    })
}

/// A row of `recovery_codes`.
pub(in crate::store::postgres) fn recovery_hash(row: &Row) -> Result<RecoveryHash, StoreError> {
    let record = NamedRow { row, id: "a row".to_owned() };
    let hash: &[u8] = record.value("recovery_codes.hash")?;
    hash.try_into().map(RecoveryHash::from_bytes).map_err(|_| record.corrupt("recovery_codes.hash"))
}

/// How a status is written.
pub(in crate::store::postgres) const fn status_text(status: UserStatus) -> &'static str {
    match status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
    }
}

fn status_of(text: &str) -> Option<UserStatus> {
    [UserStatus::Active, UserStatus::Disabled].into_iter().find(|status| status_text(*status) == text)
}
