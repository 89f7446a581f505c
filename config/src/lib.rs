//! Properties files, setting definitions, config providers and redaction.
