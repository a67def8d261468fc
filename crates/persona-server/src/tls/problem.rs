//! Why a certificate and its key cannot be used, and what to do about it.

use std::path::PathBuf;

use persona_model::Timestamp;

/// The reason why a pair of certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each one means")]
pub enum PairProblem {
    #[error("could not read {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    #[error("the private key {} is encrypted, and a server has no passphrase", .0.display())]
    Encrypted(PathBuf),
    #[error("the private key {} can be read by other users (mode {mode:o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("the private key {} does not belong to the certificate {}", key.display(), cert.display())]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate {} expired at {at}", path.display())]
    Expired { path: PathBuf, at: Timestamp },
    #[error("the certificate {} is not valid before {at}", path.display())]
    NotYetValid { path: PathBuf, at: Timestamp },
    #[error("the certificate {} cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
}

impl PairProblem {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name the files with --tls-cert and --tls-key, and let the user of the server \
                 read them".into()
            }
            Self::NoCertificate(_) => {
                "the file holds the certificate of the server first, then those of its authorities; \
                 each begins with -----BEGIN CERTIFICATE-----"
                    .into()
            }
            Self::NoKey(_) => "the file holds one key, which begins with -----BEGIN PRIVATE \
                               KEY-----".into(),
            Self::Encrypted(path) => format!(
                "write it without one: openssl pkey -in {0} -out {0}.plain && chmod 600 {0}.plain",
                path.display()
            ),
            Self::Open { path, .. } => format!(
                "anybody who reads it can pose as this server: chmod 600 {} (or 640 where it \
                 belongs to root)",
                path.display()
            ),
            Self::Mismatch { .. } => {
                "take both from the same order; with certbot these are fullchain.pem and \
                 privkey.pem".into()
            }
            Self::Expired { .. } => "renew it, or start without --tls-cert and --tls-key".into(),
            Self::NotYetValid { .. } => "check the clock of this machine: date".into(),
            Self::Unusable { .. } => {
                "use a certificate of version 3 with a key of RSA (2048 bits or more), ECDSA \
                 (P-256, P-384) or Ed25519"
                    .into()
            }
        }
    }
}
