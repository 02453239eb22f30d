//! Answers: `{"count": N, "data": [{…}]}`, every value a text; and errors in their two shapes.

use serde_json::{Map, Value as Json, json};

use super::variants::{ErrorShape, Variants};

/// One object of an answer.
pub(super) type Row = Map<String, Json>;

/// An object of texts.
pub(super) fn row<const N: usize>(members: [(&str, String); N]) -> Row {
    members.into_iter().map(|(name, value)| (name.to_owned(), Json::String(value))).collect()
}

/// A boolean as InEvent has it.
pub(super) fn flag(value: bool) -> String {
    if value { "1" } else { "0" }.to_owned()
}

/// What a call answers: the rows of one page, and how many there are in all.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) total: usize,
}

impl Page {
    /// A single object.
    pub(super) fn one(row: Row) -> Self {
        Self { rows: vec![row], total: 1 }
    }

    pub(super) fn text(self, variants: &Variants) -> String {
        let count = if variants.count_is_total { self.total } else { self.rows.len() };
        json!({ "count": count, "data": self.rows }).to_string()
    }
}

/// An error: HTTP status and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn required(attribute: &str) -> Self {
        Self::new(400, format!("{attribute} is a required parameter"))
    }

    pub(super) fn invalid(attribute: &str) -> Self {
        Self::new(406, format!("{attribute} is invalid"))
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(404, format!("{what} not found"))
    }

    /// For what InEvent has and the stand-in has not.
    pub(super) fn not_here(what: &str) -> Self {
        Self::new(501, format!("{what} is not implemented by this stand-in"))
    }

    /// The body, if this shape of errors has one. `json` says whether the call asked for JSON.
    pub(super) fn body(&self, shape: ErrorShape, json: bool) -> Option<String> {
        match shape {
            ErrorShape::Bodiless => None,
            ErrorShape::AsAsked if !json => None,
            ErrorShape::AsAsked | ErrorShape::Json => Some(json!({ "error": { "message": self.message } }).to_string()),
        }
    }
}
