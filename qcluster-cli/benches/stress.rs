//! What strangers, clients and faults around the nodes do to a leadership: three default nodes, each in a network namespace of its
//! own, and a stranger and a load balancer in two more.
//!
//! `cargo bench -p qcluster-cli --bench stress` prints one line a figure, and fails where a leadership was lost, a health check was not
//! answered, the sockets of a node held more than 64 MB of kernel memory, or a leader was missing for two seconds after relief.
//! `--seconds` says how long the flood and the clients last (60), `--rate` how many datagrams a second are sent (100,000),
//! `--orders` in how many orders the faults come (24, all), `--only` which of `flood`, `clients` and `relief` is measured. It
//! needs root, network namespaces, `ss` and mounts of its own, and says so where they are missing.

#[cfg(target_os = "linux")]
#[path = "stress/clients.rs"]
mod clients;
#[cfg(target_os = "linux")]
#[path = "stress/flood.rs"]
mod flood;
#[cfg(target_os = "linux")]
#[path = "stress/relief.rs"]
mod relief;
#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: network namespaces are those of Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::support::arguments::Arguments;
    use crate::support::cluster::{Agreement, Cluster, Places, Setup, Storage};
    use crate::support::netns::Network;
    use crate::{clients, flood, relief};

    /// The machines of the nodes are 0, 1 and 2.
    pub(crate) const STRANGER: usize = 3;
    pub(crate) const BALANCER: usize = 4;

    /// Machines, and nodes on three of them.
    pub(crate) struct Site {
        pub(crate) cluster: Cluster,
        pub(crate) network: Network,
    }

    pub(crate) fn main() {
        let arguments = Arguments::read();
        let time = Duration::from_secs(arguments.number("--seconds", 60).into());
        let only = arguments.text("--only").unwrap_or_default();
        let rate = arguments.number("--rate", 100_000);
        let orders = arguments.number("--orders", 24);
        let part = |name: &str, measure: &dyn Fn() -> Result<bool, String>| {
            if !name.contains(&only) {
                return true;
            }
            measure().unwrap_or_else(|reason| {
                println!("{name:<8}not measured: {reason}");
                true
            })
        };
        let passed = [
            part("flood", &|| flood::measure(time, rate)),
            part("clients", &|| clients::measure(time)),
            part("relief", &|| relief::measure(orders)),
        ];
        if passed.contains(&false) {
            println!("FAILED");
            std::process::exit(1);
        }
    }

    impl Site {
        /// Nodes with default timing that listen on all addresses of their machines, none of them started.
        pub(crate) fn new(storage: Storage, change: impl Fn(&mut Value)) -> Result<Self, String> {
            let network = Network::new(5)?;
            let places = Places::Addresses((0..3).map(Network::address).collect());
            let setup = Setup { timing: json!("lan"), storage, places, ..Setup::unhurried() };
            let mut cluster = Cluster::changed(&setup, |_, config| {
                config["listen_host"] = json!("0.0.0.0");
                change(config);
            });
            for (machine, node) in cluster.nodes.iter_mut().enumerate() {
                network.admit(machine, node);
            }
            Ok(Self { cluster, network })
        }

        pub(crate) fn start(&mut self) -> Agreement {
            self.cluster.nodes.iter_mut().for_each(crate::support::node::Node::start);
            self.cluster.agreed("a leader of three", |_| true)
        }

        /// How many leaderships were lost since then.
        pub(crate) fn lost_since(&self, from: f64) -> usize {
            let all = self.cluster.leaderships();
            all.iter().filter(|leadership| leadership.lost.as_ref().is_some_and(|(at, _)| *at >= from)).count()
        }
    }
}
