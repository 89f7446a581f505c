//! TLS and SASL: Java's key stores and JAAS text in librdkafka's terms.

use super::SettingsError;
use super::jaas::Login;
use super::translate::{Translation, invalid};

/// Translates every `security.…`, `sasl.…` and `ssl.…` key that depends on another one.
pub(super) fn translate(t: &mut Translation<'_>) -> Result<(), SettingsError> {
    let protocol = t.property("security.protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
    let (tls, sasl) = match protocol.as_str() {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        other => {
            let expected = "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL";
            return Err(invalid("security.protocol", other, expected));
        }
    };
    if tls || sasl {
        t.set("security.protocol", "security.protocol", &protocol.to_ascii_lowercase())?;
    }
    if !tls {
        warn_unused(t, "ssl.");
    }
    if !sasl {
        warn_unused(t, "sasl.");
    }
    if tls {
        trust(t)?;
        identity(t)?;
        let algorithm = match t.properties.get("ssl.endpoint.identification.algorithm") {
            Some(value) if value.trim().is_empty() => "none",
            Some(value) => value.trim(),
            None => "https",
        };
        let key = "ssl.endpoint.identification.algorithm";
        t.set(key, key, &algorithm.to_ascii_lowercase())?;
    }
    if sasl { login(t) } else { Ok(()) }
}

fn warn_unused(t: &mut Translation<'_>, prefix: &str) {
    let unused: Vec<String> = t
        .properties
        .keys()
        .filter(|key| key.starts_with(prefix))
        .filter(|key| super::keys::find(key).is_some())
        .cloned()
        .collect();
    for key in unused {
        t.warn(&key, "has no effect with this security.protocol");
    }
}

fn trust(t: &mut Translation<'_>) -> Result<(), SettingsError> {
    if let Some(pem) = t.property("ssl.truststore.certificates") {
        return t.set("ssl.truststore.certificates", "ssl.ca.pem", pem);
    }
    let Some(location) = t.property("ssl.truststore.location") else {
        // the vendored OpenSSL knows no path of its own
        if t.property("ssl.ca.location").is_none() && t.property("ssl.ca.pem").is_none() {
            t.set("ssl.ca.location", "ssl.ca.location", "probe")?;
        }
        return Ok(());
    };
    match store_type(t, "ssl.truststore.type", location) {
        "PEM" => t.set("ssl.truststore.location", "ssl.ca.location", location),
        kind => Err(SettingsError::Unsupported {
            key: "ssl.truststore.type",
            value: kind.to_owned(),
            advice: "convert the trust store to PEM and set ssl.truststore.type=PEM",
        }),
    }
}

fn identity(t: &mut Translation<'_>) -> Result<(), SettingsError> {
    if let Some(pem) = t.property("ssl.keystore.certificate.chain") {
        t.set("ssl.keystore.certificate.chain", "ssl.certificate.pem", pem)?;
        let Some(key) = t.property("ssl.keystore.key") else {
            return Err(SettingsError::Missing { key: "ssl.keystore.key" });
        };
        return t.set("ssl.keystore.key", "ssl.key.pem", key);
    }
    let Some(location) = t.property("ssl.keystore.location") else { return Ok(()) };
    match store_type(t, "ssl.keystore.type", location) {
        // Java's PEM store is one file with the key and the chain
        "PEM" => {
            t.set("ssl.keystore.location", "ssl.certificate.location", location)?;
            t.set("ssl.keystore.location", "ssl.key.location", location)
        }
        "PKCS12" => {
            t.set("ssl.keystore.location", "ssl.keystore.location", location)?;
            match t.property("ssl.keystore.password") {
                Some(password) => t.set("ssl.keystore.password", "ssl.keystore.password", password),
                None => Ok(()),
            }
        }
        kind => Err(SettingsError::Unsupported {
            key: "ssl.keystore.type",
            value: kind.to_owned(),
            advice: "convert the key store to PKCS12 or PEM",
        }),
    }
}

/// The type as given, else by the file's name; Java's default is JKS.
fn store_type<'a>(t: &Translation<'a>, key: &str, location: &str) -> &'a str {
    let path = std::path::Path::new(location);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    match t.property(key) {
        Some(kind) => kind,
        None if extension.eq_ignore_ascii_case("pem") => "PEM",
        None if ["p12", "pfx"].iter().any(|e| extension.eq_ignore_ascii_case(e)) => "PKCS12",
        None => "JKS",
    }
}

fn login(t: &mut Translation<'_>) -> Result<(), SettingsError> {
    // Java's default, which this build has not
    let mechanism = t.property("sasl.mechanism").unwrap_or("GSSAPI").to_owned();
    if !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&mechanism.as_str()) {
        return Err(SettingsError::Unsupported {
            key: "sasl.mechanism",
            value: mechanism,
            advice: "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        });
    }
    t.set("sasl.mechanism", "sasl.mechanism", &mechanism)?;
    let Some(text) = t.property("sasl.jaas.config") else {
        if t.property("sasl.username").is_none() {
            return Err(SettingsError::Missing { key: "sasl.jaas.config" });
        }
        return Ok(());
    };
    let expected = "a login module with username=\"…\" password=\"…\" and a semicolon at the end";
    let refused = || invalid("sasl.jaas.config", text, expected);
    let login = Login::parse(text).ok_or_else(refused)?;
    let class = login.module.rsplit('.').next().unwrap_or_default();
    let fits = match class {
        "PlainLoginModule" => mechanism == "PLAIN",
        "ScramLoginModule" => mechanism.starts_with("SCRAM"),
        _ => false,
    };
    if !fits {
        let expected = format!("a login module for {mechanism}");
        return Err(invalid("sasl.jaas.config", text, &expected));
    }
    let user = login.option("username").ok_or_else(refused)?;
    let password = login.option("password").ok_or_else(refused)?;
    t.set("sasl.jaas.config", "sasl.username", user)?;
    t.set("sasl.jaas.config", "sasl.password", password)
}
