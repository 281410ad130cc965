//! What may stand on the command line, and what is refused before anybody is asked.

use super::host_and_port;

#[test]
fn an_address_is_a_host_and_a_port() {
    for good in ["localhost:7001", "127.0.0.1:1", "node-1.example_net:65535", "[::1]:7001", "[fe80::1%2]:7001"] {
        assert_eq!(host_and_port(good).as_deref(), Ok(good));
    }
    for bad in [
        "",
        "localhost",
        ":7001",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:+7001",
        "localhost:7001:7001",
        "http://localhost:7001",
        "localhost:7001/",
        "user@localhost:7001",
        "a b:7001",
        "localhost: 7001",
        "::1:7001",
        "[::1]",
        "[::1:7001",
        "[localhost]:7001",
    ] {
        assert_eq!(host_and_port(bad), Err("has to be HOST:PORT"), "{bad}");
    }
}
