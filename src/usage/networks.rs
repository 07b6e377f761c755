//! Networks in CIDR notation, version 4 and 6.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::runbook::Wrong;

/// One network, such as `10.0.0.0/8`, `2001:db8::/32` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Network, Wrong> {
        let instead = "Write networks such as [\"203.0.113.0/24\", \"2001:db8::/32\"]";
        let wrong = |what: &str| Wrong { what: what.to_owned(), instead: instead.to_owned() };
        let net = match s.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => s.parse::<IpAddr>().map(IpNet::from).map_err(|_| wrong("is no network in CIDR notation"))?,
        };
        if net.prefix_len() == 0 {
            return Err(wrong("is every address there is: then none is ever unexpected"));
        }
        if net.trunc() != net {
            let instead = format!("Write \"{}\" if the whole network is meant", net.trunc());
            return Err(Wrong { what: "has bits set behind its prefix".to_owned(), instead });
        }
        Ok(Network(net))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Network {
    type Error = Wrong;
    fn try_from(s: String) -> Result<Network, Wrong> {
        s.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

/// Several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Networks(pub Vec<Network>);

impl Networks {
    /// Whether one of them holds the address. An IPv4 address that is written as IPv6 is the same address.
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|n| n.0.contains(&address.to_canonical()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_both_versions_are_matched() {
        let all = Networks(["10.0.0.0/8", "2001:db8::/32", "203.0.113.7"].map(|n| n.parse().unwrap()).to_vec());
        for inside in ["10.0.0.0", "10.255.255.255", "2001:db8:ffff::1", "203.0.113.7", "::ffff:10.1.2.3"] {
            assert!(all.hold(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.0", "9.255.255.255", "2001:db9::", "203.0.113.8", "::1", "::10.1.2.3"] {
            assert!(!all.hold(outside.parse().unwrap()), "{outside}");
        }
        assert_eq!(all.to_string(), "10.0.0.0/8, 2001:db8::/32, 203.0.113.7/32");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let what = |s: &str| s.parse::<Network>().unwrap_err().what;
        for s in ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "example.org", "10.0.0.0/8/8", "10.0.0.0 /8"] {
            assert_eq!(what(s), "is no network in CIDR notation", "{s}");
        }
        assert_eq!(what("10.0.0.1/8"), "has bits set behind its prefix");
        assert_eq!(
            "10.0.0.1/8".parse::<Network>().unwrap_err().instead,
            "Write \"10.0.0.0/8\" if the whole network is meant"
        );
        assert!(what("0.0.0.0/0").contains("every address") && what("::/0").contains("every address"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_round_trips(s in "\\PC{0,40}", net in "[0-9.:a-f]{1,16}/[0-9]{1,3}") {
            let _ = s.parse::<Network>();
            if let Ok(network) = net.parse::<Network>() { prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network)); }
        }
    }
}
