//! What the machine asks for the datagrams alone: three programs that exchange those of an idle cluster, and do nothing else.
//!
//! No node can cost less here, so its figure is to be read beside this one.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The heartbeat of the preset `lan`, and the length of a heartbeat and its answer.
const HEARTBEAT: Duration = Duration::from_millis(25);
const LEN: usize = 72;

/// Names the part of a program that was started to exchange datagrams.
const LEADER: &str = "QCLUSTER_BENCH_BARE_LEADER";
const FOLLOWER: &str = "QCLUSTER_BENCH_BARE_FOLLOWER";

/// Plays the part that the environment names, and does not return then.
pub(super) fn play_a_part() {
    let socket = |address: &str| UdpSocket::bind(address).expect("the address is free");
    if let Ok(address) = env::var(FOLLOWER) {
        answer(&socket(&address));
    }
    if let Ok(addresses) = env::var(LEADER) {
        let followers: Vec<SocketAddr> = addresses.split(' ').map(|text| text.parse().expect("an address")).collect();
        lead(&socket("127.0.0.1:0"), &followers);
    }
}

fn answer(socket: &UdpSocket) -> ! {
    let mut buffer = [0; LEN];
    loop {
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..len], from);
        }
    }
}

fn lead(socket: &UdpSocket, followers: &[SocketAddr]) -> ! {
    let mut buffer = [0; LEN];
    let mut due = Instant::now();
    loop {
        for follower in followers {
            let _ = socket.send_to(&buffer, follower);
        }
        due += HEARTBEAT;
        let mut left = due.saturating_duration_since(Instant::now());
        while !left.is_zero() {
            socket.set_read_timeout(Some(left)).expect("a time that is not zero");
            let _ = socket.recv_from(&mut buffer);
            left = due.saturating_duration_since(Instant::now());
        }
    }
}

/// The three, and which of them leads. Dropped, they are killed.
pub(super) struct Bare {
    leader: Child,
    followers: Vec<Child>,
}

impl Bare {
    pub(super) fn start() -> Self {
        let free = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port");
        let addresses = [free().to_string(), free().to_string()];
        let play = |part: &str, what: &str| {
            let program = env::current_exe().expect("this program");
            Command::new(program).env(part, what).spawn().expect("it starts")
        };
        let followers = addresses.iter().map(|address| play(FOLLOWER, address)).collect();
        // Until both are there the system says that nobody is.
        sleep(Duration::from_millis(500));
        Self { leader: play(LEADER, &addresses.join(" ")), followers }
    }

    pub(super) fn leader(&self) -> u32 {
        self.leader.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for child in self.followers.iter_mut().chain([&mut self.leader]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
