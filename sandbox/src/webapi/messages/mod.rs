//! Functions and actions: the messages that are not plain reads and writes of rows.

mod about;
mod bulk_delete;
mod duplicates;
mod files;
pub(super) mod jobs;
pub(super) mod lists;
mod merge;
mod parameters;
mod qualify;
pub(super) mod roles;

pub(super) use lists::dynamic_members;

use std::sync::Arc;

use super::Response;
use super::address::{RowKey, Segment};
use super::dispatch::{Operation, Service};
use super::search;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::Session;

/// Functions that are bound to nothing: they answer `GET` only.
const FUNCTIONS: [&str; 5] =
    ["WhoAmI", "RetrieveVersion", "RetrieveCurrentOrganization", "RetrieveTotalRecordCount", "RetrieveDuplicates"];
/// Actions that are bound to nothing: they answer `POST` only.
const ACTIONS: [&str; 9] = [
    "AddListMembersList",
    "Merge",
    "BulkDelete",
    "InitializeFileBlocksUpload",
    "UploadBlock",
    "CommitFileBlocksUpload",
    "InitializeFileBlocksDownload",
    "DownloadBlock",
    "DeleteFile",
];

/// A message that is bound to nothing, such as `WhoAmI`.
pub(super) fn unbound(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let method = operation.request.method.as_str();
    match (segment.name.as_str(), method) {
        ("WhoAmI", "GET") => about::who_am_i(service, session),
        ("RetrieveVersion", "GET") => Ok(about::version(service)),
        ("RetrieveCurrentOrganization", "GET") => Ok(about::current_organization(service)),
        ("RetrieveTotalRecordCount", "GET") => about::total_record_count(service, session, segment, operation),
        ("RetrieveDuplicates", "GET") => duplicates::run(service, session, segment, operation),
        ("AddListMembersList", "POST") => lists::add_members(session, operation),
        ("Merge", "POST") => merge::run(service, session, operation),
        ("BulkDelete", "POST") => bulk_delete::run(service, session, operation),
        ("InitializeFileBlocksUpload", "POST") => files::begin_upload(service, session, operation),
        ("UploadBlock", "POST") => files::upload_block(session, operation),
        ("CommitFileBlocksUpload", "POST") => files::commit_upload(service, session, operation),
        ("InitializeFileBlocksDownload", "POST") => files::begin_download(service, session, operation),
        ("DownloadBlock", "POST") => files::download_block(service, session, operation),
        ("DeleteFile", "POST") => files::delete(session, operation),
        (name, "POST") if search::MESSAGES.iter().any(|(message, _)| *message == name) => {
            search::message(service, session, name, &operation.request.body)
        }
        (name, _) if FUNCTIONS.contains(&name) || ACTIONS.contains(&name) => {
            Err(ApiError::no_resource(&format!("{}/{name}", service.root)))
        }
        _ => Err(ApiError::no_segment(&segment.name)),
    }
}

/// A message bound to one row.
pub(super) fn bound(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    message: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    match (table.logical.as_str(), message, key, operation.request.method.as_str()) {
        ("list", "AddMemberList", RowKey::Primary(list), "POST") => {
            lists::add_member(service, session, *list, operation)
        }
        ("list", "RemoveMemberList", RowKey::Primary(list), "POST") => lists::remove_member(session, *list, operation),
        ("list", "CopyMembersList", RowKey::Primary(list), "POST") => lists::copy_members(session, *list, operation),
        ("list", "QualifyMemberList", RowKey::Primary(list), "POST") => {
            lists::qualify_members(session, *list, operation)
        }
        ("list", "CopyDynamicListToStatic", RowKey::Primary(list), "POST") => {
            lists::copy_to_static(service, session, *list)
        }
        ("duplicaterule", "PublishDuplicateRule", RowKey::Primary(rule), "POST") => {
            duplicates::publish(service, session, table, *rule)
        }
        ("lead", "QualifyLead", RowKey::Primary(lead), "POST") => {
            qualify::run(service, session, table, *lead, operation)
        }
        ("role", "AddPrivilegesRole", RowKey::Primary(role), "POST") => roles::add(session, *role, false, operation),
        ("role", "ReplacePrivilegesRole", RowKey::Primary(role), "POST") => roles::add(session, *role, true, operation),
        ("systemuser", "RetrieveUserPrivileges", RowKey::Primary(user), "GET") => {
            roles::of_user(service, session, *user)
        }
        _ => Err(ApiError::no_segment(&format!("Microsoft.Dynamics.CRM.{message}"))),
    }
}
