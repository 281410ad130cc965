//! Clients over HTTP that hang, trickle, or send too much: each is cut off, and all that it took is given back.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::support::cluster::{Cluster, Setup};
use crate::support::node::{Node, PROGRAMS, resident};

/// Of each kind of client. All together are fewer than one address may have connections.
const CLIENTS: usize = 15;
/// Rests of blocks and stacks that an allocator keeps, and more than ten times less than the clients could make a node hold.
const GROWTH_MAX: u64 = 4 << 20;

/// What a client sends at once, and what it goes on with, a piece now and then.
struct Habit {
    first: Vec<u8>,
    then: &'static [u8],
}

fn habits() -> Vec<Habit> {
    let habit = |first: &str, then| Habit { first: first.as_bytes().to_vec(), then };
    let long_header = format!("GET /ping HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(60_000));
    let long_body = format!(
        "PUT /v1/services/web HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{}",
        "a".repeat(1_000_000)
    );
    vec![
        // Nothing at all, half of a head, and a head that comes byte by byte.
        habit("", b""),
        habit("GET /ping HTTP/1.1\r\nhost: loc", b""),
        habit("GET /ping HTTP/1.1\r\nx: ", b"a"),
        // A body that does not come, and one that comes byte by byte.
        habit("PUT /v1/services/web HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000\r\n\r\n", b""),
        habit("PUT /v1/services/web HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000\r\n\r\n", b"a"),
        habit(&long_header, b""),
        habit(&long_body, b""),
        // The beginning of a TLS handshake.
        Habit { first: vec![22, 3, 1, 2, 0, 1, 0], then: b"" },
    ]
}

struct Client {
    stream: TcpStream,
    then: &'static [u8],
}

impl Client {
    fn new(node: &Node, habit: &Habit) -> Self {
        let mut stream = TcpStream::connect(node.address).expect("it listens");
        stream.set_nonblocking(true).expect("an option of every socket");
        // As much as is taken: it may have been shown the door half-way.
        let _ = stream.write(&habit.first);
        Self { stream, then: habit.then }
    }

    /// Sends a little more, and reads what there is. Tells whether the server has closed the connection.
    fn is_cut_off(&mut self) -> bool {
        let _ = self.stream.write(self.then);
        match self.stream.read(&mut [0; 4_096]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// What a process holds: descriptors and threads.
fn held(node: &Node) -> [usize; 2] {
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", node.pid())).expect("it runs").count();
    [count("fd"), count("task")]
}

#[test]
fn clients_that_hang_are_cut_off_and_give_everything_back() {
    for (_, program) in PROGRAMS {
        let cluster = Cluster::start(&Setup { program: program.clone(), ..Setup::unhurried() });
        let before = cluster.agreed("a leader", |_| true);
        let node = &cluster.nodes[before.leader];
        let round = || {
            let mut clients: Vec<Client> =
                habits().iter().flat_map(|habit| (0..CLIENTS).map(|_| Client::new(node, habit))).collect();
            cluster.eventually("all of them are cut off", || {
                clients.retain_mut(|client| !client.is_cut_off());
                clients.is_empty().then_some(())
            });
        };
        // The first clients have a node start what it keeps: threads, and memory for so many at a time.
        round();
        let at_rest = held(node);
        let memory = resident(node);
        round();
        cluster.eventually("everything is given back", || {
            let now = held(node);
            (now[0] <= at_rest[0] && now[1] <= at_rest[1]).then_some(())
        });
        let grown = resident(node).saturating_sub(memory);
        assert!(grown < GROWTH_MAX, "it has grown by {grown} bytes");
        let answer = node.get("/leader").expect("it answers");
        assert_eq!(answer.code, 200, "{answer:?}");
        assert_eq!(answer.json().map(|leader| leader["token"] == json!(before.token)), Some(true), "{answer:?}");
        cluster.agreed("the leader stays", |now| now == before);
        cluster.assert_history();
    }
}
