//! Datagrams as a node with some configuration would send them.

use std::fs;

use qcluster::Config;
use qcluster_core::{Endpoint, EndpointBoot, Input, NodeId, Output, Span, Time};
use serde_json::Value;

use super::cluster::Cluster;

/// A voter's configuration, changed, and what a node with it says first to the voter `to`.
pub(crate) fn first_words(cluster: &Cluster, from: usize, to: usize, change: impl Fn(&mut Value)) -> Vec<u8> {
    let text = fs::read_to_string(cluster.nodes[from].config_path()).expect("there is a configuration");
    let mut value: Value = serde_json::from_str(&text).expect("it is JSON");
    change(&mut value);
    let config: Config = serde_json::from_value(value).expect("it is a configuration");
    let rules = config.settings().and_then(|settings| settings.check()).expect("it is sound");
    let boot = EndpointBoot { seed: 1, stamp_ms: 1, saved: None };
    let mut endpoint = Endpoint::new(rules, boot, Time::ZERO).expect("it can boot");
    let peer = NodeId::new(&cluster.nodes[to].name).expect("a name").key();
    let address = cluster.nodes[to].address;
    let mut now = Time::ZERO;
    let mut input = Input::Resolved { peer, address };
    for _ in 0..1_000 {
        let mut outputs = endpoint.step(now, input);
        while let Some(output) = outputs.next() {
            match output {
                Output::Transmit { to, bytes } if to == address => return bytes.to_vec(),
                Output::Transmit { .. } | Output::Persist { .. } | Output::Notify(_) => {}
            }
        }
        now = now + Span::from_millis(10);
        input = Input::Timeout;
    }
    panic!("a node that knows where a peer is says nothing to it");
}
