//! Normalises names of hosts, so that each is compared in one spelling.
//!
//! The settings, which list allowed hosts, and the check of each request use it.

use std::net::Ipv6Addr;

/// The name in a `Host`, in lower case and without port, final dot and brackets; `None` when it has
/// another form.
pub fn name_of(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_once(':').map_or((host, ""), |(name, _)| (name, &host[name.len()..])),
    };
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let name = name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name);
    // An address is formatted again, because IPv6 addresses have many spellings.
    is_port.then(|| {
        name.parse::<Ipv6Addr>()
            .map_or_else(|_| name.to_ascii_lowercase(), |address| address.to_string())
    })
}
