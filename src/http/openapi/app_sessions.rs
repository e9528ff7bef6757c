//! Sessions that other app servers keep here, and what verifiers follow.

use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::{
        Required,
        schema::{AnyOfBuilder, Array, ObjectBuilder},
    },
};

use super::{
    codes::{INTERNAL, INVALID_REQUEST, OVERLOADED, STORE_UNAVAILABLE, VERSION_MISMATCH},
    described::{Described, JSON, named, text},
};
use crate::{
    answers::{
        ActiveUsers, AppSession, AppSessions, CreatedAppSession, Ended, KilledRestSessions, RestActivity,
        RestRefusal, RestSession, RestToken,
    },
    http::{
        app_sessions::{
            native::params::{ActivityQuery, AppSessionsQuery, CreateBody, EndQuery},
            rest::params::{Creation, Within},
        },
        endpoints::HttpMethod::{Delete, Get, Patch, Post, Put},
    },
};

/// The data of a session: members with strings, numbers, booleans and `null`.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "data is read member by member; this is its description")]
struct SessionData(Map<String, Value>);

pub fn native() -> Vec<Described> {
    let token = |described: Described| {
        described.header("Keyward-Session", Required::True, "The session's token.").may(&[INVALID_REQUEST])
    };
    let save = |id, method, summary| {
        token(Described::of(id, method, "/v1/apps/{app}/sessions/current/data", summary))
            .header("If-Match", Required::False, "The `ETag` of the version that is to be changed.")
            .takes::<SessionData>()
            .answers::<AppSession>(200, "The session as it is now.")
            .with_headers(&["ETag"])
            .may(&[VERSION_MISMATCH])
    };
    vec![
        Described::of("listAppSessions", Get, "/v1/apps/{app}/sessions", "The app's sessions")
            .asks::<AppSessionsQuery>()
            .answers::<AppSessions>(200, "A page of them."),
        Described::of("createAppSession", Post, "/v1/apps/{app}/sessions", "Open a session")
            .takes::<CreateBody>()
            .answers::<CreatedAppSession>(201, "Its token, this once."),
        Described::of("endAppSessions", Delete, "/v1/apps/{app}/sessions", "End a user's sessions, or all")
            .asks::<EndQuery>()
            .answers::<Ended>(200, "How many ended."),
        token(Described::of("appSession", Get, "/v1/apps/{app}/sessions/current", "A session by its token"))
            .answers::<AppSession>(200, "The session.")
            .with_headers(&["ETag"]),
        token(Described::of("endAppSession", Delete, "/v1/apps/{app}/sessions/current", "End it"))
            .answers::<Ended>(200, "How many ended."),
        save("mergeAppSessionData", Patch, "Set members of its data, and remove those that are `null`"),
        save("replaceAppSessionData", Put, "Replace its data"),
        Described::of("appActivity", Get, "/v1/apps/{app}/sessions/activity", "How many users were active")
            .asks::<ActivityQuery>()
            .answers::<ActiveUsers>(200, "How many."),
        Described::of("endAppSessionById", Delete, "/v1/apps/{app}/sessions/{id}", "End a session by its id")
            .answers::<Ended>(200, "How many ended."),
    ]
}

pub fn verifiers() -> Vec<Described> {
    vec![
        Described::of("followRevocations", Get, "/v1/revocations", "What is revoked, as it happens")
            .told(
                "Server-Sent Events without an end, for verifiers that check tokens by themselves: `snapshot`, \
                 `revoked`, `restored` and `status`.",
            )
            .header("Last-Event-ID", Required::False, "From where to go on.")
            .streams(200, "A stream of events.")
            .may(&[OVERLOADED]),
    ]
}

pub fn rest() -> Vec<Described> {
    let of = |id, method, path, summary| refusing(Described::of(id, method, path, summary));
    vec![
        Described::of("restPing", Get, "/rest-sessions/ping", "Whether the stores answer")
            .answers_with(200, "`PONG`.", "text/plain", text())
            .may(&[STORE_UNAVAILABLE, INTERNAL]),
        of("restCreate", Put, "/rest-sessions/{app}/create/{id}", "Open a session of a user")
            .asks::<Creation>()
            .may_take::<SessionData>()
            .answers::<RestToken>(200, "Its token, this once."),
        found(of("restGet", Get, "/rest-sessions/{app}/get/{token}", "A session by its token")),
        found(of("restSet", Post, "/rest-sessions/{app}/set/{token}", "Set or remove members of its data"))
            .may_take::<SessionData>(),
        of("restKill", Delete, "/rest-sessions/{app}/kill/{token}", "End it")
            .answers::<KilledRestSessions>(200, "How many were alive."),
        of("restKillOfUser", Delete, "/rest-sessions/{app}/killsoid/{id}", "End a user's sessions")
            .answers::<KilledRestSessions>(200, "How many were alive."),
        of("restKillAll", Delete, "/rest-sessions/{app}/killall", "End all of the app's sessions")
            .answers::<KilledRestSessions>(200, "How many were alive."),
        listed(of("restOfUser", Get, "/rest-sessions/{app}/soid/{id}", "A user's sessions")),
        listed(of("restOfApp", Get, "/rest-sessions/{app}/soapp", "The sessions that were active of late"))
            .asks::<Within>(),
        of("restActivity", Get, "/rest-sessions/{app}/activity", "How many users were active")
            .asks::<Within>()
            .answers::<RestActivity>(200, "How many."),
    ]
}

/// What redis-sessions refuses, in its words.
fn refusing(described: Described) -> Described {
    described
        .told("In the style of redis-sessions 4.")
        .answers::<RestRefusal>(400, "A parameter is missing or wrong, in the words of redis-sessions 4.")
}

/// No session is an empty object.
fn found(mut described: Described) -> Described {
    let session = named::<RestSession>(&mut described.schemas);
    let none = ObjectBuilder::new().max_properties(Some(0));
    let either = AnyOfBuilder::new().item(session).item(none);
    described.answers_with(200, "The session, or an empty object.", JSON, either.into())
}

fn listed(mut described: Described) -> Described {
    let sessions = Array::new(named::<RestSession>(&mut described.schemas));
    let all = ObjectBuilder::new().property("sessions", sessions).required("sessions");
    described.answers_with(200, "All of them.", JSON, all.into())
}
