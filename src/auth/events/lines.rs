//! The same events as log lines, for who ships logs: constant names, and never a secret.

use crate::domain::{
    app::AppName,
    event::{Event, EventKind},
};

/// Logs an event, under the names of `docs/operating.md`.
pub(super) fn log(event: &Event) {
    match event.kind {
        EventKind::RefreshReused | EventKind::RefreshContested | EventKind::EventsLost => warn(event),
        _ => inform(event),
    }
}

fn inform(event: &Event) {
    tracing::info!(
        audit.kind = event.kind.as_str(),
        audit.id = %event.id,
        audit.by = %event.by,
        audit.reason = event.reason,
        audit.detail = event.detail,
        audit.count = event.count,
        user.id = event.user.map(display),
        session.id = event.session.map(display),
        app.name = event.app.as_ref().map(AppName::as_str),
        client.address = event.address.map(display),
        client.agent = event.agent,
        request.id = event.request,
        "event"
    );
}

/// The same for what calls for a look.
fn warn(event: &Event) {
    tracing::warn!(
        audit.kind = event.kind.as_str(),
        audit.id = %event.id,
        audit.by = %event.by,
        audit.reason = event.reason,
        audit.detail = event.detail,
        audit.count = event.count,
        user.id = event.user.map(display),
        session.id = event.session.map(display),
        app.name = event.app.as_ref().map(AppName::as_str),
        client.address = event.address.map(display),
        client.agent = event.agent,
        request.id = event.request,
        "event"
    );
}
