//! Numbers to be lent: host ports and addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// Always lends the lowest number that is free.
#[derive(Debug)]
pub(super) struct Pool {
    /// Everything from here on was never lent.
    next: u16,
    returned: BTreeSet<u16>,
}

impl Pool {
    /// The numbers from `first` up.
    pub(super) fn from(first: u16) -> Self {
        Self { next: first, returned: BTreeSet::new() }
    }

    /// Linux's first ephemeral port, from which Docker too chooses dynamic host ports.
    pub(super) fn of_ports() -> Self {
        Self::from(32768)
    }

    /// 10.0.0.0/16 without the four addresses that a VPC keeps for itself at the beginning of a subnet.
    pub(super) fn of_addresses() -> Self {
        Self::from(4)
    }

    pub(super) fn take(&mut self) -> Option<u16> {
        if let Some(lowest) = self.returned.pop_first() {
            return Some(lowest);
        }
        // The highest number is never lent: the broadcast address of the network; one port less does not matter.
        let number = (self.next < u16::MAX).then_some(self.next)?;
        self.next += 1;
        Some(number)
    }

    pub(super) fn give_back(&mut self, number: u16) {
        self.returned.insert(number);
    }
}

/// The address in 10.0.0.0/16 with this number.
pub(super) fn address(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_lent() {
        let mut pool = Pool::of_ports();
        assert_eq!([pool.take(), pool.take(), pool.take()], [Some(32768), Some(32769), Some(32770)]);
        pool.give_back(32769);
        assert_eq!([pool.take(), pool.take()], [Some(32769), Some(32771)]);
    }

    #[test]
    fn what_is_all_lent_lends_nothing() {
        let mut pool = Pool::from(u16::MAX - 1);
        assert_eq!([pool.take(), pool.take()], [Some(u16::MAX - 1), None]);
    }

    #[test]
    fn addresses_count_through_the_network() {
        assert_eq!(address(4).to_string(), "10.0.0.4");
        assert_eq!(address(256).to_string(), "10.0.1.0");
    }
}
