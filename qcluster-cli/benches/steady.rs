//! Whether a leader keeps its lease where processors are short: three default nodes, each in a CPU cgroup of its own that it shares
//! with a busy loop.
//!
//! `cargo bench -p qcluster-cli --bench steady` prints one line a figure, and fails where the median is not zero. It takes half an hour:
//! three runs of five minutes each with 10 % and with 5 % of a core. `--seconds`, `--runs` and `--share` (percent of a core, repeated
//! by commas) make it another one. It needs root and CPU cgroups, and says so where they are missing.

#[cfg(target_os = "linux")]
#[path = "steady/cgroup.rs"]
mod cgroup;
#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: processes are throttled as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::collections::BTreeMap;
    use std::thread::sleep;
    use std::time::Duration;

    use serde_json::json;

    use crate::cgroup::Cgroup;
    use crate::support::arguments::Arguments;
    use crate::support::cluster::{Cluster, Setup};
    use crate::support::events::unix_s;

    /// What starting and the first elections cost does not count.
    const SETTLING: Duration = Duration::from_secs(30);

    /// The leaderships that were lost, by reason.
    type Losses = BTreeMap<String, u32>;

    pub(crate) fn main() {
        let arguments = Arguments::read();
        let seconds = arguments.number("--seconds", 300);
        let runs = arguments.number("--runs", 3);
        let timing = arguments.text("--timing").unwrap_or_else(|| "lan".into());
        let shares = arguments.text("--share").unwrap_or_else(|| "10,5".into());
        let shares =
            shares.split(',').map(|share| share.parse().unwrap_or_else(|_| panic!("--share {share}: no percent")));
        let mut is_steady = true;
        for share in shares {
            let mut totals = Vec::new();
            for run in 1..=runs {
                match lost(share, &timing, Duration::from_secs(seconds.into())) {
                    Ok(losses) => {
                        totals.push(losses.values().sum::<u32>());
                        println!("steady {share:>3} % of a core, {timing}, run {run}  {}", told(&losses));
                    }
                    Err(reason) => return println!("not measured: {reason}"),
                }
            }
            totals.sort_unstable();
            let median = *totals.get(totals.len() / 2).expect("--runs must be at least 1");
            is_steady &= median == 0;
            println!(
                "steady {share:>3} % of a core, {timing}  {median} leaderships lost in {seconds} s after the first {} s, median of {runs} runs",
                SETTLING.as_secs()
            );
        }
        if !is_steady {
            println!("FAILED");
            std::process::exit(1);
        }
    }

    /// Runs a cluster with that share of a core, in percent, for each of its nodes and the loop beside it.
    fn lost(share: u32, timing: &str, time: Duration) -> Result<Losses, String> {
        // Before the nodes, so that nobody is left in them when they go.
        let mut cgroups = Vec::new();
        let mut cluster = Cluster::new(&Setup { timing: json!(timing), ..Setup::unhurried() });
        for node in &mut cluster.nodes {
            let mut cgroup = Cgroup::with_share(&node.name, share)?;
            node.prefix = cgroup.prefix();
            cgroup.add_busy_loop();
            cgroups.push(cgroup);
            node.start();
        }
        sleep(SETTLING);
        let from = unix_s();
        sleep(time);
        Ok(losses_since(&cluster, from))
    }

    fn losses_since(cluster: &Cluster, from: f64) -> Losses {
        let mut losses = Losses::new();
        for (at, reason) in cluster.leaderships().into_iter().filter_map(|leadership| leadership.lost) {
            if at >= from {
                *losses.entry(reason).or_default() += 1;
            }
        }
        losses
    }

    fn told(losses: &Losses) -> String {
        let all = losses.iter().map(|(reason, count)| format!("{count} {reason}"));
        let list = all.collect::<Vec<_>>().join(", ");
        if list.is_empty() { "none lost".into() } else { format!("lost: {list}") }
    }
}
