//! The commands but `dev`.
