//! The rules of the settings of how clients come in.

use std::net::IpAddr;

use super::build::Reader;
use super::key;
use super::{Network, TlsFiles, UnixSocket};
use crate::host_name::name_of;
use persona_http::ANY_ORIGIN;
use persona_model::LabelName;

/// A host as requests are compared with it; `None` for a text that no request can name as its host.
/// IPv6 addresses may have brackets.
fn host_of(text: &str) -> Option<String> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let is_name = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    name_of(text).filter(|name| is_name && !name.is_empty())
}

/// An origin as browsers write it (RFC 6454, section 6.2): a scheme, a host, and a port unless it
/// is the default of the scheme.
fn origin_of(text: &str) -> Option<String> {
    let (scheme, host) = text.split_once("://")?;
    let usual_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let host = host.strip_suffix(usual_port).unwrap_or(host);
    let is_right = !host.is_empty() && host.bytes().all(is_host);
    is_right.then(|| format!("{scheme}://{host}").to_ascii_lowercase())
}

impl Reader<'_> {
    /// Reads the unix socket with its mode and its group.
    pub(super) fn unix_socket(&mut self) -> Option<UnixSocket> {
        let path = self.path("uds");
        for name in ["uds_mode", "uds_group"] {
            if path.is_none() && self.is_chosen(name) {
                let setting = self.setting(name);
                self.complain(setting, "needs --uds as well", None);
            }
        }
        let (mode, group) = (self.setting("uds_mode"), self.setting("uds_group"));
        let bits = u32::from_str_radix(&mode.text, 8).ok();
        let bits = bits.filter(|bits| (0o600..=0o777).contains(bits) && mode.text.len() <= 4);
        if bits.is_none() {
            let message = format!("must be rights from 600 to 777, is {:?}", mode.text);
            let hint =
                "600 lets its owner connect, 660 its group too, 666 everyone on this machine";
            self.complain(mode, message, Some(hint.into()));
        }
        let group = (!group.text.is_empty()).then(|| group.text.clone());
        Some(UnixSocket { path: path?, mode: bits?, group })
    }

    /// Reads the number of a descriptor that was handed over.
    pub(super) fn descriptor(&mut self, name: &str) -> Option<u32> {
        let setting = self.setting(name);
        if setting.text.is_empty() {
            return None;
        }
        let number =
            setting.text.parse::<u32>().ok().filter(|number| (3..=65_535).contains(number));
        if number.is_none() {
            let message =
                format!("must be the number of a descriptor from 3 on, is {:?}", setting.text);
            let hint =
                "0 to 2 are standard input, output and error; systemd hands sockets over by itself";
            self.complain(setting, message, Some(hint.into()));
        }
        number
    }

    /// The origins of the pages that may use the server.
    pub(super) fn origins(&mut self, name: &str) -> Vec<String> {
        let setting = self.setting(name);
        if setting.text == ANY_ORIGIN {
            return vec![ANY_ORIGIN.into()];
        }
        let mut origins = Vec::new();
        for text in setting.text.split(',').map(str::trim).filter(|_| !setting.text.is_empty()) {
            let Some(origin) = origin_of(text) else {
                let hint = format!(
                    "use a list such as https://app.example,http://localhost:3000, or {ANY_ORIGIN} alone: \
                     then pages may read, and change something only with a token"
                );
                let message =
                    format!("must be origins: a scheme and a host without a path, has {text:?}");
                self.complain(setting, message, Some(hint));
                continue;
            };
            origins.push(origin);
        }
        origins
    }

    /// Labels, separated by commas.
    pub(super) fn labels(&mut self, name: &str) -> Vec<String> {
        let setting = self.setting(name);
        let mut labels = Vec::new();
        for text in setting.text.split(',').map(str::trim).filter(|_| !setting.text.is_empty()) {
            match LabelName::parse(text) {
                Ok(label) => labels.push(label.to_string()),
                Err(bad) => {
                    let hint = "use a list such as production,staging".to_owned();
                    self.complain(setting, format!("has {text:?}: {bad}"), Some(hint));
                }
            }
        }
        labels
    }

    /// What a proxy has in front of every path.
    pub(super) fn root_path(&mut self, name: &str) -> String {
        let setting = self.setting(name);
        let path = setting.text.trim_end_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_path = path.starts_with('/')
            && !path.contains("//")
            && path.bytes().all(is_plain)
            && path.split('/').all(|part| part != "." && part != "..");
        if path.is_empty() || is_path {
            return path.into();
        }
        let message = format!("must be a path such as /personas, is {:?}", setting.text);
        self.complain(
            setting,
            message,
            Some("write it as the proxy has it in front of /api/v1".into()),
        );
        String::new()
    }

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
            return ["0.0.0.0/0", "::/0", Network::UNIX]
                .into_iter()
                .filter_map(Network::parse)
                .collect();
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
