//! One request and its answer: from the HTTP library's types to the API's and back, within limits.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Version};
use qcluster_api::{
    Answer, ClientKind, ErrorCode, EventList, KeyChange, KeyRefused, Method, NotDone, Outcome, Response,
};
use qcluster_core::{Command, FencingToken};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::metrics::Metrics;
use super::places::Place;
use super::stream::{Socket, Stream};
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::watchers::{Events, Watchers, Writer};
use crate::reload::change_keys;
use crate::requests::{self, ask, ask_to_stop};
use crate::runtime::{Runtime, timeout};
use crate::view::View;

/// Path and query, in bytes.
const URI_LEN_MAX: usize = 2 * 1_024;

/// Header fields of a request.
const HEADERS_MAX: usize = 64;

/// Names and values of all header fields together, in bytes.
const HEADERS_LEN_MAX: usize = 8 * 1_024;

/// A body, in bytes.
const BODY_LEN_MAX: usize = 16 * 1_024;

/// From the end of the headers to the end of the body.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// A node hands over at most once in this time, however often it is asked.
const HAND_OVER_PAUSE: Duration = Duration::from_secs(1);

/// What a command may take beyond the leader's drain.
const COMMAND_SLACK: Duration = Duration::from_secs(2);

/// What proxies add to a request, beside everything that begins with `x-forwarded-`.
const PASSED_ON: [&str; 6] = ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];

/// What the metrics call a request that was turned away before its path was looked at.
const NO_ROUTE: &str = "other";

/// A node as the server sees it.
pub(super) struct Site {
    pub(super) view: Arc<View>,
    pub(super) metrics: Metrics,
    pub(super) watchers: Arc<Watchers>,
    pub(super) runtime: Arc<dyn Runtime>,
    /// When it was last asked to hand over, and began to.
    handed_over: Mutex<Option<Instant>>,
    hand_over_pause: Duration,
    /// Weak: the node stops with the last handle of the application.
    requests: mpsc::WeakSender<requests::Request>,
}

/// Who asks, over one connection.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) from: SocketAddr,
    pub(super) socket: Arc<Socket>,
    /// Where the connection is given what writes a stream over it.
    pub(super) streams: mpsc::Sender<Writer>,
}

/// What is sent back.
enum Reply {
    Whole(Response),
    Events(Events),
}

pub(super) type ReplyBody = Either<Full<Bytes>, Events>;

impl Site {
    pub(super) fn new(
        view: Arc<View>,
        requests: mpsc::WeakSender<requests::Request>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let watchers = Arc::new(Watchers::new(Arc::clone(&runtime)));
        let metrics = Metrics::new(&view, &watchers);
        let (handed_over, hand_over_pause) = (Mutex::default(), HAND_OVER_PAUSE);
        Self { view, metrics, watchers, runtime, handed_over, hand_over_pause, requests }
    }

    /// The longest that a command may take.
    fn command_time_max(&self) -> Duration {
        let rules = &self.view.subject().rules;
        Duration::from(rules.drain()).saturating_add(rules.timing().lease.into()).saturating_add(COMMAND_SLACK)
    }

    /// The longest that an answer may take: a stream is none.
    pub(super) fn answer_time_max(&self) -> Duration {
        self.command_time_max().max(Duration::from(EventList::WAIT_MAX).saturating_add(COMMAND_SLACK))
    }

    /// Whether clients have to speak TLS.
    #[cfg(feature = "tls")]
    pub(super) fn has_tls(&self) -> bool {
        self.view.credentials().tls().is_some()
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, reason = "with TLS it is asked of the node")]
    pub(super) fn has_tls(&self) -> bool {
        false
    }

    /// A connection as the node talks over it, with the certificates that it has now. `None` where they cannot be used.
    #[cfg(feature = "tls")]
    pub(super) fn socket(&self, stream: Box<dyn Stream>, place: Place) -> Option<Socket> {
        match self.view.credentials().tls() {
            None => Some(Socket::new(stream, place)),
            Some(config) => {
                TlsStream::new(stream, config).ok().map(|stream| Socket::encrypted(Box::new(stream), place))
            }
        }
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "with TLS it is asked of the node")]
    pub(super) fn socket(&self, stream: Box<dyn Stream>, place: Place) -> Option<Socket> {
        Some(Socket::new(stream, place))
    }

    pub(super) fn tell_counters(&self) {
        self.metrics.tell_counters(&self.view);
    }

    async fn perform(&self, command: Command) -> Result<Option<FencingToken>, NotDone> {
        let Some(requests) = self.requests.upgrade() else { return Err(NotDone::Stopped) };
        let hands_over = matches!(command, Command::Transfer(_) | Command::StepDown);
        let last = *self.handed_over();
        if hands_over {
            if last.is_some_and(|at| at.elapsed() < self.hand_over_pause) {
                return Err(NotDone::TooSoon);
            }
            *self.handed_over() = Some(Instant::now());
        }
        let performed = async {
            if command == Command::Shutdown {
                // Begun, it is done.
                return if ask_to_stop(&requests).await { Ok(None) } else { Err(NotDone::Stopped) };
            }
            ask(&self.view, &requests, command).await.map_err(NotDone::from)
        };
        let result = timeout(&*self.runtime, self.command_time_max(), performed).await;
        // One to the leader itself, or one that is refused, ends nothing.
        if hands_over && matches!(result, Some(Ok(None) | Err(_))) {
            *self.handed_over() = last;
        }
        result.unwrap_or(Err(NotDone::TimedOut))
    }

    async fn change_keys(&self, change: KeyChange) -> Result<(), KeyRefused> {
        let Some(requests) = self.requests.upgrade() else { return Err(KeyRefused::Stopped) };
        let changed = change_keys(&self.view, &requests, change);
        timeout(&*self.runtime, self.command_time_max(), changed).await.unwrap_or(Err(KeyRefused::NotFinished))
    }

    fn handed_over(&self) -> MutexGuard<'_, Option<Instant>> {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, client: Client, request: Request<Incoming>) -> (&'static str, Reply) {
        let (parts, body) = request.into_parts();
        let body = match within_limits(&parts) {
            Ok(()) => read(&*self.runtime, &parts, body).await,
            Err(refusal) => Err(refusal),
        };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return (NO_ROUTE, Reply::Whole(refusal)),
        };
        // Until here the node has waited for its client.
        let socket = Arc::clone(&client.socket);
        let _busy = socket.place.busy();
        let Answer { route, outcome } =
            self.view.look(|view, _| qcluster_api::answer(&request_of(&client, &parts, &body), view));
        let response = match outcome {
            Outcome::Respond(response) => response,
            Outcome::Metrics => self.metrics.response(),
            Outcome::Perform { command, then } => {
                let result = self.perform(command).await;
                self.view.look(|view, _| qcluster_api::conclude(&then, &result, view))
            }
            Outcome::ChangeKeys(change) => {
                let result = self.change_keys(change).await;
                self.view.look(|view, _| qcluster_api::conclude_keys(&result, view))
            }
            Outcome::Poll { index, wait } => {
                let closed = client.socket.closed();
                self.watchers.poll(&self.view, client.from.ip(), (index, wait), closed).await
            }
            Outcome::Stream { index } => match self.watchers.stream(Arc::clone(&self.view), client.from.ip(), index) {
                Ok((events, writer)) => {
                    // There is room, for one stream at a time; one without a writer ends at once.
                    let _ = client.streams.try_send(writer);
                    return (route, Reply::Events(events));
                }
                Err(busy) => *busy,
            },
        };
        (route, Reply::Whole(response))
    }
}

/// Answers one request.
pub(super) async fn exchange(
    site: Arc<Site>,
    client: Client,
    request: Request<Incoming>,
) -> Result<hyper::Response<ReplyBody>, Infallible> {
    let asked = Instant::now();
    let (route, reply) = site.answer(client, request).await;
    let (head, events) = match reply {
        Reply::Whole(response) => (response, None),
        Reply::Events(events) => (Response::events(), Some(events)),
    };
    site.metrics.request(route, head.status, asked.elapsed());
    Ok(sent(head, events))
}

fn within_limits(parts: &Parts) -> Result<(), Response> {
    // RFC 9112, section 3.2; but health checks of load balancers may do without.
    let hosts = parts.headers.get_all(HOST).iter().count();
    let reads = Method::of(parts.method.as_str()).reads();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11 && !reads) {
        return Err(Response::error(ErrorCode::BadRequest, "a request of HTTP/1.1 has one header Host"));
    }
    let uri = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if uri > URI_LEN_MAX {
        return Err(Response::error(
            ErrorCode::UriTooLong,
            &format!("path and query are {uri} bytes, and at most {URI_LEN_MAX} are read"),
        ));
    }
    let len: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if len > HEADERS_LEN_MAX || parts.headers.len() > HEADERS_MAX {
        let message = format!("at most {HEADERS_MAX} headers of {HEADERS_LEN_MAX} bytes together are read");
        return Err(Response::error(ErrorCode::HeadersTooLarge, &message));
    }
    Ok(())
}

/// The body of a request that may have one.
async fn read(runtime: &dyn Runtime, parts: &Parts, body: Incoming) -> Result<Zeroizing<Vec<u8>>, Response> {
    if Method::of(parts.method.as_str()).reads() {
        return Ok(Zeroizing::default());
    }
    let too_large =
        || Response::error(ErrorCode::BodyTooLarge, &format!("at most {BODY_LEN_MAX} bytes of a body are read"));
    if body.size_hint().lower() > BODY_LEN_MAX as u64 {
        return Err(too_large());
    }
    match timeout(runtime, BODY_TIME_MAX, gathered(Limited::new(body, BODY_LEN_MAX))).await {
        Some(Ok(body)) => Ok(body),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(_)) => Err(Response::error(ErrorCode::BadRequest, "the body broke off")),
        None => Err(Response::error(ErrorCode::BodyTimeout, "the body did not arrive in time")),
    }
}

/// All of a body. Its pieces are copied, since each keeps all of the buffer that it was read into: byte by byte that is thousands of
/// times as much as was sent. A secret may be in it.
async fn gathered(mut body: Limited<Incoming>) -> Result<Zeroizing<Vec<u8>>, Box<dyn Error + Send + Sync>> {
    let expected = body.size_hint().exact().and_then(|len| usize::try_from(len).ok());
    // It does not grow, so that nothing of it stays behind.
    let mut all = Zeroizing::new(Vec::with_capacity(expected.unwrap_or(BODY_LEN_MAX)));
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            all.extend_from_slice(&piece);
        }
    }
    Ok(all)
}

fn request_of<'a>(client: &Client, parts: &'a Parts, body: &'a [u8]) -> qcluster_api::Request<'a> {
    // A header that is not text is there all the same, and matches nothing.
    let header = |name: HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    qcluster_api::Request {
        method: Method::of(parts.method.as_str()),
        path: parts.uri.path(),
        query: parts.uri.query(),
        // With a whole address in the request line, that is what counts.
        host: parts.uri.authority().map(hyper::http::uri::Authority::as_str).or_else(|| header(HOST)),
        origin: header(ORIGIN),
        authorization: header(AUTHORIZATION),
        last_event_id: header(HeaderName::from_static("last-event-id")),
        client: kind_of(client.from, &parts.headers),
        is_encrypted: client.socket.is_encrypted,
        body,
    }
}

fn kind_of(from: SocketAddr, headers: &HeaderMap) -> ClientKind {
    // Names of headers are in lower case here, however they were sent.
    let is_passed_on = |name: &str| name.starts_with("x-forwarded-") || PASSED_ON.contains(&name);
    if headers.keys().any(|name| is_passed_on(name.as_str())) {
        ClientKind::Forwarded
    } else if from.ip().to_canonical().is_loopback() {
        ClientKind::Loopback
    } else {
        ClientKind::Remote
    }
}

fn sent(response: Response, events: Option<Events>) -> hyper::Response<ReplyBody> {
    let Response { status, content_type, allow, authenticate, body } = response;
    let mut sent = hyper::Response::new(events.map_or_else(|| Either::Left(Full::new(body.into())), Either::Right));
    *sent.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = sent.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(date) = date(SystemTime::now()) {
        headers.insert(DATE, date);
    }
    // Whatever stands in between must not remember who led.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    if authenticate {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    sent
}

/// The date as HTTP has it; none where the clock shows a year that it cannot write.
fn date(now: SystemTime) -> Option<HeaderValue> {
    /// The first second of the year 10000.
    const END: u64 = 253_402_300_800;
    let since = now.duration_since(UNIX_EPOCH).ok().filter(|since| since.as_secs() < END)?;
    HeaderValue::try_from(httpdate::fmt_http_date(UNIX_EPOCH + since)).ok()
}

#[cfg(test)]
mod tests;
