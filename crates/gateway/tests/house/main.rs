//! The house is in order: rooms know only what they may, files are short and say what they are for,
//! and what the pages print from the code is what the code says.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails its test, and says where")]

mod deploy;
mod files;
mod ids;
mod pages;
mod rooms;
mod source;
mod tokens;
