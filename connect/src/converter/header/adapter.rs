//! Lets a record converter serve headers: it is given the header's name in place of a topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::ConfigDef;
use connect_api::{Converter, HeaderConverter, Result, Schema, Side, Value};

/// A converter that stands in as a header converter.
pub struct HeaderAdapter {
    converter: Box<dyn Converter>,
}

impl HeaderAdapter {
    /// Wraps a converter.
    #[must_use]
    pub fn new(converter: Box<dyn Converter>) -> Self {
        Self { converter }
    }
}

impl HeaderConverter for HeaderAdapter {
    fn config(&self) -> &'static ConfigDef {
        self.converter.config()
    }

    fn configure(&mut self, settings: &BTreeMap<String, String>) -> Result<()> {
        self.converter.configure(settings, Side::Value)
    }

    fn from_connect_header(
        &mut self,
        _topic: &str,
        header: &str,
        schema: Option<&Arc<Schema>>,
        value: &Value,
    ) -> Result<Option<Vec<u8>>> {
        let bytes = self.converter.from_connect(header, &mut Vec::new(), schema, value)?;
        Ok(bytes.map(std::borrow::Cow::into_owned))
    }

    fn to_connect_header(
        &mut self,
        _topic: &str,
        header: &str,
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)> {
        self.converter.to_connect(header, &[], bytes)
    }
}
