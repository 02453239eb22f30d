//! The desk: everything that stands in for Azure and Dynamics on one machine. Never part of the deployed package.

mod desk;
pub mod host;
mod player;
mod story;

pub use desk::{Desk, DeskOptions, FUNCTION_KEY};
pub use player::{Played, Player, read_lines};
pub use story::{Scene, story};
