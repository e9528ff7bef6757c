//! A Keyward that an app asks: what all its layers share.

use std::{sync::Arc, time::Duration};

use http::{Uri, request::Parts};
use tokio::{sync::watch, time::sleep};

use crate::{
    check::Check,
    credential,
    demands::Demands,
    feed::Feed,
    identity::{Identity, now},
    layer::KeywardLayer,
    local::Local,
    refusal::Refusal,
};

/// A Keyward that decides who is let in. Cheap to clone; its connections, keys and stream last until the last clone,
/// layer and [`Identity`] are gone.
#[derive(Debug, Clone)]
pub struct Keyward {
    way: Way,
    closing: Arc<watch::Sender<bool>>,
}

/// How it is found out who a request is of.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    Check(Arc<Check>),
    Local(Arc<Local>),
}

/// A route's demands, ready to be asked.
#[derive(Debug)]
pub(crate) struct Question {
    demands: Demands,
    /// At the check; `None` = they are more than an address can hold.
    uri: Option<Uri>,
}

impl Keyward {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, closing: Arc::new(watch::Sender::new(false)) }
    }

    /// A layer that lets in whoever is signed in. Demand more with [`KeywardLayer::role`] and the like.
    #[must_use]
    pub fn layer(&self) -> KeywardLayer {
        KeywardLayer::new(self.clone())
    }

    /// Returns once Keyward has told all that answers need: with [`Keyward::local`] that is its keys and its
    /// revocations, without which every request is 503; else the revocations, if any were asked for. Wait for it before
    /// you say that you are ready, and with a limit of your own.
    pub async fn ready(&self) {
        while !self.is_ready() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether [`Keyward::ready`] would return at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let follows = |feed: &Arc<Feed>| feed.known().is_trusted();
        match &self.way {
            Way::Check(check) => check.feed.as_ref().is_none_or(follows),
            Way::Local(local) => local.is_ready(),
        }
    }

    /// Ends every [`Identity`], those to come too, with [`Ended::Closed`](crate::Ended::Closed), and so each event stream
    /// of theirs: call it when the app shuts down, for a graceful shutdown waits for what is open. Requests are still
    /// judged.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn question(&self, demands: &Demands) -> Question {
        let uri = Uri::try_from(format!("{}{}", self.asking().uri, demands.query())).ok();
        Question { demands: demands.clone(), uri }
    }

    pub(crate) async fn judge(&self, request: &Parts, question: &Question) -> Result<Identity, Refusal> {
        let admitted = match (&self.way, &question.uri) {
            // A session cookie says nothing by itself: that is for Keyward to look up.
            (Way::Local(local), _) if !credential::is_cookie_alone(&request.headers) => {
                local.judge(request, &question.demands).await?
            }
            (_, Some(uri)) => self.asking().judge(request, uri).await?,
            (_, None) => return Err(Refusal::away()),
        };
        Ok(Identity::new(admitted, self.closing.subscribe(), now()))
    }

    fn asking(&self) -> &Check {
        match &self.way {
            Way::Check(check) => check,
            Way::Local(local) => &local.check,
        }
    }
}
