//! A million sessions in a real Redis, put there by the verb that creates them, and what the verbs that
//! list, count and end take then, beside the same on an empty Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use keyward::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppLife, AppToken, AppUser, NewAppSession},
        app_session_data::AppData,
        clock::{Clock, SystemClock, Timestamp},
        limits::Lifetimes,
    },
    store::{
        app_sessions::{AppSessionStore, Listing},
        redis::{
            Keeping, RedisStore, Times,
            connection::target::{Mode, RedisTarget},
            keys::RefreshKeys,
        },
    },
};

use super::{
    APP, IP, SESSIONS_A_USER,
    common::{
        figure::Figure,
        goals::{Compared, Measured},
        redis::Redis,
        statistics::{median, ratio},
    },
    data, per_second,
    servers::used_memory,
    user,
};

const CALLERS: usize = 256;
const CALLS: usize = 200;
const PAGE: u32 = 100;
const TTL: Duration = Duration::from_hours(24);
/// A run that takes longer is broken off.
const LONGEST_FILL: Duration = Duration::from_mins(15);

pub async fn measure(users: usize) -> Vec<Figure> {
    assert!(users >= CALLS, "each call ends the sessions of another user");
    let count = users * SESSIONS_A_USER;
    let (full, empty) = (Backend::start().await, Backend::start().await);
    let before = used_memory(&full.redis);
    let begun = Instant::now();
    tokio::time::timeout(LONGEST_FILL, full.fill(count)).await.expect("filled in time");
    let created = per_second(count, begun.elapsed());
    let bytes = ratio(used_memory(&full.redis) - before, count as u64);
    let mut figures = vec![
        Figure::new(format!("app sessions kept, of {users} users"), count.to_string()),
        Figure::new("created with the store's verb, a second", format!("{created:.0}")),
        Figure::held(
            format!("{bytes:.0}"),
            Measured::new("app session in Redis", Compared::BytesInRedis, bytes),
        ),
    ];
    figures.extend(verbs(&full, &empty, users).await);
    figures
}

async fn verbs(full: &Backend, empty: &Backend, users: usize) -> [Figure; 4] {
    [
        compare("list the 100 of a user", full, empty, async |backend, call| {
            let listed = backend.list(Listing::OfUser(another_user(call, users))).await;
            assert_eq!(listed, backend.expected(SESSIONS_A_USER));
        })
        .await,
        compare("count the users active in an hour", full, empty, async |backend, _| {
            let (now, app) = (SystemClock.now(), &backend.app);
            let active = backend.store.active_users(app, an_hour_before(now), now).await.expect("counted");
            assert_eq!(usize::try_from(active), Ok(backend.expected(users)));
        })
        .await,
        compare("list 100 of the app active in an hour", full, empty, async |backend, _| {
            let listed = backend.list(Listing::ActiveSince(an_hour_before(SystemClock.now()))).await;
            assert_eq!(listed, backend.expected(SESSIONS_A_USER));
        })
        .await,
        compare("end the 100 of a user", full, empty, async |backend, call| {
            let ended = backend.end(&another_user(call, users)).await;
            assert_eq!(ended, backend.expected(SESSIONS_A_USER));
        })
        .await,
    ]
}

/// The median of both, called in turn, so that what else the machine does meets both.
async fn compare(name: &str, full: &Backend, empty: &Backend, verb: impl AsyncFn(&Backend, usize)) -> Figure {
    let [mut full_times, mut empty_times] = [Vec::new(), Vec::new()];
    for call in 0..CALLS {
        for (backend, times) in [(full, &mut full_times), (empty, &mut empty_times)] {
            let begun = Instant::now();
            verb(backend, call).await;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let (full, empty) = (median(full_times), median(empty_times));
    let text = format!("{full:.2} ms; {empty:.2} on an empty Redis");
    Figure::held(text, Measured::new(name, Compared::Millis, full))
}

/// A Redis with a store on it.
struct Backend {
    store: Arc<RedisStore>,
    app: AppName,
    is_full: std::cell::Cell<bool>,
    redis: Redis,
}

impl Backend {
    async fn start() -> Self {
        let redis = Redis::start();
        let mut target = RedisTarget::parse(&[redis.url()], Mode::Single, None, "").expect("a target");
        // So many callers at once wait longer than a server's requests may.
        target.response_timeout = Duration::from_secs(10);
        let lifetimes = Lifetimes { access: TTL, refresh: TTL, session_max_age: None };
        let keeping = Keeping {
            lifetimes,
            refresh_keys: RefreshKeys::Hashed,
            wait_for_replicas: 0,
            times: Times::OfServer,
        };
        let store = RedisStore::connect(&target, keeping, Arc::default(), Arc::new(SystemClock)).await;
        let app = AppName::parse(APP).expect("a name");
        Self { store: Arc::new(store.expect("connected")), app, is_full: false.into(), redis }
    }

    async fn fill(&self, count: usize) {
        let (next, users) = (Arc::new(AtomicUsize::new(0)), count / SESSIONS_A_USER);
        let callers = (0..CALLERS).map(|_| {
            let (store, app, next) = (Arc::clone(&self.store), self.app.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    store.create(&session(&app, number, users)).await.expect("created");
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no caller fails");
        }
        self.is_full.set(true);
    }

    /// What is there is there in the full one alone.
    fn expected(&self, count: usize) -> usize {
        if self.is_full.get() { count } else { 0 }
    }

    async fn list(&self, listing: Listing) -> usize {
        let listed = self.store.list(&self.app, &listing, None, PAGE, SystemClock.now()).await;
        listed.expect("listed").sessions.len()
    }

    async fn end(&self, user: &AppUser) -> usize {
        let ended = self.store.end_all(&self.app, Some(user), SystemClock.now()).await.expect("ended");
        usize::try_from(ended).expect("a count")
    }
}

/// From all over the store.
fn another_user(call: usize, users: usize) -> AppUser {
    AppUser::parse(&user(call * (users / CALLS))).expect("a user")
}

/// Users take turns, so that nobody's sessions lie together.
fn session(app: &AppName, number: usize, users: usize) -> NewAppSession {
    let data = data().as_object().cloned().unwrap_or_default();
    NewAppSession {
        id: AppToken::random().session(app),
        app: app.clone(),
        user: AppUser::parse(&user(number % users)).expect("a user"),
        ip: AppIp::parse(IP).expect("an address"),
        data: AppData::from_json(data).expect("data"),
        life: AppLife::new(TTL, false, None).expect("a life"),
        created_at: SystemClock.now(),
    }
}

fn an_hour_before(now: Timestamp) -> Timestamp {
    now - Duration::from_hours(1)
}
