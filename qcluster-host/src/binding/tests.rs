//! Which addresses a name stands for at the start of a node.

use std::io;
use std::net::IpAddr;

use super::{LOOKUPS_MAX, looked_up};
use crate::error::BindError;

#[test]
fn a_name_that_is_not_known_yet_is_looked_up_again() {
    let ip: IpAddr = [192, 0, 2, 1].into();
    for failures in 0..=LOOKUPS_MAX {
        let (mut lookups, mut pauses) = (0, 0);
        let lookup = |host: &str| {
            assert_eq!(host, "me.example");
            lookups += 1;
            if lookups > failures { Ok(vec![ip]) } else { Err(io::Error::other("no such host is known")) }
        };
        match looked_up("me.example", lookup, || pauses += 1) {
            Ok(ips) => assert_eq!((ips, lookups, pauses), (vec![ip], failures + 1, failures)),
            Err(BindError::Unresolved { host, .. }) => {
                assert_eq!(
                    (host.as_str(), failures, lookups, pauses),
                    ("me.example", LOOKUPS_MAX, LOOKUPS_MAX, LOOKUPS_MAX - 1)
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
}
