//! A Keyward that an app asks: what all its layers share.

use std::{sync::Arc, time::Duration};

use http::{Uri, request::Parts};
use tokio::time::sleep;

use crate::{
    check::Check, demands::Demands, feed::Feed, identity::Identity, layer::KeywardLayer, local::Local,
    refusal::Refusal,
};

/// A Keyward that decides who is let in. Cheap to clone; its connections, keys and stream last until the last clone,
/// layer and [`Identity`] are gone.
#[derive(Debug, Clone)]
pub struct Keyward(pub(crate) Way);

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
    /// At the check.
    uri: Option<Uri>,
}

impl Keyward {
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
        match &self.0 {
            Way::Check(check) => check.feed.as_ref().is_none_or(follows),
            Way::Local(local) => local.is_ready(),
        }
    }

    pub(crate) fn question(&self, demands: &Demands) -> Question {
        let uri = match &self.0 {
            Way::Check(check) => Uri::try_from(format!("{}{}", check.uri, demands.query())).ok(),
            Way::Local(_) => None,
        };
        Question { demands: demands.clone(), uri }
    }

    pub(crate) async fn judge(&self, request: &Parts, question: &Question) -> Result<Identity, Refusal> {
        match (&self.0, &question.uri) {
            (Way::Check(check), Some(uri)) => check.judge(request, uri).await,
            // More demands than an address can hold.
            (Way::Check(_), None) => Err(Refusal::away()),
            (Way::Local(local), _) => local.judge(request, &question.demands).await,
        }
    }
}
