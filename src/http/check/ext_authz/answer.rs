//! From the verdict to Envoy's answer. Envoy goes by the code alone, and its default is yes: so each
//! answer is made of one verdict, in this one place.

use axum::http::{HeaderName, StatusCode};
use prost::bytes::Bytes;

use super::messages::{
    CheckResponse, DeniedResponse, EnvoyHeader, HeaderOption, HttpResponse, HttpStatus, OkResponse, RpcStatus,
};
use crate::{
    domain::identity::Identity,
    http::{
        check::verdict::{CheckRefusal, IDENTITY, Verdict},
        wire::rate::{self, RATE, RATE_POLICY},
    },
};

/// Set, in place of whatever is there.
const OVERWRITE: i32 = 2;

/// What Envoy is told.
pub fn answer(verdict: Verdict) -> CheckResponse {
    match verdict {
        Verdict::LetIn { identity, rate } => {
            let Identity { user, username, session, app, roles } = identity;
            let named = IDENTITY.iter().zip([user, username, session, app, roles]);
            let headers = named.map(|(name, value)| set(name, value)).collect();
            let rate = rate.into_iter().flat_map(|state| {
                [(RATE_POLICY, rate::policy(state.limit, state.window)), (RATE, rate::rate(&state))]
            });
            let told = rate.map(|(name, value)| set(&name, Bytes::copy_from_slice(value.as_bytes())));
            let ok = OkResponse { headers, response_headers_to_add: told.collect() };
            CheckResponse { status: RpcStatus { code: 0 }, http_response: Some(HttpResponse::Ok(ok)) }
        }
        Verdict::Refused(CheckRefusal { status, headers, body, .. }) => {
            let lines = headers.iter();
            let headers = lines.map(|(name, value)| set(name, Bytes::copy_from_slice(value.as_bytes())));
            let status_seen = HttpStatus { code: status.as_u16().into() };
            let denied = DeniedResponse { status: status_seen, headers: headers.collect(), body };
            let status = RpcStatus { code: refusal(status) };
            CheckResponse { status, http_response: Some(HttpResponse::Denied(denied)) }
        }
    }
}

/// The gRPC code of a refusal, never 0.
const fn refusal(status: StatusCode) -> i32 {
    match status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS => 8,
        _ => 14,
    }
}

fn set(name: &HeaderName, value: Bytes) -> HeaderOption {
    let header = EnvoyHeader { key: Bytes::copy_from_slice(name.as_ref()), value, raw_value: Bytes::new() };
    HeaderOption { header, append_action: OVERWRITE, keep_empty_value: true }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderValue};
    use envoy_types::pb::envoy::service::auth::v3::{
        CheckResponse as Told, check_response::HttpResponse as Respond,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::auth::error::RateState;

    fn told(verdict: Verdict) -> Told {
        Told::decode(&*answer(verdict).encode_to_vec()).expect("Envoy's own message")
    }

    proptest! {
        #[test]
        fn a_yes_names_the_client_and_nothing_else_is_a_yes(
            identity in ["[!-~]{0,40}", "[!-~]{0,40}", "[!-~]{0,40}", "[!-~]{0,40}", "[!-~]{0,40}"],
            remaining in proptest::option::of(0_u64..1000),
        ) {
            let [user, username, session, app, roles] = identity.clone().map(Bytes::from);
            let window = Duration::from_mins(1);
            let rate =
                remaining.map(|remaining| RateState { limit: 1000, window, remaining, resets_in: window });
            let who = Identity { user, username, session, app, roles };
            let told = told(Verdict::LetIn { identity: who, rate });
            prop_assert_eq!(told.status.expect("a status").code, 0);
            let Some(Respond::OkResponse(ok)) = told.http_response else { panic!("{:?}", told.http_response) };
            let set: Vec<_> = ok.headers.into_iter().filter_map(|option| option.header).collect();
            let names = set.iter().map(|header| header.key.as_str());
            prop_assert!(names.eq(IDENTITY.iter().map(HeaderName::as_str)));
            prop_assert_eq!(set.iter().map(|header| &header.value).collect::<Vec<_>>(), Vec::from_iter(&identity));
        }

        #[test]
        fn a_refusal_is_never_taken_for_a_yes(
            status in 100_u16..1000,
            headers in proptest::collection::vec(("[a-z-]{1,20}", "[ -~]{0,40}"), 0..8),
            body: Vec<u8>,
        ) {
            let headers: HeaderMap = headers
                .into_iter()
                .map(|(name, value)| {
                    let name = HeaderName::try_from(name).expect("a name");
                    (name, HeaderValue::try_from(value).expect("a value"))
                })
                .collect();
            let status = StatusCode::from_u16(status).expect("a status");
            let body = String::from_utf8_lossy(&body).into_owned().into_bytes();
            let told = told(Verdict::Refused(CheckRefusal { status, code: "", headers: headers.clone(), body, cause: None }));
            prop_assert!([16, 7, 8, 14].contains(&told.status.expect("a status").code));
            let Some(Respond::DeniedResponse(no)) = told.http_response else { panic!("{:?}", told.http_response) };
            prop_assert_eq!(no.status.expect("a status").code, i32::from(status.as_u16()));
            prop_assert_eq!(no.headers.len(), headers.len());
        }
    }
}
