//! What the tests and the torture program share: the store in memory, and the layers that are too large
//! for a file of the program.

mod draws;
pub mod memory;
pub mod same_histories;
pub mod simulation;
