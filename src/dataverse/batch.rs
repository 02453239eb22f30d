//! `$batch` (Microsoft: "Execute batch operations using the Web API"): many requests in one call, an outcome for each.

use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::{Columns, Error, ServiceError, client::retry_after, query};

/// The most requests one `$batch` may carry.
pub const MAX_PARTS: usize = 1_000;

/// One request of a batch.
#[derive(Debug, Clone)]
pub struct Part {
    method: &'static str,
    /// Set and query, relative to the Web API's root, or absolute (a next link).
    path: String,
    if_match: Option<String>,
    page_size: Option<u32>,
    /// FetchXML, whose pages follow each other by a cookie.
    fetch: bool,
    detect_duplicates: bool,
    body: Option<Columns>,
}

impl Part {
    pub fn get(path: String) -> Self {
        Self {
            method: "GET",
            path,
            if_match: None,
            page_size: None,
            fetch: false,
            detect_duplicates: false,
            body: None,
        }
    }

    /// A read in pages of this size; the answer's `@odata.nextLink` leads on.
    pub fn page(path: String, size: u32) -> Self {
        Self { page_size: Some(size), ..Self::get(path) }
    }

    /// A page of FetchXML, with what leads on (Microsoft: "Page results using FetchXml").
    pub fn fetch(set: &str, xml: &str) -> Self {
        Self { fetch: true, ..Self::get(format!("{set}?fetchXml={}", query::encode(xml))) }
    }

    pub fn create(set: &str, columns: Columns) -> Self {
        Self { method: "POST", body: Some(columns), ..Self::get(set.to_owned()) }
    }

    /// An update of a row that is still at this version.
    pub fn update(set: &str, id: uuid::Uuid, etag: &str, columns: Columns) -> Self {
        Self {
            method: "PATCH",
            if_match: Some(etag.to_owned()),
            body: Some(columns),
            ..Self::get(format!("{set}({id})"))
        }
    }

    /// Asks the published duplicate detection rules, which is off otherwise (Microsoft: "Detect duplicate data using the Web API").
    pub fn detecting_duplicates(self, detect: bool) -> Self {
        Self { detect_duplicates: detect, ..self }
    }

    pub fn delete(path: String) -> Self {
        Self { method: "DELETE", ..Self::get(path) }
    }

    fn write(&self, root: &str, into: &mut String) {
        let url = if self.path.starts_with("http") { self.path.clone() } else { format!("{root}{}", self.path) };
        into.push_str("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n");
        into.push_str(&format!("{} {url} HTTP/1.1\r\nAccept: application/json\r\n", self.method));
        if let Some(etag) = &self.if_match {
            into.push_str(&format!("If-Match: {etag}\r\n"));
        }
        if self.detect_duplicates {
            into.push_str("MSCRM.SuppressDuplicateDetection: false\r\n");
        }
        if let Some(size) = self.page_size {
            into.push_str(&format!("Prefer: odata.maxpagesize={size},odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"\r\n"));
        }
        if self.fetch {
            into.push_str("Prefer: odata.include-annotations=\"Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords\"\r\n");
        }
        match &self.body {
            None => into.push_str("\r\n"),
            Some(columns) => {
                let json = Value::Object(columns.clone()).to_string();
                into.push_str(&format!("Content-Type: application/json; type=entry\r\n\r\n{json}"));
            }
        }
        into.push_str("\r\n");
    }
}

/// The outcome of one request of a batch: its JSON body (null if there is none), or the error.
pub type Answer = Result<Value, ServiceError>;

/// The body of a batch. Every line ends with CRLF, the last one too: Dataverse refuses anything else.
pub(super) fn write(boundary: &str, root: &str, parts: &[Part]) -> String {
    let mut body = String::new();
    for part in parts {
        body.push_str(&format!("--{boundary}\r\n"));
        part.write(root, &mut body);
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    body
}

/// Reads a batch's answer, one outcome for each request, in their order.
pub(super) async fn read(content_type: &str, body: Bytes) -> Result<Vec<Answer>, Error> {
    let boundary = multer::parse_boundary(content_type.replacen("multipart/mixed", "multipart/form-data", 1))
        .map_err(|_| Error::Protocol("the batch answer names no boundary"))?;
    let mut multipart = multer::Multipart::new(stream::iter([Ok::<_, std::io::Error>(body)]), boundary);
    let mut answers = Vec::new();
    loop {
        let part = multipart.next_field().await.map_err(|_| Error::Protocol("the batch answer is not multipart"))?;
        let Some(part) = part else { return Ok(answers) };
        let bytes = part.bytes().await.map_err(|_| Error::Protocol("a part of the batch answer is cut off"))?;
        answers.push(read_part(&bytes)?);
    }
}

/// A part is an HTTP answer in itself.
fn read_part(bytes: &[u8]) -> Result<Answer, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        // Without headers some answers lack the empty line that ends them.
        Ok(httparse::Status::Partial) if response.code.is_some() => bytes.len(),
        _ => return Err(Error::Protocol("a part of the batch answer is not an HTTP answer")),
    };
    let status = response.code.unwrap_or_default();
    let body = &bytes[head..];
    if (200..300).contains(&status) {
        let value = if body.trim_ascii().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).map_err(|_| Error::Protocol("a part of the batch answer is not JSON"))?
        };
        return Ok(Ok(value));
    }
    let wait = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("retry-after"))
        .and_then(|header| retry_after(std::str::from_utf8(header.value).ok()?));
    Ok(Err(ServiceError::read(status, wait, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf_and_conditions_travel() {
        let mut columns = Columns::new();
        columns.insert("jobtitle".into(), "Head\r\nof".into());
        let parts =
            [Part::page("contacts?$top=1".into(), 5), Part::update("leads", uuid::Uuid::nil(), "W/\"5\"", columns)];
        let body = write("b", "/api/data/v9.2/", &parts);
        assert!(!body.replace("\r\n", "").contains(['\r', '\n']));
        assert!(body.contains("PATCH /api/data/v9.2/leads(00000000-0000-0000-0000-000000000000) HTTP/1.1\r\n"));
        assert!(body.contains("If-Match: W/\"5\"\r\n"));
        assert!(body.ends_with("--b--\r\n"));
    }

    #[tokio::test]
    async fn outcomes_come_in_order() {
        let body = "--r\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n\
            --r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\n{\"error\":{\"code\":\"0x80072322\",\"message\":\"m\"}}\r\n\
            --r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"value\":[]}\r\n--r--\r\n";
        let answers = read("multipart/mixed; boundary=r", Bytes::from(body)).await.unwrap();
        assert_eq!(answers.len(), 3);
        assert_eq!(answers[0], Ok(Value::Null));
        let error = answers[1].clone().unwrap_err();
        assert_eq!(
            (error.status, error.code, error.retry_after.map(|d| d.as_secs())),
            (429, Some(0x8007_2322), Some(7))
        );
        assert_eq!(answers[2], Ok(serde_json::json!({"value": []})));
        assert!(read("multipart/mixed", Bytes::new()).await.is_err());
        assert!(read("multipart/mixed; boundary=r", Bytes::from("--r\r\n\r\nnonsense\r\n--r--")).await.is_err());
    }
}
