//! What a client makes of answers that no node gives, or that do not come.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Client, ClientError};

/// What comes after an answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    HangUp,
    Reset,
    Hold,
}

/// Somebody who answers every client with that.
async fn somebody(answer: &'static str, then: Then) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // Answering before the question is heard would be a race; a client that has gone needs no answer.
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            match then {
                Then::HangUp => {}
                Then::Reset => stream.set_zero_linger().expect("an option of every socket"),
                Then::Hold => held.push(stream),
            }
        }
    });
    Client::new(address).with_time_max(Duration::from_millis(200))
}

#[tokio::test]
async fn a_refusal_names_the_leader_as_its_address_is_written() {
    for (host, told) in [("2001:db8::2", "server_b at [2001:db8::2]:7002 leads"), ("", "no. server_b leads")] {
        let body = format!(
            r#"{{"code":"not_leader","message":"no","leader":{{"identifier":"server_b","host":"{host}","port":7002}}}}"#
        );
        let answer = format!("HTTP/1.1 409 C\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let error = somebody(answer.leak(), Then::HangUp).await.transfer(None).await.unwrap_err().to_string();
        assert!(error.ends_with(told), "{error}");
    }
}

#[tokio::test]
async fn who_is_no_node_is_told_from_a_node_that_refuses() {
    let web = somebody("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhtml", Then::HangUp).await;
    assert!(matches!(web.status().await, Err(ClientError::Incomprehensible { .. })));
    let odd = somebody("SSH-2.0-x\r\n", Then::HangUp).await;
    assert!(matches!(odd.status().await, Err(ClientError::Incomprehensible { .. })));
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
    let garbled = somebody(chunks, Then::Hold).await;
    assert!(matches!(garbled.status().await, Err(ClientError::Incomprehensible { .. })));
    let refusal = "HTTP/1.1 403 F\r\ncontent-length: 35\r\n\r\n{\"code\":\"forbidden\",\"message\":\"no\"}";
    match somebody(refusal, Then::HangUp).await.transfer(None).await {
        Err(ClientError::Refused { status: 403, error, .. }) => assert_eq!(error.code, "forbidden"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_that_ends_too_early_is_hung_up_wherever_it_ends() {
    let half_a_head = "HTTP/1.1 200 OK\r\ncontent-";
    let half_a_body = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"identifier\":";
    let half_a_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"iden";
    for answer in ["", half_a_head, half_a_body, half_a_chunk] {
        for then in [Then::HangUp, Then::Reset] {
            match somebody(answer, then).await.status().await {
                Err(ClientError::ConnectionClosed { .. }) => {}
                other => panic!("{answer:?}, {then:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_gives_up_on_who_does_not_answer() {
    let silent = somebody("", Then::Hold).await;
    assert!(matches!(silent.leader().await, Err(ClientError::TimedOut { .. })));
    assert!(matches!(Client::new("no address").leader().await, Err(ClientError::Unreachable { .. })));
}
