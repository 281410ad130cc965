//! The command `qcluster`: an agent for services that do not embed the library, and a demonstration.

mod ask;
mod audit;
mod demo;
mod outlet;
mod output;
mod report;
mod run;
mod signals;
mod style;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use qcluster::Secret;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use outlet::Outlet;
use run::Adapter;

/// Exit codes, which the help lists too.
mod exit {
    /// It could not start, or something failed while it ran.
    pub(crate) const FAILED: u8 = 1;
    /// Two leaderships overlap, or have one token.
    pub(crate) const OVERLAP: u8 = 1;
    /// The command line, the configuration or a token is wrong, or a file to audit cannot be read. The argument parser uses the same.
    pub(crate) const BAD_CONFIG: u8 = 2;
    /// The node answered, and it is not what was hoped for: nobody leads, there is no such service, or it refuses.
    pub(crate) const REFUSED: u8 = 4;
    /// Another live node has this identifier: starting again at once would not help.
    pub(crate) const IDENTIFIER_TAKEN: u8 = 3;
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  could not start, could not reach the node, or failed; `audit`: two leaderships overlap
  2  the command line, the configuration or a token is wrong
  3  stopped because another node has the same identifier, or has taken this one's place
  4  the node knows no leader, has no such service, or refused";

const EXIT_CODES_OF_RUN: &str = "\
Exit codes:
  0  stopped on request, after transferring the leadership
  1  could not start (the port is in use, the data_dir cannot be used), or failed while it ran
  2  the command line or the configuration is wrong; every mistake is named with file and field
  3  stopped because another node has the same identifier, or has taken this one's place";

const EXIT_CODES_OF_ASKING: &str = "\
Exit codes:
  0  answered
  1  the node cannot be reached, or does not answer in time
  2  the command line is wrong
  4  the node knows no leader, has no such service, or refused";

const EXIT_CODES_OF_CHANGING: &str = "\
Exit codes:
  0  done
  1  the node cannot be reached, or does not answer in time
  2  the command line or the token is wrong, or a token is required
  4  the node has no such service, or refused";

const EXIT_CODES_OF_AUDIT: &str = "\
Exit codes:
  0  no overlap in what the files tell; what they do not tell is named
  1  two leaderships overlap, or have one token
  2  the command line is wrong, or a file cannot be read";

const EXIT_CODES_OF_DEMO: &str = "\
Exit codes:
  0  a leader was elected in every round
  1  could not start, or no leader was elected in a round
  2  the command line is wrong";

/// Leader election, membership and service registry for the replicas of a service.
#[derive(Parser)]
#[command(name = "qcluster", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node until SIGINT, SIGTERM or SIGQUIT, or until its terminal is closed, which hand the leadership over.
    ///
    /// A second signal does not wait for the hand-over, and no signal waits for a disk that hangs: the exit code is 1 then. SIGHUP has
    /// the node read CONFIG again, with its files of tokens, secrets and certificates. Started under `nohup` on Linux, it outlives its terminal.
    #[command(after_help = EXIT_CODES_OF_RUN)]
    Run {
        /// The configuration file, in JSON. A relative `data_dir` in it is relative to the working directory.
        config: PathBuf,
        /// Append one line of JSON to this file for each change of leadership; docs/CLI.md lists its fields.
        #[arg(long, value_name = "FILE")]
        events: Option<PathBuf>,
        /// Log to the standard error, from this level on. Without it, only warnings that the standard output does not show.
        #[arg(long, value_enum, value_name = "LEVEL")]
        log: Option<Level>,
        /// The adapter that the node runs on. There is a choice where the command was built with `--features smol`.
        #[arg(long, value_enum, default_value_t, hide = !cfg!(feature = "smol"))]
        adapter: Adapter,
    },
    /// Show node status.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Status(ask::Asked),
    /// Show the leader that a node knows. Exit code 4 if there is none.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Leader(ask::Asked),
    /// Transfer the leadership, and wait until the leader's work has ended.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Transfer(ask::transfer::Transfer),
    /// Print the leader, and changes of members, services and the leader, until interrupted.
    ///
    /// After missed events the leader is printed again; as JSON, a line of the kind `missed` comes before it.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Watch(ask::watch::Watch),
    /// List members.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Members(ask::Asked),
    /// List instances of services. Exit code 4 if there is none.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Services(ask::lists::Services),
    /// List the members that own a key.
    #[command(after_help = EXIT_CODES_OF_ASKING)]
    Owners(ask::lists::Owners),
    /// Register a service with a node, replacing the one with its identifier.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Register(Box<ask::changes::Register>),
    /// Send a heartbeat for a service.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Heartbeat(ask::changes::Heartbeat),
    /// Deregister a service from the node that it was registered with.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Deregister(ask::changes::Deregister),
    /// Make a node leave its cluster and stop.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Leave(ask::changes::Leave),
    /// List or change the keys of a node.
    ///
    /// To replace the secret of a cluster: add the new one on every node, then use its key on every node, then remove the old key from
    /// every node. The node writes each change to its `secret_file`.
    #[command(after_help = EXIT_CODES_OF_CHANGING)]
    Keys(ask::keys::Keys),
    /// Print a new secret for a cluster, for `secret` or `secret_file` in the configuration of all its nodes.
    Keygen,
    /// Check the events files of all nodes for two leaders at once, and tell how long nobody led.
    ///
    /// Times are those of each node's wall clock: the verdict says how far these may differ.
    #[command(after_help = EXIT_CODES_OF_AUDIT)]
    Audit(audit::Audit),
    /// Elect a leader among three nodes in this process, kill it, and show the fail-over time.
    #[command(after_help = EXIT_CODES_OF_DEMO)]
    Demo {
        /// How many times to kill the leader.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        rounds: u32,
        /// The timing preset.
        #[arg(long, value_enum, default_value_t = DemoTiming::Lan)]
        timing: DemoTiming,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// How much to log.
#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
}

/// The timings that a demonstration is worth looking at with.
#[derive(Clone, Copy, ValueEnum)]
enum DemoTiming {
    /// Heartbeat 10 ms, lease 50 ms.
    Fast,
    /// Heartbeat 25 ms, lease 150 ms: the default of every node.
    Lan,
}

/// For whom to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one line at the end.
    Json,
}

/// A sentence for the standard error, and the code to exit with.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: &impl ToString) -> Self {
        Self { code, message: message.to_string() }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run { config, events, log, adapter } => return run_node(config, events, log, adapter),
        Command::Status(asked) => in_runtime(ask::status(asked)),
        Command::Leader(asked) => in_runtime(ask::leader(asked)),
        Command::Transfer(transfer) => in_runtime(ask::transfer::transfer(transfer)),
        Command::Watch(watch) => in_runtime(ask::watch::watch(watch)),
        Command::Members(asked) => in_runtime(ask::lists::members(asked)),
        Command::Services(services) => in_runtime(ask::lists::services(services)),
        Command::Owners(owners) => in_runtime(ask::lists::owners(owners)),
        Command::Register(register) => in_runtime(ask::changes::register(*register)),
        Command::Heartbeat(heartbeat) => in_runtime(ask::changes::heartbeat(heartbeat)),
        Command::Deregister(deregister) => in_runtime(ask::changes::deregister(deregister)),
        Command::Leave(leave) => in_runtime(ask::changes::leave(leave)),
        Command::Keys(keys) => in_runtime(ask::keys::keys(keys)),
        Command::Keygen => keygen(),
        Command::Audit(arguments) => audit::audit(&arguments),
        Command::Demo { rounds, timing, format } => in_runtime(demo::demo(rounds, timing, format)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            for line in message.lines() {
                anstream::eprintln!("{}", output::complaint(line));
            }
            ExitCode::from(code)
        }
    }
}

/// Prints a secret that nobody has seen.
fn keygen() -> Result<(), Failure> {
    let mut bytes = [0; Secret::LEN];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(exit::FAILED, &format_args!("the system gives no random bytes: {error}")))?;
    let written = writeln!(std::io::stdout(), "{}", Secret::new(bytes).reveal());
    written.map_err(|error| Failure::new(exit::FAILED, &format_args!("cannot print: {error}")))
}

/// Runs a node, which writes to no descriptor itself: output that nobody reads neither holds it up nor keeps it from
/// stopping.
fn run_node(config: PathBuf, events: Option<PathBuf>, log: Option<Level>, adapter: Adapter) -> ExitCode {
    let Ok(errors) = output::errors() else {
        anstream::eprintln!("{}", output::complaint("cannot start a thread"));
        return ExitCode::from(exit::FAILED);
    };
    log_from(log, &errors);
    let result = in_runtime(run::run(config, events, adapter, &errors));
    if let Err(Failure { message, .. }) = &result {
        message.lines().for_each(|line| errors.push(output::complaint(line)));
    }
    errors.flush(output::LAST_LINES_TIME_MAX);
    result.map_or_else(|failure| ExitCode::from(failure.code), |()| ExitCode::SUCCESS)
}

/// One thread is enough for a node, and keeps an idle agent small.
fn in_runtime(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(exit::FAILED, &format_args!("cannot start: {error}")))?;
    let result = runtime.block_on(task);
    // A name lookup that hangs must not keep the process.
    runtime.shutdown_background();
    result
}

fn log_from(level: Option<Level>, errors: &Outlet) {
    let max = match level {
        Some(Level::Error) => LevelFilter::ERROR,
        Some(Level::Warn) | None => LevelFilter::WARN,
        Some(Level::Info) => LevelFilter::INFO,
    };
    // Changes have lines of their own, unless somebody asks for a level.
    let of_changes = if level.is_some() { max } else { LevelFilter::OFF };
    let filter = Targets::new().with_default(max).with_target("qcluster::change", of_changes);
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let layer = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(errors.clone());
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}
