//! A token that was made with `refresh.secret`, but by somebody to whom its session was never given.

use crate::{domain::ids::SessionId, measures::table::FORGED};

/// Tells the operator that somebody else has the secret: nothing else makes such a token. To whoever showed it,
/// it is a token like any other that is not genuine.
pub(in crate::auth) fn note_forgery(session: SessionId) {
    tracing::error!(session.id = %session, "a token was forged with refresh.secret: make another (docs/operating.md)");
    FORGED.count(&[]);
}
