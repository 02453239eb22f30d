//! The heart: what InEvent says becomes rows in Dynamics.
//!
//! [`plan`] decides, without I/O, over a snapshot; [`engine`] loads the snapshot, applies the plan and repeats until a plan over
//! fresh rows writes nothing; [`coalesce`] gathers concurrent deliveries into one batch.

pub mod activity;
mod breaker;
pub mod claims;
pub mod closings;
pub mod coalesce;
pub mod convert;
pub mod crm;
pub mod current;
pub mod decision;
pub mod engine;
pub mod key_column;
pub mod lists;
pub mod mapping;
pub mod matching;
pub mod outcome;
pub mod plan;
pub mod related;
pub mod rows;
pub mod rules;
pub mod source;
mod surroundings;
pub mod writers;

mod dataverse_crm;
mod duplicates;

pub use dataverse_crm::DataverseCrm;
pub use surroundings::Surroundings;
