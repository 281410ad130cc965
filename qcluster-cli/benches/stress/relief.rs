//! Full disks, removed folders of data, no descriptors and output that nobody reads, on all nodes, in every order; then relief, in the
//! same order. How long until there is a leader again?

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::measure::{STRANGER, Site};
use crate::support::cluster::{Agreement, Cluster, Storage};
use crate::support::descriptors::{Crowd, few_descriptors};
use crate::support::disk::{ballast, fill, small_disk};
use crate::support::events::unix_s;
use crate::support::node::{Node, Output};

/// From relief to a leader, in seconds.
const PATIENCE_S: f64 = 2.0;

/// How long a fault lasts before the next, and all of them before relief.
const PAUSE: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Full,
    Removed,
    NoDescriptors,
    /// The leader alone, so that somebody has to be elected.
    Killed,
}

pub(crate) fn measure(orders: u32) -> Result<bool, String> {
    let mut times = Vec::new();
    for order in all_orders().into_iter().take(orders as usize) {
        times.push(relieved(&order)?);
    }
    times.sort_by(f64::total_cmp);
    let (Some(median), Some(worst)) = (times.get(times.len() / 2), times.last()) else { return Ok(true) };
    let already = times.iter().filter(|time| **time <= 0.0).count();
    println!(
        "relief  disks full, data_dir removed, no descriptors, the leader killed, output unread, in {} orders: a leader {median:.2} s after relief (median), {worst:.2} s at worst, in {already} of them before it",
        times.len()
    );
    Ok(*worst <= PATIENCE_S)
}

fn all_orders() -> Vec<Vec<Fault>> {
    let mut orders = vec![Vec::new()];
    for fault in [Fault::Full, Fault::Removed, Fault::NoDescriptors, Fault::Killed] {
        let longer = |order: &Vec<Fault>| {
            let with = |at: usize| [&order[..at], &[fault], &order[at..]].concat();
            (0..=order.len()).map(with).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// The seconds from relief to a leader; 0 where there was one already.
fn relieved(order: &[Fault]) -> Result<f64, String> {
    let mut site = Site::new(Storage::DataDir, |config| {
        // Below the mount, which cannot be removed.
        let folder = format!("{}/state", config["data_dir"].as_str().expect("it has one"));
        config["data_dir"] = json!(folder);
    })?;
    for index in 0..3 {
        let disk = small_disk(&site.cluster.data_dir(index), "size=64k")?;
        let node = &mut site.cluster.nodes[index];
        node.output = Output::Unread;
        node.prefix = [&node.prefix[..], &disk, &few_descriptors()].concat();
    }
    let before = site.start();
    let mut clients: Vec<Crowd> = Vec::new();
    for fault in order {
        for index in (0..3).filter(|index| site.cluster.nodes[*index].is_started()) {
            match fault {
                Fault::Full => fill(&site.cluster, index),
                Fault::Removed => _ = fs::remove_dir_all(state(&site.cluster, index)),
                Fault::NoDescriptors => {
                    let address = site.cluster.nodes[index].address;
                    clients.push(site.network.within(STRANGER, || Crowd::at(address)));
                }
                Fault::Killed => {}
            }
        }
        if *fault == Fault::Killed {
            site.cluster.nodes[before.leader].kill();
        }
        sleep(PAUSE);
    }
    sleep(PAUSE);
    for fault in order {
        match fault {
            Fault::Full => survivors(&before).for_each(|index| _ = fs::remove_file(ballast(&site.cluster, index))),
            Fault::NoDescriptors => clients.clear(),
            Fault::Removed | Fault::Killed => {}
        }
    }
    let relief = unix_s();
    let next = site.cluster.eventually("the next leader", || {
        let last = site.cluster.leaderships().into_iter().max_by_key(|leadership| leadership.token)?;
        (last.token > before.token && last.lost.is_none()).then_some(last)
    });
    site.cluster.nodes.iter_mut().for_each(Node::kill);
    Ok((next.elected_s - relief).max(0.0))
}

/// All but the leader that is killed.
fn survivors(before: &Agreement) -> impl Iterator<Item = usize> + use<> {
    let leader = before.leader;
    (0..3).filter(move |index| *index != leader)
}

/// A node's folder of data, as the node sees it.
fn state(cluster: &Cluster, index: usize) -> PathBuf {
    ballast(cluster, index).with_file_name("state")
}
