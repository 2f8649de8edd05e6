//! partner-core
