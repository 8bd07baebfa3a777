//! The address of a store, as written in a configuration.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::bounds::QueueBounds;

/// Bytes of a prefix, at most.
const PREFIX_BYTES_MAX: usize = 64;

/// Hosts that an address names, at most.
const HOSTS_MAX: usize = 64;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// `redis://[user:password@]host[:port][/db][?prefix=NAME]`, and its kin: `rediss://` with TLS,
/// `redis+cluster://host,host` and `redis+sentinel://host,host/master[/db]`; the same with
/// `valkey`. With TLS also `ca`, `cert` and `key`: files in PEM instead of the system's
/// authorities, and for a server that asks for a certificate. `sentinel_auth=same` gives the
/// sentinels the same user and password. `jobs_max`, `bytes_max` and `dead_letters_max` bound each
/// queue ([`QueueBounds`]).
///
/// # Example
/// ```
/// use meshwork_queue::redis::RedisUrl;
///
/// let url: RedisUrl = "rediss://shop:secret@queue.internal/2?prefix=shop".parse()?;
/// assert_eq!(url.to_string(), "rediss://queue.internal:6379/2");
/// assert!("redis://queue/two".parse::<RedisUrl>().is_err());
/// # Ok::<(), meshwork_queue::redis::RedisUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) kind: Kind,
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
    pub(super) tls: Option<Tls>,
    pub(super) prefix: String,
    pub(super) sentinel_auth: bool,
    pub(super) bounds: QueueBounds,
}

/// How the servers belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Cluster,
    /// Found through sentinels, by the name of the master.
    Sentinel(String),
}

/// Files for TLS; without them the authorities of the system are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// What is wrong with an address. The fault of whoever wrote it; never shows the password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RedisUrlError(String);

fn wrong<T>(message: impl Into<String>) -> Result<T, RedisUrlError> {
    Err(RedisUrlError(message.into()))
}

impl std::str::FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("an address begins with redis://, rediss:// or one of their kin");
        };
        let (is_tls, kind) = parse_scheme(scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (login, hosts),
            None => ("", authority),
        };
        let (user, password) = parse_login(login)?;
        let port = if kind == "sentinel" { SENTINEL_PORT } else { REDIS_PORT };
        let hosts = parse_hosts(hosts, port)?;
        let (kind, db) = parse_path(kind, path)?;
        if kind == Kind::Single && hosts.len() > 1 {
            return wrong("several hosts: write redis+cluster:// or redis+sentinel://");
        }
        if kind == Kind::Cluster && db != 0 {
            return wrong("a cluster has no databases: leave the number away");
        }
        let mut url = Self {
            kind,
            hosts,
            user,
            password,
            db,
            tls: is_tls.then(Tls::default),
            prefix: "meshwork".to_owned(),
            sentinel_auth: false,
            bounds: QueueBounds::default(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            url.option(pair)?;
        }
        Ok(url)
    }
}

impl RedisUrl {
    fn option(&mut self, pair: &str) -> Result<(), RedisUrlError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value)?;
        match (name, &mut self.tls) {
            ("prefix", _) => {
                let is_good = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
                if value.is_empty() || value.len() > PREFIX_BYTES_MAX || !value.chars().all(is_good)
                {
                    return wrong(format!(
                        "a prefix has 1 to {PREFIX_BYTES_MAX} letters, digits, `_`, `-`, `.`, `:`"
                    ));
                }
                self.prefix = value;
            }
            ("ca", Some(tls)) => tls.ca = Some(value.into()),
            ("cert", Some(tls)) => tls.cert = Some(value.into()),
            ("key", Some(tls)) => tls.key = Some(value.into()),
            ("ca" | "cert" | "key", None) => {
                return wrong(format!("`{name}` is for TLS: write rediss://"));
            }
            ("sentinel_auth", _) if value == "same" => self.sentinel_auth = true,
            _ if self.bounds.take(name, &value).map_err(RedisUrlError)? => {}
            // The value may be a secret in the wrong place.
            _ => {
                let bounds = QueueBounds::NAMES;
                return wrong(format!(
                    "unknown option; known are prefix, {bounds}, ca, cert, key, sentinel_auth=same"
                ));
            }
        }
        Ok(())
    }
}

fn parse_scheme(scheme: &str) -> Result<(bool, &str), RedisUrlError> {
    let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let is_tls = match base {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return wrong("the scheme is redis, rediss, valkey or valkeys"),
    };
    match kind {
        "" | "cluster" | "sentinel" => Ok((is_tls, kind)),
        _ => wrong("behind the + stands cluster or sentinel"),
    }
}

fn parse_login(login: &str) -> Result<(Option<String>, Option<String>), RedisUrlError> {
    let some = |text: &str| -> Result<Option<String>, RedisUrlError> {
        let text = decode(text)?;
        Ok((!text.is_empty()).then_some(text))
    };
    match login.split_once(':') {
        Some((user, password)) => Ok((some(user)?, some(password)?)),
        None => Ok((some(login)?, None)),
    }
}

fn parse_hosts(text: &str, port: u16) -> Result<Vec<(String, u16)>, RedisUrlError> {
    let hosts: Result<Vec<_>, _> = text.split(',').map(|host| parse_host(host, port)).collect();
    match hosts? {
        hosts if hosts.len() > HOSTS_MAX => wrong(format!("more than {HOSTS_MAX} hosts")),
        hosts => Ok(hosts),
    }
}

fn parse_host(text: &str, port: u16) -> Result<(String, u16), RedisUrlError> {
    // The colons of an IPv6 address stand in brackets.
    let (host, rest) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, rest)) => (host, rest),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0),
        None if rest.is_empty() => Some(port),
        None => None,
    };
    match port {
        Some(port) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => wrong("a host is written as host, host:port or [IPv6]:port"),
    }
}

fn parse_path(kind: &str, path: &str) -> Result<(Kind, i64), RedisUrlError> {
    let number = |text: &str| match text {
        "" => Ok(0),
        text => match text.parse::<u16>() {
            Ok(db) => Ok(i64::from(db)),
            Err(_) => wrong("behind the host stands the number of the database"),
        },
    };
    match kind {
        "sentinel" => {
            let (master, db) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return wrong("behind the sentinels stands /NAME of the master");
            }
            Ok((Kind::Sentinel(decode(master)?), number(db)?))
        }
        "cluster" => Ok((Kind::Cluster, number(path)?)),
        _ => Ok((Kind::Single, number(path)?)),
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, RedisUrlError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (digit(bytes.next()), digit(bytes.next())) {
            (Some(high), Some(low)) => out.push((high * 16 + low) as u8),
            _ => return wrong("behind a % stand two hex digits"),
        }
    }
    String::from_utf8(out).or_else(|_| wrong("percent-encoded text is not UTF-8"))
}

impl fmt::Display for RedisUrl {
    /// The address without user, password and options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls.is_some() { "s" } else { "" };
        let kind = match self.kind {
            Kind::Single => "",
            Kind::Cluster => "+cluster",
            Kind::Sentinel(_) => "+sentinel",
        };
        write!(f, "redis{s}{kind}://")?;
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match host.contains(':') {
                true => write!(f, "{comma}[{host}]:{port}")?,
                false => write!(f, "{comma}{host}:{port}")?,
            }
        }
        if let Kind::Sentinel(master) = &self.kind {
            write!(f, "/{master}")?;
        }
        match self.db {
            0 => Ok(()),
            db => write!(f, "/{db}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self}, prefix {})", self.prefix)
    }
}
