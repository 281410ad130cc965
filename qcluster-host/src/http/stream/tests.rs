//! What the server sees of a client while it works for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read as _, ReadBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::{AHEAD_LEN_MAX, Io, Socket, Stream};
use crate::http::places::{Admission, Places};
use crate::test_support::in_time;

/// As little as the system takes, so that a client that does not read is soon seen not to.
const BUFFER_LEN: u32 = 4_096;

impl Stream for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        TcpStream::try_read(self, into)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(cx)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        TcpStream::try_write(self, bytes)
    }

    fn close_write(&self) -> io::Result<()> {
        rustix::net::shutdown(self, rustix::net::Shutdown::Write).map_err(io::Error::from)
    }

    fn send_at_once(&self) {}
}

/// Both ends of a connection.
pub(in crate::http) async fn pair() -> (TcpStream, Arc<Socket>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(BUFFER_LEN).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(BUFFER_LEN).unwrap();
    let (client, accepted) = tokio::join!(client.connect(listener.local_addr().unwrap()), listener.accept());
    let Admission::Admitted(place) = Places::new().admit(IpAddr::from(Ipv4Addr::LOCALHOST)) else { unreachable!() };
    (client.unwrap(), Arc::new(Socket::new(Box::new(accepted.unwrap().0), place)))
}

/// All that the HTTP library would read.
async fn read(io: &mut Io) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut bytes = [0; 1_000];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = std::future::poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, buffer.unfilled()));
        in_time(read).await.unwrap();
        if buffer.filled().is_empty() {
            return all;
        }
        all.extend_from_slice(buffer.filled());
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_seen_and_what_it_sent_is_not_lost() {
    let (mut client, socket) = pair().await;
    let sent: Vec<u8> = (0..=255).cycle().take(9_000).collect();
    let story = async {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
    };
    tokio::join!(in_time(story), in_time(socket.closed()));
    assert_eq!(read(&mut Io(Arc::clone(&socket))).await, sent);
    // It stays closed.
    in_time(socket.closed()).await;
    assert!(read(&mut Io(socket)).await.is_empty());
}

/// Left unread, what it sends on would cost it the answer.
#[tokio::test]
async fn who_is_answered_before_all_is_sent_still_reads_the_answer() {
    let (mut client, socket) = pair().await;
    let (answer, rest) = (b"HTTP/1.1 413 ", vec![7; 1_000_000]);
    assert_eq!(socket.stream.try_write(answer).unwrap(), answer.len());
    let story = async {
        client.write_all(&rest).await.unwrap();
        client.shutdown().await.unwrap();
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        read
    };
    let (read, ()) = tokio::join!(in_time(story), in_time(socket.linger()));
    assert_eq!(read, answer);
}

#[tokio::test]
async fn a_client_that_sends_on_and_on_fills_no_memory() {
    let (mut client, socket) = pair().await;
    let sent = vec![7; 4_096];
    let mut count = 0_usize;
    let sending = async {
        while count < AHEAD_LEN_MAX * 1_000 {
            client.write_all(&sent).await.unwrap();
            count += sent.len();
        }
    };
    // It is held up before it has sent that much: its buffer and the node's are full.
    tokio::select! {
        () = sending => panic!("all of it was read"),
        () = socket.closed() => panic!("it is not closed"),
        () = in_time(async {
            while socket.ahead().bytes.len() < AHEAD_LEN_MAX {
                tokio::task::yield_now().await;
            }
        }) => {}
    }
    let held = socket.ahead().bytes.len();
    assert!((AHEAD_LEN_MAX..AHEAD_LEN_MAX + 4_096).contains(&held), "{held}");
}
