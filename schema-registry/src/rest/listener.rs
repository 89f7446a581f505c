//! Addresses that the REST interface listens on: `http://host:port`.
//!
//! Without a host the listener is on loopback; `http://0.0.0.0:8081` opens it to the network.

use std::fmt;

/// Port of a listener that names none.
const DEFAULT_PORT: u16 = 8081;

/// One address of the REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port; 0 lets the system choose.
    pub port: u16,
}

/// Why a listener cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListenerError {
    /// There is none.
    #[error("at least one listener such as http://localhost:8081 is needed")]
    None,
    /// It does not begin with `http://`.
    #[error("{0}: only http:// listeners are offered, https is not yet")]
    Scheme(String),
    /// It is not `http://host:port`.
    #[error("{0}: expected http://host:port")]
    Malformed(String),
}

impl Listener {
    /// Reads all listeners; at least one.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] with the text at fault.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, ListenerError> {
        if texts.is_empty() {
            return Err(ListenerError::None);
        }
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    fn parse(text: &str) -> Result<Self, ListenerError> {
        let trimmed = text.trim();
        let (scheme, address) = trimmed
            .split_once("://")
            .ok_or_else(|| ListenerError::Malformed(trimmed.to_owned()))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(ListenerError::Scheme(trimmed.to_owned()));
        }
        let malformed = || ListenerError::Malformed(trimmed.to_owned());
        let address = address.trim_end_matches('/');
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| malformed())?)
            }
            _ => (address, DEFAULT_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.contains(['/', '@', '[', ']']) {
            return Err(malformed());
        }
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "http://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "http://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, u16), ListenerError>) {
        let expected = expected.map(|(host, port)| Listener { host: host.to_owned(), port });
        assert_eq!(Listener::parse(text), expected);
    }

    #[test]
    fn listener_is_host_and_port() {
        check("http://localhost:8081", Ok(("localhost", 8081)));
        check("HTTP://0.0.0.0:80", Ok(("0.0.0.0", 80)));
        check("http://:8081", Ok(("localhost", 8081)));
        check("http://[::1]:8081", Ok(("::1", 8081)));
        check("http://myhost", Ok(("myhost", 8081)));
    }

    #[test]
    fn other_things_are_refused() {
        check("https://a:1", Err(ListenerError::Scheme("https://a:1".into())));
        check("localhost", Err(ListenerError::Malformed("localhost".into())));
        check("http://a:port", Err(ListenerError::Malformed("http://a:port".into())));
        check("http://u@a:1", Err(ListenerError::Malformed("http://u@a:1".into())));
    }
}
