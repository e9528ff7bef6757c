//! The keys of sessions that other app servers keep, and how they clean themselves.

use std::time::Duration;

use serde_json::json;

use super::{back_end, names, with_prefix};
use crate::{
    support::app_sessions::{MINUTE, merge, sliding},
    support::backends::BackEnd,
};

const ROSTER: &str = "sessions:app:shop/data";

#[tokio::test]
async fn a_kept_session_has_its_keys_and_no_others() {
    let back_end = back_end().await;
    let id = back_end.keep("ada", sliding(MINUTE), json!({"a": 1, "b": "two", "c": true})).await;
    back_end.set(id, &merge(json!({"d": 4})), None).await;
    back_end.get(id).await.expect("alive");
    let session = format!("session:{id}");
    let expected = [&session, ROSTER, "sessions:user:shop/ada"];
    assert_eq!(names(&back_end), expected);
    let space = back_end.keyspace();
    let life: i64 = space.ask("TTL", &session, "");
    assert!((57..=60).contains(&life), "{life}");
    let left: i64 = space.ask("TTL", "sessions:user:shop/ada", "");
    assert!(left > 2 * 60, "an index outlives what is in it: {left}");
    assert_eq!(space.ask::<Vec<String>>("ZRANGE", "sessions:user:shop/ada", "0 -1"), [id.to_string()]);

    assert!(back_end.end_kept(id).await);
    assert_eq!(names(&back_end), [] as [&str; 0], "and nothing is left of it");
}

#[tokio::test]
async fn what_runs_out_is_cleaned_up_by_the_creations_after_it() {
    let back_end = back_end().await;
    let used = back_end.keep("used", sliding(MINUTE), json!({})).await;
    for number in 0..48 {
        back_end.keep(&format!("dead{number}"), sliding(MINUTE), json!({})).await;
    }
    back_end.elapse(MINUTE / 2).await;
    back_end.get(used).await.expect("alive");
    back_end.elapse(MINUTE / 2).await;
    assert_eq!(card(&back_end, ROSTER), 4 * 49, "two entries each, and two of its user");
    for number in 0..20 {
        back_end.keep(&format!("new{number}"), sliding(MINUTE), json!({})).await;
    }
    assert_eq!(card(&back_end, ROSTER), 4 * 21);
    assert_eq!(with_prefix(&names(&back_end), "sessions:user:shop/dead"), [] as [String; 0]);
    assert!(back_end.get(used).await.is_some(), "used since, so not cleaned up");
    assert_eq!(back_end.activity(Duration::ZERO).await, 21);
}

#[tokio::test]
async fn an_end_that_was_cut_short_is_completed_by_its_repetition() {
    let back_end = back_end().await;
    let id = back_end.keep("ada", sliding(MINUTE), json!({})).await;
    // As a crash after the first of its writes leaves it.
    back_end.keyspace().ask::<i64>("HSET", &format!("session:{id}"), "E 0");
    assert_eq!(back_end.get(id).await, None);
    assert_eq!(with_prefix(&names(&back_end), "sessions:").len(), 2);
    assert!(!back_end.end_kept(id).await, "it was over");
    assert_eq!(names(&back_end), [] as [&str; 0]);
}

#[tokio::test]
async fn an_index_that_was_lost_is_made_again_by_use() {
    let back_end = back_end().await;
    let id = back_end.keep("ada", sliding(MINUTE), json!({})).await;
    for key in [ROSTER, "sessions:user:shop/ada"] {
        back_end.keyspace().ask::<i64>("DEL", key, "");
    }
    back_end.get(id).await.expect("alive");
    assert_eq!(back_end.activity(MINUTE).await, 1);
    assert_eq!(back_end.end_all_kept(Some("ada")).await, 1);
    assert_eq!(names(&back_end), [] as [&str; 0]);
}

fn card(back_end: &BackEnd, key: &str) -> i64 {
    back_end.keyspace().ask("ZCARD", key, "")
}
