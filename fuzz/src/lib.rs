//! What several targets share: answers as a provider might give them, and what must hold of them.

pub mod answers;
pub mod lines;
