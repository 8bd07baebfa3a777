//! Addresses as people write them: `host:port`, and the master's in its two forms.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Longest host name, in bytes (the limit of DNS).
const HOST_BYTES_MAX: usize = 253;

/// A host (a name, an IPv4 or an IPv6 address) and a port, not resolved yet.
///
/// ```
/// use meshwork_shared::config::HostPort;
///
/// let address: HostPort = "[::1]:7070".parse()?;
/// assert_eq!((address.host(), address.port()), ("::1", 7070));
/// assert_eq!(address.to_string(), "[::1]:7070");
/// # Ok::<(), meshwork_shared::config::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

/// Where a worker finds its master.
///
/// ```
/// use meshwork_shared::config::MasterAddress;
///
/// let asked: MasterAddress = "http://master:7071".parse()?;
/// let direct: MasterAddress = "master:7070".parse()?;
/// assert!(matches!(asked, MasterAddress::Http(_)));
/// assert!(matches!(direct, MasterAddress::Mesh(_)));
/// # Ok::<(), meshwork_shared::config::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MasterAddress {
    /// `http://host:port`: its HTTP port, where `GET /v1/master` tells the mesh port.
    Http(HostPort),
    /// `host:port`: its mesh port.
    Mesh(HostPort),
}

/// Why a text is no address. Whoever wrote it has to change it; the message says how.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Nothing after a last colon.
    #[error("it has no port")]
    NoPort,
    /// The port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// The host is no name and no address.
    #[error("its host is neither a name nor an address")]
    Host,
    /// An IPv6 address without brackets: the port cannot be told from it.
    #[error("an IPv6 address needs brackets, as in [::1]:7070")]
    Brackets,
    /// `0.0.0.0` or `::`, which is where one listens, not where one is found.
    #[error("this is where one listens, not where one is found")]
    Unspecified,
    /// `https://`: the master speaks plain HTTP there, and tells nothing secret.
    #[error("the master speaks plain http:// (it tells its mesh port there, nothing secret)")]
    Https,
    /// Another scheme, a path, a query, a user: nothing of it is used.
    #[error("only http://host:port or host:port can be used")]
    Form,
}

impl HostPort {
    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) if inner.parse::<Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(AddressError::Host),
            None if host.contains(':') => return Err(AddressError::Brackets),
            None if is_host_name(host) => host,
            None => return Err(AddressError::Host),
        };
        if host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
            return Err(AddressError::Unspecified);
        }
        if port.is_empty() {
            return Err(AddressError::NoPort);
        }
        // `parse` would take a sign too.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse::<u16>() {
            Ok(port) if digits && port != 0 => Ok(Self { host: host.to_owned(), port }),
            _ => Err(AddressError::Port),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for MasterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with("https://") {
            return Err(AddressError::Https);
        }
        let (rest, is_http) = match text.strip_prefix("http://") {
            Some(rest) => (rest.strip_suffix('/').unwrap_or(rest), true),
            None => (text, false),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(AddressError::Form);
        }
        let address = rest.parse()?;
        Ok(if is_http { Self::Http(address) } else { Self::Mesh(address) })
    }
}

impl fmt::Display for MasterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => write!(f, "http://{address}"),
            Self::Mesh(address) => write!(f, "{address}"),
        }
    }
}

/// Whether a resolver may be asked for it: labels of letters, digits, `-` and (for compose) `_`.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)
}
