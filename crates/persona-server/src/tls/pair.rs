//! A chain of certificates and its private key, in the form in which workers get them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use persona_model::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use x509_cert::der::Decode;

use super::PairProblem;

/// Largest file of a chain or key, in bytes: a chain has a few KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Mode bits of a key file that give access to others than owner and group.
const OF_OTHERS: u32 = 0o007;
/// Mode bits of a key file that give access to the group.
const OF_GROUP: u32 = 0o070;
/// Only a key of root may be readable by a group, such as Debian's group `ssl-cert`.
const ROOT: u32 = 0;

/// Texts in a key that is encrypted with a passphrase (RFC 7468, section 11, and RFC 1421, section
/// 4.6.1.1).
const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];

/// The protocol that the server offers (RFC 7301). HTTP/2 is not offered (ADR 0057).
const PROTOCOL: &[u8] = b"http/1.1";

/// The time in which a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The start of the validity.
    pub from: Timestamp,
    /// The end of the validity.
    pub to: Timestamp,
}

/// A chain and key that were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Chain and key as one text in PEM form.
    pem: Vec<u8>,
    /// The validity of the first certificate of the chain.
    pub validity: Validity,
}

impl Pair {
    /// Reads both files and checks that a server can use them at this moment.
    ///
    /// # Errors
    ///
    /// The reason why the pair cannot be used, with the file.
    pub fn load(cert: &Path, key: &Path, now: Timestamp) -> Result<Self, PairProblem> {
        let chain = read(cert)?;
        let secret = read_key(key)?;
        if CertificateDer::pem_slice_iter(&chain).next().is_none() {
            return Err(PairProblem::NoCertificate(cert.into()));
        }
        let text = String::from_utf8_lossy(&secret);
        if ENCRYPTED.iter().any(|beginning| text.contains(beginning)) {
            return Err(PairProblem::Encrypted(key.into()));
        }
        if PrivateKeyDer::from_pem_slice(&secret).is_err() {
            return Err(PairProblem::NoKey(key.into()));
        }
        // The key comes first, because the file of the chain may contain a key too, which is not
        // the named one.
        let pem = [&secret[..], b"\n", &chain[..]].concat();
        let unusable = |reason: String| PairProblem::Unusable { path: cert.into(), reason };
        server_config(&pem).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                PairProblem::Mismatch { cert: cert.into(), key: key.into() }
            }
            error => unusable(error.to_string()),
        })?;
        let validity = validity_of(&pem).map_err(unusable)?;
        if now < validity.from {
            return Err(PairProblem::NotYetValid { path: cert.into(), at: validity.from });
        }
        if now > validity.to {
            return Err(PairProblem::Expired { path: cert.into(), at: validity.to });
        }
        Ok(Self { pem, validity })
    }

    /// Chain and key as one text, for a worker.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }
}

/// Makes the TLS settings of a worker from the text of a pair.
///
/// # Errors
///
/// The text is no valid pair.
pub fn server_config(pem: &[u8]) -> Result<Arc<ServerConfig>, rustls::Error> {
    let general = |error: &dyn std::fmt::Display| rustls::Error::General(error.to_string());
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| general(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| general(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Sessions cannot be resumed, because another worker would not have the keys of the session.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The validity of the first certificate.
fn validity_of(pem: &[u8]) -> Result<Validity, String> {
    let first = CertificateDer::pem_slice_iter(pem).next().ok_or("there is none")?;
    let der = first.map_err(|error| error.to_string())?;
    let certificate = x509_cert::Certificate::from_der(&der).map_err(|error| error.to_string())?;
    let validity = certificate.tbs_certificate.validity;
    Ok(Validity {
        from: moment(validity.not_before.to_unix_duration()),
        to: moment(validity.not_after.to_unix_duration()),
    })
}

fn moment(since_1970: Duration) -> Timestamp {
    Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

fn read(path: &Path) -> Result<Vec<u8>, PairProblem> {
    read_open(path, |_| Ok(()))
}

/// Reads a key file, which only its owner may read; a key of root may also be readable by its
/// group. PostgreSQL has the same rule.
fn read_key(path: &Path) -> Result<Vec<u8>, PairProblem> {
    read_open(path, |facts| {
        let mode = facts.mode() & 0o777;
        let forbidden = if facts.uid() == ROOT { OF_OTHERS } else { OF_OTHERS | OF_GROUP };
        if mode & forbidden == 0 {
            Ok(())
        } else {
            Err(PairProblem::Open { path: path.into(), mode })
        }
    })
}

/// Reads a file if a check of its metadata passes. The check is made on the open file, so that it
/// is the file that is read.
fn read_open(
    path: &Path,
    check: impl FnOnce(&std::fs::Metadata) -> Result<(), PairProblem>,
) -> Result<Vec<u8>, PairProblem> {
    let unreadable =
        |error: io::Error| PairProblem::Unreadable { path: path.into(), reason: error.to_string() };
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    if facts.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes"))));
    }
    check(&facts)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
