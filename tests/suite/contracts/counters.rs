//! Counters: fixed windows that begin with their first count.

use std::time::Duration;

use crate::support::backends::{CounterBackEnd, CountersOn, TICK, counter_back_ends};
use futures_util::future::join_all;
use keyward::{
    domain::ids::SessionId,
    store::counters::{Count, Counter},
};
use rstest_reuse::apply;

const WINDOW: Duration = Duration::from_mins(1);

fn one_of_each() -> [Counter; 8] {
    [
        Counter::Session(SessionId::random()),
        Counter::LoginPair("5nJx".to_owned()),
        Counter::LoginUser("5nJx".to_owned()),
        Counter::LoginAddress("2001:db8::/64".to_owned()),
        Counter::LoginKnown("5nJx".to_owned()),
        Counter::LoginFactor("5nJx".to_owned()),
        Counter::Signup("2001:db8::/64".to_owned()),
        Counter::Revoked(SessionId::random()),
    ]
}

impl CounterBackEnd {
    async fn add(&self, counter: &Counter) -> Count {
        self.counters.add(counter, WINDOW, self.now()).await.expect("an answer")
    }

    fn is(&self, count: Count, value: u64, resets_in: Duration) {
        assert_eq!(count.value, value);
        let range = resets_in.saturating_sub(self.slack)..=resets_in;
        assert!(range.contains(&count.resets_in), "{:?} is not in {range:?}", count.resets_in);
    }

    async fn read(&self, counters: &[Counter]) -> Vec<u64> {
        let counts = self.counters.read(counters, self.now()).await.expect("an answer");
        counts.iter().map(|count| count.value).collect()
    }
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn a_window_begins_with_its_first_count(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    for counter in one_of_each() {
        back_end.is(back_end.add(&counter).await, 1, WINDOW);
        back_end.elapse(Duration::from_secs(20)).await;
        back_end.is(back_end.add(&counter).await, 2, Duration::from_secs(40));
    }
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn a_window_ends_to_the_millisecond_whatever_was_counted(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    for counter in one_of_each() {
        back_end.add(&counter).await;
        let moment = back_end.slack + TICK;
        back_end.elapse(WINDOW.saturating_sub(moment)).await;
        back_end.is(back_end.add(&counter).await, 2, moment);
        back_end.elapse(moment).await;
        back_end.is(back_end.add(&counter).await, 1, WINDOW);
    }
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn counters_of_different_kind_or_name_do_not_mix(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    let counters = one_of_each();
    for (more, counter) in counters.iter().enumerate() {
        for _ in 0..=more {
            back_end.add(counter).await;
        }
    }
    assert_eq!(back_end.read(&counters).await, [1, 2, 3, 4, 5, 6, 7, 8], "read in the order asked");
    let reversed: Vec<_> = counters.iter().rev().cloned().collect();
    assert_eq!(back_end.read(&reversed).await, [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(back_end.read(&one_of_each()[..1]).await, [0], "of another session");
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn reading_does_not_count(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    let counters = one_of_each();
    let nothing = back_end.counters.read(&counters, back_end.now()).await.unwrap();
    assert_eq!(nothing, [Count::default(); 8], "and begins no window");
    back_end.add(&counters[0]).await;
    back_end.elapse(Duration::from_secs(45)).await;
    for _ in 0..3 {
        let read = back_end.counters.read(&counters[..1], back_end.now()).await.unwrap();
        back_end.is(read[0], 1, Duration::from_secs(15));
    }
    back_end.elapse(Duration::from_secs(15)).await;
    assert_eq!(back_end.counters.read(&counters[..1], back_end.now()).await.unwrap(), [Count::default()]);
    assert!(back_end.counters.read(&[], back_end.now()).await.unwrap().is_empty());
}

#[apply(counter_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn counts_at_the_same_time_are_all_counted(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    for counter in one_of_each() {
        let add = || {
            let (counters, counter, now) = (back_end.counters.clone(), counter.clone(), back_end.now());
            tokio::spawn(async move { counters.add(&counter, WINDOW, now).await.unwrap().value })
        };
        let counted = join_all((0..200).map(|_| add())).await;
        let mut counted: Vec<_> = counted.into_iter().map(|value| value.expect("no panic")).collect();
        counted.sort_unstable();
        assert!(counted.into_iter().eq(1..=200), "each caller is told a count of its own");
    }
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn a_forgotten_counter_begins_anew(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    let counters = one_of_each();
    for counter in &counters {
        back_end.add(counter).await;
    }
    back_end.elapse(Duration::from_secs(30)).await;
    for counter in &counters {
        back_end.counters.clear(counter).await.unwrap();
        back_end.counters.clear(counter).await.unwrap();
    }
    assert_eq!(back_end.read(&counters).await, [0; 8]);
    back_end.is(back_end.add(&counters[3]).await, 1, WINDOW);
}

#[apply(counter_back_ends)]
#[tokio::test]
async fn what_is_taken_back_was_never_counted(on: CountersOn) {
    let back_end = CounterBackEnd::on(on).await;
    let take_back =
        async |counter: &Counter| back_end.counters.take_back(counter, back_end.now()).await.unwrap();
    for counter in one_of_each() {
        take_back(&counter).await;
        assert_eq!(back_end.read(std::slice::from_ref(&counter)).await, [0], "not less than nothing");
        back_end.add(&counter).await;
        back_end.add(&counter).await;
        back_end.elapse(Duration::from_secs(20)).await;
        take_back(&counter).await;
        back_end.is(back_end.add(&counter).await, 2, Duration::from_secs(40));
        take_back(&counter).await;
        take_back(&counter).await;
        back_end.is(back_end.add(&counter).await, 1, WINDOW);
        back_end.elapse(WINDOW).await;
        take_back(&counter).await;
        assert_eq!(back_end.read(std::slice::from_ref(&counter)).await, [0], "of a window that is over");
    }
}
