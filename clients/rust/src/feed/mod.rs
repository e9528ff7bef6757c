//! The stream of revocations (`GET /v1/revocations`), followed for as long as anybody holds it: read, come back to
//! where it broke off, and believed only as long as it says.

mod by_claim;
mod end;
mod events;
mod known;
mod refused;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::events::{Event, News, Reader, Unreadable};
pub(crate) use self::{
    end::End,
    known::Known,
    refused::{Moment, Subject},
};
use crate::{
    error::Error,
    identity::now,
    transport::{self, Away, Http},
};

const PATH: &str = "/v1/revocations";
/// How long the head of the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many heartbeats may be missed, and how long one is until the stream says so.
const MISSED: u32 = 4;
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the first pause is before it comes back; the longest is below the shortest common trust of 10 s.
const SHORT_PAUSE: Duration = Duration::from_millis(200);
const LONG_PAUSE: Duration = Duration::from_secs(3);
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// How many of those are between two sweeps.
const SWEEP_EVERY: u32 = 240;

/// The stream, and what it has told. It is followed until this is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    known: Arc<Known>,
    task: JoinHandle<()>,
}

/// Where the stream is, and how far it has been read.
struct Place {
    http: Http,
    uri: Uri,
    headers: HeaderMap,
}

/// Why the stream broke off.
#[derive(Debug, thiserror::Error)]
enum Break {
    #[error(transparent)]
    Away(#[from] Away),
    #[error("HTTP {0}{hint}", hint = hint(*.0))]
    Refused(u16),
    #[error("what answers is no stream of events: is that Keyward's public address?")]
    NoStream,
    #[error("{0}")]
    Cut(hyper::Error),
    #[error("it ended")]
    Ended,
    #[error("it fell silent")]
    Silent,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Feed {
    /// Follows the stream of a Keyward on behalf of a confidential app. Within a Tokio runtime.
    pub(crate) fn of(http: &Http, keyward: &Uri, app: &str, secret: &str) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        let basic = format!("Basic {}", STANDARD.encode(format!("{app}:{secret}")));
        headers.insert(header::AUTHORIZATION, transport::secret_header(&basic)?);
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let place = Place { http: http.clone(), uri: transport::below(keyward, PATH)?, headers };
        let known = Arc::new(Known::default());
        let task = tokio::spawn(follow_for_ever(place, Arc::clone(&known)));
        Ok(Self { known, task })
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow_for_ever(mut place: Place, known: Arc<Known>) {
    tokio::select! {
        () = come_back(&mut place, &known) => {}
        () = watch(&known) => {}
    }
}

/// Follows, and again; longer between two tries that brought nothing.
async fn come_back(place: &mut Place, known: &Known) {
    let mut pause = SHORT_PAUSE;
    loop {
        let mut was_heard = false;
        let Err(error) = place.follow(known, &mut was_heard).await;
        tracing::warn!(%error, "the stream of revocations broke off");
        pause = if was_heard { SHORT_PAUSE } else { (pause * 2).min(LONG_PAUSE) };
        // Spread, so that not all who were cut off at once come back at once.
        sleep(pause + pause.mul_f64(chance())).await;
    }
}

/// Ends what waits when the trust does, whether or not anything comes.
async fn watch(known: &Known) {
    for round in 1_u32.. {
        sleep(WATCH_EVERY).await;
        known.end_if_stale();
        if round.is_multiple_of(SWEEP_EVERY) {
            known.sweep(now());
        }
    }
}

impl Place {
    async fn follow(
        &mut self,
        known: &Known,
        was_heard: &mut bool,
    ) -> Result<std::convert::Infallible, Break> {
        let mut body = self.open().await?;
        known.begin();
        let (mut reader, mut silence) = (Reader::default(), HEARTBEAT * MISSED);
        loop {
            // Whatever else comes, what says nothing is silent.
            let events = timeout(silence, events(&mut body, &mut reader)).await;
            for event in events.map_err(|_| Break::Silent)?? {
                *was_heard = true;
                if let Some(News::Status { heartbeat, .. }) = event.news {
                    silence = Duration::from_secs(heartbeat.clamp(1, 60)) * MISSED;
                }
                if let Some(news) = event.news {
                    known.take(news, now())?;
                }
                // Only once it is taken in: what is lost before is sent again.
                if let Some(id) = event.id.and_then(|id| HeaderValue::try_from(id).ok()) {
                    self.headers.insert("last-event-id", id);
                }
            }
        }
    }

    async fn open(&self) -> Result<Incoming, Break> {
        let answer = self.http.get(&self.uri, &self.headers, PATIENCE).await?;
        if answer.status() != 200 {
            return Err(Break::Refused(answer.status().as_u16()));
        }
        let kind = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_stream = kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream"));
        if is_stream { Ok(answer.into_body()) } else { Err(Break::NoStream) }
    }
}

/// What comes next, at least one.
async fn events(body: &mut Incoming, reader: &mut Reader) -> Result<Vec<Event>, Break> {
    loop {
        let frame = body.frame().await.ok_or(Break::Ended)?.map_err(Break::Cut)?;
        let events = reader.take(&frame.into_data().unwrap_or_default())?;
        if !events.is_empty() {
            return Ok(events);
        }
    }
}

/// What an operator may have to mend.
const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": the app's name or secret is not that of a confidential app of Keyward's",
        300..=399 => ": no redirect is followed, so give the address that it leads to",
        404 => ": is that Keyward's public address?",
        _ => "",
    }
}

/// Between 0 and 1; by what each map of the standard library is seeded with.
fn chance() -> f64 {
    let bits = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}
