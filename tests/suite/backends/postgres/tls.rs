//! TLS to PostgreSQL: with a verified certificate and name, or not at all.

use std::{fs, path::Path};

use super::whole;
use crate::support::servers::postgres::Server;
use keyward::store::{error::StoreError, postgres::PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secrecy::SecretString;

/// An authority, and its PEM file.
fn authority(folder: &Path, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer =
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("signed");
    fs::write(folder.join(name), issuer.pem()).expect("written");
    issuer
}

async fn connect(url: &str, ca: Option<&Path>) -> Result<(), StoreError> {
    PostgresStore::connect(&SecretString::from(url), ca).await.map(drop)
}

#[tokio::test]
async fn a_connection_is_encrypted_to_the_right_server_or_refused() {
    let files = tempfile::tempdir().expect("a folder");
    let ours = authority(files.path(), "ours.pem");
    authority(files.path(), "other.pem");
    let key = KeyPair::generate().expect("a key");
    let named = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = named.signed_by(&key, &ours).expect("signed");

    let server = Server::start_encrypted(&certificate.pem(), &key.serialize_pem());
    server.sql("postgres", "CREATE ROLE kw LOGIN PASSWORD 's3cret'");
    let port = server.port();
    let at = |host: &str, mode: &str| format!("postgres://kw:s3cret@{host}:{port}/postgres?sslmode={mode}");

    let (ours, other) = (files.path().join("ours.pem"), files.path().join("other.pem"));
    for mode in ["require", "verify-full", "prefer"] {
        connect(&at("localhost", mode), Some(&ours)).await.expect(mode);
    }
    let error = connect(&at("localhost", "require"), Some(&other)).await.expect_err("not its authority");
    assert!(whole(&error).contains("certificate"), "{}", whole(&error));
    let error = connect(&at("127.0.0.1", "require"), Some(&ours)).await.expect_err("not its name");
    assert!(whole(&error).contains("not valid for name"), "{}", whole(&error));
    connect(&at("localhost", "require"), None).await.expect_err("not an authority of the system");
    // The server itself demands encryption.
    let error = connect(&at("localhost", "disable"), None).await.expect_err("not encrypted");
    assert!(whole(&error).contains("no encryption"), "{}", whole(&error));
}

#[tokio::test]
async fn a_file_of_authorities_that_holds_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    let url = "postgres://kw@localhost/kw";

    let error = connect(url, Some(&empty)).await.expect_err("missing");
    assert!(whole(&error).contains("empty.pem: "), "{}", whole(&error));
    fs::write(&empty, "").expect("written");
    let error = connect(url, Some(&empty)).await.expect_err("empty");
    assert!(whole(&error).ends_with("empty.pem: no certificate in it"), "{}", whole(&error));
}
