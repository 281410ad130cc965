//! A web service whose leader does the work, and whose followers send clients there: any replica may be asked.
//!
//! In three terminals: `cargo run --example leader_redirect -- examples/server_a.json`, likewise with `b` and `c`. Then
//! `curl -L localhost:8001/orders` is answered by the leader, whichever replica it is, with the token of its leadership.
//! Without `-L` a follower answers `307` and where to go, and `503` for the moment in which nobody leads. Stop the leader
//! and ask again.
//!
//! Each replica listens on the `server_port` of its metadata, and finds that of the leader in the metadata of its peer entry.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use qcluster::{Config, ConfigFile as _, Host, Peer, QCluster};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: leader_redirect CONFIG")?;
    let config = Config::from_file(path)?;
    let address = (config.listen_host.clone(), server_port(&config.as_peer()).ok_or("metadata has no server_port")?);
    let cluster = QCluster::start(config).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("{} serves on {}:{}", cluster.me().identifier, address.0, address.1);

    let service = Router::new().fallback(work).with_state(cluster.clone());
    axum::serve(listener, service).with_graceful_shutdown(interrupted()).await?;
    cluster.shutdown().await; // hands leadership over, so that the others need not wait for the lease to end
    Ok(())
}

/// Any path: the leader answers, a follower points at it.
async fn work(State(cluster): State<QCluster>, uri: Uri) -> Response {
    if let Some(lease) = cluster.lease() {
        // Real work would give the token to whatever it writes to: see the example `guarded_resource`.
        let name = &cluster.me().identifier;
        return format!("{name} leads with token {} and has handled {uri}\n", lease.token).into_response();
    }
    let elsewhere = cluster.leader_info().filter(|leader| leader.identifier != cluster.me().identifier);
    match elsewhere.as_ref().and_then(|leader| Some((Host::parse(&leader.host).ok()?, server_port(leader)?))) {
        // 307 keeps the method and the body, unlike 302. A host prints as it stands in a URL: an IPv6 address in brackets.
        Some((host, port)) => {
            let location = format!("http://{host}:{port}{uri}");
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "nobody leads\n").into_response(),
    }
}

fn server_port(peer: &Peer) -> Option<u16> {
    peer.metadata.get("server_port")?.as_u64()?.try_into().ok()
}

async fn interrupted() {
    // Without a way to hear of Ctrl-C, the service ends with its process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
