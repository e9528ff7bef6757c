//! Keyward is away, hangs or starts again: 503, and never a 401 that would sign somebody out.

use std::time::Duration;

use keyward_tower::Keyward;

use crate::{
    app::{App, both},
    http::until,
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_fallen_silent_is_believed_no_longer_than_it_says() {
    // Trust of 3 s, the shortest.
    let server = Server::start(&[("OUTAGE_CHECK", "0s")]).await;
    let [_, (_, local)] = both(&server).await;
    let app = App::start(&local).await;
    let anna = server.sign_in().await;
    until("let in", async || (app.get("/me", &anna.token).await.status == 200).then_some(())).await;
    server.freeze();
    let stale = until("it is stale", async || {
        Some(app.get("/me", &anna.token).await).filter(|answer| answer.status != 200)
    });
    assert_eq!(stale.await.refusal(), (503, "store_unavailable".to_owned()));
    server.thaw();
    until("it is heard again", async || {
        let status = app.get("/me", &anna.token).await.status;
        assert!(status == 200 || status == 503, "{status}");
        (status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_does_not_answer_is_503() {
    let mut server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let check = Keyward::check(&server.check).timeout(Duration::from_millis(500)).build().expect("a way");
    let app = App::start(&check).await;
    server.freeze();
    assert_eq!(app.get("/me", &anna.token).await.refusal(), (503, "store_unavailable".to_owned()));
    server.thaw();
    server.kill();
    assert_eq!(app.get("/me", &anna.token).await.refusal(), (503, "store_unavailable".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_keyward_signs_nobody_out() {
    let mut server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let mut apps = Vec::new();
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/me", &anna.token).await.status, 200, "{way}");
        apps.push((way, app));
    }
    for _ in 0..2 {
        server.kill();
        for (way, app) in &apps {
            let status = app.get("/me", &anna.token).await.status;
            assert!(status == 200 || status == 503, "{way}: {status}");
        }
        server.begin().await;
        for (way, app) in &apps {
            until("it goes on", async || {
                let status = app.get("/me", &anna.token).await.status;
                assert!(status == 200 || status == 503, "{way}: {status}");
                (status == 200).then_some(())
            })
            .await;
        }
    }
    // What is said after the restart is heard.
    server.sign_out(&anna).await;
    for (way, app) in &apps {
        let refused = until("the sign-out is known", async || {
            Some(app.get("/me", &anna.token).await).filter(|answer| answer.status == 401)
        });
        assert_eq!(refused.await.refusal(), (401, "token_revoked".to_owned()), "{way}");
    }
}
