//! Server-Sent Events (the HTML standard, section 9.2), as far as the stream of revocations uses them, and what its
//! events say.

use serde::Deserialize;

/// The longest event taken: a part of a snapshot has some 50 KiB.
const EVENT_MAX_BYTES: usize = 1024 * 1024;

/// Tokens that are refused, or no longer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    pub claim: String,
    pub value: String,
    /// In seconds since the epoch; 0 = it is no longer refused.
    pub until: u64,
    pub reason: Option<String>,
    /// Only tokens with an earlier `iat`.
    pub issued_before: Option<u64>,
}

/// What the stream says.
#[derive(Debug)]
pub(super) enum News {
    Snapshot { first: bool, last: bool, entries: Vec<Entry> },
    Change(Entry),
    Status { good_for: u64, heartbeat: u64 },
}

/// An event, and from where to go on after it.
#[derive(Debug)]
pub(super) struct Event {
    /// `None` = of a kind that is not known here.
    pub news: Option<News>,
    pub id: Option<String>,
}

/// What came does not read as the stream of revocations.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("an event is too long")]
    TooLong,
    #[error("an event is not text")]
    NoText,
    #[error("an event says {0:?}, but not how that is said")]
    Data(String),
    #[error("a snapshot has no beginning")]
    NoBeginning,
}

/// Puts lines together from pieces, and events from lines.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    name: String,
    data: String,
    id: Option<String>,
}

#[derive(Deserialize)]
struct Snapshot {
    first: bool,
    last: bool,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Status {
    good_for: u64,
    #[serde(default)]
    heartbeat: u64,
}

impl Reader {
    /// The events that a piece completes.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<Vec<Event>, Unreadable> {
        let mut events = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() + self.data.len() > EVENT_MAX_BYTES {
                return Err(Unreadable::TooLong);
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| Unreadable::NoText)?;
                events.extend(self.line(line.trim_end_matches(['\r', '\n']))?);
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Result<Option<Event>, Unreadable> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            "id" => self.id = Some(value.to_owned()),
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Result<Option<Event>, Unreadable> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let id = self.id.take();
        if data.is_empty() {
            return Ok(None);
        }
        let news = match &*name {
            "snapshot" => serde_json::from_str(&data)
                .map(|Snapshot { first, last, entries }| Some(News::Snapshot { first, last, entries })),
            "revoked" | "restored" => serde_json::from_str(&data).map(|entry| Some(News::Change(entry))),
            "status" => serde_json::from_str(&data)
                .map(|Status { good_for, heartbeat }| Some(News::Status { good_for, heartbeat })),
            _ => Ok(None),
        };
        Ok(Some(Event { news: news.map_err(|_| Unreadable::Data(name))?, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "event: snapshot\r\nid: a-0\r\ndata: {\"first\":true,\"last\":true,\"entries\":[]}\r\n\r\n\
        : a comment\n\nevent: revoked\nid: a-1\n\
        data: {\"claim\":\"sid\",\"value\":\"s\",\"until\":9,\"reason\":\"logout\",\"more\":1}\n\n\
        event: tomorrow\ndata: {}\n\nevent: status\ndata: {\"following\":true,\"good_for\":10,\"heartbeat\":1}\n\n";

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        for size in 1..STREAM.len() {
            let mut reader = Reader::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let events: Vec<Event> = pieces.flat_map(|piece| reader.take(piece).expect("events")).collect();
            let ids: Vec<_> = events.iter().map(|event| event.id.as_deref()).collect();
            assert_eq!(ids, [Some("a-0"), Some("a-1"), None, None], "{size}");
            assert!(matches!(events[0].news, Some(News::Snapshot { first: true, last: true, .. })));
            assert!(matches!(&events[1].news, Some(News::Change(entry)) if entry.until == 9));
            assert!(events[2].news.is_none());
            assert!(matches!(events[3].news, Some(News::Status { good_for: 10, heartbeat: 1 })));
        }
    }

    #[test]
    fn what_is_no_such_stream_is_not_read_on() {
        assert!(Reader::default().take(b"event: revoked\ndata: {\"claim\":1}\n\n").is_err());
        assert!(Reader::default().take(b"event: \xff\n").is_err());
        let mut reader = Reader::default();
        let endless = [b'x'; 4096];
        assert!((0..=256).any(|_| reader.take(&endless).is_err()), "a line without end");
    }
}
