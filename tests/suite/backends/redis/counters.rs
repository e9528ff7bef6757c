//! Counts of sessions that go to Redis together, where some of the counters cannot be stepped.

use std::time::Duration;

use super::back_end;
use futures_util::future::join_all;
use keyward::{
    domain::ids::SessionId,
    store::counters::{Counter, CounterStore},
};

const WINDOW: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_counter_that_holds_no_number_harms_no_other() {
    let back_end = back_end().await;
    let store = super::crash::Doomed::beside(&back_end).await.store;
    let sessions: Vec<_> = (0..600).map(|_| SessionId::random()).collect();
    let broken = [sessions[0], sessions[300], sessions[301]];
    for session in broken {
        let () = back_end.keyspace().ask("SETEX", &format!("rate:session:{session}"), "60 many");
    }
    let add = async |session: &SessionId| {
        (*session, store.add(&Counter::Session(*session), WINDOW, back_end.now()).await)
    };
    for value in 1..=3 {
        for (session, counted) in join_all(sessions.iter().map(add)).await {
            match counted {
                Ok(counted) => assert_eq!(counted.value, value),
                Err(error) => assert!(broken.contains(&session) && !error.is_away(), "{error}"),
            }
        }
    }
    back_end.keyspace().assert_all_expire();
}
