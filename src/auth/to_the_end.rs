//! What was begun is done to its end, also where the client hangs up meanwhile: else somebody could change something
//! and leave before it is told of.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::runtime::Handle;

/// Work that goes on by itself where nobody waits for it any more.
#[must_use = "nothing is begun before it is waited for"]
pub(in crate::auth) struct ToTheEnd<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

pub(in crate::auth) fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> ToTheEnd<T> {
    ToTheEnd(Some(Box::pin(work)))
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.0.as_mut() else { return Poll::Pending };
        let done = ready!(work.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(done)
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        // Where the runtime is about to end there is nowhere to go on.
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                rest.await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    #[tokio::test]
    async fn it_goes_on_where_nobody_waits_any_more() {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let work = to_the_end(async move {
            let _ = gone.await;
            let _ = tell.send(7);
        });
        timeout(Duration::from_millis(1), work).await.expect_err("it waits");
        go.send(()).expect("it goes on");
        assert_eq!(told.await, Ok(7));
    }
}
