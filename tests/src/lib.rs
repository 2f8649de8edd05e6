//! What the tests and the torture program share: the store in memory, and the layers that are too large
//! for a file of the program.

pub mod memory;
pub mod simulation;
