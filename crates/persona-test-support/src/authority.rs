//! Certificates for tests, made by the program openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate authority in a folder of a test, with the certificates that it issued.
pub struct Authority {
    folder: PathBuf,
}

/// Settings of `openssl ca`, which can issue a certificate with given times.
const SETTINGS: &str = "\
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = DNS:localhost,IP:127.0.0.1
basicConstraints = CA:FALSE
";

impl Authority {
    /// Makes an authority in this folder; its certificate is `ca.crt`.
    pub fn new(folder: &Path) -> Self {
        let authority = Self { folder: folder.into() };
        authority.openssl(&format!("req -x509 {} -out ca.crt -subj /CN=authority", new_key("ca")));
        fs::write(folder.join("ca.cnf"), SETTINGS).expect("a folder to write in");
        fs::write(folder.join("index.txt"), "").expect("a folder to write in");
        authority
    }

    /// The path of the authority's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// Issues a certificate for localhost that is valid for this century; returns the paths of
    /// chain and key.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        self.issue_for(name, "20200101000000Z", "20990101000000Z")
    }

    /// Issues a certificate that is valid between two times, such as `20200101000000Z`.
    pub fn issue_for(&self, name: &str, from: &str, to: &str) -> (PathBuf, PathBuf) {
        self.openssl(&format!("req {} -out {name}.csr -subj /CN=localhost", new_key(name)));
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf -cert ca.crt -keyfile ca.key -in {name}.csr -out {name}.crt \
             -startdate {from} -enddate {to}"
        ));
        (self.folder.join(format!("{name}.crt")), self.folder.join(format!("{name}.key")))
    }

    /// Runs openssl in the folder of the authority.
    pub fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("openssl is installed: apt-get install openssl");
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn new_key(name: &str) -> String {
    format!("-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key")
}
