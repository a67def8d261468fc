//! Which hosts a request may name (RFC 9110, section 7.2).
//!
//! The owner of a foreign site can make its name resolve to this machine after a page was loaded
//! (DNS rebinding). The browser then takes this server for the origin of the page, and only `Host`
//! shows the foreign name. So a server on loopback answers only for names that no foreign site can
//! have, and for those that the settings allow.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::host_name::name_of;

/// The hosts that a server answers for, and the host of the last request of this connection.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Names besides those of loopback, in lower case; `None` for every host there is.
    allowed: Option<Arc<[String]>>,
    /// The last host with port that was accepted; mostly all requests of a connection name the
    /// same.
    last: Vec<u8>,
}

impl Hosts {
    /// A check that accepts every host.
    pub fn any() -> Self {
        Self { allowed: None, last: Vec::new() }
    }

    /// A check that accepts loopback and these names.
    pub fn loopback_and(names: impl IntoIterator<Item = String>) -> Self {
        Self { allowed: Some(names.into_iter().collect()), last: Vec::new() }
    }

    /// Whether the server answers for this host, with any port or none. An empty host is accepted,
    /// because it names no other server.
    pub(super) fn answers_for(&mut self, host: &[u8]) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        if host == self.last {
            return true;
        }
        let is_allowed = std::str::from_utf8(host)
            .ok()
            .and_then(name_of)
            .is_some_and(|name| is_loopback(&name) || allowed.contains(&name));
        if is_allowed {
            self.last = host.to_vec();
        }
        is_allowed
    }
}

/// Whether a name always means the local machine, because name servers do not resolve it (RFC 6761,
/// section 6.3). An empty name counts too.
fn is_loopback(name: &str) -> bool {
    let is_name = name.is_empty() || name == "localhost" || name.ends_with(".localhost");
    let is_v6 =
        || name.parse::<Ipv6Addr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_name || ipv4(name).is_some_and(|address| address.is_loopback()) || is_v6()
}

/// An IPv4 address in any form that `inet_aton(3)` takes, such as `127.1` or `0x7f000001`: clients
/// connect to such an address, and no name ends with a number.
fn ipv4(name: &str) -> Option<Ipv4Addr> {
    let mut parts = Vec::new();
    for part in name.split('.') {
        let number = match part.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok()?,
            _ if !part.bytes().all(|digit| digit.is_ascii_digit()) => return None,
            _ if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok()?,
            _ => part.parse().ok()?,
        };
        parts.push(number);
    }
    // The last number fills all remaining bytes.
    let (last, first) = parts.split_last()?;
    let bits_left = 32 - 8 * u32::try_from(first.len()).ok().filter(|count| *count < 4)?;
    if first.iter().any(|byte| *byte > 255) || u64::from(*last) >> bits_left != 0 {
        return None;
    }
    let high = first.iter().fold(0_u64, |high, byte| high << 8 | u64::from(*byte)) << bits_left;
    u32::try_from(high | u64::from(*last)).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::Hosts;

    const LOOPBACK: [&str; 20] = [
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "localhost.:80",
        "localhost:",
        "studio.localhost:8000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.0.0.1.",
        "127.255.255.254:1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:",
        "[::ffff:127.0.0.1]:8000",
        "",
        ":8000",
    ];
    const FOREIGN: [&str; 19] = [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "notlocalhost:8000",
        "localhost..",
        ".",
        "localhost:8000:1",
        "localhost:x",
        "10.0.0.1",
        "0.0.0.0:8000",
        "128.0.0.1",
        "127.0.0.256",
        "127.0.0.0.1",
        "0x17f.1",
        "[::2]",
        "[::1",
        "[::1]x",
    ];

    #[test]
    fn loopback_is_known_by_every_spelling_and_nothing_else_is() {
        let mut hosts = Hosts::loopback_and([]);
        for host in LOOPBACK {
            assert!(hosts.answers_for(host.as_bytes()), "{host}");
        }
        for host in FOREIGN {
            assert!(!hosts.answers_for(host.as_bytes()), "{host}");
            // The control; it also checks that an accepted host does not make the next one
            // accepted.
            assert!(
                Hosts::any().answers_for(host.as_bytes()) && hosts.answers_for(b"localhost"),
                "{host}"
            );
        }
    }

    #[test]
    fn names_of_the_settings_are_allowed_with_any_port() {
        let mut hosts = Hosts::loopback_and([
            "persona.example".to_owned(),
            "10.0.0.1".to_owned(),
            "fd00::1".to_owned(),
        ]);
        for host in [
            "persona.example",
            "Persona.Example:443",
            "persona.example.",
            "10.0.0.1:80",
            "[FD00:0::1]:80",
            "localhost",
        ] {
            assert!(hosts.answers_for(host.as_bytes()), "{host}");
        }
        for host in ["example", "a.persona.example", "persona.example.evil", "10.0.0.2"] {
            assert!(!hosts.answers_for(host.as_bytes()), "{host}");
        }
    }
}
