//! A default subnet and its addresses.

use super::ids;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Addresses of a /20.
const SUBNET_SIZE: u32 = 1 << 12;
/// AWS keeps the first four addresses and the last one of every subnet.
const RESERVED_FIRST: u32 = 4;

/// A default subnet.
#[derive(Debug)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// Zone name.
    pub zone: &'static str,
    /// Zone id.
    pub zone_id: &'static str,
    /// First address.
    pub base: Ipv4Addr,
    used: BTreeSet<u32>,
    next: u32,
}

impl Subnet {
    /// An unused subnet at `base`.
    #[must_use]
    pub fn new(zone: &'static str, zone_id: &'static str, base: Ipv4Addr) -> Self {
        Self { id: ids::resource("subnet"), zone, zone_id, base, used: BTreeSet::new(), next: 6 }
    }

    /// Takes a free address; addresses are not used again soon.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        let usable = SUBNET_SIZE - RESERVED_FIRST - 1;
        for step in 0..usable {
            let offset = RESERVED_FIRST + (self.next + step) % usable;
            if self.used.insert(offset) {
                self.next = (self.next + step + 1) % usable;
                return Some(Ipv4Addr::from(u32::from(self.base) + offset));
            }
        }
        None
    }

    /// Gives an address back.
    pub fn release(&mut self, address: Ipv4Addr) {
        self.used.remove(&u32::from(address).wrapping_sub(u32::from(self.base)));
    }

    /// Addresses left.
    #[must_use]
    pub fn free(&self) -> usize {
        (SUBNET_SIZE - RESERVED_FIRST - 1) as usize - self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_give_every_usable_address_once() {
        let mut subnet = Subnet::new("us-east-1b", "use1-az2", Ipv4Addr::new(10, 77, 16, 0));
        let first = subnet.take().unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 77, 16, 10));
        let mut seen = BTreeSet::from([first]);
        while let Some(address) = subnet.take() {
            assert!(seen.insert(address));
        }
        assert_eq!(seen.len(), 4091);
        assert!(!seen.contains(&Ipv4Addr::new(10, 77, 16, 3)));
        assert!(!seen.contains(&Ipv4Addr::new(10, 77, 31, 255)));
        subnet.release(first);
        assert_eq!(subnet.take(), Some(first));
    }
}
