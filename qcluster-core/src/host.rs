//! A host, as configurations and services name one: one reading of the text for all of them.

use core::fmt;
use core::net::IpAddr;

/// What a text means that names a host.
///
/// ```
/// use qcluster_core::{BadHost, Host};
///
/// assert_eq!(Host::parse("db-1.example"), Ok(Host::Name("db-1.example")));
/// assert_eq!(Host::parse("[2001:db8::1]"), Ok(Host::Address("2001:db8::1".parse().unwrap())));
/// assert_eq!(Host::parse("http://db-1"), Err(BadHost::Url));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name to look up: of the domain name system, or an IPv6 address with a zone (`fe80::1%eth0`).
    Name(&'a str),
    /// An address; as text, an IPv6 address may stand in brackets.
    Address(IpAddr),
}

/// Why a text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadHost {
    /// It is empty.
    Empty,
    /// It is longer than [`Host::LEN_MAX`] bytes.
    TooLong,
    /// It is a URL, or part of one.
    Url,
    /// It names a port as well.
    WithPort,
    /// It has `$`, `{` or `}`: what should have replaced a variable did not run.
    Variable,
    /// It is neither an address nor a name of the domain name system.
    NotAName,
    /// It stands for every address of a machine: good for listening, and nothing that others can connect to.
    Unspecified,
}

impl<'a> Host<'a> {
    /// The longest name that the domain name system allows, in bytes.
    pub const LEN_MAX: usize = 253;
    /// The longest part between two dots, in bytes.
    const LABEL_LEN_MAX: usize = 63;

    /// Reads a host that a socket may be bound to.
    ///
    /// # Errors
    /// The text names no host.
    pub fn parse(text: &'a str) -> Result<Self, BadHost> {
        let bare = bare(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let zoned = bare.split_once('%');
        if text.is_empty() {
            Err(BadHost::Empty)
        } else if text.len() > Self::LEN_MAX {
            Err(BadHost::TooLong)
        } else if text.contains(['$', '{', '}']) {
            Err(BadHost::Variable)
        } else if text.contains(['/', '@', '?', '#']) {
            Err(BadHost::Url)
        } else if zoned.is_some_and(|(address, zone)| is_ipv6(address) && is_zone(zone)) {
            Ok(Self::Name(bare))
        } else if text.rsplit_once(':').is_some_and(|(host, port)| is_number(port) && Self::parse(host).is_ok()) {
            Err(BadHost::WithPort)
        } else if is_dns_name(text) {
            Ok(Self::Name(text))
        } else {
            Err(BadHost::NotAName)
        }
    }

    /// Reads a host that others are to connect to.
    ///
    /// # Errors
    /// The text names no host, or [every address](BadHost::Unspecified) of a machine.
    pub fn parse_reachable(text: &'a str) -> Result<Self, BadHost> {
        match Self::parse(text)? {
            Self::Address(address) if address.to_canonical().is_unspecified() => Err(BadHost::Unspecified),
            host => Ok(host),
        }
    }

    /// The text of a host without brackets around an address: clients that put a port behind it add their own. Any other text stays as
    /// it is.
    ///
    /// ```
    /// use qcluster_core::Host;
    ///
    /// assert_eq!(Host::without_brackets("[2001:db8::1]"), "2001:db8::1");
    /// assert_eq!(Host::without_brackets("db-1.example"), "db-1.example");
    /// ```
    pub fn without_brackets(text: &'a str) -> &'a str {
        if Self::parse(text).is_ok() { bare(text) } else { text }
    }

    /// Whether it is this machine to itself alone, as far as its text tells.
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }

    /// Whether both name one host, as far as their texts tell: all spellings of loopback do.
    pub fn is_same(self, other: Host<'_>) -> bool {
        let are_equal = match (self, other) {
            (Self::Name(one), Host::Name(other)) => one.eq_ignore_ascii_case(other),
            (Self::Address(one), Host::Address(other)) => one.to_canonical() == other.to_canonical(),
            (Self::Name(_), Host::Address(_)) | (Self::Address(_), Host::Name(_)) => false,
        };
        are_equal || (self.is_loopback() && other.is_loopback())
    }
}

fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

/// The two parts of `host:port`; an IPv6 address stands in brackets.
pub(crate) fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = bare.unwrap_or(host);
    (!host.is_empty() && (bare.is_some() || !host.contains(':'))).then_some((host, port))
}

/// Whether two texts name one host, as far as they tell.
pub(crate) fn is_same_host(one: &str, other: &str) -> bool {
    Host::parse(one).is_ok_and(|one| Host::parse(other).is_ok_and(|other| one.is_same(other)))
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<core::net::Ipv6Addr>().is_ok()
}

fn is_zone(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters, digits, hyphens and, as container networks have them, underscores, in parts between dots (RFC 1123). What ends
/// in a number would have to be an IPv4 address.
fn is_dns_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=Host::LABEL_LEN_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.split('.').all(is_label) && !name.rsplit('.').next().is_some_and(is_number)
}

/// As it stands in a URL or before a port: an IPv6 address in brackets.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) if name.contains(':') => write!(f, "[{name}]"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "cannot be empty",
            Self::TooLong => return write!(f, "is longer than a host name may be: at most {} bytes", Host::LEN_MAX),
            Self::Url => "is not a host: give a name or an address, without `http://`, a path or a user",
            Self::WithPort => "has a port in it: give the host alone, the port has a field of its own",
            Self::Variable => "has a variable in it that was not replaced: nothing expands it here",
            Self::NotAName => "is neither an IP address nor a host name",
            Self::Unspecified => "means every address of a machine, and nobody can connect to that",
        })
    }
}

impl core::error::Error for BadHost {}

#[cfg(test)]
mod tests;
