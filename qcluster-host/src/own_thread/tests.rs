//! What a loop on a thread of its own waits for wakes it, and nothing else does.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{OwnThread, Socket};
use crate::runtime::Runtime as _;
use crate::sockets::{DatagramSocket as _, PolledSocket as _};
use crate::start::NodeLoop;

/// A test that waits for so long has found a fault.
const PATIENCE: Duration = Duration::from_secs(60);

fn place() -> OwnThread {
    OwnThread::new().expect("there are descriptors")
}

/// Runs a future there; gives how often it was polled.
fn polls(place: &OwnThread, what: impl Future<Output = ()> + Send + 'static) -> usize {
    let polls = Arc::new(AtomicUsize::new(0));
    let too_long = place.sleep(PATIENCE);
    let in_time = async {
        tokio::select! {
            biased;
            () = what => {}
            () = too_long => panic!("nothing has woken it"),
        }
    };
    let (counted, mut what) = (Arc::clone(&polls), Box::pin(in_time));
    let counting = poll_fn(move |cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        what.as_mut().poll(cx)
    });
    place.block_on(NodeLoop(Box::pin(counting)));
    polls.load(Ordering::Relaxed)
}

/// A socket there, and one that sends to it.
fn linked(place: &OwnThread) -> (Socket, UdpSocket) {
    let bound = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let (socket, other) = (bound(), bound());
    socket.set_nonblocking(true).expect("it need not block");
    other.connect(socket.local_addr().expect("it is bound")).expect("it is there");
    (place.socket(socket), other)
}

async fn readable(socket: &Socket) {
    poll_fn(|cx: &mut Context<'_>| socket.poll_readable(cx)).await;
}

#[test]
fn time_that_passes_wakes_it_once_at_the_earliest_wait() {
    let place = place();
    let (long, short) = (place.sleep(PATIENCE), place.sleep(Duration::from_millis(5)));
    let both = async {
        tokio::select! {
            () = long => panic!("the other was to end first"),
            () = short => {}
        }
    };
    // Once more where the system lets it go on a little early.
    assert!(polls(&place, both) <= 3);
}

#[test]
fn a_datagram_wakes_it_each_time_the_socket_was_found_empty() {
    let place = place();
    let (socket, other) = linked(&place);
    let echo = async move {
        let mut buffer = [0; 8];
        for turn in 0..3_u8 {
            other.send(&[turn]).unwrap();
            readable(&socket).await;
            assert_eq!(socket.try_recv_from(&mut buffer).unwrap().0, 1);
            assert_eq!(buffer[0], turn);
            socket.try_recv_from(&mut buffer).unwrap_err();
        }
    };
    assert_eq!(polls(&place, echo), 4);
}

#[test]
fn other_threads_wake_it_and_none_of_their_words_is_lost() {
    const WORDS: usize = 10_000;
    let place = place();
    let (speak, mut heard) = mpsc::channel(1);
    let speaker = thread::spawn(move || (0..WORDS).for_each(|word| speak.blocking_send(word).unwrap()));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let listen = async move {
        while heard.recv().await.is_some() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    polls(&place, listen);
    speaker.join().unwrap();
    assert_eq!(count.load(Ordering::Relaxed), WORDS);
}

#[test]
fn what_nobody_waits_for_does_not_wake_it() {
    let place = place();
    let (socket, other) = linked(&place);
    other.send(&[1]).unwrap();
    let sleep = place.sleep(Duration::from_millis(5));
    let only_sleep = async move {
        sleep.await;
        drop(socket);
    };
    assert!(polls(&place, only_sleep) <= 3);
}

#[test]
fn a_future_that_wakes_itself_is_polled_again_at_once() {
    let place = place();
    let turns = Cell::new(0);
    let eager = poll_fn(move |cx| {
        turns.set(turns.get() + 1);
        cx.waker().wake_by_ref();
        if turns.get() == 3 { Poll::Ready(()) } else { Poll::Pending }
    });
    assert_eq!(polls(&place, eager), 3);
}

#[test]
fn a_socket_is_closed_when_it_is_dropped_and_names_are_looked_up() {
    let place = place();
    let (socket, _) = linked(&place);
    let address = socket.local_addr().unwrap();
    let looked_up = place.look_up("localhost".into(), 7_001);
    let look = async move {
        assert!(looked_up.await.unwrap().iter().all(|address| address.ip().is_loopback()));
        drop(socket);
    };
    polls(&place, look);
    UdpSocket::bind(address).unwrap();
}

#[test]
fn who_rings_after_the_end_disturbs_nobody() {
    let place = place();
    let (tell, told) = std::sync::mpsc::channel();
    let say_who_can_ring = poll_fn(move |cx: &mut Context<'_>| {
        tell.send(cx.waker().clone()).unwrap();
        Poll::Ready(())
    });
    assert_eq!(polls(&place, say_who_can_ring), 1);
    let waker = told.recv().unwrap();
    drop(place);
    let bell = waker.clone();
    // To a line without an end it could not be written.
    waker.wake();
    bell.wake();
}
