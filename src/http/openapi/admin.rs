//! The admin API.

use super::{
    codes::{CONFLICT, EMAIL_TAKEN, OVERLOADED, USERNAME_TAKEN},
    described::Described,
};
use crate::{
    answers::{
        App, AppWithSecret, Apps, DeletedUser, Ended, Events, Factors, Key, Keys, RemovedApp, RemovedFactors,
        RetiredKey, SessionRecord, Sessions, Stats, UserRecord, Users,
    },
    http::{
        admin::{
            apps::{AppPatch, AppsQuery, NewAppBody},
            audit::AuditQuery,
            keys::RetireQuery,
            sessions::{SessionsQuery, WhoseQuery},
            users::{NewUserBody, UserPatch, UsersQuery},
        },
        endpoints::HttpMethod::{Delete, Get, Patch, Post},
    },
};

pub fn users() -> Vec<Described> {
    accounts().into_iter().chain(factors()).collect()
}

fn accounts() -> Vec<Described> {
    let verb = |id, path, summary| {
        Described::of(id, Post, path, summary).answers::<UserRecord>(200, "The user as they are now.")
    };
    vec![
        Described::of("listUsers", Get, "/admin/v1/users", "Users")
            .told("A page may be short, or empty, and not be the last: go on until `next_cursor` is `null`.")
            .asks::<UsersQuery>()
            .answers::<Users>(200, "A page of them."),
        Described::of("createUser", Post, "/admin/v1/users", "Make a user")
            .told("Nobody signs in to it before it is given a password.")
            .takes::<NewUserBody>()
            .answers::<UserRecord>(201, "The user.")
            .may(&[USERNAME_TAKEN]),
        Described::of("user", Get, "/admin/v1/users/{id}", "A user").answers::<UserRecord>(200, "The user."),
        Described::of("changeUser", Patch, "/admin/v1/users/{id}", "Change a user")
            .takes::<UserPatch>()
            .answers::<UserRecord>(200, "The user as they are now.")
            .may(&[CONFLICT, EMAIL_TAKEN]),
        Described::of("deleteUser", Delete, "/admin/v1/users/{id}", "Delete a user")
            .answers::<DeletedUser>(200, "Who that was.")
            .may(&[CONFLICT]),
        verb("disableUser", "/admin/v1/users/{id}/disable", "Disable a user: their sessions end")
            .may(&[CONFLICT]),
        verb("enableUser", "/admin/v1/users/{id}/enable", "Enable a user"),
        verb("unlockUser", "/admin/v1/users/{id}/unlock", "Forgive a user's failed sign-ins"),
        Described::of(
            "sendReset",
            Post,
            "/admin/v1/users/{id}/reset-password",
            "Send a user a link that sets a password",
        )
        .answers_nothing(202, "A mail goes to their verified address, if they have one.")
        .may(&[OVERLOADED]),
    ]
}

fn factors() -> Vec<Described> {
    vec![
        Described::of("userFactors", Get, "/admin/v1/users/{id}/factors", "A user's second factors")
            .answers::<Factors>(200, "Those that count."),
        Described::of(
            "removeFactors",
            Delete,
            "/admin/v1/users/{id}/factors",
            "Take away a user's second factors",
        )
        .told("Of who has lost them: the password alone opens the account then.")
        .answers::<RemovedFactors>(200, "How many there were."),
    ]
}

pub fn sessions() -> Vec<Described> {
    vec![
        Described::of("listSessions", Get, "/admin/v1/sessions", "Sessions of a user or an app")
            .asks::<SessionsQuery>()
            .answers::<Sessions>(200, "A page of them."),
        Described::of("endSessions", Delete, "/admin/v1/sessions", "End the sessions of a user or an app")
            .asks::<WhoseQuery>()
            .answers::<Ended>(200, "How many ended."),
        Described::of("session", Get, "/admin/v1/sessions/{id}", "A session")
            .answers::<SessionRecord>(200, "The session."),
        Described::of("endSession", Delete, "/admin/v1/sessions/{id}", "End a session")
            .answers::<Ended>(200, "How many ended."),
    ]
}

pub fn apps() -> Vec<Described> {
    vec![
        Described::of("listApps", Get, "/admin/v1/apps", "Apps")
            .asks::<AppsQuery>()
            .answers::<Apps>(200, "A page of them."),
        Described::of("createApp", Post, "/admin/v1/apps", "Register an app")
            .takes::<NewAppBody>()
            .answers::<AppWithSecret>(201, "The app, with its secret, this once.")
            .may(&[CONFLICT]),
        Described::of("app", Get, "/admin/v1/apps/{name}", "An app").answers::<App>(200, "The app."),
        Described::of("changeApp", Patch, "/admin/v1/apps/{name}", "Change an app")
            .takes::<AppPatch>()
            .answers::<AppWithSecret>(200, "The app as it is now, with its secret where that is new.")
            .may(&[CONFLICT]),
        Described::of("removeApp", Delete, "/admin/v1/apps/{name}", "Remove an app: its sessions end")
            .answers::<RemovedApp>(200, "How many sessions ended.")
            .may(&[CONFLICT]),
        Described::of("renewAppSecret", Post, "/admin/v1/apps/{name}/secret", "Give an app another secret")
            .answers::<AppWithSecret>(200, "The app, with its secret, this once.")
            .may(&[CONFLICT]),
    ]
}

pub fn keys() -> Vec<Described> {
    vec![
        Described::of("listKeys", Get, "/admin/v1/keys", "Signing keys").answers::<Keys>(200, "All of them."),
        Described::of("rotateKey", Post, "/admin/v1/keys/rotate", "Make another signing key")
            .answers::<Key>(201, "The key."),
        Described::of("retireKey", Delete, "/admin/v1/keys/{kid}", "Take a signing key out of service")
            .asks::<RetireQuery>()
            .answers::<RetiredKey>(200, "It signs no more."),
    ]
}

pub fn events() -> Vec<Described> {
    vec![
        Described::of("listEvents", Get, "/admin/v1/audit", "What happened")
            .asks::<AuditQuery>()
            .answers::<Events>(200, "A page of events, the newest first."),
        Described::of("stats", Get, "/admin/v1/stats", "How much there is")
            .answers::<Stats>(200, "How much."),
    ]
}
