//! `If-Match` and `If-None-Match` ("Perform conditional operations using the Web API").

use super::Request;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{System, Table};
use crate::value::Value;

/// What a request asks of the row it names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Precondition {
    None,
    /// `If-Match: *`: it has to be there.
    Exists,
    /// `If-Match: W/"n"`: it has to have this version.
    Version(String),
    /// `If-None-Match: *`: it must not be there.
    Absent,
    /// `If-None-Match: W/"n"`: only if it has another version.
    Changed(String),
}

impl Precondition {
    pub(super) fn of(request: &Request) -> Self {
        match (request.header("if-match"), request.header("if-none-match")) {
            (Some("*"), _) => Self::Exists,
            (Some(tag), _) => Self::Version(normal(tag)),
            (None, Some("*")) => Self::Absent,
            (None, Some(tag)) => Self::Changed(normal(tag)),
            (None, None) => Self::None,
        }
    }

    /// Whether a row that is missing may be created.
    pub(super) fn allows_create(&self) -> bool {
        !matches!(self, Self::Exists | Self::Version(_))
    }

    /// Refuses to write a row that is there but not as the caller expects.
    pub(super) fn check_write(&self, table: &Table, row: &[Value]) -> ApiResult<()> {
        match self {
            Self::Absent => Err(ApiError::duplicate_row()),
            Self::Version(tag) if *tag != etag(table, row) => Err(ApiError::version_mismatch()),
            _ => Ok(()),
        }
    }
}

/// Both `W/"1"` and `"1"` name version 1.
fn normal(tag: &str) -> String {
    let bare = tag.trim().trim_start_matches("W/").trim_matches('"');
    format!("W/\"{bare}\"")
}

/// The ETag of a row.
pub(super) fn etag(table: &Table, row: &[Value]) -> String {
    let version = table.system(System::Version).and_then(|column| row[column].int()).unwrap_or_default();
    format!("W/\"{version}\"")
}
