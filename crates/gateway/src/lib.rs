//! partner-gateway
