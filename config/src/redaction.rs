//! Secrets out of texts and settings, before a person or a log sees them.

use std::collections::BTreeMap;

/// What stands where a secret was.
pub const HIDDEN: &str = "[hidden]";

/// Replaces every occurrence of the given secrets in a text with `[hidden]`.
///
/// Longer secrets go first, so that a secret that is part of another leaves nothing behind.
/// Empty secrets are ignored.
#[must_use]
pub fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut secrets: Vec<&str> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut clean = text.to_owned();
    for secret in secrets {
        if clean.contains(secret) {
            clean = clean.replace(secret, HIDDEN);
        }
    }
    clean
}

/// Tells whether a key's name says that its value is a secret, for keys without a definition.
///
/// Pass-through keys such as `producer.sasl.jaas.config` have none.
#[must_use]
pub fn is_secret_name(key: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "password",
        "secret",
        "token",
        "credential",
        "credentials",
        "jaas.config",
        "user.info",
        "passphrase",
        "private.key",
        "keystore.key",
        "api.key",
        "access.key",
    ];
    let key = key.to_ascii_lowercase().replace(['_', '-'], ".");
    ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// Copies settings with the values of secret-looking keys hidden.
#[must_use]
pub fn redact_settings(settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let hide = |(key, value): (&String, &String)| {
        let shown = if is_secret_name(key) { HIDDEN.to_owned() } else { value.clone() };
        (key.clone(), shown)
    };
    settings.iter().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_secrets_are_replaced_before_their_parts() {
        assert_eq!(redact("x=abc y=abcdef", ["abc", "abcdef", ""]), "x=[hidden] y=[hidden]");
    }

    #[test]
    fn secret_names_are_recognised_behind_prefixes() {
        for key in [
            "connection.password",
            "producer.sasl.jaas.config",
            "basic.auth.user.info",
            "ssl.keystore.key",
            "client_secret",
        ] {
            assert!(is_secret_name(key), "{key}");
        }
        for key in ["key.converter", "topic", "password.encoder.iterations", "bearer.auth.source"] {
            assert!(!is_secret_name(key), "{key}");
        }
    }
}
