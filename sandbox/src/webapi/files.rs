//! Files in columns, by their own URLs ("Use file column data"): in one request, or in parts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::address::{RowKey, absent, find};
use super::conditions::Precondition;
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text};
use super::uri::encode;
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{File, Place, Session};
use crate::value::Value;

/// The most bytes that one request may bring.
const MAX_SINGLE: usize = 128 * 1024 * 1024;
/// How many bytes a part of a file had best have.
const CHUNK: usize = 4_194_304;
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// What the parts of an upload have in common; clients carry it from one request to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    /// Names the parts.
    pub(super) id: Uuid,
    pub(super) table: String,
    pub(super) row: Uuid,
    pub(super) column: String,
    pub(super) name: String,
}

impl Upload {
    pub(super) fn to_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_string(self).unwrap_or_default())
    }

    pub(super) fn of_token(token: &str) -> ApiResult<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let upload = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        upload.ok_or_else(|| ApiError::invalid_argument("The file continuation token is not valid."))
    }
}

/// The type that the name of a file stands for.
pub(super) fn mime_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "txt" => "text/plain",
        "csv" => "text/csv",
        "htm" | "html" => "text/html",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "xml" => "text/xml",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        _ => UNKNOWN_TYPE,
    }
}

/// The column for files that a name means.
pub(super) fn column(table: &Table, name: &str) -> Option<usize> {
    table.column(name).filter(|column| table.columns[*column].file.is_some())
}

/// `PATCH /accounts(id)/new_document`: a whole file, the announcement of its parts, or one of them.
pub(super) fn upload(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    column: usize,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let request = operation.request;
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    Precondition::of(request).check_write(table, &row)?;
    let place = Place { table, row: &row, column };
    let option = |name: &str| operation.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    if let Some(token) = option("sessiontoken") {
        return part(session, &place, &Upload::of_token(&token)?, request);
    }
    let name = request.header("x-ms-file-name").map(str::to_owned).or_else(|| option("x-ms-file-name"));
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::invalid_argument("The file name is missing: x-ms-file-name."))?;
    if request.header("x-ms-transfer-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("chunked")) {
        let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
        let definition = &table.columns[column].logical;
        let (table, column) = (table.logical.clone(), definition.clone());
        let upload = Upload { id: Uuid::now_v7(), table, row: id, column, name };
        let location =
            format!("{}/{}({id})/{definition}?sessiontoken={}", service.root, place.table.set, upload.to_token());
        return Ok(Response::empty(200)
            .with("Accept-Ranges", "bytes")
            .with("Location", location)
            .with("x-ms-chunk-size", CHUNK.to_string())
            .with("Access-Control-Expose-Headers", "x-ms-chunk-size"));
    }
    let body = request.body.bytes();
    if body.len() > MAX_SINGLE {
        return Err(ApiError::new(413, "0x80044a02", "Attachment file size is too big."));
    }
    let mime =
        request.header("content-type").filter(|mime| *mime != UNKNOWN_TYPE).unwrap_or(mime_type(&name)).to_owned();
    session.put_file(&place, &File { name, mime, body: body.to_vec() })?;
    Ok(Response::empty(204))
}

/// A part of a file, with its place in the whole: `Content-Range: bytes 0-4194303/25870370`.
fn part(session: &Session<'_>, place: &Place<'_>, upload: &Upload, request: &Request) -> ApiResult<Response> {
    let range = request.header("content-range").and_then(content_range);
    let (first, last, size) =
        range.ok_or_else(|| ApiError::invalid_argument("The header Content-Range is missing or invalid."))?;
    let bytes = request.body.bytes();
    if last - first + 1 != bytes.len() {
        return Err(ApiError::invalid_argument("The header Content-Range does not fit the length of the content."));
    }
    let store = &session.data.store;
    store.put_block(upload.id, &first.to_string(), bytes)?;
    if last + 1 < size {
        return Ok(Response::empty(206));
    }
    let mut body = Vec::with_capacity(size);
    while body.len() < size {
        let block = store.block(upload.id, &body.len().to_string())?;
        let block = block.ok_or_else(|| ApiError::invalid_argument("A part of the file is missing."))?;
        body.extend_from_slice(&block);
    }
    store.drop_blocks(upload.id)?;
    let mime = mime_type(&upload.name).to_owned();
    session.put_file(place, &File { name: upload.name.clone(), mime, body })?;
    Ok(Response::empty(204))
}

/// First and last byte, and the size of the whole.
fn content_range(text: &str) -> Option<(usize, usize, usize)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first, last, size))
}

/// The bytes that `Range: bytes=0-4194303` asks for; the end may lie beyond that of the file.
fn asked(request: &Request, size: usize) -> ApiResult<Option<std::ops::Range<usize>>> {
    let Some(text) = request.header("range") else { return Ok(None) };
    let parsed = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let first: usize = first.parse().ok()?;
        let last = if last.is_empty() { size } else { last.parse::<usize>().ok()?.checked_add(1)? };
        (first < last && first < size).then(|| first..last.min(size))
    };
    parsed().map(Some).ok_or_else(|| ApiError::new(416, "0x80040203", "The requested range is not satisfiable."))
}

/// `GET /accounts(id)/new_document/$value`: the bytes. `GET /accounts(id)/new_document`: the same in JSON.
pub(super) fn download(
    service: &Service<'_>,
    session: &Session<'_>,
    place: &Place<'_>,
    raw: bool,
    request: &Request,
) -> ApiResult<Response> {
    let Value::Id(id) = &place.row[place.column] else { return Ok(Response::empty(204)) };
    let Some(file) = session.file(*id)? else { return Ok(Response::empty(204)) };
    let range = asked(request, file.body.len())?;
    let bytes = range.clone().map_or(file.body.as_slice(), |range| &file.body[range]);
    let mut response = if raw {
        let mut response = Response::empty(200).with("Content-Type", UNKNOWN_TYPE).with_body(bytes.to_vec());
        if range.is_some() {
            response.status = 206;
        }
        response
    } else {
        let owner = place.row[place.table.id].id().unwrap_or_default();
        let name = &place.table.columns[place.column].logical;
        let mut body = String::from("{");
        write_name(&mut body, "@odata.context");
        write_text(&mut body, &format!("{}/$metadata#{}({owner})/{name}", service.root, place.table.set));
        write_name(&mut body, "value");
        write_text(&mut body, &STANDARD.encode(bytes));
        body.push('}');
        Response::json(200, body)
    };
    if let Some(range) = &range {
        let whole = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), file.body.len());
        response = response.with("Content-Range", whole).with("x-ms-chunk-size", CHUNK.to_string());
    }
    // Headers are ASCII; other names are percent-encoded.
    let name = if file.name.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        file.name.clone()
    } else {
        encode(&file.name)
    };
    let exposed = if range.is_some() {
        "x-ms-file-size; x-ms-file-name; x-ms-chunk-size; mimetype"
    } else {
        "x-ms-file-size; x-ms-file-name; mimetype"
    };
    Ok(response
        .with("x-ms-file-size", file.body.len().to_string())
        .with("x-ms-file-name", name.clone())
        .with("mimetype", file.mime)
        .with("Content-Disposition", format!("attachment; filename=\"{}\"", name.replace('"', "")))
        .with("Access-Control-Expose-Headers", exposed))
}

/// `DELETE /accounts(id)/new_document`
pub(super) fn remove(
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    column: usize,
    request: &Request,
) -> ApiResult<Response> {
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    Precondition::of(request).check_write(table, &row)?;
    session.remove_file(&Place { table, row: &row, column })?;
    Ok(Response::empty(204))
}
