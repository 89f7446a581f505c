//! What is on disk: segments, indexes, flushing, recovery.
