//! The desk: everything that stands in for Azure, Dynamics and InEvent on one machine. Never part of the deployed package.

mod comparison;
mod desk;
pub mod host;
mod marketing_list;
mod organizer;
mod player;
mod story;
mod webinar;

pub use desk::{Desk, DeskOptions, FUNCTION_KEY};
pub use marketing_list::Invited;
pub use player::{Played, Player, read_lines};
pub use story::{Scene, story};
pub use webinar::{Webinar, webinar};
