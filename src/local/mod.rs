//! The desk: everything that stands in for Azure and Dynamics on one machine.

pub mod host;
