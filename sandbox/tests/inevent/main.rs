//! The InEvent stand-in over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod calls;
mod life;
mod world;
