//! Ranges of addresses, such as `10.0.0.0/8` (RFC 4632 and RFC 4291, section 2.3).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::client_address::ClientAddress;

/// Bits that all IPv4 addresses in the form of IPv6 begin with.
const MAPPED_PREFIX: u8 = 96;

/// Bits that the addresses of all users of this machine begin with.
const UNIX_PREFIX: u8 = 64;

/// The addresses that begin with the same bits as this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    address: IpAddr,
    /// The number of bits that are compared, from the left: 0 to 32 for IPv4, 0 to 128 for IPv6.
    prefix: u8,
}

impl Network {
    /// The word for all clients of unix sockets.
    pub const UNIX: &str = "unix";

    /// Reads `address` or `address/bits`. An address with bits set beyond the prefix is refused,
    /// because either the address or the number must be wrong. IPv4 addresses in the form of IPv6
    /// (`::ffff:10.0.0.0/104`) are refused too, because clients' addresses are never in this form
    /// when they are compared.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::UNIX {
            let address = ClientAddress::of_user(0).0;
            return Some(Self { address, prefix: UNIX_PREFIX });
        }
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let prefix_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(prefix_max), |bits| {
            bits.parse().ok().filter(|bits| *bits <= prefix_max)
        })?;
        let network = Self { address, prefix };
        (network.has_no_bits_beyond() && !network.is_mapped()).then_some(network)
    }

    /// Whether the address has no bit beyond the prefix.
    fn has_no_bits_beyond(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => {
                address.to_bits().checked_shl(self.prefix.into()).unwrap_or_default() == 0
            }
            IpAddr::V6(address) => {
                address.to_bits().checked_shl(self.prefix.into()).unwrap_or_default() == 0
            }
        }
    }

    /// Whether the range consists of IPv4 addresses in the form of IPv6 (RFC 4291, section
    /// 2.5.5.2).
    fn is_mapped(&self) -> bool {
        matches!(self.address, IpAddr::V6(address) if self.prefix >= MAPPED_PREFIX && address.to_ipv4_mapped().is_some())
    }

    /// Whether this address is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or_default();
                (first.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or_default();
                (first.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let holds = |network: &str, address: &str| {
            Network::parse(network)
                .expect("a network")
                .contains(address.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.1", "10.0.0.1") && !holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("0.0.0.0/0", "255.0.0.1") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1") && holds("::1", "::1") && !holds("::1", "::2"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "localhost",
            "10.0.0.0/8/8",
            " 10.0.0.1",
        ] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_range_that_says_other_addresses_than_it_holds_is_refused() {
        let other =
            ["10.1.2.3/8", "10.0.0.1/31", "1.0.0.0/0", "2001:db8::1/32", "::1/127", "::1/0"];
        for text in
            other.into_iter().chain(["::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "::ffff:0:0/96"])
        {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
        for text in [
            "10.0.0.1/32",
            "10.0.0.2/31",
            "128.0.0.0/1",
            "2001:db8::/32",
            "::2/127",
            "::/0",
            "::fffe:0:0/96",
            "::ffff:0:0:0/80",
        ] {
            assert!(Network::parse(text).is_some(), "{text:?}");
        }
    }
}
