//! Cgroups that give the processes in them a share of a core: version 2 of them, or the `cpu` controller of version 1.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The time over which a share is counted, as container runtimes have it.
const PERIOD_US: u32 = 100_000;

/// A cgroup, which goes with this when its processes have ended.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    busy: Vec<Child>,
}

impl Cgroup {
    /// One for processes that together get that many percent of a core. `Err` with the reason where none can be made.
    pub(crate) fn with_share(name: &str, percent: u32) -> Result<Self, String> {
        let (root, limits) = find_root()?;
        let path = root.join(format!("qcluster-steady-{}-{name}", std::process::id()));
        let quota_us = PERIOD_US / 100 * percent;
        let write = |file: &str, text: String| {
            fs::write(path.join(file), text).map_err(|error| format!("{}: {error}", path.join(file).display()))
        };
        fs::create_dir(&path).map_err(|error| format!("a CPU cgroup cannot be made: {}: {error}", path.display()))?;
        let cgroup = Self { path: path.clone(), busy: Vec::new() };
        match limits {
            Limits::Max => write("cpu.max", format!("{quota_us} {PERIOD_US}"))?,
            Limits::Quota => {
                write("cpu.cfs_period_us", PERIOD_US.to_string())?;
                write("cpu.cfs_quota_us", quota_us.to_string())?;
            }
        }
        Ok(cgroup)
    }

    /// What comes before a command line to have it run in here.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let enter = format!("echo $$ > '{}' && exec \"$@\"", self.path.join("cgroup.procs").display());
        ["sh", "-c", &enter, "sh"].map(str::to_owned).to_vec()
    }

    /// A process in here that takes all that it can get.
    pub(crate) fn add_busy_loop(&mut self) {
        let line = [self.prefix(), ["sh", "-c", "while :; do :; done"].map(str::to_owned).to_vec()].concat();
        let child = Command::new(&line[0]).args(&line[1..]).stdin(Stdio::null()).spawn();
        self.busy.push(child.expect("a shell can be started"));
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for child in &mut self.busy {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Err(error) = fs::remove_dir(&self.path) {
            println!("{} is left behind: {error}", self.path.display());
        }
    }
}

/// How a cgroup says what its processes get.
#[derive(Clone, Copy, Debug)]
enum Limits {
    /// Version 2.
    Max,
    /// Version 1.
    Quota,
}

/// Where cgroups are made.
fn find_root() -> Result<(PathBuf, Limits), String> {
    let [one, two] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"].map(Path::new);
    if one.join("cpu.cfs_quota_us").exists() {
        return Ok((one.to_owned(), Limits::Quota));
    }
    let controllers = fs::read_to_string(two.join("cgroup.subtree_control")).unwrap_or_default();
    if controllers.split_whitespace().any(|controller| controller == "cpu") {
        return Ok((two.to_owned(), Limits::Max));
    }
    Err("there are no CPU cgroups here".into())
}
