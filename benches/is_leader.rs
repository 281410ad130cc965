//! What it costs to ask `is_leader()`, alone and from sixteen threads at once.
//!
//! `cargo bench --bench is_leader` prints a line for each, and fails if a question takes more than 60 ns at the median of
//! the rounds. What is measured is processor time, so that who else uses the machine does not count; there is no lock on
//! which a thread could wait without using any.

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: the processor time of a thread is read as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::hint::black_box;
    use std::sync::Barrier;
    use std::thread;

    use qcluster::{Config, QCluster};
    use rustix::time::{ClockId, clock_gettime};

    const ROUNDS: usize = 11;
    const QUESTIONS: u32 = 300_000;
    const NS_MAX: f64 = 60.0;

    pub(crate) fn main() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let cluster = runtime.block_on(async {
            let cluster = QCluster::start(Config::new("server_a", "localhost", 0)).await.expect("a cluster of one");
            let mut leadership = cluster.leadership();
            while !cluster.is_leader() {
                leadership.changed().await.expect("it goes on");
            }
            cluster
        });
        let mut failed = false;
        for threads in [1, 16] {
            let mut costs: Vec<f64> = (0..ROUNDS).flat_map(|_| round(&cluster, threads)).collect();
            costs.sort_by(f64::total_cmp);
            let at = |percent: usize| costs[(costs.len() - 1) * percent / 100];
            let verdict = if at(50) > NS_MAX { "FAILED" } else { "passed" };
            failed |= at(50) > NS_MAX;
            println!(
                "is_leader() from {threads:>2} threads at once: median {:5.1} ns, best {:5.1} ns, worst {:5.1} ns of a \
                 processor, over {ROUNDS} rounds; gate {NS_MAX} ns: {verdict}",
                at(50),
                at(0),
                at(100)
            );
        }
        runtime.block_on(cluster.shutdown());
        if failed {
            std::process::exit(1);
        }
    }

    /// Nanoseconds of processor time for a question, of each thread, while all of them ask.
    fn round(cluster: &QCluster, threads: usize) -> Vec<f64> {
        let barrier = Barrier::new(threads);
        let ask = || {
            barrier.wait();
            let start = used_ns();
            for _ in 0..QUESTIONS {
                black_box(cluster.is_leader());
            }
            (used_ns() - start) / f64::from(QUESTIONS)
        };
        thread::scope(|scope| {
            let asks: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
            asks.into_iter().map(|ask| ask.join().expect("asking does not panic")).collect()
        })
    }

    /// Processor time of this thread so far.
    fn used_ns() -> f64 {
        let reading = clock_gettime(ClockId::ThreadCPUTime);
        let [seconds, nanos] = [reading.tv_sec, reading.tv_nsec].map(|part| u32::try_from(part).expect("a short run"));
        f64::from(seconds) * 1e9 + f64::from(nanos)
    }
}
