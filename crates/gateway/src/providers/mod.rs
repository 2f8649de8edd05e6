//! How we reach the providers: every partner account of the configuration, as a port.
//!
//! This room alone knows the adapters by name. It decides nothing.

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod pace;
mod registry;

pub use registry::{Account, Health, HealthState, Registry, RegistryError};
