//! Why a registry did not give what was asked for.

use crate::rest::ErrorBody;

/// What an underlying library said.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request to a registry failed. Texts never hold a password.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No address could be reached, or none is able to answer now.
    #[error("the schema registry is away")]
    Unavailable {
        /// What failed underneath, at the address tried last.
        source: Source,
    },
    /// It answered with an error.
    #[error("{message} (error code {code})")]
    Refused {
        /// The registry's code; its first three digits are the HTTP status.
        code: i32,
        /// The registry's words.
        message: String,
    },
    /// It answered with something that no registry answers.
    #[error("the answer is not a schema registry's")]
    Malformed {
        /// What is wrong with the answer.
        source: Source,
    },
}

impl RegistryError {
    /// A refusal in the registry's words, or by the HTTP status alone.
    pub(crate) fn refused(status: u16, body: &[u8]) -> Self {
        let body = serde_json::from_slice(body).unwrap_or_else(|_| ErrorBody {
            error_code: i32::from(status),
            message: format!("HTTP {status}"),
        });
        Self::Refused { code: body.error_code, message: body.message }
    }

    /// HTTP status of a refusal.
    #[must_use]
    pub const fn status(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } if *code >= 10_000 => Some(*code / 100),
            Self::Refused { code, .. } => Some(*code),
            Self::Unavailable { .. } | Self::Malformed { .. } => None,
        }
    }

    /// Whether the registry has no such thing.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404))
    }

    /// Whether the same request may succeed later, or at another address.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { .. } => matches!(self.status(), Some(408 | 429 | 500..=599)),
            Self::Malformed { .. } => false,
        }
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no address.
    #[error("no address of a schema registry is given")]
    NoAddress,
    /// An address is none; what stands before an `@` is left out.
    #[error("{shown} is not an address like http://host:port")]
    InvalidAddress {
        /// The address without its credentials.
        shown: String,
    },
    /// The user info has no colon.
    #[error("the user info is not name:password")]
    InvalidUserInfo,
    /// The bearer token has characters that no HTTP header may have.
    #[error("the bearer token is not printable ASCII")]
    InvalidToken,
    /// The HTTP library refused.
    #[error("make an HTTP client for the schema registry")]
    Http(#[source] Source),
    /// The operating system gave no thread.
    #[error("start the thread of a schema registry client")]
    Thread(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_five_digits_begins_with_the_status() {
        let error = RegistryError::refused(404, br#"{"error_code":40401,"message":"m"}"#);
        assert!(error.is_not_found() && !error.is_retriable());
        assert_eq!(error.to_string(), "m (error code 40401)");
        let error = RegistryError::refused(503, b"<html>");
        assert!(error.is_retriable());
        assert_eq!(error.status(), Some(503));
    }
}
