//! Keycloak: a realm with its users, as `kc.sh export` writes it into one file or into several
//! (`<realm>-users-0.json`). Passwords are in `credentials`, in texts that are JSON themselves.

use std::{fs::File, io::BufReader};

use serde::Deserialize;

use super::{
    Read,
    json::{elements, moment, parse},
    row::{Refusal, Row},
};
use crate::cli::error::CliError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeycloakUser {
    id: Option<String>,
    username: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "moment")]
    created_timestamp: Option<String>,
    #[serde(default)]
    credentials: Vec<Credential>,
    #[serde(default)]
    realm_roles: Vec<String>,
    #[serde(default)]
    attributes: Attributes,
    service_account_client_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    locale: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    r#type: Option<String>,
    secret_data: Option<String>,
    #[serde(rename = "credentialData")]
    costs: Option<String>,
}

#[derive(Deserialize)]
struct Secret {
    value: String,
    salt: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Costs {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: ArgonCosts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ArgonCosts {
    memory: Vec<String>,
    parallelism: Vec<String>,
    r#type: Vec<String>,
    version: Vec<String>,
}

pub(super) fn read(file: BufReader<File>, read: &Read<'_>) -> Result<(), CliError> {
    let place = read.place();
    elements(file, &place, Some("users"), &mut |line, user| {
        read.row(line, parse::<KeycloakUser>(user.as_bytes()).and_then(row))
    })
}

fn row(user: KeycloakUser) -> Result<Row, Refusal> {
    if user.service_account_client_id.is_some() {
        return Err(Refusal("it is the account of a client, and nobody's".to_owned()));
    }
    let is_password = |credential: &&Credential| credential.r#type.as_deref() == Some("password");
    let password = user.credentials.iter().find(is_password);
    Ok(Row {
        id: user.id,
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        password_hash: password.map(hash).transpose()?,
        roles: Some(user.realm_roles.into_iter().filter(|role| !is_keycloaks_own(role)).collect()),
        status: (user.enabled == Some(false)).then(|| "disabled".to_owned()),
        locale: user.attributes.locale.into_iter().next(),
        created_at: user.created_timestamp,
    })
}

/// Roles that every user has there, and that say nothing elsewhere.
fn is_keycloaks_own(role: &str) -> bool {
    role.starts_with("default-roles-") || ["offline_access", "uma_authorization"].contains(&role)
}

/// The same hash as a PHC string.
fn hash(credential: &Credential) -> Result<String, Refusal> {
    let refused = |why: &str| Refusal::of("credentials", why);
    let part = |text: &Option<String>| text.clone().ok_or_else(|| refused("the password's is not complete"));
    let incomplete = |_| refused("the password's is not complete");
    let secret: Secret = parse(part(&credential.secret_data)?.as_bytes()).map_err(incomplete)?;
    let costs: Costs = parse(part(&credential.costs)?.as_bytes()).map_err(incomplete)?;
    let unpadded = |text: &str| text.trim_end_matches('=').to_owned();
    let (value, salt) = (unpadded(&secret.value), unpadded(&secret.salt.unwrap_or_default()));
    let name = match costs.algorithm.as_str() {
        "pbkdf2" => "pbkdf2-sha1",
        name @ ("pbkdf2-sha256" | "pbkdf2-sha512") => name,
        "argon2" => return argon(&costs, &salt, &value),
        _ => return Err(refused("the password's is of an algorithm that is not known here")),
    };
    Ok(format!("${name}$i={}${salt}${value}", costs.hash_iterations))
}

fn argon(costs: &Costs, salt: &str, value: &str) -> Result<String, Refusal> {
    let first = |texts: &[String]| texts.first().cloned().unwrap_or_default();
    let more = &costs.additional_parameters;
    let kind = match first(&more.r#type).as_str() {
        "" | "id" => "argon2id",
        "i" => "argon2i",
        "d" => "argon2d",
        _ => return Err(Refusal::of("credentials", "the password's is an argon2 that is not known here")),
    };
    let version = if first(&more.version) == "1.0" { 16 } else { 19 };
    let (memory, lanes) = (first(&more.memory), first(&more.parallelism));
    Ok(format!("${kind}$v={version}$m={memory},t={},p={lanes}${salt}${value}", costs.hash_iterations))
}
