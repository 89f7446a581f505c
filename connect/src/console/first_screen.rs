//! The first lines that a person sees: where everything is. At most twelve. Pure.

/// What the first screen tells.
#[derive(Debug, Clone, Default)]
pub struct FirstScreen {
    /// Name of the program.
    pub program: &'static str,
    /// Addresses of brokers.
    pub brokers: String,
    /// Address of the registry, if any.
    pub registry: Option<String>,
    /// Addresses of the REST API.
    pub rest: String,
    /// Data directory of the embedded servers; none without them.
    pub data: Option<String>,
    /// File of source offsets.
    pub offsets: String,
    /// Connectors, with their kinds.
    pub connectors: Vec<String>,
}

/// Most connectors that are named.
const MAX_NAMED: usize = 8;

impl FirstScreen {
    /// The lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let here = if self.data.is_some() { " (embedded)" } else { "" };
        let mut lines = vec![
            format!("Watershed {} {}", env!("CARGO_PKG_VERSION"), self.program),
            format!("  broker      {}{here}", self.brokers),
        ];
        if let Some(registry) = &self.registry {
            lines.push(format!("  registry    {registry}{here}"));
        }
        lines.push(format!("  REST        {}", self.rest));
        if let Some(data) = &self.data {
            lines.push(format!("  data        {data}"));
        }
        lines.push(format!("  offsets     {}", self.offsets));
        lines.push(format!("  connectors  {}", self.named()));
        lines.push("Ctrl-C ends: records are flushed and offsets committed.".to_owned());
        lines
    }

    fn named(&self) -> String {
        if self.connectors.is_empty() {
            return format!("none yet; POST one to {}/connectors", self.rest);
        }
        let mut text =
            self.connectors.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
        if let Some(more) = self.connectors.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
            text.push_str(&format!(" and {more} more"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_screen_has_at_most_twelve_lines_and_says_where_everything_is() {
        let screen = FirstScreen {
            program: "connect-standalone",
            brokers: "localhost:9092".into(),
            registry: Some("http://localhost:8081".into()),
            rest: "http://localhost:8083".into(),
            data: Some("./data".into()),
            offsets: "./data/connect.offsets".into(),
            connectors: (0..20).map(|i| format!("c{i}")).collect(),
        };
        let lines = screen.lines();
        assert!(lines.len() <= 12, "{lines:?}");
        let text = lines.join("\n");
        for expected in ["localhost:9092", ":8081", ":8083", "./data", "c7 and 12 more"] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
