//! Doing something in the network of another machine in miniature.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Does that in the network namespace at that path, on a thread of its own: a namespace is one thread's.
pub(crate) fn within<T: Send>(path: &Path, what: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            enter(path);
            what()
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Has this thread be in that network namespace from now on.
pub(crate) fn enter(path: &Path) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let entered = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
    entered.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
