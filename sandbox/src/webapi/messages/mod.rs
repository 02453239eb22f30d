//! Functions and actions: the messages that are not plain reads and writes of rows.

mod about;
mod bulk_delete;
mod closing;
mod duplicates;
mod files;
mod initialize;
pub(super) mod jobs;
pub(super) mod lists;
mod locale;
mod merge;
mod parameters;
mod qualify;
pub(super) mod roles;
mod sharing;
mod teams;

pub(super) use lists::dynamic_members;

use std::sync::Arc;

use super::Response;
use super::address::{RowKey, Segment};
use super::dispatch::{Operation, Service};
use super::search;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, Sharing};

/// Functions that are bound to nothing: they answer `GET` only.
const FUNCTIONS: &[&str] = &[
    "WhoAmI",
    "RetrieveVersion",
    "RetrieveCurrentOrganization",
    "RetrieveTotalRecordCount",
    "RetrieveDuplicates",
    "RetrieveSharedPrincipalsAndAccess",
    "RetrieveRolePrivilegesRole",
    "RetrieveSolutionImportResult",
    "InitializeFrom",
    "FormatAddress",
];
/// Actions that are bound to nothing: they answer `POST` only.
const ACTIONS: &[&str] = &[
    "AddListMembersList",
    "Merge",
    "BulkDelete",
    "InitializeFileBlocksUpload",
    "UploadBlock",
    "CommitFileBlocksUpload",
    "InitializeFileBlocksDownload",
    "DownloadBlock",
    "DeleteFile",
    "GrantAccess",
    "ModifyAccess",
    "RevokeAccess",
    "WinOpportunity",
    "LoseOpportunity",
    "RemoveListMembersList",
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
        ("RetrieveSharedPrincipalsAndAccess", "GET") => sharing::shared_with(service, session, segment, operation),
        ("GrantAccess", "POST") => sharing::change(service, session, operation, Sharing::Grant),
        ("ModifyAccess", "POST") => sharing::change(service, session, operation, Sharing::Replace),
        ("RevokeAccess", "POST") => sharing::revoke(service, session, operation),
        ("RetrieveDuplicates", "GET") => duplicates::run(service, session, segment, operation),
        ("RetrieveRolePrivilegesRole", "GET") => roles::of_role(service, session, segment, operation),
        ("RetrieveSolutionImportResult", "GET") => about::import_result(service, session, segment, operation),
        ("InitializeFrom", "GET") => initialize::run(service, session, segment, operation),
        ("FormatAddress", "GET") => Ok(locale::address(service, segment, operation)),
        ("WinOpportunity", "POST") => closing::opportunity(service, session, operation, closing::WON),
        ("LoseOpportunity", "POST") => closing::opportunity(service, session, operation, closing::LOST),
        ("AddListMembersList", "POST") => lists::add_members(session, operation),
        ("RemoveListMembersList", "POST") => lists::remove_members(session, operation),
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
        (name, "GET") if let Some((function, member)) = locale::FUNCTIONS.iter().find(|(known, _)| *known == name) => {
            Ok(locale::languages(service, function, member))
        }
        (name, _) if FUNCTIONS.contains(&name) || ACTIONS.contains(&name) => {
            Err(ApiError::no_resource(&format!("{}/{name}", service.root)))
        }
        _ => Err(ApiError::no_segment(&segment.name)),
    }
}

/// What the names of bound messages, and of types, begin with.
pub(super) const CRM: &str = "Microsoft.Dynamics.CRM.";

/// Whether a segment is a function bound to the row before it: those answer `GET` only.
pub(super) fn is_bound_function(segment: &str) -> bool {
    let functions = ["RetrieveUserPrivileges", "RetrieveTeamPrivileges", "RetrievePrincipalAccess"];
    segment.strip_prefix(CRM).is_some_and(|name| functions.contains(&name))
}

/// A message bound to one row.
pub(super) fn bound(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    message: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let name = message.name.strip_prefix(CRM).unwrap_or(&message.name);
    match (table.logical.as_str(), name, key, operation.request.method.as_str()) {
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
        ("role", "RemovePrivilegeRole", RowKey::Primary(role), "POST") => roles::remove(session, *role, operation),
        ("team", "AddMembersTeam", RowKey::Primary(team), "POST") => {
            teams::members(session, table, *team, true, operation)
        }
        ("team", "RemoveMembersTeam", RowKey::Primary(team), "POST") => {
            teams::members(session, table, *team, false, operation)
        }
        ("email", "SendEmail", RowKey::Primary(email), "POST") => {
            closing::send(service, session, table, *email, operation)
        }
        ("systemuser", "RetrieveUserPrivileges", RowKey::Primary(user), "GET") => {
            roles::of_principal(service, session, table, *user, name)
        }
        ("team", "RetrieveTeamPrivileges", RowKey::Primary(team), "GET") => {
            roles::of_principal(service, session, table, *team, name)
        }
        ("systemuser" | "team", "RetrievePrincipalAccess", RowKey::Primary(principal), "GET") => {
            sharing::access_of(service, session, (table, *principal), message, operation)
        }
        _ => Err(ApiError::no_segment(&message.name)),
    }
}
