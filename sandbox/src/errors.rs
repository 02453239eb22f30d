//! The errors of the Web API: HTTP status, code and text, one constructor for each row of the catalogue.
//!
//! Sources: "Compose HTTP requests and handle errors" and "Web service error codes" of the Microsoft Dataverse
//! developer guide.

use std::borrow::Cow;

use uuid::Uuid;

use crate::metadata::{Column, Table};
use crate::value::Value;

/// An error answer. Its body is `{"error":{"code","message"}}`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{status} {code} {message}")]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// Seconds for `Retry-After`.
    pub(crate) retry_after: Option<u64>,
    /// What `@Microsoft.PowerApps.CDS.ErrorDetails.…` add, by name, for callers that ask for annotations.
    pub(crate) details: Vec<(&'static str, String)>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// What a reader of a refused payload is pointed to.
const PAYLOAD_HELP: &str = "https://go.microsoft.com/fwlink/?linkid=2195293";

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: Cow::Borrowed(code), message: message.into(), retry_after: None, details: Vec::new() }
    }

    pub(crate) fn does_not_exist(table: &Table, id: Uuid) -> Self {
        Self::new(404, "0x80040217", format!("{} With Id = {id} Does Not Exist", table.logical))
    }

    /// What the update of several rows says when some are missing.
    pub(crate) fn do_not_exist(table: &Table, id: Uuid) -> Self {
        Self::new(404, "0x80040217", format!("{} With Ids = {id} Do Not Exist", table.schema))
    }

    pub(crate) fn no_row_with_key(table: &Table) -> Self {
        let message = format!("A record with the specified key values does not exist in {} entity", table.logical);
        Self::new(404, "0x80060891", message)
    }

    pub(crate) fn not_a_key(table: &Table) -> Self {
        let kind = format!("Microsoft.Dynamics.CRM.{}", table.logical);
        let message = format!(
            "The key in the request URI is not valid for resource '{kind}'. Ensure that the names and number of key \
             properties match the declared or alternate key properties for the resource '{kind}'."
        );
        Self::new(400, "0x80060890", message)
    }

    pub(crate) fn duplicate_row() -> Self {
        Self::new(412, "0x80040237", "A record with matching key values already exists.")
    }

    /// What a bulk create says about a primary key that is taken.
    pub(crate) fn duplicate_in_bulk() -> Self {
        Self::new(412, "0x80040237", "Cannot insert duplicate key.")
    }

    pub(crate) fn duplicate_key(key: &str, columns: &str) -> Self {
        let message = format!(
            "Entity Key {key} violated. A record with the same value for {columns} already exists. A duplicate record \
             cannot be created. Select one or more unique values and try again."
        );
        Self::new(412, "0x80060892", message)
    }

    pub(crate) fn version_mismatch() -> Self {
        let message = "The version of the existing record doesn't match the RowVersion property provided.";
        Self::new(412, "0x80060882", message)
    }

    /// A payload that the OData reader refuses: the wrapping text around `inner`.
    pub(crate) fn payload(set: &str, inner: impl AsRef<str>) -> Self {
        let message = format!(
            "Error identified in Payload provided by the user for Entity :'{set}', For more information on this error \
             please follow this help link {PAYLOAD_HELP}  ---->  InnerException : {}",
            inner.as_ref()
        );
        Self::new(400, "0x80048d19", message)
    }

    pub(crate) fn unknown_property(table: &Table, property: &str) -> Self {
        let kind = format!("Microsoft.Dynamics.CRM.{}", table.logical);
        let inner = format!(
            "Microsoft.Crm.CrmException: Invalid property '{property}' was found in entity '{kind}'. ---> \
             Microsoft.OData.ODataException: The property '{property}' does not exist on type '{kind}'. Make sure to \
             only use property names that are defined by the type."
        );
        Self::payload(&table.set, inner)
    }

    pub(crate) fn undeclared_navigation(table: &Table, property: &str) -> Self {
        let inner = format!(
            "Microsoft.OData.ODataException: An undeclared property '{property}' which only has property annotations \
             in the payload but no property value was found in the payload. In OData, only declared navigation \
             properties and declared named streams can be represented as properties without values."
        );
        Self::payload(&table.set, inner)
    }

    pub(crate) fn wrong_literal(table: &Table, literal: &str, column: &Column) -> Self {
        let edm = column.kind.edm();
        let inner = format!(
            "Microsoft.OData.ODataException: Cannot convert the literal '{literal}' to the expected type '{edm}'."
        );
        Self::payload(&table.set, inner)
    }

    /// An unknown column in `$select`, `$filter` or `$orderby`.
    pub(crate) fn no_such_property(table: &Table, property: &str) -> Self {
        let message =
            format!("Could not find a property named '{property}' on type 'Microsoft.Dynamics.CRM.{}'.", table.logical);
        Self::new(400, "0x80060888", message)
    }

    /// A query option that can't be parsed.
    pub(crate) fn query(message: impl Into<String>) -> Self {
        Self::new(400, "0x80060888", message)
    }

    pub(crate) fn no_segment(segment: &str) -> Self {
        Self::new(404, "0x8006088a", format!("Resource not found for the segment '{segment}'."))
    }

    pub(crate) fn no_resource(uri: &str) -> Self {
        Self::new(404, "", format!("No HTTP resource was found that matches the request URI '{uri}'."))
    }

    pub(crate) fn too_long(table: &Table, column: &Column, max: usize) -> Self {
        let message = format!(
            "A validation error occurred.  The length of the '{}' attribute of the '{}' entity exceeded the maximum \
             allowed length of '{max}'.",
            column.logical, table.logical
        );
        Self::new(400, "0x80044331", message)
    }

    pub(crate) fn not_an_option(table: &Table, column: &Column, value: i64, accepted: &[i64]) -> Self {
        let accepted: Vec<String> = accepted.iter().map(i64::to_string).collect();
        let message = format!(
            "A validation error occurred. The value {value} of '{}' on record of type '{}' is outside the valid range. \
             Accepted Values: {}.",
            column.logical,
            table.logical,
            accepted.join(",")
        );
        Self::new(400, "0x8004431a", message)
    }

    /// A number outside the bounds of its column; `code` says of which kind.
    pub(crate) fn out_of_range(code: &'static str, table: &Table, column: &Column, value: &str) -> Self {
        let message = format!(
            "A validation error occurred. The value {value} of '{}' on record of type '{}' is outside the valid range.",
            column.logical, table.logical
        );
        Self::new(400, code, message)
    }

    pub(crate) fn invalid_time(actual: &str) -> Self {
        let message = format!(
            "DateTime is less than minimum value supported by CrmDateTime. Actual value: {actual}, Minimum value \
             supported: 01/01/1753 00:00:00"
        );
        Self::new(400, "0x80040239", message)
    }

    pub(crate) fn invalid_status(table: &Table, status: i64, state: &str, id: Uuid) -> Self {
        let (schema, logical) = (&table.schema, &table.logical);
        let message = format!(
            "{status} is not a valid status code for state code {schema}State.{state} on {logical} with Id {id}."
        );
        Self::new(400, "0x80048408", message)
    }

    pub(crate) fn duplicates(status: u16) -> Self {
        let message = "A record was not created or updated because a duplicate of the current record already exists.";
        Self::new(status, "0x80040333", message)
    }

    /// A row that others hold on to.
    pub(crate) fn associated() -> Self {
        let message = "The object you tried to delete is associated with another object and cannot be deleted.";
        Self::new(405, "0x80040227", message)
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(400, "0x80040203", message)
    }

    pub(crate) fn unexpected() -> Self {
        Self::new(400, "0x80040216", "An unexpected error occurred.")
    }

    pub(crate) fn deadlock() -> Self {
        let message =
            "Sql error: Generic SQL error. CRM ErrorCode: -2147204784 Sql ErrorCode: -2146232060 Sql Number: 1205";
        Self::new(500, "0x80044150", message)
    }

    pub(crate) fn sql_timeout() -> Self {
        let message = "Sql error: SQL timeout expired. CRM ErrorCode: -2147204783 Sql ErrorCode: -2146232060 Sql \
                       Number: -2";
        Self::new(500, "0x80044151", message)
    }

    /// Somebody else changes definitions.
    pub(crate) fn solution_lock() -> Self {
        let message = "Cannot start the requested operation [Import] because there is another [Import] running at this \
                       moment. Use Solution History for more details.";
        Self::new(400, "0x80071151", message)
    }

    fn throttled(code: &'static str, message: String, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(429, code, message) }
    }

    pub(crate) fn too_many_requests(limit: u64, window: i64, retry_after: u64) -> Self {
        let message = format!("Number of requests exceeded the limit of {limit} over time window of {window} seconds.");
        Self::throttled("0x80072322", message, retry_after)
    }

    /// `seconds` is the limit.
    pub(crate) fn too_much_time(seconds: u64, window: i64, retry_after: u64) -> Self {
        let message = format!(
            "Combined execution time of incoming requests exceeded limit of {} milliseconds over time window of \
             {window} seconds. Decrease number of concurrent requests or reduce the duration of requests and try again \
             later.",
            grouped(seconds * 1000)
        );
        Self::throttled("0x80072321", message, retry_after)
    }

    pub(crate) fn too_concurrent(limit: u64, retry_after: u64) -> Self {
        Self::throttled(
            "0x80072326",
            format!("Number of concurrent requests exceeded the limit of {limit}."),
            retry_after,
        )
    }

    pub(crate) fn unavailable(retry_after: Option<u64>) -> Self {
        Self { retry_after, ..Self::new(503, "0x80040216", "The service is unavailable.") }
    }

    pub(crate) fn not_a_member() -> Self {
        Self::new(403, "0x80072560", "The user is not a member of the organization.")
    }

    /// A row is beyond the depth of the caller's roles.
    pub(crate) fn no_access(caller: Uuid, verb: &str, table: &Table, row: &[Value]) -> Self {
        let id = row[table.id].id().unwrap_or_default();
        let message = format!(
            "Principal with id {caller} does not have {verb}Access right(s) for record with id {id} of entity {}.",
            table.logical
        );
        Self::new(403, "0x80048306", message)
    }

    pub(crate) fn no_roles() -> Self {
        Self::new(403, "0x80042f09", "The user has not been assigned any roles.")
    }

    pub(crate) fn user_disabled(id: Uuid) -> Self {
        let message = format!(
            "The specified user(Id = {id}) is disabled. Consider enabling this user. Additional Details: User is \
             disabled."
        );
        Self::new(403, "0x80040225", message)
    }

    pub(crate) fn organization_disabled() -> Self {
        let message = "The Dynamics 365 organization you are attempting to access is currently disabled.  Please contact \
                       your system administrator";
        Self::new(403, "0x8004a104", message)
    }

    /// A plug-in has refused the operation (`IsvAborted`); what it throws is the text.
    pub(crate) fn plugin(message: Option<&str>) -> Self {
        Self::new(400, "0x80040265", message.unwrap_or("ISV code aborted the operation."))
    }

    /// The body of a request is longer than the organisation takes (`RequestLengthTooLarge`).
    pub(crate) fn body_too_long() -> Self {
        Self::new(413, "0x8004418a", "Request message length is too large.")
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(405, "0x80060888", message)
    }

    /// Something Dataverse does and this crate does not do yet: refused loudly rather than ignored.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(501, "0x80040800", format!("The sandbox does not support {what} yet."))
    }
}

/// `1,200,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl From<rusqlite::Error> for ApiError {
    /// A failure of the store that no caller provokes on purpose.
    fn from(error: rusqlite::Error) -> Self {
        ApiError::new(500, "0x80044150", format!("Sql error: Generic SQL error. {error}"))
    }
}
