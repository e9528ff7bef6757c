//! Step-up: whoever is signed in proves once more who they are (RFC 9470).

use axum::{extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::second_factor;
use crate::{
    answers::{MfaChallenge, SteppedUpSession},
    auth::step_up::{KeptBy, ShownProofs},
    domain::{secret::Password, sign_in::Method},
    http::{
        Shared,
        wire::{
            body::{Json, member},
            caller::{Credential, SignedIn},
            occasion::CameBy,
            problem::Problem,
        },
    },
};

/// What is shown, all of it at once.
#[derive(Deserialize, ToSchema)]
pub struct StepUpBody {
    #[schema(max_length = 256, format = Password)]
    password: Option<String>,
    /// Six digits. This, a recovery code or a passkey.
    totp: Option<String>,
    /// In any case, with or without its hyphens.
    recovery_code: Option<String>,
    /// What `navigator.credentials.get()` brought, as its `toJSON()` has it.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
pub struct StepUpChallengeBody {
    /// One that the account has set up.
    method: String,
}

impl StepUpBody {
    fn proofs(self) -> Result<ShownProofs, Problem> {
        let password = self.password.as_deref().map(Password::parse).transpose();
        let password = member("password", password)?;
        let second = second_factor::proof(self.totp.as_deref(), self.recovery_code.as_deref(), self.passkey)?;
        if password.is_none() && second.is_none() {
            return Err(Problem::invalid_request("password, totp, recovery_code or passkey is expected"));
        }
        Ok(ShownProofs { password, second })
    }
}

pub async fn challenge(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    Json(body): Json<StepUpChallengeBody>,
) -> Result<Json<MfaChallenge>, Problem> {
    let method = Method::parse(&body.method).ok_or("takes one that the account has set up");
    let method = member("method", method)?;
    Ok(Json(http.auth.step_up_challenge(&caller, method).await?.into()))
}

pub async fn step_up(
    State(http): State<Shared>,
    sent: HeaderMap,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    Json(body): Json<StepUpBody>,
) -> Result<Json<SteppedUpSession>, Problem> {
    // A cookie counts only where there is no token.
    let kept_by = match Credential::of(&sent) {
        Credential::None => KeptBy::Cookie,
        Credential::Bearer(_) | Credential::Malformed => KeptBy::Tokens,
    };
    let granted = http.auth.step_up(&caller, &body.proofs()?, kept_by, &occasion).await?;
    Ok(Json(granted.into()))
}
