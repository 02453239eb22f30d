//! FetchXML ("Query data using FetchXml").

mod bind;
mod columns;
mod cookie;
mod filter;
mod links;
mod xml;

pub(crate) use bind::{Fetched, Shown, bind_fetch};
pub(crate) use cookie::next_cookie;
pub(crate) use xml::{Element, parse_fetch};
