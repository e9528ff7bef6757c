//! TLS and users: the right certificate and name, the right password, no more rights than are needed.

use std::sync::Arc;

use keyward::{
    domain::{clock::ManualClock, session::EndReason},
    store::{revocations::RevocationSet, sessions::Ended},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{
    backends::{Home, LIFETIMES, START},
    keyspace::Keyspace,
    servers::redis::{Server, free_port},
};

/// All that Keyward needs where there are no sentinels; `+role` comes to it where there are, `+cluster`
/// in a Cluster.
const RIGHTS: &str = "resetchannels -@all +hello +ping +select +client|tracking +script|load +evalsha +eval \
    +get +set +setex +exists +del +expire +pexpire +pttl +incr +hset +hdel +hmget +zadd +zrem +zscore +zrange \
    +zrevrangebyscore +scan +wait +info +time";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("signed")
}

/// A server that speaks TLS on the returned port, and plainly to the test.
fn encrypted(ours: &CertifiedIssuer<'static, KeyPair>) -> (Server, u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let named = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = named.signed_by(&key, ours).expect("signed");
    let path = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (certificate, key) = (path("cert.pem", certificate.pem()), path("key.pem", key.serialize_pem()));
    let (ca, port) = (path("ca.pem", ours.pem()), free_port());
    let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let options = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no"];
    (Server::start(&[&files[..], &options].concat()), port)
}

#[tokio::test]
async fn over_tls_as_a_user_with_few_rights_everything_works_and_else_nothing() {
    let ours = authority();
    let (server, port) = encrypted(&ours);
    let at = |host: &str, password: &str| format!("rediss://kw:{password}@{host}:{port}/3");
    let space = Keyspace::behind(at("localhost", "s3cret"), Some(&ours.pem()), &server).in_database(3);
    let keys = format!("~{}*", space.prefix);
    server.ask::<()>(&format!("ACL SETUSER kw on >s3cret {keys} {RIGHTS}"));

    let home = Home::in_keyspace(space).await;
    let other = home.another_node().await;
    let client = home.sign_in().await;
    let claims = home.claims(&client);
    home.refreshed(&client.token).await;
    home.confirm(&client.token).await;
    assert_eq!(home.ids_of_user(client.user).await, [client.session()]);
    assert_eq!(home.end(client.session(), EndReason::Logout).await, Ended::Now);
    crate::backends::eventually("known", || other.set.find(&claims, home.now()).is_some()).await;
    home.sessions.ping().await.expect("it takes writes");
    home.refusal(&claims).await.expect("refused");
    home.counters
        .add(&keyward::store::counters::Counter::LoginUser("x".into()), LIFETIMES.access, home.now())
        .await
        .expect("counted");

    let (ours, other) = (ours.pem(), authority().pem());
    for (url, ca) in [
        (at("localhost", "s3cret"), Some(&other)),
        (at("localhost", "s3cret"), None),
        (at("127.0.0.1", "s3cret"), Some(&ours)),
        (at("localhost", "wrong"), Some(&ours)),
        (format!("redis://kw:s3cret@localhost:{port}"), None),
    ] {
        let space = Keyspace::behind(url.clone(), ca.map(String::as_str), &server);
        let set = Arc::new(RevocationSet::default());
        let error = space.connect(LIFETIMES, &set, &Arc::new(ManualClock::at(START))).await;
        let error = error.err().unwrap_or_else(|| panic!("connected to {url}"));
        assert!(error.is_away() && !format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
