//! `keyward audit`

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use super::{
    Context, clock,
    error::CliError,
    output::{self, Listing, Row},
    user,
};
use crate::{
    answers,
    auth::Auth,
    config,
    domain::{
        app::AppName,
        clock::Timestamp,
        event::{Event, EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
        user::Username,
    },
};

/// How many events are read at once.
const PAGE: u32 = 1000;
/// How many are shown before new ones are waited for.
const BEFORE: u32 = 20;
/// How often new ones are asked for.
const EVERY: Duration = Duration::from_millis(500);
/// How far back they are asked for again: of those written at the same moment one may appear late.
const OVERLAP: i64 = 200;

#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// Only those of this user; a name, or the id of an account that is gone
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only those of this session, alive or not
    #[arg(long, value_name = "ID", value_parser = session_id, allow_hyphen_values = true)]
    session: Option<SessionId>,
    /// Only those of this kind, such as `signed_out`
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<EventKind>,
    /// Only those of so long ago at most, such as 2d, or from a moment on, such as 2030-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show the last ones, and then each as it comes
    #[arg(long)]
    follow: bool,
    /// Print an array of objects; with --follow one object a line
    #[arg(long)]
    json: bool,
}

fn session_id(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|_| format!("{text:?} is no session id"))
}

fn kind(text: &str) -> Result<EventKind, String> {
    text.parse().map_err(|_| {
        let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("a kind is one of {}", kinds.join(", "))
    })
}

pub(super) async fn run(context: &Context, wanted: &Wanted) -> Result<(), CliError> {
    let app = context.open().await?;
    let auth = app.auth();
    let filter = EventFilter {
        user: match &wanted.user {
            Some(user) => Some(user_id(auth, user).await?),
            None => None,
        },
        session: wanted.session,
        kind: wanted.kind,
        since: wanted.since.as_deref().map(moment).transpose()?,
    };
    let mut names = Names::default();
    if wanted.follow {
        return follow(auth, &filter, &mut names, wanted.json).await;
    }
    let (mut listing, mut before) = (Listing::new(wanted.json), None);
    loop {
        let page = auth.events(&filter, before, PAGE).await?;
        listing.page(&names.of(auth, page.events).await?)?;
        before = page.next;
        if before.is_none() {
            return listing.end::<Named>();
        }
    }
}

/// A user by name, or by the id where the account is gone.
async fn user_id(auth: &Auth, text: &str) -> Result<UserId, CliError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let name = Username::known(text).map_err(|error| CliError::Refused(error.to_string()))?;
    Ok(user::find(auth, &name).await?.id)
}

fn moment(text: &str) -> Result<Timestamp, CliError> {
    let ago = config::duration(text).map(|span| clock().now() - span);
    ago.or_else(|| Timestamp::parse_rfc3339(text)).ok_or_else(|| {
        CliError::Refused(format!("--since {text:?}: takes a span such as 2d, or a moment of RFC 3339"))
    })
}

/// Shows the last events, oldest first, and from then on each that is written.
async fn follow(auth: &Auth, filter: &EventFilter, names: &mut Names, json: bool) -> Result<(), CliError> {
    let mut place = auth.last_event_place().await?;
    let mut shown = Shown::default();
    let mut page = auth.events(filter, None, if filter.since.is_some() { PAGE } else { BEFORE }).await?;
    page.events.reverse();
    let mut news = page.events;
    loop {
        news.retain(|event| shown.is_new(event.id));
        for event in names.of(auth, std::mem::take(&mut news)).await? {
            output::line(&if json { output::object(&event.answer()) } else { event.line() })?;
        }
        sleep(EVERY).await;
        let written = auth.events_after(filter, place - OVERLAP, PAGE).await?;
        place = written.last().map_or(place, |last| last.place.max(place));
        news = written.into_iter().map(|written| written.event).collect();
    }
}

/// Which of the last ones were shown already.
#[derive(Default)]
struct Shown(VecDeque<EventId>);

impl Shown {
    fn is_new(&mut self, id: EventId) -> bool {
        let is_new = !self.0.contains(&id);
        if is_new {
            self.0.push_back(id);
        }
        if self.0.len() > 2 * PAGE as usize {
            self.0.pop_front();
        }
        is_new
    }
}

/// What users are called, asked for once.
#[derive(Default)]
struct Names(BTreeMap<UserId, Option<String>>);

impl Names {
    async fn of(&mut self, auth: &Auth, events: Vec<Event>) -> Result<Vec<Named>, CliError> {
        for user in events.iter().filter_map(|event| event.user) {
            if let Entry::Vacant(unknown) = self.0.entry(user) {
                let found = auth.user_by_id(user).await?;
                unknown.insert(found.map(|user| user.username.to_string()));
            }
        }
        let named = |event: Event| {
            let username = event.user.and_then(|user| self.0.get(&user).cloned().flatten());
            Named { username, event }
        };
        Ok(events.into_iter().map(named).collect())
    }
}

/// An event with its user's name; none where the account is gone.
struct Named {
    event: Event,
    username: Option<String>,
}

impl Named {
    fn line(&self) -> String {
        self.cells(clock().now()).join("  ")
    }

    /// Why, and what exactly; how often, where it stands for more than one.
    fn why(&self) -> String {
        let times = (self.event.count > 1).then(|| format!("{} times", self.event.count));
        let parts = [self.event.reason.clone(), self.event.detail.clone(), times];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Row for Named {
    const COLUMNS: &'static [&'static str] =
        &["time", "kind", "user", "session", "app", "address", "by", "why"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let event = &self.event;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            event.at.rfc3339(),
            event.kind.as_str().to_owned(),
            or_dash(self.username.clone().or_else(|| event.user.map(|user| user.to_string()))),
            or_dash(event.session.map(|session| session.to_string())),
            or_dash(event.app.as_ref().map(AppName::as_str).map(str::to_owned)),
            or_dash(event.address.map(|address| address.to_string())),
            event.by.to_string(),
            self.why(),
        ]
    }

    fn answer(&self) -> impl Serialize {
        answers::Event::new(&self.event, self.username.clone())
    }
}
