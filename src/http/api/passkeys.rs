//! Passkeys: one's own, and the sign-in that begins with one.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::tokens::{self, transports};
use crate::{
    answers::{PasskeyEnrolment, PasskeySignIn, RecoveryCodes, RelatedOrigins},
    auth::factors::passkey_answer::PasskeyAttestation,
    domain::session::Transport,
    http::{
        Shared,
        wire::{
            body::{Json, OptionalJson},
            caller::SignedIn,
            key_proof,
            occasion::CameBy,
            problem::Problem,
        },
    },
};

pub async fn begin(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
) -> Result<Json<PasskeyEnrolment>, Problem> {
    Ok(Json(http.auth.begin_passkey(&caller).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub struct NewPasskeyBody {
    /// What `navigator.credentials.create()` brought, as its `toJSON()` has it.
    #[schema(value_type = Object)]
    passkey: Value,
}

pub async fn confirm(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    CameBy(occasion): CameBy,
    Json(body): Json<NewPasskeyBody>,
) -> Result<(StatusCode, Json<RecoveryCodes>), Problem> {
    let made = PasskeyAttestation::parse(body.passkey)?;
    let codes = http.auth.confirm_passkey(&caller, &made, &occasion).await?;
    Ok((StatusCode::CREATED, Json(RecoveryCodes::from(codes.as_slice()))))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct PasskeySignInBody {
    /// What the owner's list of sessions calls it.
    device: Option<String>,
    /// A registered app; without it `default`.
    app: Option<String>,
    #[serde(default)]
    #[schema(schema_with = transports)]
    transport: Transport,
}

/// The rules of where it may come from are those of a sign-in by name.
pub async fn sign_in(
    State(http): State<Shared>,
    sent: HeaderMap,
    OptionalJson(body): OptionalJson<PasskeySignInBody>,
) -> Result<Json<PasskeySignIn>, Problem> {
    let body = body.unwrap_or_default();
    let app = tokens::app_of_sign_in(&http, &sent, body.app.as_deref(), body.transport).await?;
    let key = key_proof::at_sign_in(&http, &sent, "/v1/login/passkey", body.transport)?;
    let asked = http.auth.begin_passkey_sign_in(&app, body.transport, body.device.as_deref(), key).await?;
    Ok(Json(asked.into()))
}

/// What a browser asks for that is on a page of another domain than the passkey (Level 3, section 5.11).
pub async fn related_origins(State(http): State<Shared>) -> Json<RelatedOrigins> {
    Json(RelatedOrigins { origins: http.auth.related_origins() })
}
