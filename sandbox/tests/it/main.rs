//! The sandbox over real HTTP.

mod admin;
mod batch;
mod bulk;
mod errors;
mod filters;
mod pages;
mod query;
mod records;
mod token;
mod world;
