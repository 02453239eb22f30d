//! Files in columns, by messages: blocks that are put together at the end, and blocks of what is there.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::parameters::{required, row_of};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{File, Place, Right, Session, normal_id};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::files::{Upload, column, mime_type};
use crate::webapi::payload::object;

/// The most bytes of a block.
const MAX_BLOCK: usize = 4 * 1024 * 1024;

/// A row that a message names with one of its columns for files.
struct Named<'s> {
    table: &'s Arc<Table>,
    row: Vec<Value>,
    column: usize,
}

fn named<'s>(session: &'s Session<'_>, table: &str, id: Uuid, name: &str) -> ApiResult<Named<'s>> {
    let table = session.data.schema.table(table).ok_or_else(|| required("Target"))?;
    let column = column(table, name).ok_or_else(|| required("FileAttributeName"))?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    session.check_row(Right::Read, table, &row)?;
    Ok(Named { table, row, column })
}

fn text<'b>(body: &'b Map<String, Json>, name: &str) -> ApiResult<&'b str> {
    body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()).ok_or_else(|| required(name))
}

fn target<'s>(session: &'s Session<'_>, body: &Map<String, Json>) -> ApiResult<(Uuid, Named<'s>)> {
    let (table, id) = row_of(session, body, "Target")?.ok_or_else(|| required("Target"))?;
    Ok((id, named(session, &table.logical, id, text(body, "FileAttributeName")?)?))
}

fn answer(service: &Service<'_>, message: &str, mut body: Json) -> Response {
    body["@odata.context"] = format!("{}/$metadata#Microsoft.Dynamics.CRM.{message}Response", service.root).into();
    Response::json(200, body.to_string())
}

/// `POST /InitializeFileBlocksUpload {"Target", "FileName", "FileAttributeName"}`
pub(super) fn begin_upload(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object("InitializeFileBlocksUpload", &operation.request.body)?;
    let (row, Named { table, column, .. }) = target(session, &body)?;
    let upload = Upload {
        id: Uuid::now_v7(),
        table: table.logical.clone(),
        row,
        column: table.columns[column].logical.clone(),
        name: text(&body, "FileName")?.to_owned(),
    };
    let token = json!({ "FileContinuationToken": upload.to_token() });
    Ok(answer(service, "InitializeFileBlocksUpload", token))
}

/// `POST /UploadBlock {"BlockId", "BlockData", "FileContinuationToken"}`
pub(super) fn upload_block(session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object("UploadBlock", &operation.request.body)?;
    let upload = Upload::of_token(text(&body, "FileContinuationToken")?)?;
    let id = text(&body, "BlockId")?;
    let data = body.get("BlockData").and_then(Json::as_str).and_then(|data| STANDARD.decode(data).ok());
    let data = data.filter(|data| data.len() <= MAX_BLOCK).ok_or_else(|| required("BlockData"))?;
    session.data.store.put_block(upload.id, id, &data)?;
    Ok(Response::empty(204))
}

/// `POST /CommitFileBlocksUpload {"FileName", "MimeType", "BlockList", "FileContinuationToken"}`
pub(super) fn commit_upload(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object("CommitFileBlocksUpload", &operation.request.body)?;
    let upload = Upload::of_token(text(&body, "FileContinuationToken")?)?;
    let mut content = Vec::new();
    for block in body.get("BlockList").and_then(Json::as_array).ok_or_else(|| required("BlockList"))? {
        let name = block.as_str().ok_or_else(|| required("BlockList"))?;
        let block = session.data.store.block(upload.id, name)?;
        content.extend(block.ok_or_else(|| ApiError::invalid_argument("The specified block list is invalid."))?);
    }
    session.data.store.drop_blocks(upload.id)?;
    let size = content.len();
    let name = text(&body, "FileName").unwrap_or(&upload.name).to_owned();
    let mime = text(&body, "MimeType").unwrap_or(mime_type(&name)).to_owned();
    let Named { table, row, column } = named(session, &upload.table, upload.row, &upload.column)?;
    let id = session.put_file(&Place { table, row: &row, column }, &File { name, mime, body: content })?;
    Ok(answer(service, "CommitFileBlocksUpload", json!({ "FileId": id, "FileSizeInBytes": size })))
}

/// `POST /InitializeFileBlocksDownload {"Target", "FileAttributeName"}`
pub(super) fn begin_download(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object("InitializeFileBlocksDownload", &operation.request.body)?;
    let (owner, Named { table, row, column }) = target(session, &body)?;
    let file = row[column].id().map(|id| session.file(id)).transpose()?.flatten();
    let file = file.ok_or_else(|| {
        let name = &table.columns[column].logical;
        ApiError::new(404, "0x80040217", format!("No file attachment found for attribute: {name} EntityId: {owner}."))
    })?;
    let (table, column) = (table.logical.clone(), table.columns[column].logical.clone());
    let download = Upload { id: Uuid::nil(), table, row: owner, column, name: file.name.clone() };
    let body = json!({
        "FileSizeInBytes": file.body.len(),
        "FileName": file.name,
        "FileContinuationToken": download.to_token(),
        "IsChunkingSupported": true,
    });
    Ok(answer(service, "InitializeFileBlocksDownload", body))
}

/// `POST /DownloadBlock {"Offset", "BlockLength", "FileContinuationToken"}`
pub(super) fn download_block(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object("DownloadBlock", &operation.request.body)?;
    let download = Upload::of_token(text(&body, "FileContinuationToken")?)?;
    let Named { row, column, .. } = named(session, &download.table, download.row, &download.column)?;
    let file = row[column].id().map(|id| session.file(id)).transpose()?.flatten().ok_or_else(ApiError::unexpected)?;
    let number = |name: &str| body.get(name).and_then(Json::as_u64).and_then(|number| usize::try_from(number).ok());
    let start = number("Offset").unwrap_or(0).min(file.body.len());
    let length = number("BlockLength").ok_or_else(|| required("BlockLength"))?;
    let end = start.saturating_add(length).min(file.body.len());
    Ok(answer(service, "DownloadBlock", json!({ "Data": STANDARD.encode(&file.body[start..end]) })))
}

/// `POST /DeleteFile {"FileId"}`
pub(super) fn delete(session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object("DeleteFile", &operation.request.body)?;
    let id = body.get("FileId").and_then(Json::as_str).and_then(normal_id).ok_or_else(|| required("FileId"))?;
    let files = session.data.schema.table("fileattachment").ok_or_else(ApiError::unexpected)?;
    let row = session.find(files, id)?.ok_or_else(|| ApiError::does_not_exist(files, id))?;
    let value = |name: &str| files.column(name).map(|column| &row[column]);
    if let (Some(Value::Row(table, owner)), Some(name)) =
        (value("objectid"), value("regardingfieldname").and_then(Value::text))
    {
        let Named { table, row, column } = named(session, table, *owner, name)?;
        session.remove_file(&Place { table, row: &row, column })?;
    }
    Ok(Response::empty(204))
}
