//! TLS to PostgreSQL: always with a verified certificate and name, or not at all.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors;
use crate::store::postgres::StoreError;

/// A connector that trusts the authorities in a PEM file, or those of the system.
pub(in crate::store::postgres) fn connector(ca: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let roots = match ca {
        Some(path) => roots_in(path)?,
        None => roots_of_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(errors::refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots_in(path: &Path) -> Result<RootCertStore, StoreError> {
    let unusable = |why: String| errors::refused(format!("{}: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("no certificate in it".to_owned())) } else { Ok(roots) }
}

fn roots_of_system() -> Result<RootCertStore, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One that cannot be read costs its own trust only.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(errors::refused("the system has no certificate authorities to verify TLS with"));
    }
    Ok(roots)
}
