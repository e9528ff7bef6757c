//! What an app does with the sessions that it keeps here.

use std::time::Duration;

use super::backends::BackEnd;
use keyward::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppLife, AppSession, AppToken, AppUser, NewAppSession},
        app_session_data::{AppData, DataChange},
        cursor::Cursor,
        ids::SessionId,
    },
    store::app_sessions::{AppPage, Listing, Saved},
};
use serde_json::{Map, Value};

pub const MINUTE: Duration = Duration::from_mins(1);

pub fn app(name: &str) -> AppName {
    AppName::parse(name).expect("a name")
}

pub fn user(name: &str) -> AppUser {
    AppUser::parse(name).expect("a user id")
}

pub fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).expect("an object")
}

pub fn merge(value: Value) -> DataChange {
    DataChange::merge(object(value)).expect("a change")
}

pub fn sliding(ttl: Duration) -> AppLife {
    AppLife::new(ttl, false, None).expect("a life")
}

/// What the app `shop` does here.
impl BackEnd {
    pub async fn keep(&self, whose: &str, life: AppLife, data: Value) -> SessionId {
        let id = AppToken::random().session(&app("shop"));
        let new = NewAppSession {
            id,
            app: app("shop"),
            user: user(whose),
            ip: AppIp::parse("192.0.2.7").expect("an address"),
            data: AppData::from_json(object(data)).expect("data"),
            life,
            created_at: self.now(),
        };
        self.app_sessions.create(&new).await.expect("created");
        id
    }

    pub async fn get(&self, id: SessionId) -> Option<AppSession> {
        self.app_sessions.get(&app("shop"), id, self.now()).await.expect("an answer")
    }

    pub async fn set(&self, id: SessionId, change: &DataChange, expected: Option<u64>) -> Saved {
        self.app_sessions.set(&app("shop"), id, change, expected, self.now()).await.expect("an answer")
    }

    pub async fn end_kept(&self, id: SessionId) -> bool {
        self.app_sessions.end(&app("shop"), id, self.now()).await.expect("an answer")
    }

    pub async fn end_all_kept(&self, whose: Option<&str>) -> u64 {
        let whose = whose.map(user);
        self.app_sessions.end_all(&app("shop"), whose.as_ref(), self.now()).await.expect("an answer")
    }

    pub async fn page(&self, listing: &Listing, after: Option<&Cursor>, limit: u32) -> AppPage {
        let page = self.app_sessions.list(&app("shop"), listing, after, limit, self.now()).await;
        page.expect("a page")
    }

    /// All pages of a listing.
    pub async fn listed(&self, listing: &Listing, limit: u32) -> Vec<AppSession> {
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let page = self.page(listing, after.as_ref(), limit).await;
            assert!(page.sessions.len() <= limit as usize);
            sessions.extend(page.sessions);
            match page.next {
                Some(next) => after = Some(next),
                None => return sessions,
            }
        }
    }

    pub async fn ids_listed(&self, listing: &Listing, limit: u32) -> Vec<SessionId> {
        self.listed(listing, limit).await.iter().map(|session| session.id).collect()
    }

    pub async fn activity(&self, within: Duration) -> u64 {
        let since = self.now() - within;
        self.app_sessions.active_users(&app("shop"), since, self.now()).await.expect("a count")
    }
}

pub fn of(whose: &str) -> Listing {
    Listing::OfUser(user(whose))
}
