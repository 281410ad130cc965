//! Disks that are too small, each for one node alone.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::geteuid;

use super::cluster::Cluster;

/// What mounts a small disk of its own on the folder and runs a command there. Nobody else sees the disk, and it goes
/// with the command. `Err` with the reason where that cannot be done.
pub(crate) fn small_disk(folder: &str, options: &str) -> Result<Vec<String>, String> {
    if !geteuid().is_root() {
        return Err("mounting a small disk needs root".into());
    }
    fs::create_dir_all(folder).expect("a folder can be made");
    let mount = format!("mount -t tmpfs -o {options} none '{folder}' && exec \"$@\"");
    let prefix = ["unshare", "-m", "sh", "-c", &mount, "sh"].map(str::to_owned).to_vec();
    let probe = Command::new(&prefix[0]).args(&prefix[1..]).arg("true").output();
    match probe {
        Ok(output) if output.status.success() => Ok(prefix),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

/// What fills a node's disk. That exists for its process alone, and is reached through it.
pub(crate) fn ballast(cluster: &Cluster, index: usize) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", cluster.nodes[index].pid()));
    PathBuf::from(format!("{}{}/ballast", root.display(), cluster.data_dir(index)))
}

/// Writes to a node's disk until no byte more fits.
pub(crate) fn fill(cluster: &Cluster, index: usize) {
    let path = ballast(cluster, index);
    let mut file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    while file.write_all(&[0; 64]).is_ok() {}
}
