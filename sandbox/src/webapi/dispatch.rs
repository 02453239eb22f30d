//! Which request goes where.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::address::{Segment, row_key, segments};
use super::messages::CRM;
use super::prefer::Prefer;
use super::uri::form_pairs;
use super::{
    Request, Response, background, batch, bulk, caller, definitions, files, messages, references, resource, write,
};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::organization::{Data, Organization};
use crate::records::{Session, unsupported};

/// The longest URL within a batch, in bytes ("Execute batch operations using the Web API").
const MAX_URL_IN_BATCH: usize = 65_536;

/// The Web API as one caller sees it.
pub(crate) struct Service<'a> {
    pub(crate) organization: &'a Organization,
    /// `http://host/api/data/v9.2`, as the caller wrote it.
    pub(crate) root: String,
    /// `systemuserid` of the caller.
    pub(crate) caller: Uuid,
    /// Headers of the HTTP request, which the parts of a batch inherit as far as they are about the caller.
    headers: Vec<(String, String)>,
    /// Rows created earlier in the same change set.
    pub(super) references: References,
}

impl<'a> Service<'a> {
    pub(crate) fn new(organization: &'a Organization, root: String, caller: Uuid) -> Self {
        Self { organization, root, caller, headers: Vec::new(), references: References::default() }
    }

    /// With the headers that every part of the request inherits.
    pub(crate) fn with_headers(mut self, headers: &[(String, String)]) -> Self {
        let wanted =
            |name: &str| ["CallerObjectId", "MSCRMCallerID"].iter().any(|known| known.eq_ignore_ascii_case(name));
        self.headers = headers.iter().filter(|(name, _)| wanted(name)).cloned().collect();
        self
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The part of a URL that follows `…/api/data/v9.2/`; relative URLs stay as they are.
    pub(super) fn relative<'t>(&self, url: &'t str) -> &'t str {
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => url.trim_start_matches('/'),
        };
        match path.strip_prefix("api/data/").and_then(|rest| rest.split_once('/')) {
            Some((_, rest)) => rest,
            None => path,
        }
    }
}

/// `Content-ID` references of a change set: `$1` stands for the URL of what request 1 made.
#[derive(Debug, Default)]
pub(super) struct References(RefCell<HashMap<String, String>>);

impl References {
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    pub(super) fn remember(&self, id: &str, url: &str) {
        self.0.borrow_mut().insert(id.to_owned(), url.to_owned());
    }

    /// Replaces a leading `$1` by the URL it stands for. Other text stays as it is.
    pub(super) fn resolve(&self, text: &str) -> ApiResult<String> {
        let Some(rest) = text.trim_start_matches('/').strip_prefix('$') else { return Ok(text.to_owned()) };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (id, tail) = rest.split_at(end);
        if !id.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(text.to_owned());
        }
        match self.0.borrow().get(id) {
            Some(url) => Ok(format!("{url}{tail}")),
            None => {
                let message = format!("Content-ID Reference: '${id}' does not exist in the batch context.");
                Err(ApiError::query(message))
            }
        }
    }
}

/// Answers a request; the second value is the number of operations it carried.
pub(crate) fn serve(service: &Service<'_>, request: &Request) -> (Response, usize) {
    if request.target.split('?').next() == Some("$batch") {
        return batch::run(service, request);
    }
    request.body.read_ahead();
    if changes_definitions(service, request) {
        return (definitions::write(service, &mut service.organization.data(), request), 1);
    }
    let data = service.organization.data();
    (answer(service, &data, request), 1)
}

/// Says how far a background operation is; its id is the target of the request.
pub(crate) fn serve_status(service: &Service<'_>, request: &Request) -> (Response, usize) {
    let data = service.organization.data();
    let result = caller::session(service, &data, request).and_then(|session| background::status(&session, request));
    (result.unwrap_or_else(|error| Response::error(&error, &Prefer::of(request))), 1)
}

/// Whether a request is to be handled by [`definitions::write`].
pub(super) fn changes_definitions(service: &Service<'_>, request: &Request) -> bool {
    request.method != "GET" && definitions::concerns(service.relative(&request.target))
}

/// Performs one operation in a transaction of its own, or as a part of the one around it.
pub(super) fn answer(service: &Service<'_>, data: &Data, request: &Request) -> Response {
    let result = caller::session(service, data, request).and_then(|session| {
        if request.method == "GET" {
            perform(service, &session, request)
        } else {
            data.store.atomically(|| perform(service, &session, request))
        }
    });
    result.unwrap_or_else(|error| Response::error(&error, &Prefer::of(request)))
}

/// What an operation is about: its decoded query, its preferences, the tables it names.
pub(super) struct Operation<'a> {
    pub(super) request: &'a Request,
    pub(super) prefer: Prefer,
    /// The query as it was sent.
    pub(super) raw_query: &'a str,
    pub(super) pairs: Vec<(String, String)>,
}

fn perform(service: &Service<'_>, session: &Session<'_>, request: &Request) -> ApiResult<Response> {
    let target = service.references.resolve(service.relative(&request.target))?;
    if target.len() > MAX_URL_IN_BATCH {
        return Err(ApiError::new(414, "0x80040203", "The request URL is too long."));
    }
    let target = service.relative(&target);
    let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let operation = Operation { request, prefer: Prefer::of(request), raw_query, pairs: form_pairs(raw_query) };
    let watchful;
    let session = if detects_duplicates(request) {
        watchful = Session { detect_duplicates: true, ..session.clone() };
        &watchful
    } else {
        session
    };
    if request.method == "GET" && definitions::concerns(path) {
        definitions::check_read(session, path, raw_query)?;
        return definitions::read(service, &session.data.schema, path, raw_query);
    }
    let segments = segments(path)?;
    let method = request.method.as_str();
    match segments.as_slice() {
        [] => resource::get(service, session, &segments, &operation),
        [only] => one_segment(service, session, &operation, only),
        [first, second] => {
            let table = set(session, first)?;
            match (&first.key, second.name.as_str(), method) {
                (None, name, "POST") if name.starts_with(CRM) => perhaps_later(service, session, &operation, || {
                    bulk::run(service, session, &table, &name[CRM.len()..], &operation)
                }),
                (Some(key), name, "POST") if name.starts_with(CRM) => {
                    let key = row_key(&table, key)?;
                    perhaps_later(service, session, &operation, || {
                        messages::bound(service, session, &table, &key, second, &operation)
                    })
                }
                (Some(key), name, "GET") if messages::is_bound_function(name) => {
                    let key = row_key(&table, key)?;
                    messages::bound(service, session, &table, &key, second, &operation)
                }
                (_, _, "GET") => resource::get(service, session, &segments, &operation),
                (Some(key), name, _) if second.key.is_none() => {
                    let key = row_key(&table, key)?;
                    match method {
                        "POST" => references::create_in(service, session, &table, &key, name, &operation),
                        "PUT" => match references::put_parties(service, session, &table, &key, name, &operation)? {
                            Some(response) => Ok(response),
                            None => write::put_property(service, session, &table, &key, name, &operation),
                        },
                        "PATCH" if let Some(column) = files::column(&table, name) => {
                            files::upload(service, session, &table, &key, column, &operation)
                        }
                        "DELETE" if let Some(column) = files::column(&table, name) => {
                            files::remove(session, &table, &key, column, request)
                        }
                        "DELETE" => write::delete_property(session, &table, &key, name, &operation),
                        _ => Err(refused(method, &second.name)),
                    }
                }
                _ => Err(ApiError::no_segment(&second.name)),
            }
        }
        _ if method == "GET" => resource::get(service, session, &segments, &operation),
        [first, second, third] if third.name == "$ref" => {
            let table = set(session, first)?;
            let key = row_key(&table, first.key.as_deref().ok_or_else(|| ApiError::no_segment("$ref"))?)?;
            references::write(service, session, &table, &key, second, &operation)
        }
        [.., last] => Err(ApiError::no_segment(&last.name)),
    }
}

/// Detection is off unless a request turns its suppression off.
fn detects_duplicates(request: &Request) -> bool {
    request.header("mscrm.suppressduplicatedetection").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

fn one_segment(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
    segment: &Segment,
) -> ApiResult<Response> {
    let method = operation.request.method.as_str();
    let Ok(table) = set(session, segment) else {
        return perhaps_later(service, session, operation, || messages::unbound(service, session, segment, operation));
    };
    let Some(key) = &segment.key else {
        return match method {
            "GET" => resource::get(service, session, std::slice::from_ref(segment), operation),
            "POST" => write::create(service, session, &table, operation),
            _ => Err(refused(method, &segment.name)),
        };
    };
    if method == "GET" {
        return resource::get(service, session, std::slice::from_ref(segment), operation);
    }
    let key = row_key(&table, key)?;
    match method {
        "PATCH" if table.addressable => write::patch(service, session, &table, &key, &segment_text(segment), operation),
        "PATCH" => Err(unsupported(&table, "Update")),
        "DELETE" => write::delete(session, &table, &key, operation),
        _ => Err(refused(method, &segment.name)),
    }
}

/// Does the work of a message, or only takes it on, if the caller does not want to wait.
fn perhaps_later(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
    work: impl FnOnce() -> ApiResult<Response>,
) -> ApiResult<Response> {
    if background::asked(operation.request) { background::run(session, &service.root, operation, work) } else { work() }
}

fn segment_text(segment: &Segment) -> String {
    format!("{}({})", segment.name, segment.key.as_deref().unwrap_or_default())
}

fn set(session: &Session<'_>, segment: &Segment) -> ApiResult<Arc<Table>> {
    session.data.schema.set(&segment.name).cloned().ok_or_else(|| ApiError::no_segment(&segment.name))
}

fn refused(method: &str, resource: &str) -> ApiError {
    ApiError::method_not_allowed(format!(
        "The requested resource '{resource}' does not support http method '{method}'."
    ))
}
