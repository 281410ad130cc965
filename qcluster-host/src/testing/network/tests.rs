//! Datagrams that arrive, wait, are lost, and are cut off.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{MemorySocket, Network, WAITING_MAX};
use crate::sockets::{DatagramSocket as _, PolledSocket as _};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// What waits at a socket, taken.
fn received(socket: &MemorySocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 8];
    let next = || socket.try_recv_from(&mut buffer).ok().map(|(len, from)| (buffer[..len].to_vec(), from));
    std::iter::from_fn(next).collect()
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn datagrams_come_in_order_and_wake_who_waits() {
    let network = Network::default();
    let (one, other) = (network.socket(at(1)), network.socket(at(2)));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(other.poll_readable(&mut cx), Poll::Pending);
    for bytes in [&[1][..], &[2, 2], &[3; 9]] {
        assert_eq!(one.try_send_to(bytes, at(2)).unwrap(), bytes.len());
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(other.poll_readable(&mut cx), Poll::Ready(()));
    // What is longer than the buffer is cut off.
    assert_eq!(received(&other), [(vec![1], at(1)), (vec![2, 2], at(1)), (vec![3; 8], at(1))]);
    assert_eq!(other.poll_readable(&mut cx), Poll::Pending);
}

#[test]
fn what_finds_nobody_or_no_room_is_lost() {
    let network = Network::default();
    let (one, other) = (network.socket(at(1)), network.socket(at(2)));
    for _ in 0..=WAITING_MAX {
        one.try_send_to(&[1], at(2)).unwrap();
    }
    assert_eq!(received(&other).len(), WAITING_MAX);
    drop(other);
    assert_eq!(one.try_send_to(&[1], at(2)).unwrap(), 1);
    assert_eq!(received(&network.socket(at(2))), []);
}

#[test]
fn a_cut_loses_what_is_under_way_between_the_two_and_nothing_else() {
    let network = Network::default();
    let (one, other, third) = (network.socket(at(1)), network.socket(at(2)), network.socket(at(3)));
    one.try_send_to(&[1], at(2)).unwrap();
    third.try_send_to(&[3], at(2)).unwrap();
    network.cut(at(2), at(1));
    one.try_send_to(&[1], at(2)).unwrap();
    other.try_send_to(&[2], at(1)).unwrap();
    assert_eq!((received(&one), received(&other)), (vec![], vec![(vec![3], at(3))]));
    network.heal();
    one.try_send_to(&[4], at(2)).unwrap();
    assert_eq!(received(&other), [(vec![4], at(1))]);
}

#[test]
fn a_socket_that_ends_late_leaves_its_successor_alone() {
    let network = Network::default();
    let (one, early) = (network.socket(at(1)), network.socket(at(2)));
    let late = network.socket(at(2));
    one.try_send_to(&[1], at(2)).unwrap();
    assert_eq!(early.poll_readable(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    assert_eq!(received(&early), []);
    drop(early);
    assert_eq!(received(&late), [(vec![1], at(1))]);
}
