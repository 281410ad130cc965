//! One real node: its files, its process, and the questions that a test may ask it.

use std::fs::{self, File};
use std::io::{PipeReader, Read as _, Write as _, pipe};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::pipe::fcntl_getpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::events::{self, Event};
use super::http::{self, Answer};
use super::namespace;
use super::ports;
use super::wait::eventually;

/// How a node is run.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// The command line of this package.
    Binary,
    /// The same, with the node on that adapter.
    On(&'static str),
    /// Another program with these arguments and variables, which gets the configuration's path in `NODE_CONFIG` and a
    /// path to write what it sees to in `NODE_EVENTS`.
    Own { path: PathBuf, arguments: Vec<String> },
}

/// The agent on each adapter that it was built with, and how a bench names that one.
pub(crate) const PROGRAMS: &[(&str, Program)] = if cfg!(feature = "smol") {
    &[(", tokio", Program::Binary), (", smol", Program::On("smol"))]
} else {
    &[("", Program::Binary)]
};

/// The variables that a program of one's own is given.
pub(crate) const NODE_CONFIG: &str = "QCLUSTER_TEST_CONFIG";
pub(crate) const NODE_EVENTS: &str = "QCLUSTER_TEST_EVENTS";

/// What becomes of what a node prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// It goes to a file.
    Log,
    /// It logs all that it can, into a pipe that is full and that nobody reads.
    Unread,
}

/// A node that runs or does not. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Where its files are.
    dir: PathBuf,
    program: Program,
    /// What comes before the program on its command line, such as a command that enters a namespace.
    pub(crate) prefix: Vec<String>,
    /// The network namespace in which it is asked, if not in that of the tests.
    pub(crate) namespace: Option<PathBuf>,
    pub(crate) output: Output,
    /// The far end of a pipe that nobody reads.
    unread: Option<PipeReader>,
    child: Option<Child>,
}

impl Node {
    /// Writes the configuration, and starts nothing.
    pub(crate) fn new(dir: &Path, name: &str, ip: IpAddr, config: &Value, program: Program) -> Self {
        let port = config["listen_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        let node = Self {
            name: name.to_owned(),
            address: SocketAddr::new(ip, port),
            dir: dir.to_owned(),
            program,
            prefix: Vec::new(),
            namespace: None,
            output: Output::Log,
            unread: None,
            child: None,
        };
        fs::write(node.config_path(), format!("{config:#}")).expect("a configuration can be written");
        node
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.name))
    }

    pub(crate) fn events_path(&self) -> PathBuf {
        self.dir.join(format!("{}.events", self.name))
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }

    /// Runs that from the next start on.
    pub(crate) fn run_as(&mut self, program: Program) {
        self.program = program;
    }

    /// Starts it, a second time too; events and logs are appended.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let (path, arguments) = match &self.program {
            Program::Binary | Program::On(_) => {
                let arguments = ["run".into(), text(&self.config_path()), "--events".into(), text(&self.events_path())];
                let logs = ["--log".into(), "info".into()];
                let logs = if self.output == Output::Unread { &logs[..] } else { &[] };
                let adapter = match &self.program {
                    Program::On(adapter) => vec!["--adapter".into(), (*adapter).into()],
                    Program::Binary | Program::Own { .. } => Vec::new(),
                };
                (PathBuf::from(env!("CARGO_BIN_EXE_qcluster")), [&arguments, logs, &adapter].concat())
            }
            Program::Own { path, arguments } => (path.clone(), arguments.clone()),
        };
        let line: Vec<String> = self.prefix.iter().cloned().chain([text(&path)]).chain(arguments).collect();
        let [stdout, stderr] = self.outputs();
        let quiet = ports::quiet();
        let child = Command::new(&line[0])
            .args(&line[1..])
            .env(NODE_CONFIG, self.config_path())
            .env(NODE_EVENTS, self.events_path())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        drop(quiet);
        self.child = Some(child.unwrap_or_else(|error| panic!("{line:?} cannot be started: {error}")));
    }

    /// The standard output and the standard error.
    fn outputs(&mut self) -> [Stdio; 2] {
        match self.output {
            Output::Unread => {
                let (reader, mut writer) = pipe().expect("a pipe");
                let size = fcntl_getpipe_size(&writer).expect("a pipe has a size");
                writer.write_all(&vec![b'\n'; size]).expect("a pipe holds what it holds");
                self.unread = Some(reader);
                [writer.try_clone().expect("a second handle of the pipe").into(), writer.into()]
            }
            Output::Log => {
                let log = File::options().create(true).append(true).open(self.log_path());
                let log = log.expect("a log can be written");
                [log.try_clone().expect("a second handle of the log").into(), log.into()]
            }
        }
    }

    /// Reads what nobody has read, to its end: that of the process.
    pub(crate) fn read_unread(&mut self) -> String {
        let mut text = String::new();
        self.unread.take().expect("its output is not read").read_to_string(&mut text).expect("text");
        text
    }

    pub(crate) fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Whether its process is there, and has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    /// The identifier of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node runs").id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process identifier");
        kill_process(pid, signal).expect("the process is ours to signal");
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn exited(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let (name, events, log) = (self.name.clone(), self.events_path(), self.log_path());
        let child = self.child.as_mut().expect("the node was started");
        let look = || child.try_wait().expect("a child can be waited for");
        let status = eventually(&what, || trace(&name, &events, &log), look);
        self.child = None;
        status
    }

    /// What it wrote to its standard outputs.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        events::read(&self.events_path())
    }

    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.on_its_machine(|| http::get(self.address, path))
    }

    /// Has what asks it over the network do so from its own machine, from which no cut keeps it.
    pub(crate) fn on_its_machine<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> T {
        match &self.namespace {
            Some(namespace) => namespace::within(namespace, ask),
            None => ask(),
        }
    }

    /// Its status; `None` while it is not there.
    pub(crate) fn status(&self) -> Option<Value> {
        self.get("/v1/status").filter(|answer| answer.code == 200)?.json()
    }

    /// The sum of the counters whose names begin like this.
    pub(crate) fn counter(&self, prefix: &str) -> u64 {
        let status = self.status().unwrap_or_default();
        let counters = status["counters"].as_object().into_iter().flatten();
        counters.filter(|(name, _)| name.starts_with(prefix)).filter_map(|(_, count)| count.as_u64()).sum()
    }

    /// What happened to it, for a test that fails.
    pub(crate) fn trace(&self) -> String {
        trace(&self.name, &self.events_path(), &self.log_path())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn trace(name: &str, events: &Path, log: &Path) -> String {
    let [events, log] = [events, log].map(|path| fs::read_to_string(path).unwrap_or_default());
    format!("--- events of {name}\n{events}--- log of {name}\n{log}")
}

fn text(path: &Path) -> String {
    path.to_str().expect("paths of tests are UTF-8").to_owned()
}

/// A program that is to end by itself, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command line of this package until it ends.
pub(crate) fn run_to_end(arguments: &[&str]) -> Ended {
    let quiet = ports::quiet();
    let mut child = Command::new(env!("CARGO_BIN_EXE_qcluster"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command line can be started");
    drop(quiet);
    // What ends by itself prints little: less than a pipe holds, so that nobody has to read along.
    let start = std::time::Instant::now();
    while child.try_wait().expect("a child can be waited for").is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("its output can be read");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Its resident memory, in bytes.
pub(crate) fn resident(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") * 1_024
}
