//! The check of a server's certificate before a command sends a request.
//!
//! The provider of cryptography is named explicitly, as in the storage, because none is installed
//! for the whole process.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use persona_server::exit_code::ExitCode;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::credentials::Credentials;
use crate::failure::Failure;

/// What a server must prove.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Trust(..)")
    }
}

impl Trust {
    /// Trusts the authorities of the named file, else those of this machine.
    ///
    /// # Errors
    ///
    /// There are no authorities.
    pub fn of(credentials: &Credentials) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS cannot be used", &error))?;
        let mut config = match (&credentials.own_certificate, &credentials.ca_file) {
            (Some(path), None) => {
                let certificate = read(path)?.into_iter().next();
                let certificate =
                    certificate.ok_or_else(|| none_in(path, "it holds no certificate"))?;
                let verifier = Arc::new(OneCertificate { certificate, provider });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
            (_, ca_file) => builder
                .with_root_certificates(authorities(ca_file.as_deref())?)
                .with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Connects with TLS, in which the server proves that it is this host.
    ///
    /// # Errors
    ///
    /// The proof failed, or the connection broke.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await.map_err(explained)
    }
}

/// Replaces the error of the library if the other end speaks no TLS, because that error is
/// misleading.
fn explained(error: io::Error) -> io::Error {
    let is_plain = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
        .is_some_and(|cause| matches!(cause, rustls::Error::InvalidMessage(_)));
    if is_plain {
        io::Error::other("the server does not speak TLS there; use http:// in place of https://")
    } else {
        error
    }
}

fn unusable(what: &str, error: &dyn fmt::Display) -> Failure {
    Failure::new(ExitCode::Failure, what).because(error)
}

fn none_in(path: &Path, why: &str) -> Failure {
    let message = format!("{} cannot be trusted: {why}", path.display());
    Failure::new(ExitCode::Config, message)
        .hint("name a file of certificates in PEM form with --ca-file")
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| none_in(path, &error.to_string()))
}

/// Reads the authorities of a file, or those of this machine.
fn authorities(file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let hint = "install the authorities (ca-certificates), or name one with --ca-file";
            let message = "this machine trusts no authority for certificates";
            return Err(Failure::new(ExitCode::Config, message).hint(hint));
        }
        return Ok(roots);
    };
    let (added, _) = roots.add_parsable_certificates(read(path)?);
    if added == 0 {
        Err(none_in(path, "it holds no certificate of an authority"))
    } else {
        Ok(roots)
    }
}

/// Accepts one certificate, for every name.
#[derive(Debug)]
struct OneCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OneCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *certificate == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
