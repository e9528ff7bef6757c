//! The keys of sessions that other app servers keep, and how they clean themselves.

use std::time::Duration;

use serde_json::json;

use super::{home, names, with_prefix};
use crate::{
    contracts::app_sessions::{MINUTE, merge, sliding},
    support::backends::Home,
};

const ROSTER: &str = "sessions:app:shop/data";

#[tokio::test]
async fn a_kept_session_has_its_keys_and_no_others() {
    let home = home().await;
    let id = home.keep("ada", sliding(MINUTE), json!({"a": 1, "b": "two", "c": true})).await;
    home.set(id, &merge(json!({"d": 4})), None).await;
    home.get(id).await.expect("alive");
    let session = format!("session:{id}");
    let expected = [&session, ROSTER, "sessions:user:shop/ada"];
    assert_eq!(names(&home), expected);
    let space = home.keyspace();
    let life: i64 = space.ask("TTL", &session, "");
    assert!((57..=60).contains(&life), "{life}");
    let left: i64 = space.ask("TTL", "sessions:user:shop/ada", "");
    assert!(left > 2 * 60, "an index outlives what is in it: {left}");
    assert_eq!(space.ask::<Vec<String>>("ZRANGE", "sessions:user:shop/ada", "0 -1"), [id.to_string()]);

    assert!(home.end_kept(id).await);
    assert_eq!(names(&home), [] as [&str; 0], "and nothing is left of it");
}

#[tokio::test]
async fn what_runs_out_is_cleaned_up_by_the_creations_after_it() {
    let home = home().await;
    let used = home.keep("used", sliding(MINUTE), json!({})).await;
    for number in 0..48 {
        home.keep(&format!("dead{number}"), sliding(MINUTE), json!({})).await;
    }
    home.elapse(MINUTE / 2).await;
    home.get(used).await.expect("alive");
    home.elapse(MINUTE / 2).await;
    assert_eq!(card(&home, ROSTER), 4 * 49, "two entries each, and two of its user");
    for number in 0..20 {
        home.keep(&format!("new{number}"), sliding(MINUTE), json!({})).await;
    }
    assert_eq!(card(&home, ROSTER), 4 * 21);
    assert_eq!(with_prefix(&names(&home), "sessions:user:shop/dead"), [] as [String; 0]);
    assert!(home.get(used).await.is_some(), "used since, so not cleaned up");
    assert_eq!(home.activity(Duration::ZERO).await, 21);
}

#[tokio::test]
async fn an_end_that_was_cut_short_is_completed_by_its_repetition() {
    let home = home().await;
    let id = home.keep("ada", sliding(MINUTE), json!({})).await;
    // As a crash after the first of its writes leaves it.
    home.keyspace().ask::<i64>("HSET", &format!("session:{id}"), "E 0");
    assert_eq!(home.get(id).await, None);
    assert_eq!(with_prefix(&names(&home), "sessions:").len(), 2);
    assert!(!home.end_kept(id).await, "it was over");
    assert_eq!(names(&home), [] as [&str; 0]);
}

#[tokio::test]
async fn an_index_that_was_lost_is_made_again_by_use() {
    let home = home().await;
    let id = home.keep("ada", sliding(MINUTE), json!({})).await;
    for key in [ROSTER, "sessions:user:shop/ada"] {
        home.keyspace().ask::<i64>("DEL", key, "");
    }
    home.get(id).await.expect("alive");
    assert_eq!(home.activity(MINUTE).await, 1);
    assert_eq!(home.end_all_kept(Some("ada")).await, 1);
    assert_eq!(names(&home), [] as [&str; 0]);
}

fn card(home: &Home, key: &str) -> i64 {
    home.keyspace().ask("ZCARD", key, "")
}
