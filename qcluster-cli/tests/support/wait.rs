//! Waiting for what has to happen: as long as it takes, up to a deadline that only a real fault exceeds.

use std::time::{Duration, Instant};

/// Nothing that the tests wait for takes a tenth of it, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks until there is something to see, and gives it. Otherwise the test fails with `trace`, which should show what
/// happened instead.
pub(crate) fn eventually<T>(what: &str, trace: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for: {what}\n{}", trace());
        std::thread::sleep(PAUSE);
    }
}
