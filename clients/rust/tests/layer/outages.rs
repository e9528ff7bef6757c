//! Keyward is away, hangs or starts again: 503, and never a 401 that would sign somebody out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::stream;
use keyward_tower::Keyward;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_bit_by_bit_has_no_more_time() {
    let patience = Duration::from_secs(2);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                let asked = connection.read(&mut [0; 1024]).await.expect("a question");
                assert!(asked > 0);
                tokio::time::sleep(patience * 3 / 4).await;
                connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await.expect("a head");
                std::future::pending::<()>().await;
            });
        }
    });
    let check = Keyward::check(format!("http://{address}")).timeout(patience).build().expect("a way");
    let app = App::start(&check).await;
    let began = Instant::now();
    assert_eq!(app.get("/me", "a.b.c").await.refusal(), (503, "store_unavailable".to_owned()));
    assert!(began.elapsed() < patience * 3 / 2, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_no_answer_and_not_asked_for_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let endless = axum::routing::get(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let piece = || Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b'x'; 8192]));
        axum::body::Body::from_stream(stream::repeat_with(piece))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let routes = axum::Router::new().route("/v1/check", endless);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let check = Keyward::check(format!("http://{address}")).build().expect("a way");
    let app = App::start(&check).await;
    assert_eq!(app.get("/me", "a.b.c").await.refusal(), (503, "store_unavailable".to_owned()));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
