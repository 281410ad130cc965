//! A request as text, so that a corpus can be read: a line with method and target, headers, an empty line, and the body. Headers
//! that begin with `x-` say what state the asked node is in, and from where it is asked.

use std::sync::Arc;

use qcluster_api::{ClientKind, KeysSnapshot, Method, NodeSnapshot, Request, StorageStatus, View};
use qcluster_core::{FencingToken, HeldLease, Role, SealMode, Span, Term, Time};

use super::known::Known;

/// What is asked, and of whom.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) client: ClientKind,
    pub(super) has_token: bool,
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) head_len: usize,
    path: &'a str,
    query: Option<&'a str>,
    host: Option<&'a str>,
    origin: Option<&'a str>,
    last_event_id: Option<&'a str>,
    /// What the node is, as it says itself.
    node: &'a str,
    pub(super) is_encrypted: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn read(data: &'a [u8]) -> Self {
        let end = data.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
        // What is no text ends the head: a server takes only text for a path or a header.
        let head_len = head.len();
        let head = match std::str::from_utf8(head) {
            Ok(head) => head,
            Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
        };
        let mut lines = head.split('\n');
        let (method, target) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut asked = Self {
            method: Method::of(method),
            client: ClientKind::Loopback,
            has_token: false,
            authorization: None,
            body,
            head_len,
            path,
            query,
            host: None,
            origin: None,
            last_event_id: None,
            node: "follower",
            is_encrypted: false,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            asked.header(name, value);
        }
        asked
    }

    fn header(&mut self, name: &'a str, value: &'a str) {
        match name {
            "host" => self.host = Some(value),
            "origin" => self.origin = Some(value),
            "authorization" => self.authorization = Some(value),
            "last-event-id" => self.last_event_id = Some(value),
            "x-node" => self.node = value,
            "x-token" => self.has_token = true,
            "x-tls" => self.is_encrypted = true,
            "x-client" => {
                self.client = match value {
                    "remote" => ClientKind::Remote,
                    "forwarded" => ClientKind::Forwarded,
                    _ => ClientKind::Loopback,
                }
            }
            _ => {}
        }
    }

    /// Whether it only reads.
    pub(super) fn reads(&self) -> bool {
        self.method.reads()
    }

    pub(super) fn request(&self) -> Request<'a> {
        Request {
            method: self.method,
            path: self.path,
            query: self.query,
            host: self.host,
            origin: self.origin,
            authorization: self.authorization,
            last_event_id: self.last_event_id,
            client: self.client,
            is_encrypted: self.is_encrypted,
            body: self.body,
        }
    }

    /// What the loop of the node last wrote down.
    pub(super) fn snapshot(&self) -> NodeSnapshot {
        let error = || "the disk is full".to_owned();
        let storage = match self.node {
            "failing" => StorageStatus::Failing { error: error() },
            "failed" => StorageStatus::Failed { error: error() },
            _ => StorageStatus::default(),
        };
        let role = match self.node {
            "leader" | "draining" => Role::Leader,
            "booting" => Role::Booting,
            "alone" => Role::PreCandidate,
            _ => Role::Follower,
        };
        let taken_at = if self.node == "stalled" { Time::ZERO } else { Known::get().now };
        let keys = (self.node == "sealed").then(|| {
            let heard = vec![("server_b".to_owned(), Some(17)), ("server_c".to_owned(), None)];
            Arc::new(KeysSnapshot { mode: SealMode::Send, ids: vec![17, 4], heard, turned_away: Vec::new() })
        });
        NodeSnapshot { taken_at, role: Some(role), term: 7, storage, keys, ..NodeSnapshot::default() }
    }

    pub(super) fn view<'v>(&self, known: &'v Known, snapshot: &'v NodeSnapshot) -> View<'v> {
        let subject = &known.subject;
        let leads = matches!(self.node, "leader" | "draining");
        let lease = HeldLease { token: FencingToken(7), valid_until: known.now + Span::from_millis(100) };
        let follows = match self.node {
            "follower" | "failing" => subject.voters.get(1).map(|leader| (leader.as_ref(), Term(7))),
            _ => None,
        };
        View {
            subject,
            access: if self.has_token { &known.with_tokens } else { &known.without_tokens },
            snapshot,
            directory: if self.node == "new" { &known.nothing } else { &known.directory },
            lease: leads.then_some(lease),
            draining: self.node == "draining",
            follows,
            stopped: (self.node == "stopped").then_some("the node was shut down"),
            now: known.now,
        }
    }
}
