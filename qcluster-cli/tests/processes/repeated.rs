//! A stranger who has overheard all that a sealed cluster has said, and says it again (S3, E17): from where it was said and from
//! elsewhere, at once and after a restart of each side.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use serde_json::json;

use crate::sealed::{dropped, keygen};
use crate::skipped;
use crate::support::capture::{Capture, Impostor, Overheard};
use crate::support::cluster::{Agreement, Cluster, Places, Setup};
use crate::support::netns::Network;

/// The machine of the stranger, behind those of the nodes.
const STRANGER: usize = 3;
/// No more than a socket has room for.
const AT_ONCE: usize = 30;
/// So many datagrams of a cluster that is at rest, and all of its election before them.
const ENOUGH: usize = 300;

#[test]
fn all_that_was_overheard_and_is_said_again_changes_nothing() {
    const TEST: &str = "a stranger who repeats all that it has overheard";
    let network = match Network::new(STRANGER + 1) {
        Ok(network) => network,
        Err(reason) => return skipped(TEST, &reason),
    };
    let mut stranger = match Stranger::new(&network) {
        Ok(stranger) => stranger,
        Err(error) => return skipped(TEST, &format!("no raw sockets here: {error}")),
    };
    let secret = keygen();
    let places = Places::Addresses((0..STRANGER).map(Network::address).collect());
    let mut cluster = Cluster::changed(&Setup { places, ..Setup::unhurried() }, |_, config| {
        config["secret"] = json!(secret);
    });
    for (machine, node) in cluster.nodes.iter_mut().enumerate() {
        network.admit(machine, node);
        node.start();
    }
    let mut now = cluster.agreed("a leader", |_| true);

    // At once.
    stranger.repeats(&cluster, now);
    assert_eq!(stranger.answers(), 0, "what was said before draws no answer");
    // To a node that has no window of what it had opened before.
    let restarted = (now.leader + 1) % 3;
    cluster.nodes[restarted].kill();
    cluster.nodes[restarted].start();
    now = cluster.agreed("it follows again", |after| after.token >= now.token);
    stranger.repeats(&cluster, now);
    // And with that of a leader which is no more.
    let before = now;
    cluster.nodes[before.leader].kill();
    cluster.eventually("a successor", || cluster.successor(before.token));
    cluster.nodes[before.leader].start();
    now = cluster.agreed("all follow again", |after| after.token > before.token);
    stranger.repeats(&cluster, now);
    cluster.assert_history();
}

struct Stranger {
    capture: Capture,
    impostor: Impostor,
    own: UdpSocket,
}

impl Stranger {
    fn new(network: &Network) -> std::io::Result<Self> {
        let own = network.within(STRANGER, || UdpSocket::bind("0.0.0.0:0"))?;
        own.set_nonblocking(true)?;
        Ok(Self { capture: Capture::start(&network.hub())?, impostor: Impostor::new(&network.path(STRANGER))?, own })
    }

    /// Has all that was overheard count for nothing: the leader stays, and each node has dropped what it was sent.
    fn repeats(&mut self, cluster: &Cluster, before: Agreement) {
        let known = self.capture.overheard().len();
        let Self { capture, impostor, own } = self;
        let all: BTreeSet<Overheard> = cluster.eventually("the nodes speak", || {
            let overheard = capture.overheard();
            (overheard.len() >= known + ENOUGH).then(|| overheard.clone())
        });
        for node in 0..STRANGER {
            let address = cluster.nodes[node].address;
            let to_node: Vec<&Overheard> = all.iter().filter(|datagram| address == datagram.to.into()).collect();
            let counted = |reason: &str| dropped(cluster, node, reason);
            let (dropped_before, mut sent) = (counted(""), 0);
            for some in to_node.chunks(AT_ONCE) {
                for datagram in some {
                    impostor.repeat(datagram).expect("it can be sent");
                    own.send_to(&datagram.bytes, address).expect("it can be sent");
                    sent += 2;
                }
                cluster.eventually("all of it is dropped", || (counted("") >= dropped_before + sent).then_some(()));
            }
            assert!(sent > 0, "somebody has spoken to each node");
            assert!(counted("replayed") > 0, "some of it was opened before");
        }
        let after = cluster.agreed("they agree", |_| true);
        assert_eq!(after, before, "{}", cluster.trace());
        // Nor does the stranger repeat itself.
        let _ = capture.overheard();
    }

    /// How many datagrams came back to it.
    fn answers(&self) -> usize {
        std::iter::from_fn(|| self.own.recv(&mut [0; 2_048]).ok()).count()
    }
}
