//! provider-scaleway
