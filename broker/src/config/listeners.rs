//! `listeners` and `advertised.listeners`: where to listen, and what clients are told.
//!
//! `NAME://host:port`, separated by commas; an empty host is every interface, port 0 any free one.

use std::collections::BTreeMap;

use ::config::Config;

use crate::error::ConfigError;

/// One place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    /// The listener's name, upper case.
    pub(crate) name: String,
    /// Host to bind; empty means every interface.
    pub(crate) host: String,
    /// Port to bind; 0 means any free one.
    pub(crate) port: u16,
    /// Host that clients are told; `None` when it follows from `host`.
    pub(crate) advertised: Option<(String, u16)>,
}

/// Reads the listeners for clients; those of controllers are left out.
pub(crate) fn parse(values: &Config) -> Result<Vec<Listener>, ConfigError> {
    let protocols = protocols(values)?;
    let controllers = values.list("controller.listener.names");
    let advertised: BTreeMap<String, (String, u16)> =
        match values.optional_string("advertised.listeners") {
            Some(text) => endpoints("advertised.listeners", text)?
                .into_iter()
                .map(|(name, host, port)| (name, (host, port)))
                .collect(),
            None => BTreeMap::new(),
        };
    let mut listeners: Vec<Listener> = Vec::new();
    for (name, host, port) in endpoints("listeners", values.string("listeners"))? {
        if controllers.iter().any(|controller| controller.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let protocol = protocols.get(&name).unwrap_or(&name).clone();
        if protocol != "PLAINTEXT" {
            return Err(ConfigError::Protocol { name, protocol });
        }
        if listeners.iter().any(|listener| listener.name == name) {
            return Err(ConfigError::ListenerTwice { name });
        }
        let advertised = advertised.get(&name).cloned();
        listeners.push(Listener { name, host, port, advertised });
    }
    if listeners.is_empty() {
        return Err(ConfigError::NoListener);
    }
    if let Some(name) =
        advertised.keys().find(|name| !listeners.iter().any(|listener| listener.name == **name))
    {
        return Err(ConfigError::AdvertisedUnknown { name: name.clone() });
    }
    Ok(listeners)
}

fn protocols(values: &Config) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut protocols = BTreeMap::new();
    for entry in values.list("listener.security.protocol.map") {
        let Some((name, protocol)) = entry.split_once(':') else {
            return Err(ConfigError::ProtocolMap { entry: entry.clone() });
        };
        protocols.insert(name.trim().to_uppercase(), protocol.trim().to_uppercase());
    }
    Ok(protocols)
}

fn endpoints(key: &'static str, text: &str) -> Result<Vec<(String, String, u16)>, ConfigError> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            endpoint(entry).ok_or_else(|| ConfigError::Endpoint { key, value: entry.to_owned() })
        })
        .collect()
}

fn endpoint(text: &str) -> Option<(String, String, u16)> {
    let (name, rest) = text.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
    let valid_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !valid_name || host.contains(['/', ' ', '@']) {
        return None;
    }
    Some((name.to_uppercase(), host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, u16)>) {
        let expected = expected.map(|(name, host, port)| (name.to_owned(), host.to_owned(), port));
        assert_eq!(endpoint(text), expected);
    }

    #[test]
    fn an_endpoint_has_a_name_a_host_and_a_port() {
        check("PLAINTEXT://localhost:9092", Some(("PLAINTEXT", "localhost", 9092)));
        check("plain://:9092", Some(("PLAIN", "", 9092)));
        check("X://[::1]:0", Some(("X", "::1", 0)));
        check("localhost:9092", None);
        check("PLAINTEXT://localhost", None);
        check("PLAINTEXT://localhost:99999", None);
        check("PLAINTEXT://a b:1", None);
    }
}
