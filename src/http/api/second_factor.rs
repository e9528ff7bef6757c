//! The second half of a sign-in: what its password alone did not open, or what a passkey is to open.

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::tokens;
use crate::{
    answers::{MfaChallenge, SignedIn},
    auth::{
        factors::passkey_answer::PasskeyAssertion,
        sign_in::{
            answer::{HandedOut, SecondProof},
            attempt::SignInAttempt,
        },
    },
    domain::{recovery_code::RecoveryCode, session::Transport, sign_in::Method, totp_code::TotpCode},
    http::{
        Shared,
        wire::{
            app_caller,
            body::{Json, member},
            key_proof,
            occasion::CameBy,
            origin,
            problem::Problem,
        },
    },
};

#[derive(Deserialize, ToSchema)]
pub struct ChallengeBody {
    mfa_token: String,
    /// One of those that the sign-in asks for.
    method: String,
}

pub async fn challenge(
    State(http): State<Shared>,
    sent: HeaderMap,
    Json(body): Json<ChallengeBody>,
) -> Result<Json<MfaChallenge>, Problem> {
    let attempt = attempt(&http, &sent, &body.mfa_token).await?;
    let method = Method::parse(&body.method).ok_or("takes one of those that the sign-in asks for");
    let method = member("method", method)?;
    Ok(Json(http.auth.challenge(&attempt, method).await?.into()))
}

/// One of the proofs beside the token.
#[derive(Deserialize, ToSchema)]
pub struct AnswerBody {
    mfa_token: String,
    /// Six digits.
    totp: Option<String>,
    /// In any case, with or without its hyphens.
    recovery_code: Option<String>,
    /// What `navigator.credentials.get()` brought, as its `toJSON()` has it.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// The one of these that came, if one did.
pub(super) fn proof(
    totp: Option<&str>,
    recovery_code: Option<&str>,
    passkey: Option<Value>,
) -> Result<Option<SecondProof>, Problem> {
    let proof = match (totp, recovery_code, passkey) {
        (None, None, None) => return Ok(None),
        (Some(typed), None, None) => SecondProof::Totp(member("totp", TotpCode::parse(typed))?),
        (None, Some(typed), None) => {
            SecondProof::RecoveryCode(member("recovery_code", RecoveryCode::parse(typed))?)
        }
        (None, None, Some(brought)) => SecondProof::Passkey(Box::new(PasskeyAssertion::parse(brought)?)),
        _ => return Err(one_of_all()),
    };
    Ok(Some(proof))
}

fn one_of_all() -> Problem {
    Problem::invalid_request("one of totp, recovery_code and passkey is expected")
}

/// What the sign-in was asked for, in the transport that it was asked in.
pub async fn answer(
    State(http): State<Shared>,
    CameBy(occasion): CameBy,
    sent: HeaderMap,
    Json(body): Json<AnswerBody>,
) -> Result<(HeaderMap, Json<SignedIn>), Problem> {
    let AnswerBody { mfa_token, totp, recovery_code, passkey } = body;
    let proof = proof(totp.as_deref(), recovery_code.as_deref(), passkey)?;
    let proof = proof.ok_or_else(one_of_all)?;
    let attempt = attempt(&http, &sent, &mfa_token).await?;
    let transport = attempt.transport();
    let key = key_proof::at_sign_in(&http, &sent, "/v1/login/answer", transport)?;
    let attempt = attempt.proved_by(key)?;
    let (user, headers, answer) = match http.auth.answer(attempt, proof, &occasion).await? {
        HandedOut::Tokens(issued) => tokens::of_tokens(&http, issued, transport),
        HandedOut::Session(granted) => tokens::of_session(&http, &granted),
    };
    let headers = tokens::settle_browser(&http, &sent, (user, transport), headers, &occasion).await;
    Ok((headers, Json(answer)))
}

/// The attempt that is shown, from where it may be: the rules are those of the sign-in that began it.
async fn attempt(http: &Shared, sent: &HeaderMap, token: &str) -> Result<SignInAttempt, Problem> {
    let attempt = http.auth.attempt(token)?;
    if attempt.transport() != Transport::Body && sent.contains_key(header::ORIGIN) {
        origin::require_own_page(http, sent, attempt.app()).await?;
    }
    app_caller::require_secret(http, sent, attempt.app()).await?;
    Ok(attempt)
}
