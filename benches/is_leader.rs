//! What it costs to ask `is_leader()`, alone and from sixteen threads at once.
//!
//! `cargo bench --bench is_leader` prints a line for each, and fails if a question takes more than 60 ns at the median of
//! the rounds. The cost is processor time a question: more threads than cores wait for each other, not for a lock.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use qcluster::{Config, QCluster};

const ROUNDS: usize = 11;
const QUESTIONS: u32 = 500_000;
const NS_MAX: f64 = 60.0;

fn main() {
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
    let cores = thread::available_parallelism().ok().and_then(|cores| u32::try_from(cores.get()).ok()).unwrap_or(1);
    let mut failed = false;
    for threads in [1, 16] {
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round(&cluster, threads, cores)).collect();
        rounds.sort_by(f64::total_cmp);
        let median = rounds[ROUNDS / 2];
        failed |= median > NS_MAX;
        println!(
            "is_leader() from {threads:>2} threads on {cores} cores: median {median:5.1} ns, best {:5.1} ns, worst {:5.1} ns of {ROUNDS} rounds; gate {NS_MAX} ns: {}",
            rounds[0],
            rounds[ROUNDS - 1],
            if median > NS_MAX { "FAILED" } else { "passed" }
        );
    }
    runtime.block_on(cluster.shutdown());
    if failed {
        std::process::exit(1);
    }
}

/// Nanoseconds of one core for one question, while all threads ask at once.
fn round(cluster: &QCluster, threads: u32, cores: u32) -> f64 {
    let barrier = Barrier::new(threads as usize + 1);
    let elapsed: Duration = thread::scope(|scope| {
        let asks: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..QUESTIONS {
                        black_box(cluster.is_leader());
                    }
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        for ask in asks {
            ask.join().expect("asking does not panic");
        }
        start.elapsed()
    });
    let each = elapsed.as_secs_f64() * 1e9 / f64::from(QUESTIONS);
    // With more threads than cores each thread has only its share of a core.
    each * f64::from(threads.min(cores)) / f64::from(threads)
}
