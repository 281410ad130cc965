//! Machines in miniature: a network namespace for each node, joined by a bridge in one more, whose links can be cut and
//! which can be split in two.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::geteuid;

use super::namespace::within;
use super::node::Node;

/// What goes through a link, and what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing, either way: the cable is out.
    Whole,
    /// The node sends and hears nothing.
    Deaf,
    /// The node hears, and what it sends is refused.
    Mute,
}

/// Networks that this process has made.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Namespaces and all in them; they go when this is dropped.
#[derive(Debug)]
pub(crate) struct Network {
    hub: String,
    machines: Vec<String>,
}

impl Network {
    /// `Err` with the reason where namespaces cannot be made here.
    pub(crate) fn new(machines: usize) -> Result<Self, String> {
        if !geteuid().is_root() {
            return Err("network namespaces need root".into());
        }
        // The process number makes the names unique among all that run, the count among those of one process.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |what: &str| format!("qc{}n{count}{what}", std::process::id());
        let network = Self { hub: name("hub"), machines: (0..machines).map(|n| name(&format!("m{n}"))).collect() };
        network.build()?;
        Ok(network)
    }

    fn build(&self) -> Result<(), String> {
        let hub = &self.hub;
        ip(&format!("netns add {hub}"))?;
        for bridge in ["bridge", "island"] {
            ip(&format!("-n {hub} link add {bridge} type bridge"))?;
            ip(&format!("-n {hub} link set {bridge} up"))?;
        }
        for (index, machine) in self.machines.iter().enumerate() {
            ip(&format!("netns add {machine}"))?;
            ip(&format!("-n {machine} link set lo up"))?;
            ip(&format!("-n {hub} link add port{index} type veth peer name eth0 netns {machine}"))?;
            ip(&format!("-n {hub} link set port{index} master bridge up"))?;
            ip(&format!("-n {machine} address add {}/24 dev eth0", Self::address(index)))?;
            ip(&format!("-n {machine} link set eth0 up"))?;
        }
        Ok(())
    }

    pub(crate) fn address(machine: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(machine + 1).expect("a handful of machines"))
    }

    /// What runs a command on that machine.
    pub(crate) fn prefix(&self, machine: usize) -> Vec<String> {
        words(&format!("ip netns exec {}", self.machines[machine]))
    }

    /// Does that on that machine.
    pub(crate) fn within<T: Send>(&self, machine: usize, what: impl FnOnce() -> T + Send) -> T {
        within(&self.path(machine), what)
    }

    pub(crate) fn path(&self, machine: usize) -> PathBuf {
        at(&self.machines[machine])
    }

    /// Through which all of them speak.
    pub(crate) fn hub(&self) -> PathBuf {
        at(&self.hub)
    }

    /// Has that node run on that machine from its next start on, and be asked there.
    pub(crate) fn admit(&self, machine: usize, node: &mut Node) {
        node.prefix = self.prefix(machine);
        node.namespace = Some(self.path(machine));
    }

    /// Cuts the links between those machines and the others, and none among themselves.
    pub(crate) fn split(&self, machines: &[usize]) {
        self.move_to("island", machines.iter().copied());
    }

    /// Mends what was split.
    pub(crate) fn join(&self) {
        self.move_to("bridge", 0..self.machines.len());
    }

    fn move_to(&self, bridge: &str, mut machines: impl Iterator<Item = usize>) {
        let moved =
            machines.try_for_each(|machine| ip(&format!("-n {} link set port{machine} master {bridge}", self.hub)));
        moved.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Cuts a machine's link. `Err` where this kind of cut cannot be made here.
    pub(crate) fn cut(&self, machine: usize, cut: Cut) -> Result<(), String> {
        match cut {
            Cut::Whole => ip(&format!("-n {} link set port{machine} down", self.hub)),
            Cut::Deaf => self.filter(machine, "-A INPUT -p udp -j DROP"),
            Cut::Mute => self.filter(machine, "-A OUTPUT -p udp -j DROP"),
        }
    }

    /// Mends whatever was cut.
    pub(crate) fn mend(&self, machine: usize, cut: Cut) -> Result<(), String> {
        match cut {
            Cut::Whole => ip(&format!("-n {} link set port{machine} up", self.hub)),
            Cut::Deaf | Cut::Mute => self.filter(machine, "-F"),
        }
    }

    fn filter(&self, machine: usize, rule: &str) -> Result<(), String> {
        run("ip", &format!("netns exec {} iptables {rule}", self.machines[machine]))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.machines.iter().chain([&self.hub]) {
            // Some may not be there, if building has failed half-way.
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}

fn at(name: &str) -> PathBuf {
    Path::new("/var/run/netns").join(name)
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let failed = |why: String| format!("`{program} {arguments}`: {}", why.trim());
    let output = Command::new(program).args(words(arguments)).output().map_err(|error| failed(error.to_string()))?;
    let stderr = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(failed(stderr())) }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
