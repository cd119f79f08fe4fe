//! Ranges of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The canonical form of an IPv4 range: no bits behind the prefix.
pub fn canonical_v4(text: &str) -> Option<String> {
    let (address, bits) = split(text)?;
    let IpAddr::V4(address) = address else { return None };
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
    Some(format!("{}/{bits}", Ipv4Addr::from(u32::from(address) & mask)))
}

/// The same for IPv6, with zeros written the short way.
pub fn canonical_v6(text: &str) -> Option<String> {
    let (address, bits) = split(text)?;
    let IpAddr::V6(address) = address else { return None };
    let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
    Some(format!("{}/{bits}", Ipv6Addr::from(u128::from(address) & mask)))
}

fn split(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    // `parse` alone would take a sign.
    let digits = bits.chars().all(|c| c.is_ascii_digit());
    Some((address.parse().ok()?, bits.parse().ok().filter(|_| digits)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clears_what_is_behind_the_prefix() {
        for (text, canonical) in [
            ("100.68.0.18/18", Some("100.68.0.0/18")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("10.1.2.3/32", Some("10.1.2.3/32")),
            ("10.1.2.3/33", None),
            ("10.1.2.3", None),
            ("10.1.2/24", None),
            ("10.1.2.3/+8", None),
            ("::/0", None),
        ] {
            assert_eq!(canonical_v4(text).as_deref(), canonical, "{text}");
        }
        assert_eq!(canonical_v6("2001:DB8:0::1/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(canonical_v6("::/0").as_deref(), Some("::/0"));
        assert_eq!(canonical_v6("::1/129"), None);
        assert_eq!(canonical_v6("10.0.0.0/8"), None);
    }
}
