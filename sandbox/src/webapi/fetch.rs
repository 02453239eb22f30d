//! `GET /contacts?fetchXml=…`

use super::Response;
use super::dispatch::{Operation, Service};
use super::read::Listing;
use crate::errors::{ApiError, ApiResult};
use crate::records::Session;

/// Whether a request brings FetchXML.
pub(super) fn asked(operation: &Operation<'_>) -> bool {
    operation.pairs.iter().any(|(name, _)| name == "fetchXml")
}

pub(super) fn list(_: &Service<'_>, _: &Session<'_>, _: &Listing, _: &Operation<'_>) -> ApiResult<Response> {
    Err(ApiError::not_implemented("the query option fetchXml"))
}
