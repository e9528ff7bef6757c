//! better-auth: its tables `user` and `account` in one document, `{"user":[…],"account":[…]}`. Passwords are with the
//! accounts, so those are read first, and kept in memory: some 300 bytes each.

use std::{collections::HashMap, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde::Deserialize;

use super::{
    Read,
    json::{elements, moment, parse, truth},
    row::{Refusal, Row},
    source,
};
use crate::cli::error::CliError;

/// With so many, the passwords take some 600 MB.
const ACCOUNTS_MAX: usize = 2_000_000;

#[derive(Deserialize)]
struct BetterAuthAccount {
    #[serde(alias = "userId")]
    user_id: String,
    #[serde(alias = "providerId")]
    provider_id: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct BetterAuthUser {
    id: String,
    username: Option<String>,
    email: Option<String>,
    #[serde(default, alias = "emailVerified", deserialize_with = "truth")]
    email_verified: Option<bool>,
    #[serde(default, alias = "createdAt", deserialize_with = "moment")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    banned: Option<bool>,
    role: Option<String>,
}

pub(super) fn read(path: &Path, read: &Read<'_>) -> Result<(), CliError> {
    let place = read.place();
    let mut passwords = HashMap::new();
    elements(source::open(path)?, &place, Some("account"), &mut |line, account| {
        let account: BetterAuthAccount = match parse(account.as_bytes()) {
            Ok(account) => account,
            Err(refusal) => return read.row(line, Err(refusal)),
        };
        let is_password = account.provider_id.as_deref() == Some("credential");
        if let Some(password) = account.password.filter(|_| is_password) {
            passwords.insert(account.user_id, password);
        }
        if passwords.len() > ACCOUNTS_MAX {
            return Err(CliError::Refused(format!(
                "there are more than {ACCOUNTS_MAX} accounts: split the file"
            )));
        }
        Ok(())
    })?;
    let place = read.place();
    elements(source::open(path)?, &place, Some("user"), &mut |line, user| {
        let row = parse::<BetterAuthUser>(user.as_bytes()).and_then(|user| {
            let password = passwords.remove(&user.id);
            row(user, password.as_deref())
        });
        read.row(line, row)
    })
}

fn row(user: BetterAuthUser, password: Option<&str>) -> Result<Row, Refusal> {
    let roles = user.role.unwrap_or_default();
    let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect();
    Ok(Row {
        id: Some(user.id),
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        password_hash: password.map(hash).transpose()?,
        roles: Some(roles),
        status: (user.banned == Some(true)).then(|| "disabled".to_owned()),
        created_at: user.created_at,
        locale: None,
    })
}

/// `salt:key` in hexadecimal, where the salt's text is what was hashed, with N = 2^14, r = 16, p = 1. A hash that was
/// set up otherwise there is a text of another kind.
fn hash(text: &str) -> Result<String, Refusal> {
    let Some((salt, key)) = text.split_once(':').filter(|_| !text.starts_with('$')) else {
        return Ok(text.to_owned());
    };
    let key = bytes(key).ok_or_else(|| Refusal::of("password", "it is not complete: was it cut?"))?;
    let [salt, key] = [salt.as_bytes(), &key].map(|part| STANDARD_NO_PAD.encode(part));
    Ok(format!("$scrypt$ln=14,r=16,p=1${salt}${key}"))
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
