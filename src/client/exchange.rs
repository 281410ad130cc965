//! One question over one connection, with limits on time and length.

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use qcluster_api::ErrorBody;
use qcluster_core::config::ApiToken;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::ClientError;
#[cfg(feature = "tls")]
use super::tls::{self, ClientTls};

/// The longest answer that is read, in bytes.
const ANSWER_LEN_MAX: usize = 64 * 1_024 * 1_024;

/// What to ask, and of whom.
pub(super) struct Ask<'a> {
    address: &'a str,
    method: Method,
    path: String,
    token: Option<&'a ApiToken>,
    body: Vec<u8>,
    pub(super) time_max: Duration,
    #[cfg(feature = "tls")]
    tls: Option<&'a ClientTls>,
}

/// What goes on over a connection, under TLS or not.
trait Conversation: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}

impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Conversation for T {}

impl<'a> Ask<'a> {
    pub(super) fn new(address: &'a str, method: Method, path: impl Into<String>, time_max: Duration) -> Self {
        Self {
            address,
            method,
            path: path.into(),
            token: None,
            body: Vec::new(),
            time_max,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn with_tls(self, tls: Option<&'a ClientTls>) -> Self {
        Self { tls, ..self }
    }

    async fn connect(&self) -> io::Result<Box<dyn Conversation>> {
        let stream = TcpStream::connect(self.address).await?;
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls {
            let host = self.address.rsplit_once(':').map_or(self.address, |(host, _)| host);
            let host = host.trim_start_matches('[').trim_end_matches(']');
            return Ok(Box::new(TokioIo::new(tls.connect(host, stream).await?)));
        }
        Ok(Box::new(TokioIo::new(stream)))
    }

    pub(super) fn with_token(self, token: Option<&'a ApiToken>) -> Self {
        Self { token, ..self }
    }

    pub(super) fn with_time_max(self, time_max: Duration) -> Self {
        Self { time_max, ..self }
    }

    pub(super) fn with_body(self, body: &impl Serialize) -> Self {
        // What is sent has string keys, so it can be written.
        Self { body: serde_json::to_vec(body).unwrap_or_default(), ..self }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::new(Full::new(Bytes::from(self.body.clone())));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().map_err(|_| self.unusable("what is asked for is too long"))?;
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(self.address).map_err(|_| self.unusable("it is no HOST:PORT"))?;
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = self.token {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
            let mut bearer = bearer.map_err(|_| self.unusable("the token cannot be sent"))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(request)
    }

    fn unusable(&self, reason: &str) -> ClientError {
        let error = io::Error::new(io::ErrorKind::InvalidInput, reason);
        ClientError::Unreachable { address: self.address.to_owned(), error }
    }

    /// Why there is no connection.
    fn unreachable(&self, error: io::Error) -> ClientError {
        #[cfg(feature = "tls")]
        if let Some(reason) = tls::failure(&error) {
            return ClientError::Tls { address: self.address.to_owned(), reason };
        }
        ClientError::Unreachable { address: self.address.to_owned(), error }
    }

    /// Why a conversation that had begun has led to nothing.
    fn broken(&self, error: &hyper::Error) -> ClientError {
        #[cfg(feature = "tls")]
        if let Some(reason) = tls::failure(error) {
            return ClientError::Tls { address: self.address.to_owned(), reason };
        }
        if error.is_incomplete_message() || error.is_canceled() || is_cut_off(error) {
            ClientError::ConnectionClosed { address: self.address.to_owned() }
        } else {
            self.incomprehensible(error)
        }
    }

    /// Why a body was not read to its end: that, or it is longer than any answer of a node.
    fn unread(&self, error: &(dyn Error + Send + Sync + 'static)) -> ClientError {
        match error.downcast_ref::<hyper::Error>() {
            Some(error) => self.broken(error),
            None => self.incomprehensible(&error),
        }
    }

    fn incomprehensible(&self, reason: &impl ToString) -> ClientError {
        ClientError::Incomprehensible { address: self.address.to_owned(), reason: reason.to_string() }
    }
}

/// Whether the connection has failed or ended too early, rather than brought nonsense.
fn is_cut_off(error: &hyper::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    // Lengths of chunks that cannot be read come as errors of input.
    let is_nonsense =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    causes.find_map(|error| error.downcast_ref::<io::Error>()).is_some_and(|error| !is_nonsense(error))
}

/// Asks, and reads the answer.
pub(super) async fn exchange<T: DeserializeOwned>(ask: &Ask<'_>) -> Result<T, ClientError> {
    let (status, body) = match timeout(ask.time_max, answer(ask)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(ClientError::TimedOut { address: ask.address.to_owned(), after: ask.time_max }),
    };
    if status == 200 {
        return serde_json::from_slice(&body).map_err(|error| ask.incomprehensible(&error));
    }
    match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(error) => Err(ClientError::Refused { address: ask.address.to_owned(), status, error: Box::new(error) }),
        Err(_) => Err(ask.incomprehensible(&format!("status {status} without a code"))),
    }
}

/// All of a body. Its pieces are copied, since each keeps all of the buffer that it was read into.
async fn gathered(mut body: Limited<Incoming>) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            all.extend_from_slice(&piece);
        }
    }
    Ok(all)
}

async fn answer(ask: &Ask<'_>) -> Result<(u16, Vec<u8>), ClientError> {
    let request = ask.request()?;
    let stream = ask.connect().await.map_err(|error| ask.unreachable(error))?;
    let (mut sender, connection) = http1::handshake(stream).await.map_err(|error| ask.incomprehensible(&error))?;
    let conversation = async {
        let response = sender.send_request(request).await.map_err(|error| ask.broken(&error))?;
        let status = response.status().as_u16();
        let body = gathered(Limited::new(response.into_body(), ANSWER_LEN_MAX)).await;
        Ok((status, body.map_err(|error| ask.unread(error.as_ref()))?))
    };
    let mut conversation = std::pin::pin!(conversation);
    let mut connection = std::pin::pin!(connection);
    // The connection does the work that the conversation waits for, and may end before that has read all.
    tokio::select! {
        answer = conversation.as_mut() => answer,
        _ = connection.as_mut() => conversation.await,
    }
}
