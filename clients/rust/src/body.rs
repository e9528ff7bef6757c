//! What is answered to a client: a refusal, or what the app says. An event stream of the app's ends with the identity
//! that it is for.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::identity::{Ended, Identity};

type End = Pin<Box<dyn Future<Output = Ended> + Send>>;

pin_project! {
    /// The body of an answer of a [`KeywardService`](crate::KeywardService): the app's, or that of a refusal.
    pub struct Body<A> {
        #[pin]
        said: Said<A>,
    }
}

pin_project! {
    #[project = Saying]
    enum Said<A> {
        Refusal { whole: Full<Bytes> },
        App { #[pin] body: A },
        Stream { #[pin] body: A, end: End },
        Over,
    }
}

impl<A> Body<A> {
    pub(crate) fn of_refusal(whole: Bytes) -> Self {
        Self { said: Said::Refusal { whole: Full::new(whole) } }
    }
}

/// The app's answer to somebody: no cache's, unless the app says otherwise, and over with the identity where it is an
/// event stream.
pub(crate) fn of_app<A>(response: Response<A>, identity: &Identity) -> Response<Body<A>> {
    let (mut head, body) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        head.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    let said = if is_event_stream(&head.headers) {
        Said::Stream { body, end: Box::pin(identity.ended()) }
    } else {
        Said::App { body }
    };
    Response::from_parts(head, Body { said })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

impl<A: HttpBody<Data = Bytes>> HttpBody for Body<A> {
    type Data = Bytes;
    type Error = A::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, A::Error>>> {
        let mut said = self.project().said;
        let frame = match said.as_mut().project() {
            Saying::Refusal { whole } => {
                return Pin::new(whole).poll_frame(context).map_err(|never| match never {});
            }
            Saying::App { body } => return body.poll_frame(context),
            Saying::Stream { body, end } => match end.as_mut().poll(context) {
                Poll::Pending => return body.poll_frame(context),
                Poll::Ready(_) => None,
            },
            Saying::Over => None,
        };
        // What feeds it is dropped at once.
        said.set(Said::Over);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.said {
            Said::Refusal { whole } => whole.is_end_stream(),
            Said::App { body } | Said::Stream { body, .. } => body.is_end_stream(),
            Said::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.said {
            Said::Refusal { whole } => whole.size_hint(),
            Said::App { body } => body.size_hint(),
            Said::Stream { .. } => SizeHint::default(),
            Said::Over => SizeHint::with_exact(0),
        }
    }
}

impl<A> fmt::Debug for Body<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
