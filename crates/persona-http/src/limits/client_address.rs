//! Which client a request comes from, as far as limits for each client go: the other end of the
//! connection, or the address that a trusted proxy names (RFC 7239 `Forwarded`, and
//! `X-Forwarded-For`).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

use persona_storage::Party;

use crate::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most entries of a list of proxies that are followed; the rest of a longer list is ignored.
const HOPS_MAX: usize = 16;

/// The bits of an IPv6 address by which clients are told apart: a client owns a whole network of
/// addresses with the same first 64 bits (RFC 6177).
const IPV6_CLIENT_MASK: u128 = u128::MAX << 64;

/// The prefix of addresses that stand for a user at the other end of a unix socket. The network is
/// the discard prefix (RFC 6666), from which no packet comes.
const OF_USERS: u128 = 0x0100 << 112;

/// The client of a request, an extension of every request that came over a socket. Limits for each
/// client count by it.
///
/// An IPv6 address is that of the network of its first 64 bits, because a client has all addresses
/// of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The client at the other end of a unix socket: all programs of this user on this machine.
    pub fn of_user(user: u32) -> Self {
        Self(IpAddr::V6(Ipv6Addr::from_bits(OF_USERS | u128::from(user))))
    }

    /// The user that this address stands for; `None` for a network address.
    fn user(self) -> Option<u32> {
        let IpAddr::V6(address) = self.0 else { return None };
        let bits = address.to_bits();
        u32::try_from(bits & !IPV6_CLIENT_MASK).ok().filter(|_| bits & IPV6_CLIENT_MASK == OF_USERS)
    }

    /// The client at the other end of a connection.
    pub fn of_peer(peer: IpAddr) -> Self {
        if Self(peer).user().is_some() {
            return Self(peer);
        }
        Self(match peer.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & IPV6_CLIENT_MASK))
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    /// The client of a request: the peer, or behind a trusted one the nearest address that is not
    /// trusted.
    ///
    /// If both headers are there and disagree, the proxy may have set one of them and passed on the
    /// client's own other header. So neither is believed.
    pub fn of_request(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = peer.to_canonical();
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(peer) {
            return Self::of_peer(peer);
        }
        let x_forwarded_for =
            nearest_untrusted(headers, &X_FORWARDED_FOR, address_of_entry, is_trusted);
        let forwarded = nearest_untrusted(headers, &FORWARDED, address_of_element, is_trusted);
        match (x_forwarded_for, forwarded) {
            (Some(address), None) | (None, Some(address)) => Self::of_peer(address),
            (Some(one), Some(other)) if one == other => Self::of_peer(one),
            _ => Self::of_peer(peer),
        }
    }
}

impl From<ClientAddress> for Party {
    fn from(client: ClientAddress) -> Self {
        Self::Address(client.0)
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user() {
            Some(user) => write!(out, "user {user}"),
            None => self.0.fmt(out),
        }
    }
}

/// Walks a list of proxies from the nearest one on, as long as they are trusted. Each proxy adds
/// the address that it saw at the end of the list, so no entry that a client wrote is believed.
fn nearest_untrusted(
    headers: &HeaderMap,
    name: &HeaderName,
    address_of: fn(&str) -> Option<IpAddr>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut nearest = None;
    let lines = headers.get_all(name).into_iter().rev();
    // The list is split from the right, so that a quote that a client left open cannot hide the
    // entries behind it. No address has a comma.
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries.take(HOPS_MAX) {
        // An obfuscated or unknown address cannot be followed; the proxy that named it counts as
        // the client. Each entry is read by itself, so that bytes of a client that are no text
        // cannot hide what a proxy has written behind them.
        let entry = std::str::from_utf8(entry).unwrap_or_default();
        let Some(address) = address_of(entry.trim()) else { break };
        nearest = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    nearest
}

/// The address in an entry of `X-Forwarded-For`.
fn address_of_entry(entry: &str) -> Option<IpAddr> {
    let address = entry.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()));
    // An IPv6 address in brackets without a port: `[2001:db8::1]`.
    let address = address.or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    // A proxy cannot name a user of this machine, so such an address is ignored.
    let address = address.filter(|address| ClientAddress(*address).user().is_none());
    address.map(|address| address.to_canonical())
}

/// The address in an element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https` (RFC
/// 7239, section 4).
fn address_of_element(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address_of_entry(node.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::ClientAddress;
    use crate::Network;

    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted = ["127.0.0.0/8", "::1", "10.0.0.0/8"]
            .map(|text| Network::parse(text).expect("a network"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let peer: IpAddr = peer.parse().expect("an address");
        ClientAddress::of_request(peer, &map, &trusted).0.to_string()
    }

    #[test]
    fn a_user_of_a_unix_socket_is_told_from_others_and_named_by_no_header() {
        let unix = Network::parse(Network::UNIX).expect("a network");
        let (one, other) = (ClientAddress::of_user(0), ClientAddress::of_user(u32::MAX));
        assert_eq!(
            (one.to_string(), other.to_string()),
            ("user 0".into(), "user 4294967295".into())
        );
        for user in [one, other] {
            assert_eq!(ClientAddress::of_peer(user.0), user);
            assert!(unix.contains(user.0));
        }
        assert!(!unix.contains("::1".parse().expect("an address")));
        let named = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_str(value).expect("a value"));
            ClientAddress::of_request(one.0, &headers, &[unix])
        };
        assert_eq!(named("198.51.100.7").to_string(), "198.51.100.7");
        assert_eq!(named(&other.0.to_string()), one);
    }

    #[test]
    fn only_a_trusted_peer_says_for_which_client_it_asks() {
        let forwarded = [("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client("192.0.2.1", &forwarded), "192.0.2.1");
        assert_eq!(client("127.0.0.1", &forwarded), "198.51.100.7");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("::ffff:127.0.0.1", &forwarded), "198.51.100.7");
    }

    #[test]
    fn the_nearest_address_that_is_not_trusted_counts_and_nothing_that_the_client_wrote() {
        assert_eq!(
            client("127.0.0.1", &[("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.1.1.1")]),
            "198.51.100.7"
        );
        assert_eq!(
            client(
                "127.0.0.1",
                &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")]
            ),
            "198.51.100.7"
        );
        assert_eq!(client("127.0.0.1", &[("x-forwarded-for", "10.1.1.2,10.1.1.1")]), "10.1.1.2");
        assert_eq!(
            client("127.0.0.1", &[("x-forwarded-for", "203.0.113.9, unknown, 10.1.1.1")]),
            "10.1.1.1"
        );
        assert_eq!(client("127.0.0.1", &[("x-forwarded-for", "nonsense")]), "127.0.0.1");
        assert_eq!(
            client("127.0.0.1", &[("forwarded", "for=\"203.0.113.9, for=198.51.100.7")]),
            "198.51.100.7"
        );
        for hidden in ["\u{e9}, 198.51.100.7", "203.0.113.9\u{e9},198.51.100.7, 10.1.1.1"] {
            assert_eq!(client("127.0.0.1", &[("x-forwarded-for", hidden)]), "198.51.100.7");
        }
        assert_eq!(
            client("127.0.0.1", &[("forwarded", "for=\u{e9}, for=198.51.100.7")]),
            "198.51.100.7"
        );
        let long = format!("198.51.100.7{}", ",10.1.1.1".repeat(1_000));
        assert_eq!(client("127.0.0.1", &[("x-forwarded-for", &long)]), "10.1.1.1");
    }

    #[test]
    fn both_headers_are_read_and_neither_is_believed_where_they_differ() {
        assert_eq!(
            client("::1", &[("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43")]),
            "192.0.2.60"
        );
        assert_eq!(
            client("::1", &[("forwarded", "proto=https; For=\"[2001:db8:1:2:3::4]:4711\"")]),
            "2001:db8:1:2::"
        );
        assert_eq!(client("::1", &[("forwarded", "for=_hidden")]), "::");
        let both = |forwarded| [("x-forwarded-for", "198.51.100.7"), ("forwarded", forwarded)];
        assert_eq!(client("127.0.0.1", &both("for=198.51.100.7")), "198.51.100.7");
        assert_eq!(client("127.0.0.1", &both("for=203.0.113.9")), "127.0.0.1");
    }

    #[test]
    fn addresses_with_a_port_are_read_and_a_client_has_a_whole_network_of_ipv6() {
        for entry in
            ["198.51.100.7:4711", "198.51.100.7", "::ffff:198.51.100.7", "[::ffff:198.51.100.7]:80"]
        {
            assert_eq!(
                client("127.0.0.1", &[("x-forwarded-for", entry)]),
                "198.51.100.7",
                "{entry}"
            );
        }
        for entry in ["2001:db8:1:2:3:4:5:6", "[2001:db8:1:2::9]", "[2001:db8:1:2:ffff::]:443"] {
            assert_eq!(
                client("127.0.0.1", &[("x-forwarded-for", entry)]),
                "2001:db8:1:2::",
                "{entry}"
            );
        }
        assert_eq!(client("2001:db8:1:2::1", &[]), "2001:db8:1:2::");
    }
}
