//! A hundred members in one process, over real loopback UDP: how soon they agree, how soon a crash is known to all, and what
//! they cost while nothing happens.
//!
//! `cargo bench --bench hundred -- --nodes 100 --seconds 20` prints one line a figure; it measures and judges nothing.

#[cfg(target_os = "linux")]
#[path = "../tests/support/arguments.rs"]
mod arguments;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: processor time is read as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::time::{Duration, Instant};

    use qcluster::{Config, MemberInfo, Mode, QCluster};
    use rustix::time::{ClockId, clock_gettime};
    use tokio::time::sleep;

    use crate::arguments::Arguments;

    /// Longer than anything here takes where it works at all.
    const PATIENCE: Duration = Duration::from_secs(120);

    pub(crate) fn main() {
        let arguments = Arguments::read();
        let (nodes, seconds) = (arguments.number("--nodes", 100), arguments.number("--seconds", 20));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(nodes, seconds));
    }

    async fn run(count: u32, seconds: u32) {
        let started = Instant::now();
        let mut nodes: Vec<QCluster> = Vec::new();
        for n in 0..count {
            let seed = nodes.first().map(|seed| format!("127.0.0.1:{}", seed.me().port));
            let config =
                Config::new(format!("node_{n:03}"), "127.0.0.1", 0).with_mode(Mode::Masterless).with_join(seed);
            nodes.push(QCluster::start(config).await.expect("a port and two sockets"));
        }
        let started_in = started.elapsed();
        let agreed = Instant::now();
        until(|| nodes.iter().all(|node| present(node) == nodes.len())).await;
        println!("{count} nodes started in {:.2} s", started_in.as_secs_f64());
        println!("all see all                   {:8.2} s after the last start", agreed.elapsed().as_secs_f64());

        // What joining costs is over.
        sleep(Duration::from_secs(3)).await;
        let (idle, busy) = (Instant::now(), processor_s());
        sleep(Duration::from_secs(seconds.into())).await;
        let share = (processor_s() - busy) / idle.elapsed().as_secs_f64() * 100.0;
        println!("idle, all together            {share:8.2} % of a core, over {seconds} s");

        let victim = nodes.pop().expect("there are nodes");
        let name = victim.me().identifier.clone();
        let crashed = Instant::now();
        victim.abort().await;
        let is_down = |member: &MemberInfo| member.identifier == name && member.state == "down";
        until(|| nodes.iter().any(|node| node.members().iter().any(is_down))).await;
        println!("a crash is known to the first {:8.2} s after it", crashed.elapsed().as_secs_f64());
        until(|| nodes.iter().all(|node| node.members().iter().any(is_down))).await;
        println!("a crash is known to all       {:8.2} s after it", crashed.elapsed().as_secs_f64());
        let wrong = nodes.iter().filter(|node| present(node) != nodes.len()).count();
        println!("nodes that miss somebody else {wrong:8}");
    }

    fn present(node: &QCluster) -> usize {
        node.members().iter().filter(|member| member.state == "alive").count()
    }

    /// Waits until it is so.
    async fn until(is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "in vain");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// User and system time of all threads so far.
    fn processor_s() -> f64 {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let duration = Duration::try_from(used).expect("it only grows");
        duration.as_secs_f64()
    }
}
