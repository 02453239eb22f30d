//! Answers: `{"count": N, "data": [{…}]}`, every value a text; and errors in their two shapes.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use super::variants::{ErrorShape, Variants};

/// One object of an answer, its members in order. No name comes twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Row(Vec<(Cow<'static, str>, Json)>);

impl Row {
    pub(super) fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        self.0.push((name.into(), value.into()));
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl From<Map<String, Json>> for Row {
    fn from(members: Map<String, Json>) -> Self {
        Self(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

/// An object of texts.
pub(super) fn row<const N: usize>(members: [(&'static str, String); N]) -> Row {
    Row(members.into_iter().map(|(name, value)| (name.into(), Json::String(value))).collect())
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
        #[derive(Serialize)]
        struct Answer {
            count: usize,
            data: Vec<Row>,
        }
        let count = if variants.count_is_total { self.total } else { self.rows.len() };
        // Texts alone can always be written.
        serde_json::to_string(&Answer { count, data: self.rows }).unwrap_or_default()
    }
}

/// An error: HTTP status and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) message: String,
    /// Whether it has no body in any shape.
    bodiless: bool,
}

impl Problem {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), bodiless: false }
    }

    /// For calls over the limit.
    pub(super) fn too_many_calls(variants: &Variants) -> Self {
        let bodiless = !variants.rate_limit_body;
        Self { status: variants.rate_limit_status, message: "too many calls".to_owned(), bodiless }
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
            _ if self.bodiless => None,
            ErrorShape::Bodiless => None,
            ErrorShape::AsAsked if !json => None,
            ErrorShape::AsAsked | ErrorShape::Json => Some(json!({ "error": { "message": self.message } }).to_string()),
        }
    }
}
