//! File source and sink connectors.
