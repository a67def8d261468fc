//! Encryption: what a server has to prove.
//!
//! One provider of cryptography, named here and installed nowhere else, so that no other crate can
//! change it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{DatabaseError, Settings, TlsMode};

/// Makes connections that ask for what the settings want.
pub(super) fn connector(settings: &Settings) -> Result<MakeRustlsConnect, DatabaseError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions();
    let builder = builder.expect("the provider knows the usual versions of TLS");
    let config = match settings.tls {
        TlsMode::VerifyFull => {
            builder.with_root_certificates(authorities(settings)?).with_no_client_auth()
        }
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => {
            let anybody = Arc::new(AnyServerName { provider, authorities: None });
            builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
        }
        TlsMode::VerifyAuthority => {
            let verifier = WebPkiServerVerifier::builder_with_provider(
                Arc::new(authorities(settings)?),
                Arc::clone(&provider),
            )
            .build();
            let verifier = verifier.map_err(|error| DatabaseError::NoAuthorities {
                from: origin(settings),
                reason: error.to_string(),
            })?;
            let any_name = Arc::new(AnyServerName { provider, authorities: Some(verifier) });
            builder.dangerous().with_custom_certificate_verifier(any_name).with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn origin(settings: &Settings) -> String {
    settings
        .authorities
        .as_deref()
        .map_or_else(|| "this system".into(), |path| path.display().to_string())
}

/// The authorities that are trusted: those of the file that was named, or those of the system.
fn authorities(settings: &Settings) -> Result<RootCertStore, DatabaseError> {
    let none = |reason: String| DatabaseError::NoAuthorities { from: origin(settings), reason };
    let certificates = if let Some(path) = &settings.authorities {
        read(path).map_err(none)?
    } else {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let reasons =
                found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            return Err(none(if reasons.is_empty() { "there are none".into() } else { reasons }));
        }
        found.certs
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 { Err(none("none of the certificates can be read".into())) } else { Ok(store) }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let certificates =
        certificates.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        Err("it holds no certificate in PEM form".into())
    } else {
        Ok(certificates)
    }
}

/// Accepts every name, and every authority or only the trusted ones.
#[derive(Debug)]
struct AnyServerName {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for AnyServerName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        match authorities.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The chain is checked before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
