//! Whether HTTP requests move a heartbeat: the lateness of the leader's timers with and without 10,000 requests a second.
//!
//! `cargo bench -p qcluster-cli --bench http_load -- --seconds 10` runs the leader of one voter in a process of its own, asks
//! it for `/leader` at a fixed rate over kept connections, and compares its own histogram of timer lateness. It fails if
//! the 99th percentile grows by 5 ms or more, or if less than 95 % of the rate was reached.

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: the processes are run as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use serde_json::json;

    use crate::support::arguments::Arguments;
    use crate::support::cluster::{Cluster, Setup};

    const CONNECTIONS: u32 = 4;
    const GROWTH_MS_MAX: f64 = 5.0;

    /// Requests that are sent at once on a connection, without waiting for the answer to each: the load is to weigh on the
    /// node, not on what makes it.
    const BURST: u32 = 10;

    /// Cumulative counts by upper bound in seconds.
    type Buckets = Vec<(f64, f64)>;

    pub(crate) fn main() {
        let arguments = Arguments::read();
        let (seconds, rate) = (arguments.number("--seconds", 10), arguments.number("--rate", 10_000));
        let cluster = Cluster::start(&Setup { timing: json!("lan"), ..Setup::unhurried() });
        let leader = cluster.agreed("a leader", |_| true);
        let node = &cluster.nodes[leader.leader];
        thread::sleep(Duration::from_secs(1));

        let phase = |load: bool| {
            let before = lateness(node.address);
            let answered = if load { self::load(node.address, seconds, rate) } else { pause(seconds) };
            // The node writes its counts down each heartbeat interval.
            thread::sleep(Duration::from_millis(100));
            (answered, since(&before, &lateness(node.address)))
        };
        let (_, idle) = phase(false);
        let (answered, busy) = phase(true);
        let reached = f64::from(answered) / f64::from(seconds);
        let [idle_p99, busy_p99] = [&idle, &busy].map(|buckets| quantile(buckets, 0.99) * 1e3);
        let growth = busy_p99 - idle_p99;
        println!("timer lateness without load: {}", told(&idle));
        println!("timer lateness at {reached:.0} requests/s on /leader: {}", told(&busy));
        let failed = growth >= GROWTH_MS_MAX || reached < 0.95 * f64::from(rate);
        println!(
            "p99 grows by {growth:.2} ms; gate {GROWTH_MS_MAX} ms at {rate} requests/s: {}",
            if failed { "FAILED" } else { "passed" }
        );
        let kept = cluster.agreement() == Some(leader);
        println!("the leader is {} after it", if kept { "the same" } else { "another one" });
        if failed {
            drop(cluster);
            std::process::exit(1);
        }
    }

    fn pause(seconds: u32) -> u32 {
        thread::sleep(Duration::from_secs(seconds.into()));
        0
    }

    /// Asks at that rate, and tells how many answers there were.
    fn load(address: SocketAddr, seconds: u32, rate: u32) -> u32 {
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CONNECTIONS).map(|_| scope.spawn(|| client(address, seconds, rate / CONNECTIONS))).collect();
            clients.into_iter().map(|client| client.join().expect("a client does not panic")).sum()
        })
    }

    fn client(address: SocketAddr, seconds: u32, rate: u32) -> u32 {
        let request = format!("GET /leader HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(BURST as usize);
        let mut stream = TcpStream::connect(address).expect("the node listens");
        stream.set_nodelay(true).expect("an option of every socket");
        let (start, end) = (Instant::now(), Duration::from_secs(seconds.into()));
        let (mut answered, mut buffer) = (0, vec![0; 64 * 1_024]);
        while start.elapsed() < end {
            let due = Duration::from_secs_f64(f64::from(answered) / f64::from(rate));
            thread::sleep(due.saturating_sub(start.elapsed()));
            stream.write_all(request.as_bytes()).expect("the node reads");
            let (mut read, mut heads) = (Vec::new(), 0);
            while heads < BURST as usize {
                let len = stream.read(&mut buffer).expect("the node answers");
                assert!(len > 0, "the node has closed a connection");
                read.extend_from_slice(&buffer[..len]);
                heads = read.windows(9).filter(|window| *window == b"HTTP/1.1 ").count();
            }
            answered += BURST;
        }
        answered
    }

    fn lateness(address: SocketAddr) -> Buckets {
        let text = crate::support::http::get(address, "/metrics").expect("the node answers").body;
        let bucket = |line: &str| {
            let rest = line.strip_prefix("qcluster_timer_lateness_seconds_bucket{le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count.parse().ok()?))
        };
        text.lines().filter_map(bucket).collect()
    }

    fn since(before: &Buckets, after: &Buckets) -> Buckets {
        after.iter().zip(before).map(|((bound, after), (_, before))| (*bound, after - before)).collect()
    }

    /// Within a bucket evenly, as Prometheus does it.
    fn quantile(buckets: &Buckets, share: f64) -> f64 {
        let wanted = buckets.last().map_or(0.0, |(_, all)| all * share);
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in buckets {
            if *count >= wanted {
                let part = if *count > below { (wanted - below) / (count - below) } else { 0.0 };
                return if bound.is_finite() { low + (bound - low) * part } else { low };
            }
            (low, below) = (*bound, *count);
        }
        low
    }

    fn told(buckets: &Buckets) -> String {
        let [median, high] = [0.5, 0.99].map(|share| quantile(buckets, share) * 1e3);
        let count = buckets.last().map_or(0.0, |(_, all)| *all);
        format!("median {median:.2} ms, 99 % {high:.2} ms, of {count:.0} timers")
    }
}
