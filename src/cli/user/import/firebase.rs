//! Firebase: what `firebase auth:export FILE.json` writes, with the project's hash parameters as its console shows
//! them.

use std::{fs::File, io::BufReader, path::Path};

use serde::Deserialize;

use super::{
    Read,
    json::{elements, moment, parse, truth},
    row::{Refusal, Row},
};
use crate::cli::error::CliError;

/// A project's parameters, in the words of the hashes.
pub(super) struct HashConfig(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirebaseUser {
    local_id: String,
    email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    email_verified: Option<bool>,
    phone_number: Option<String>,
    password_hash: Option<String>,
    salt: Option<String>,
    /// Milliseconds, as a text.
    #[serde(default, deserialize_with = "moment")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    disabled: Option<bool>,
}

impl HashConfig {
    /// Reads `hash_config { algorithm: SCRYPT, base64_signer_key: …, … }`.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read_to_string(path)?;
        let find = |name: &str| {
            let mut values =
                text.lines().filter_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix(':'));
            let value =
                values.next().map(|value| value.trim().trim_end_matches(',').trim_matches('"').to_owned());
            let missing = || format!("{}: there is no line {name}: …", path.display());
            value.filter(|value| !value.is_empty()).ok_or_else(|| CliError::Refused(missing()))
        };
        if find("algorithm")? != "SCRYPT" {
            return Err(CliError::Refused(format!("{}: the algorithm is not SCRYPT", path.display())));
        }
        let (rounds, memory) = (find("rounds")?, find("mem_cost")?);
        let (separator, key) = (find("base64_salt_separator")?, find("base64_signer_key")?);
        Ok(Self(format!("v=1,n={memory},r={rounds},p=1,ss={separator},sk={key}")))
    }
}

pub(super) fn read(
    file: BufReader<File>,
    read: &Read<'_>,
    config: Option<&HashConfig>,
) -> Result<(), CliError> {
    let place = read.place();
    elements(file, &place, Some("users"), &mut |line, user| {
        read.row(line, parse(user.as_bytes()).and_then(|user| row(user, config)))
    })
}

fn row(user: FirebaseUser, config: Option<&HashConfig>) -> Result<Row, Refusal> {
    let hash = match (user.password_hash.filter(|hash| !hash.is_empty()), config) {
        (None, _) => None,
        (Some(_), None) => {
            let why = "it takes the project's parameters: --firebase-hash-config FILE";
            return Err(Refusal::of("passwordHash", why));
        }
        (Some(hash), Some(config)) => {
            Some(format!("$fbscrypt${}${}${hash}", config.0, user.salt.unwrap_or_default()))
        }
    };
    let millis = user.created_at.as_deref().and_then(|text| text.parse().ok());
    let from_millis = |millis| crate::domain::clock::Timestamp::from_millis(millis).rfc3339();
    Ok(Row {
        id: Some(user.local_id),
        username: user.email.clone().or(user.phone_number),
        email: user.email,
        email_verified: user.email_verified,
        password_hash: hash,
        status: (user.disabled == Some(true)).then(|| "disabled".to_owned()),
        created_at: millis.map(from_millis).or(user.created_at),
        roles: None,
        locale: None,
    })
}
