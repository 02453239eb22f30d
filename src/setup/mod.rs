//! What the connector needs in a Dataverse environment: its one [definition](Solution), how it gets there ([`provision`], or a solution
//! file by [`export`]), and whether everything around the connector is as it has to be ([`check`]).

mod challenge;
pub mod check;
mod compare;
mod definition;
pub mod export;
mod layout;
mod payload;
mod present;
mod provision;
mod role;
pub mod sign_in;
mod xml;

pub use definition::{Solution, Unnameable, Wanted};
pub use provision::{Provisioning, SetupError, Step, StepState, provision};
pub use role::{Depth, Privilege, ROLE, Reach, Role};
