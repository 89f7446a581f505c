//! References to values outside a settings file: `${provider:[path:]key}`.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@reference`] | finding references in a text |
//! | [`resolver`] | [`Providers`]: the configured providers, and resolution with them |
//! | [`source`] | [`ConfigProvider`] and the three built in: environment, file, directory |

pub mod reference;
pub mod resolver;
pub mod source;

pub use resolver::{ProviderError, Providers, Resolved};
pub use source::{
    ConfigProvider, DirectoryProvider, EnvironmentProvider, FileProvider, LookupError,
};
