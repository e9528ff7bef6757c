//! Settings that are good each by itself, and wrong together.

use super::{
    error::ConfigError,
    layers::Layers,
    origin::SettingOrigin,
    settings::{Database, Settings},
};

/// Refuses what cannot work together.
pub(super) fn together(settings: &Settings, layers: &Layers) -> Result<(), ConfigError> {
    let conflict = |setting: &str, what: &str| {
        let origin = layers.find(setting).map_or(SettingOrigin::Default, |entry| entry.origin.clone());
        Err(ConfigError::Conflict { origin, what: what.to_owned() })
    };
    let text = |name| layers.find(name).and_then(|entry| entry.value.as_str()).unwrap_or_default();
    let mode = text("storage.redis_mode");
    if let Some((setting, what)) = of_mail(settings, layers) {
        return conflict(setting, what);
    }

    match (&settings.storage.database, &settings.storage.redis) {
        (Database::Postgres { .. }, None) => conflict(
            "storage.database_url",
            "storage.database_url names PostgreSQL, but storage.redis_url is not set: nodes that share \
             accounts must share sessions and revocations too; set REDIS_URL, or use SQLite",
        ),
        (_, None) if mode != "single" => conflict(
            "storage.redis_mode",
            &format!("storage.redis_mode is {mode}, but storage.redis_url is not set"),
        ),
        (_, Some(_)) if mode == "sentinel" && text("storage.redis_master").is_empty() => conflict(
            "storage.redis_mode",
            "storage.redis_mode is sentinel, but storage.redis_master does not say which master",
        ),
        (_, Some(redis)) if mode == "single" && redis.urls.len() > 1 => conflict(
            "storage.redis_url",
            "storage.redis_url has several URLs, but storage.redis_mode is single; sentinel or cluster \
             take several",
        ),
        _ => Ok(()),
    }
}

/// Which setting of mail is in the way, and why.
fn of_mail(settings: &Settings, layers: &Layers) -> Option<(&'static str, &'static str)> {
    let smtp = settings.mail.smtp.as_ref()?;
    let allows_plain = layers.find("mail.allow_plain").and_then(|entry| entry.value.as_bool());
    if allows_plain == Some(true) && !smtp.stays_here() {
        return Some((
            "mail.allow_plain",
            "mail.allow_plain is for a mail server on this machine, but mail.smtp_url leads elsewhere: links that \
             set passwords must not cross a network in the clear",
        ));
    }
    let what = "mail.smtp_url is set, but mail.from does not say as whom mail is sent";
    settings.mail.from.is_none().then_some(("mail.smtp_url", what))
}
