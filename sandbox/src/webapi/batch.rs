//! `$batch` ("Execute batch operations using the Web API").

use uuid::Uuid;

use super::definitions;
use super::dispatch::{Service, answer, changes_definitions};
use super::multipart::{Element, Part, boundary, parse, write_end, write_part};
use super::prefer::Prefer;
use super::{Request, Response};
use crate::errors::ApiError;

/// The most operations a batch may have.
const MAX_OPERATIONS: usize = 1000;

/// An operation's answer, and the name it was given.
type Answered = (Option<String>, Response);

/// Runs a batch; the second value is the number of operations that were performed.
pub(super) fn run(service: &Service<'_>, request: &Request) -> (Response, usize) {
    let prefer = Prefer::of(request);
    if request.method != "POST" {
        let message = format!("The requested resource does not support http method '{}'.", request.method);
        return (Response::error(&ApiError::method_not_allowed(message), &prefer), 1);
    }
    let Some(delimiter) = request.header("content-type").and_then(boundary) else {
        let message = "The content type of a batch request must be 'multipart/mixed' with a boundary.";
        return (Response::error(&ApiError::query(message), &prefer), 1);
    };
    let Ok(elements) = parse(request.body.bytes(), &delimiter) else {
        let inner = "System.ArgumentException: Stream was not readable.";
        return (refused(&ApiError::payload("$batch", inner), &prefer), 1);
    };
    let size: usize =
        elements.iter().map(|element| if let Element::ChangeSet(parts) = element { parts.len() } else { 1 }).sum();
    if size > MAX_OPERATIONS {
        let message = format!("The number of requests in the batch ({size}) exceeds the maximum of {MAX_OPERATIONS}.");
        return (refused(&ApiError::query(message), &prefer), 1);
    }

    let outer = format!("batchresponse_{}", Uuid::new_v4());
    let mut body = Vec::new();
    let (mut status, mut performed) = (200, 0);
    for element in elements {
        let failed = match element {
            Element::Single(part) => {
                performed += 1;
                let (id, response) = single(service, &part);
                write_part(&mut body, &outer, id.as_deref(), &response);
                (response.status >= 400).then_some(response.status)
            }
            Element::ChangeSet(parts) => {
                performed += parts.len();
                let (answers, failed) = change_set(service, &parts);
                write_change_set(&mut body, &outer, &answers);
                failed
            }
        };
        if let Some(failed) = failed.filter(|_| !prefer.continue_on_error) {
            status = failed;
            break;
        }
    }
    write_end(&mut body, &outer);
    (multipart(status, &outer, body), performed)
}

fn multipart(status: u16, boundary: &str, body: Vec<u8>) -> Response {
    let content_type = format!("multipart/mixed; boundary={boundary}");
    Response::empty(status).with("Content-Type", content_type).with_body(body)
}

/// A batch that could not be read is answered by one part.
fn refused(error: &ApiError, prefer: &Prefer) -> Response {
    let outer = format!("batchresponse_{}", Uuid::new_v4());
    let mut body = Vec::new();
    write_part(&mut body, &outer, None, &dressed(Response::error(error, prefer)));
    write_end(&mut body, &outer);
    multipart(error.status, &outer, body)
}

/// The headers that an answer has inside a batch only.
fn dressed(response: Response) -> Response {
    if response.status >= 400 {
        return response.with("REQ_ID", Uuid::new_v4().to_string());
    }
    match response.headers.iter().find(|(name, _)| *name == "OData-EntityId").map(|(_, url)| url.clone()) {
        Some(url) => response.with("Location", url),
        None => response,
    }
}

fn single(service: &Service<'_>, part: &Part) -> Answered {
    service.references.forget();
    part.request.body.read_ahead();
    let response = match checked(service, part) {
        Ok(()) if changes_definitions(service, &part.request) => {
            definitions::write(service, &mut service.organization.data(), &part.request)
        }
        Ok(()) => {
            let data = service.organization.data();
            answer(service, &data, &part.request)
        }
        Err(error) => Response::error(&error, &Prefer::of(&part.request)),
    };
    (part.content_id.clone(), dressed(response))
}

/// Refuses a batch within a batch, and what a fault was ordered for.
fn checked(service: &Service<'_>, part: &Part) -> Result<(), ApiError> {
    if service.relative(&part.request.target).starts_with("$batch") {
        return Err(ApiError::query("Batch requests can't contain other batch requests."));
    }
    let path = part.request.target.split('?').next().unwrap_or_default();
    match service.organization.faults.meet_part(path, service.organization.now()).and_then(|fault| fault.error()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Performs operations that succeed or fail together. If one fails, its answer is the only one.
fn change_set(service: &Service<'_>, parts: &[Part]) -> (Vec<Answered>, Option<u16>) {
    service.references.forget();
    parts.iter().for_each(|part| part.request.body.read_ahead());
    let data = service.organization.data();
    let result: Result<Vec<Answered>, Failed> = data.store.atomically(|| {
        let mut answers = Vec::with_capacity(parts.len());
        for part in parts {
            let error = if part.request.method == "GET" {
                Err(ApiError::query("A GET request is not allowed in a change set."))
            } else {
                checked(service, part)
            };
            let response = match error {
                Ok(()) => answer(service, &data, &part.request),
                Err(error) => Response::error(&error, &Prefer::of(&part.request)),
            };
            if response.status >= 400 {
                return Err(Failed(part.content_id.clone(), dressed(response)));
            }
            if let (Some(id), Some(url)) = (&part.content_id, &response.row) {
                service.references.remember(id, url);
            }
            answers.push((part.content_id.clone(), dressed(response)));
        }
        Ok(answers)
    });
    service.references.forget();
    match result {
        Ok(answers) => (answers, None),
        Err(Failed(id, response)) => {
            let status = response.status;
            (vec![(id, response)], Some(status))
        }
    }
}

/// The operation that brought a change set down.
struct Failed(Option<String>, Response);

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Failed(None, Response::error(&error.into(), &Prefer::default()))
    }
}

fn write_change_set(out: &mut Vec<u8>, outer: &str, answers: &[Answered]) {
    let inner = format!("changesetresponse_{}", Uuid::new_v4());
    out.extend_from_slice(format!("--{outer}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n").as_bytes());
    for (id, response) in answers {
        write_part(out, &inner, id.as_deref(), response);
    }
    write_end(out, &inner);
    out.extend_from_slice(b"\r\n");
}
