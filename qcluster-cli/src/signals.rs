//! The signals that ask a node to end, and the one that has it read its configuration again.

use std::sync::Arc;

use tokio::sync::Notify;

/// What asks a process to end: Ctrl-C, Ctrl-\\, a service manager, and a terminal that is closed. SIGHUP for any other reason asks it to
/// read its configuration again.
#[cfg(unix)]
pub(crate) struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    ends_with_terminal: bool,
    reload: Arc<Notify>,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Before the signal is no longer ignored.
        let ends_with_terminal = has_terminal() && !ignores_hangup();
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            ends_with_terminal,
            reload: Arc::default(),
        })
    }

    /// The next one that asks the process to end.
    pub(crate) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    if self.ends_with_terminal && !has_terminal() {
                        return;
                    }
                    self.reload.notify_one();
                }
                _ = self.interrupt.recv() => return,
                _ = self.quit.recv() => return,
                _ = self.terminate.recv() => return,
            }
        }
    }

    /// Notified while [`next`](Self::next) is waited for.
    pub(crate) fn reload(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }
}

/// Whether the process has a terminal that is open. One that was closed takes itself away before it says so.
#[cfg(unix)]
fn has_terminal() -> bool {
    /// `ENFILE` and `EMFILE`: there is no descriptor left, which says nothing of the terminal.
    const NO_DESCRIPTOR: [i32; 2] = [23, 24];
    match std::fs::File::open("/dev/tty") {
        Ok(_) => true,
        Err(error) => error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code)),
    }
}

/// Whether it was started to outlive its terminal, as `nohup` does. Where the system does not tell, it was not: a terminal that is
/// closed would end it without a hand-over.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    is_hangup_ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

/// What Linux tells of a process in its `/proc/PID/status`, or nothing of other systems.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 stands for signal 1.
    ignored.is_some_and(|set| u64::from_str_radix(set.trim(), 16).is_ok_and(|set| set & 1 == 1))
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        // Where it cannot be waited for, it ends the process in the system's own way.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn reload(&self) -> Arc<Notify> {
        Arc::default()
    }
}

#[cfg(all(test, unix))]
mod tests;
