//! provider-archera
