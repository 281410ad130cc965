//! HAProxy in front of three services of the example `leader_redirect`: traffic reaches the leader.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::skipped;
use crate::support::cluster::{Cluster, Setup};
use crate::support::node::Program;
use crate::support::{http, ports};

/// Ends with its owner.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo has put the example, beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().expect("the path of this program");
    tests.ancestors().nth(2).expect("tests lie in a folder of the profile").join("examples").join("leader_redirect")
}

/// A cluster of services, and the port of each.
fn services() -> (Cluster, Vec<u16>) {
    let mut cluster = Cluster::new(&Setup::unhurried());
    let served: Vec<u16> = cluster.nodes.iter().map(|_| ports::free()).collect();
    let place = |name: &str, cluster: &Cluster| cluster.nodes.iter().position(|node| node.name == name);
    for index in 0..cluster.nodes.len() {
        let path = cluster.nodes[index].config_path();
        let mut config: Value =
            serde_json::from_str(&fs::read_to_string(&path).expect("it was written")).expect("JSON");
        config["metadata"] = json!({ "server_port": served[index] });
        for peer in config["peers"].as_array_mut().expect("it has peers") {
            let place = place(peer["identifier"].as_str().expect("a name"), &cluster).expect("one of the three");
            peer["metadata"] = json!({ "server_port": served[place] });
        }
        fs::write(&path, config.to_string()).expect("a configuration can be written");
        let arguments = vec![path.to_str().expect("paths of tests are UTF-8").to_owned()];
        cluster.nodes[index].run_as(Program::Own { path: example(), arguments });
        cluster.nodes[index].start();
    }
    (cluster, served)
}

/// The proxy, with that check of each node's own port.
fn proxy(cluster: &Cluster, served: &[u16], check: &str) -> (Proxy, SocketAddr) {
    let port = ports::free();
    let mut text = format!(
        "defaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n\
         listen service\n  bind 127.0.0.1:{port}\n  {check}\n  default-server inter 100ms fall 1 rise 1\n"
    );
    for (node, served) in cluster.nodes.iter().zip(served) {
        writeln!(text, "  server {} 127.0.0.1:{served} check port {}", node.name, node.address.port())
            .expect("a string takes it");
    }
    let path = cluster.dir().join("haproxy.cfg");
    fs::write(&path, text).expect("a configuration can be written");
    let quiet = ports::quiet();
    let child = Command::new("haproxy")
        .arg("-db")
        .arg("-f")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("HAProxy can be started");
    drop(quiet);
    (Proxy(child), SocketAddr::from(([127, 0, 0, 1], port)))
}

/// With either check, requests reach the leader and no redirect is seen; after a kill, they reach the next leader.
fn traffic_follows_the_leader(test: &str, check: &str) {
    if Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_err() {
        return skipped(test, "there is no haproxy (Debian: haproxy)");
    }
    if !example().exists() {
        return skipped(test, "the example leader_redirect was not built: run all tests, or `cargo build --examples`");
    }
    let (mut cluster, served) = services();
    let first = cluster.agreed("a leader", |_| true);
    let (_proxy, front) = proxy(&cluster, &served, check);
    let leads = |place: usize, cluster: &Cluster| format!("{} leads with token", cluster.nodes[place].name);
    let reaches = |wanted: &str| http::get(front, "/orders").filter(|answer| answer.body.starts_with(wanted));
    // Until its first checks are over the proxy takes all for able; from then on no request goes to a follower, so none is
    // redirected.
    let all_reach =
        |wanted: &str| (0..20).all(|_| reaches(wanted).is_some_and(|answer| answer.code == 200)).then_some(());
    let wanted = leads(first.leader, &cluster);
    cluster.eventually("twenty requests in a row reach the leader", || all_reach(&wanted));

    cluster.nodes[first.leader].kill();
    let next = cluster.agreed("the next leader", |agreement| agreement.token > first.token);
    let wanted = leads(next.leader, &cluster);
    cluster.eventually("twenty requests in a row reach the next leader", || all_reach(&wanted));
}

/// `OPTIONS / HTTP/1.0` without a Host.
#[test]
fn haproxy_with_its_default_check_sends_traffic_to_the_leader() {
    traffic_follows_the_leader("haproxy_with_its_default_check_sends_traffic_to_the_leader", "option httpchk");
}

#[test]
fn haproxy_that_asks_for_leader_sends_traffic_to_the_leader() {
    traffic_follows_the_leader(
        "haproxy_that_asks_for_leader_sends_traffic_to_the_leader",
        "option httpchk GET /leader",
    );
}
