//! Step-up: whoever is signed in proves once more who they are (RFC 9470).

use axum::{extract::State, http::HeaderMap};
use serde::Deserialize;
use utoipa::ToSchema;

use super::second_factor;
use crate::{
    answers::SteppedUpSession,
    auth::step_up::{KeptBy, ShownProofs},
    domain::secret::Password,
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
    /// Six digits. This or a recovery code.
    totp: Option<String>,
    /// In any case, with or without its hyphens.
    recovery_code: Option<String>,
}

impl StepUpBody {
    fn proofs(&self) -> Result<ShownProofs, Problem> {
        let password = self.password.as_deref().map(Password::parse).transpose();
        let password = member("password", password)?;
        let second = second_factor::proof(self.totp.as_deref(), self.recovery_code.as_deref())?;
        if password.is_none() && second.is_none() {
            return Err(Problem::invalid_request("password, totp or recovery_code is expected"));
        }
        Ok(ShownProofs { password, second })
    }
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
