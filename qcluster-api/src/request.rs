//! A request as the API sees it: what a server has read of it, without the server.

use alloc::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What a client asks. Everything is as it was sent; nothing is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What it wants to do.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What stands behind the question mark, if there is one.
    pub query: Option<&'a str>,
    /// The header `Host`. HTTP/1.0 does without.
    pub host: Option<&'a str>,
    /// The header `Origin`, which browsers send along with what a page asks for.
    pub origin: Option<&'a str>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The header `Last-Event-ID`, by which a reader of events goes on where it was cut off.
    pub last_event_id: Option<&'a str>,
    /// Where it comes from.
    pub client: ClientKind,
    /// Whether nobody else can read it on its way.
    pub is_encrypted: bool,
    /// The whole body. Its length is limited by the server.
    pub body: &'a [u8],
}

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read, without the body.
    Head,
    /// Ask what is allowed.
    Options,
    /// Do.
    Post,
    /// Put in place.
    Put,
    /// Remove.
    Delete,
    /// Anything else.
    Other,
}

impl Method {
    /// The one of that name, as it stands in a request.
    pub fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// Whether it only reads, and so has no body.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// The node's own machine, directly.
    Loopback,
    /// Another machine.
    Remote,
    /// A proxy that passes on what somebody else asks, wherever the proxy itself is.
    Forwarded,
}

impl<'a> Request<'a> {
    /// A `GET` of that path from the node's own machine.
    pub fn get(path: &'a str) -> Self {
        Self {
            method: Method::Get,
            path,
            query: None,
            host: None,
            origin: None,
            authorization: None,
            last_event_id: None,
            client: ClientKind::Loopback,
            is_encrypted: false,
            body: &[],
        }
    }

    /// The decoded part of the path between two slashes, counted from 0: the second of `/v1/services/web%201` is `web 1`.
    /// `None` where there is no such part, or it is badly encoded or not UTF-8.
    pub fn segment(&self, index: usize) -> Option<Cow<'a, str>> {
        let encoded = segments(self.path).nth(index)?;
        // What is not two digits would be taken as it stands.
        let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
        if !encoded.split('%').skip(1).all(is_escape) {
            return None;
        }
        percent_decode_str(encoded).decode_utf8().ok()
    }

    /// The first value of a parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        self.parameters(name).next()
    }

    /// Every value of a parameter of the query, decoded, in order.
    pub fn parameters(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        self.pairs().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The name of every parameter of the query, decoded, in order.
    pub fn parameter_names(&self) -> impl Iterator<Item = Cow<'a, str>> {
        self.pairs().map(|(key, _)| key)
    }

    fn pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        form_urlencoded::parse(self.query.unwrap_or_default().as_bytes())
    }
}

/// The parts of a path between its slashes, still encoded.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}
