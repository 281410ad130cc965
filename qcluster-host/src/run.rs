//! The loop: it waits for what happens, and tells the driver, which decides.

use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;

use qcluster_core::Command;

use crate::driver::{Arrival, Driver, Waits};
use crate::names::{LookedUp, Lookup};
use crate::runtime::{LookingUp, Runtime, timeout, yield_now};
use crate::sockets::{DatagramSocket, PolledSocket};

/// Lookups under way: as many as the names begin at most.
struct Lookups<'a> {
    runtime: &'a dyn Runtime,
    under_way: Vec<Pin<Box<dyn Future<Output = LookedUp> + Send>>>,
}

impl<'a> Lookups<'a> {
    fn new(runtime: &'a dyn Runtime) -> Self {
        Self { runtime, under_way: Vec::new() }
    }

    fn begin(&mut self, lookups: Vec<Lookup>) {
        for lookup in lookups {
            let known = lookup.literal();
            let Lookup { key, host, port } = lookup;
            let addresses: LookingUp = match known {
                Some(addresses) => Box::pin(ready(Ok(addresses))),
                None => self.runtime.look_up(host, port),
            };
            self.under_way.push(Box::pin(async move { (key, addresses.await) }));
        }
    }

    /// Waits for the end of the next. Cancelling loses nothing.
    async fn next(&mut self) -> LookedUp {
        poll_fn(|cx| {
            for (place, lookup) in self.under_way.iter_mut().enumerate() {
                if let Poll::Ready(ended) = lookup.as_mut().poll(cx) {
                    drop(self.under_way.swap_remove(place));
                    return Poll::Ready(ended);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Why the loop goes on.
enum Woken {
    Arrival(Arrival),
    LookedUp(LookedUp),
    Readable,
    Timer,
}

/// Runs a node until it has stopped. `first` is what it says of itself from the start.
pub(crate) async fn run<S: PolledSocket>(mut driver: Driver<S>, first: Vec<Command>, runtime: &dyn Runtime) {
    // An error here would show again at the first send, where it is counted.
    driver.sockets().writable().await;
    driver.begin(first);
    let mut lookups = Lookups::new(runtime);
    first_addresses(&mut driver, &mut lookups).await;
    while let Some(due) = driver.round() {
        lookups.begin(due);
        let Waits { inbox, sockets, is_receiving, longest_sleep } = driver.waits();
        // What comes seldom is asked first, so that datagrams cannot crowd it out.
        let woken = tokio::select! {
            biased;
            arrival = inbox.next() => Woken::Arrival(arrival),
            ended = lookups.next() => Woken::LookedUp(ended),
            () = sockets.readable(), if is_receiving => Woken::Readable,
            () = runtime.sleep(longest_sleep) => Woken::Timer,
        };
        match woken {
            Woken::Arrival(arrival) => driver.take(arrival),
            Woken::LookedUp(ended) => driver.looked_up(ended),
            Woken::Readable => {
                // What waits beside this loop has its turn in a flood too.
                if driver.receive() {
                    yield_now().await;
                }
            }
            Woken::Timer => {}
        }
    }
    driver.end();
}

/// Gives the first lookups a moment, so that what is said first has somewhere to go.
async fn first_addresses<S: DatagramSocket>(driver: &mut Driver<S>, lookups: &mut Lookups<'_>) {
    let (runtime, enough) = (lookups.runtime, driver.heartbeat());
    lookups.begin(driver.lookups());
    let all = async {
        while driver.is_looking_up() {
            driver.looked_up(lookups.next().await);
            lookups.begin(driver.lookups());
        }
    };
    let _ = timeout(runtime, enough, all).await;
}

#[cfg(test)]
mod tests;
