//! The rules of the settings of how clients come in.

use std::net::IpAddr;

use super::build::Reader;
use super::key;
use super::{Network, TlsFiles};
use crate::host_name::name_of;

/// A host as requests are compared with it; `None` for what no request can name. IPv6 addresses may
/// have brackets.
fn host_of(text: &str) -> Option<String> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let is_name = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    name_of(text).filter(|name| is_name && !name.is_empty())
}

impl Reader<'_> {
    /// The files of the certificate; both or none.
    pub(super) fn tls(&mut self) -> Option<TlsFiles> {
        let [cert, key] = ["tls_cert", "tls_key"].map(|name| (self.setting(name), self.path(name)));
        match (cert, key) {
            ((_, Some(cert)), (_, Some(key))) => Some(TlsFiles { cert, key }),
            ((_, None), (_, None)) => None,
            ((there, Some(_)), (missing, None)) | ((missing, None), (there, Some(_))) => {
                let message = format!("needs {} as well", missing.key.flag());
                let hint =
                    "a certificate and its private key are two files, or the same file twice";
                self.complain(there, message, Some(hint.into()));
                None
            }
        }
    }

    pub(super) fn networks(&mut self, name: &str) -> Vec<Network> {
        let setting = self.setting(name);
        if setting.text == key::NO_NETWORKS {
            return Vec::new();
        }
        if setting.text == key::ALL_NETWORKS {
            return ["0.0.0.0/0", "::/0"].into_iter().filter_map(Network::parse).collect();
        }
        let mut networks = Vec::new();
        for text in setting.text.split(',').map(str::trim) {
            let Some(network) = Network::parse(text) else {
                let hint = format!(
                    "use a list such as 127.0.0.0/8,::1, {} for no address, or {} for every address; a range begins at its first address \
                     (10.0.0.0/8, not 10.1.2.3/8), and IPv4 is written as IPv4",
                    key::NO_NETWORKS,
                    key::ALL_NETWORKS
                );
                self.complain(
                    setting,
                    format!("must be addresses and ranges of addresses, has {text:?}"),
                    Some(hint),
                );
                continue;
            };
            networks.push(network);
        }
        networks
    }

    /// The hosts that are allowed for a server on this address; `None` for all.
    pub(super) fn hosts(&mut self, name: &str, address: IpAddr) -> Option<Vec<String>> {
        let setting = self.setting(name);
        if setting.text == key::ANY_HOST || (setting.text.is_empty() && !address.is_loopback()) {
            return None;
        }
        let mut hosts = Vec::new();
        for text in setting.text.split(',').map(str::trim).filter(|_| !setting.text.is_empty()) {
            let Some(host) = host_of(text) else {
                let hint = format!(
                    "use a list such as persona.example,10.0.0.1, or {} for every host",
                    key::ANY_HOST
                );
                self.complain(
                    setting,
                    format!("must be names and addresses of hosts without a port, has {text:?}"),
                    Some(hint),
                );
                continue;
            };
            hosts.push(host);
        }
        Some(hosts)
    }
}
