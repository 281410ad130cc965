//! Clients that send nothing, or read nothing, beside health checks from elsewhere and from the leader's own machine.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::measure::{BALANCER, STRANGER, Site};
use crate::support::cluster::Storage;
use crate::support::events::unix_s;
use crate::support::http::get;
use crate::support::netns::Network;

const IDLE: usize = 300;
const STREAMS: usize = 140;
const NON_READERS: usize = 250;

/// Requests that a client which reads nothing sends at once: their answers are far more than a socket holds.
const PIPELINED: usize = 200;

/// Of all sockets of a node, in bytes.
const MEMORY_MAX: u64 = 64_000_000;

/// Between two health checks.
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn measure(time: Duration) -> Result<bool, String> {
    let mut site = Site::new(Storage::Diskless, |_| ())?;
    let leader = site.start().leader;
    let address = site.cluster.nodes[leader].address;
    socket_memory(&site.network, leader)?;
    let from = unix_s();
    let clients = site.network.within(STRANGER, || {
        let idle = (0..IDLE).map(|_| connect(address));
        let streams = (0..STREAMS).map(|_| silent(address, "/v1/watch", 1));
        let non_readers = (0..NON_READERS).map(|_| silent(address, "/metrics", PIPELINED));
        idle.chain(streams).chain(non_readers).collect::<Vec<_>>()
    });
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    let (mut checks, mut answered, mut memory) = (0, [0, 0], 0);
    let start = Instant::now();
    while start.elapsed() < time {
        checks += 1;
        for (count, (machine, address)) in answered.iter_mut().zip([(BALANCER, address), (leader, loopback)]) {
            let answer = site.network.within(machine, || get(address, "/leader"));
            *count += u32::from(answer.is_some_and(|answer| answer.code == 200));
        }
        memory = memory.max(socket_memory(&site.network, leader)?);
        sleep(INTERVAL);
    }
    drop(clients);
    let ([balancer, local], lost) = (answered, site.lost_since(from));
    println!(
        "clients {IDLE} idle, {STREAMS} silent streams, {NON_READERS} that read nothing: {balancer} of {checks} checks of a load balancer and {local} of {checks} over loopback say 200, the leader's sockets hold {} kB of kernel memory at most, {} leaderships lost in {} s",
        memory / 1_000,
        lost,
        time.as_secs()
    );
    Ok(lost == 0 && answered == [checks; 2] && memory <= MEMORY_MAX)
}

fn connect(server: SocketAddr) -> TcpStream {
    TcpStream::connect(server).expect("the leader listens")
}

/// A client that asks so often, and reads no answer.
fn silent(server: SocketAddr, path: &str, count: usize) -> TcpStream {
    let mut stream = connect(server);
    stream.set_nonblocking(true).expect("an option of every socket");
    let requests = format!("GET {path} HTTP/1.1\r\nhost: leader\r\n\r\n").repeat(count);
    // As much as is taken; it may have been shown the door meanwhile.
    let _ = stream.write(requests.as_bytes());
    stream
}

/// The kernel memory of all sockets on that machine, in bytes: what was received and sent, what is queued, and what was set aside.
fn socket_memory(network: &Network, machine: usize) -> Result<u64, String> {
    let prefix = network.prefix(machine);
    let listed = Command::new(&prefix[0]).args(&prefix[1..]).args(["ss", "-tuamnH"]).output();
    let listed = listed.map_err(|error| format!("ss: {error}"))?;
    if !listed.status.success() {
        return Err(format!("ss: {}", String::from_utf8_lossy(&listed.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(text.split("skmem:(").skip(1).map(|rest| held(rest.split(')').next().unwrap_or_default())).sum())
}

/// Of `r0,rb131072,t0,tb46080,f0,w0,o0,bl0,d0`: all but the limits and the count of drops.
fn held(skmem: &str) -> u64 {
    let of = |part: &str| {
        ["r", "f", "w", "o", "bl"].into_iter().find_map(|name| part.strip_prefix(name)?.parse::<u64>().ok())
    };
    skmem.split(',').filter_map(of).sum()
}
