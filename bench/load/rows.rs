//! The rows: what is measured, and what it is held to.

use crate::{
    contest::Contest,
    keyward::Kept::{self, Embedded, InRedis},
    work::Work,
};

/// What is measured in requests, beside the bare handler and the peer.
pub const CONTESTS: [Contest; 18] = [
    row("check, embedded", Embedded, Work::Check, "0.90 of bare, 15 of Express"),
    row("check, Redis", InRedis, Work::Check, "0.75 of bare, 15 of Express"),
    row("check, 10,000 tokens, embedded", Embedded, Work::CheckMany, "0.90 of bare"),
    row("check, 10,000 tokens, Redis", InRedis, Work::CheckMany, "0.75 of bare"),
    row("check, first sight, embedded", Embedded, Work::FirstSight, "0.30 of bare"),
    row("check, first sight, Redis", InRedis, Work::FirstSight, "0.30 of bare"),
    row("check, first sight after a refresh, embedded", Embedded, Work::FirstSightOfNext, ""),
    row("check, first sight after a refresh, Redis", InRedis, Work::FirstSightOfNext, ""),
    row("check over the limit (429), embedded", Embedded, Work::OverLimit, ""),
    row("check over the limit (429), Redis", InRedis, Work::OverLimit, ""),
    row("login, embedded", Embedded, Work::Login, ""),
    row("refresh, embedded", Embedded, Work::Refresh, "5 of Express"),
    row("refresh, Redis", InRedis, Work::Refresh, "5 of Express"),
    row("logout, embedded", Embedded, Work::Logout, ""),
    row("logout, Redis", InRedis, Work::Logout, ""),
    row("introspection, embedded", Embedded, Work::Introspection, ""),
    row("introspection, Redis", InRedis, Work::Introspection, ""),
    row("JWKS, embedded", Embedded, Work::Jwks, ""),
];

const fn row(name: &'static str, kept: Kept, work: Work, goal: &'static str) -> Contest {
    Contest { name, goal, kept, work }
}
