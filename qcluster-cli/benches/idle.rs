//! What a cluster costs that does nothing: memory, network and processor of the idle leader of three, and of a follower.
//!
//! `cargo bench -p qcluster-cli --bench idle -- --seconds 60` prints one line a figure; it measures and judges nothing. With
//! `--features smol` each line is there for each adapter. The last line is what the datagrams alone cost on this machine.

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
#[path = "idle/bare.rs"]
mod bare;

#[cfg(target_os = "linux")]
fn main() {
    bare::play_a_part();
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: the processes are read as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::fs;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use rustix::param::clock_ticks_per_second;
    use serde_json::json;

    use crate::bare::Bare;
    use crate::support::arguments::Arguments;
    use crate::support::cluster::{Cluster, Setup};
    use crate::support::node::{Node, PROGRAMS, Program};

    /// What a node has sent and received by the time that it last wrote its counters down, which it does once a second.
    #[derive(Clone, Copy, PartialEq)]
    struct Traffic {
        seen: Instant,
        bytes: u64,
        datagrams: u64,
    }

    pub(crate) fn main() {
        let seconds = Arguments::read().number("--seconds", 20);
        for (adapter, program) in PROGRAMS {
            measure(adapter, program.clone(), seconds);
        }
        let bare = Bare::start();
        sleep(Duration::from_secs(1));
        let (start, busy) = (Instant::now(), processor_s(bare.leader()));
        sleep(Duration::from_secs(seconds.into()));
        let share = (processor_s(bare.leader()) - busy) / start.elapsed().as_secs_f64() * 100.0;
        println!("the datagrams of a leader alone    processor              {share:8.3} % of a core, over {seconds} s");
    }

    fn measure(adapter: &str, program: Program, seconds: u32) {
        let cluster = Cluster::start(&Setup { timing: json!("lan"), program, ..Setup::unhurried() });
        let before = cluster.agreed("a leader", |_| true);
        // What starting costs is over.
        sleep(Duration::from_secs(2));
        let places = [("leader", before.leader), ("follower", (before.leader + 1) % 3)];
        let traffic = places.map(|(_, place)| next_count(&cluster, place));
        // Nobody asks the nodes anything meanwhile: an answer would count as their work.
        let start = Instant::now();
        let busy = places.map(|(_, place)| processor_s(cluster.nodes[place].pid()));
        sleep(Duration::from_secs(seconds.into()));
        let elapsed = start.elapsed().as_secs_f64();
        for (index, (what, place)) in places.into_iter().enumerate() {
            let node = &cluster.nodes[place];
            let share = (processor_s(node.pid()) - busy[index]) / elapsed * 100.0;
            let (first, last) = (traffic[index], next_count(&cluster, place));
            let between = (last.seen - first.seen).as_secs_f64();
            let rate = |from: u64, to: u64| f64::from(u32::try_from(to - from).expect("it is idle")) / between;
            println!("idle {what:<9}{adapter} resident memory        {:8.2} MiB", resident_kib(node) / 1_024.0);
            println!(
                "idle {what:<9}{adapter} UDP payload            {:8.2} kB/s, sent and received, in {:.0} datagrams/s",
                rate(first.bytes, last.bytes) / 1e3,
                rate(first.datagrams, last.datagrams)
            );
            println!("idle {what:<9}{adapter} processor              {share:8.3} % of a core, over {elapsed:.0} s");
        }
        let after = cluster.agreement();
        assert_eq!(after, Some(before), "the leader changed meanwhile, so these are not figures of an idle cluster");
    }

    /// Waits until a node writes its counters down, so that they belong to this moment.
    fn next_count(cluster: &Cluster, place: usize) -> Traffic {
        let read = || {
            let status = cluster.nodes[place].status()?;
            let sum = |names: [&str; 2]| names.iter().filter_map(|name| status["counters"][*name].as_u64()).sum();
            let bytes = sum(["udp_sent_bytes", "udp_received_bytes"]);
            Some(Traffic { seen: Instant::now(), bytes, datagrams: sum(["udp_sent", "udp_received"]) })
        };
        let first = cluster.eventually("the counters", read);
        cluster.eventually("newer counters", || read().filter(|now| now.datagrams != first.datagrams))
    }

    fn resident_kib(node: &Node) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("the node runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has it");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// User and system time of all threads so far.
    fn processor_s(pid: u32) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the node runs");
        // The name, in parentheses, may have spaces in it; the fields behind it are counted from the third on.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().expect("a number of ticks"));
        let a_second = u32::try_from(clock_ticks_per_second()).expect("some hundred");
        f64::from(ticks.sum::<u32>()) / f64::from(a_second)
    }
}
