//! The console in a real browser. Where there is no Chromium these tests say so and do nothing; see
//! `docs/TESTING.md`.

mod identity;
mod keyboard;
mod live;
mod looks;
mod numbers;
mod pictures;
mod plain;
mod queue;
mod scene;
mod sign_in;
