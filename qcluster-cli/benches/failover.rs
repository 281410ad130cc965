//! How long a cluster is without a leader: real processes, from the signal that ends the leader, or the cut of its link, to the
//! `elected` of the next.
//!
//! `cargo bench -p qcluster-cli --bench failover -- --rounds 50` prints one line a figure; it measures and judges nothing.
//! `--only WORD` leaves out the lines that do not contain the word. With `--features smol` each line is there for each adapter.

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not measured: the processes are read and signalled as on Linux");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::thread::sleep;
    use std::time::Duration;

    use rustix::process::Signal;
    use serde_json::json;

    use crate::support::arguments::Arguments;
    use crate::support::cluster::{Agreement, Cluster, Places, SECRET, Setup, Storage};
    use crate::support::events::unix_s;
    use crate::support::netns::{Cut, Network};
    use crate::support::node::{Node, PROGRAMS};

    /// How a leadership ends.
    #[derive(Clone, Copy)]
    enum End {
        /// As by a power cut: nobody is told.
        Kill,
        /// As by an operator: it hands over.
        Terminate,
        /// The link of its machine goes down, and comes up again once another leads.
        Cut,
    }

    /// Whether the nodes have a secret.
    #[derive(Clone, Copy)]
    enum Sealing {
        Plain,
        Sealed,
    }

    pub(crate) fn main() {
        let arguments = Arguments::read();
        let rounds = arguments.number("--rounds", 50);
        let only = arguments.text("--only").unwrap_or_default();
        let cases = [
            ("SIGKILL to elected,  lan,  diskless", End::Kill, "lan", Storage::Diskless, Sealing::Plain),
            ("SIGKILL to elected,  lan,  data_dir", End::Kill, "lan", Storage::DataDir, Sealing::Plain),
            ("SIGKILL to elected,  fast, diskless", End::Kill, "fast", Storage::Diskless, Sealing::Plain),
            ("SIGKILL to elected,  fast, data_dir", End::Kill, "fast", Storage::DataDir, Sealing::Plain),
            ("SIGKILL to elected,  lan,  sealed  ", End::Kill, "lan", Storage::Diskless, Sealing::Sealed),
            ("SIGKILL to elected,  fast, sealed  ", End::Kill, "fast", Storage::Diskless, Sealing::Sealed),
            ("SIGTERM to elected,  lan,  diskless", End::Terminate, "lan", Storage::Diskless, Sealing::Plain),
            ("SIGTERM to elected,  lan,  data_dir", End::Terminate, "lan", Storage::DataDir, Sealing::Plain),
            ("SIGTERM to elected,  lan,  sealed  ", End::Terminate, "lan", Storage::Diskless, Sealing::Sealed),
            ("link cut to elected, lan,  diskless", End::Cut, "lan", Storage::Diskless, Sealing::Plain),
        ];
        assert!(rounds > 0, "--rounds must be at least 1");
        let cases = cases.into_iter().filter(|(what, ..)| what.contains(&only));
        let cases = cases.flat_map(|case| PROGRAMS.iter().map(move |program| (case, program)));
        for ((what, end, timing, storage, sealing), (adapter, program)) in cases {
            let setup = Setup { timing: json!(timing), storage, program: program.clone(), ..Setup::unhurried() };
            let (mut cluster, network) = match end {
                End::Kill | End::Terminate => (started(&setup, sealing), None),
                End::Cut => match on_machines(setup) {
                    Ok((cluster, network)) => (cluster, Some(network)),
                    Err(reason) => {
                        println!("{what}{adapter}  not measured: {reason}");
                        continue;
                    }
                },
            };
            let mut samples: Vec<f64> =
                (0..rounds).map(|turn| round(&mut cluster, network.as_ref(), end, turn)).collect();
            samples.sort_by(f64::total_cmp);
            let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
            println!(
                "{what}{adapter}  median {:6.1} ms  90 % {:6.1} ms  worst {:6.1} ms  best {:6.1} ms  of {rounds} rounds",
                at(50),
                at(90),
                at(100),
                at(0)
            );
        }
    }

    /// On loopback.
    fn started(setup: &Setup, sealing: Sealing) -> Cluster {
        let mut cluster = Cluster::changed(setup, |_, config| match sealing {
            Sealing::Plain => {}
            Sealing::Sealed => config["secret"] = json!(SECRET),
        });
        cluster.nodes.iter_mut().for_each(Node::start);
        cluster
    }

    /// Each node on a machine of its own, whose link can be cut.
    fn on_machines(setup: Setup) -> Result<(Cluster, Network), String> {
        let network = Network::new(3)?;
        let places = Places::Addresses((0..3).map(Network::address).collect());
        let mut cluster = Cluster::new(&Setup { places, ..setup });
        for (machine, node) in cluster.nodes.iter_mut().enumerate() {
            network.admit(machine, node);
            node.start();
        }
        Ok((cluster, network))
    }

    /// Ends the leadership, waits for the next, and brings the old leader back. Gives the milliseconds in between.
    fn round(cluster: &mut Cluster, network: Option<&Network>, end: End, turn: u32) -> f64 {
        let before = settled(cluster, turn);
        let leader = &mut cluster.nodes[before.leader];
        let mut at = unix_s();
        match end {
            End::Kill => leader.kill(),
            End::Terminate => {
                leader.signal(Signal::TERM);
                leader.exited();
            }
            End::Cut => {
                let network = network.expect("its machine is in a network");
                network.cut(before.leader, Cut::Whole).unwrap_or_else(|error| panic!("{error}"));
                // The command that cuts takes as long as a heartbeat now and then.
                at = unix_s();
            }
        }
        let next = cluster.eventually("the next leader", || cluster.successor(before.token));
        match network {
            Some(network) => network.mend(before.leader, Cut::Whole).unwrap_or_else(|error| panic!("{error}")),
            None => cluster.nodes[before.leader].start(),
        }
        (next.elected_s - at) * 1e3
    }

    /// Waits for what a cluster is like for nearly all of its incarnation: a leader, and followers whose boot wait is over.
    fn settled(cluster: &Cluster, turn: u32) -> Agreement {
        let agreement = cluster.agreed("a leader whom all follow", |agreement| {
            let follows = |node: &Node| node.status().is_some_and(|status| status["role"] == "follower");
            cluster.nodes.iter().enumerate().all(|(index, node)| index == agreement.leader || follows(node))
        });
        // A few heartbeats more, and then a moment between two of them: multiples of the golden section spread evenly.
        sleep(Duration::from_millis(200) + Duration::from_millis(25).mul_f64((f64::from(turn) * 0.618_034).fract()));
        agreement
    }
}
