//! An authority of a test's own, and a server's certificate by it.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// A certificate, its key and its authority, in files for servers.
pub struct Certificates {
    folder: TempDir,
    pub ca_pem: String,
}

impl Certificates {
    /// For a server of that name or address.
    pub fn of(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        // Not the name that certificates have by default: OpenSSL would take one of those for its own issuer.
        parameters.distinguished_name.push(DnType::CommonName, "authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"));
        let authority = authority.expect("signed");
        let key = KeyPair::generate().expect("a key");
        let named = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = named.signed_by(&key, &authority).expect("signed");

        let folder = tempfile::tempdir().expect("a folder");
        let files =
            [("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem()), ("ca.pem", authority.pem())];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self { folder, ca_pem: authority.pem() }
    }

    /// Where `cert.pem`, `key.pem` or `ca.pem` is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What has `redis-server` speak TLS on that port.
    pub fn options(&self, port: u16) -> Vec<String> {
        let file = |name: &str| self.file(name).display().to_string();
        let options = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file("cert.pem")),
            ("--tls-key-file", file("key.pem")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}
