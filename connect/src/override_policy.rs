//! Which settings of Kafka clients a connector may override (KIP-458).

/// The worker's `connector.client.config.override.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Every setting.
    All,
    /// No setting.
    None,
    /// Who the client is: SASL mechanism, credentials, security protocol.
    Principal,
}

/// Prefixes under which a connector overrides client settings.
pub const OVERRIDE_PREFIXES: [&str; 3] =
    ["producer.override.", "consumer.override.", "admin.override."];

const PACKAGE: &str = "org.apache.kafka.connect.connector.policy.";
const SUFFIX: &str = "ConnectorClientConfigOverridePolicy";
const PRINCIPAL: [&str; 3] = ["security.protocol", "sasl.jaas.config", "sasl.mechanism"];

impl OverridePolicy {
    /// Reads a short name, or the name of Kafka's class.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix(PACKAGE).unwrap_or(text);
        match name.strip_suffix(SUFFIX).unwrap_or(name) {
            "All" => Some(Self::All),
            "None" => Some(Self::None),
            "Principal" => Some(Self::Principal),
            _ => None,
        }
    }

    /// Name, as messages show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::None => "None",
            Self::Principal => "Principal",
        }
    }

    /// Tells whether a client setting, prefix removed, may be overridden.
    #[must_use]
    pub fn allows(self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Principal => PRINCIPAL.contains(&key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_goes_by_short_and_class_name() {
        let class =
            "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy";
        assert_eq!(OverridePolicy::parse(class), Some(OverridePolicy::None));
        assert_eq!(OverridePolicy::parse("Principal"), Some(OverridePolicy::Principal));
        assert_eq!(OverridePolicy::parse("Allowlist"), None);
    }

    #[test]
    fn principal_allows_credentials_only() {
        assert!(OverridePolicy::Principal.allows("sasl.jaas.config"));
        assert!(!OverridePolicy::Principal.allows("acks"));
    }
}
