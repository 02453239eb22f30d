//! The sandbox over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod admin;
mod batch;
mod bulk;
mod catalogue;
mod customizing;
mod duplicates;
mod errors;
mod expand;
mod fetch;
mod files;
mod filters;
mod limits;
mod lists;
mod messages;
mod metadata;
mod notes;
mod organizations;
mod pages;
mod paths;
mod queries;
mod query;
mod records;
mod related;
mod sales;
mod search;
mod second;
mod security;
mod sharing;
mod sql;
mod token;
mod tracking;
mod views;
mod world;
