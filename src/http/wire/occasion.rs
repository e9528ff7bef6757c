//! How a request came about, for the events that it leads to.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

use super::caller::ClientAddress;
use crate::{domain::occasion::Occasion, http::Shared};

/// The id of a request, as its answer says it.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// From where the request came, by what client, and which it is. Who asks is for the verb to find out.
pub struct CameBy(pub Occasion);

impl FromRequestParts<Shared> for CameBy {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, http: &Shared) -> Result<Self, Infallible> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, http).await?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let id = parts.extensions.get::<RequestId>().and_then(|RequestId(id)| id.to_str().ok());
        Ok(Self(Occasion::of_client(address, agent, id.map(str::to_owned))))
    }
}
