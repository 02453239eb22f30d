//! The handler's answer to a described call, and what becomes of it (azure-functions-host 4.1037, seen).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    failure::Failure,
    function::{Output, OutputKind},
    text_forms,
    wire::{self, Response},
};

/// The name of the binding that takes the return value.
pub(super) const RETURN: &str = "$return";

/// A decoded answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// `None` if the answer has no `Outputs`.
    pub(super) outputs: Option<Map<String, Value>>,
    pub(super) return_value: Value,
    pub(super) logs: Vec<String>,
}

/// What is given to an output binding.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// A string that was valid base64.
    Bytes(Vec<u8>),
    Json(Value),
    /// What `Outputs` holds for an HTTP binding other than `$return`.
    Http(HttpOutput),
}

/// `{statusCode|status, body, headers}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HttpOutput {
    pub(super) status: u16,
    pub(super) body: HttpBody,
    pub(super) headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum HttpBody {
    Json(Value),
    Bytes(Vec<u8>),
}

/// `None` for an answer after which the real host waits for ever: success without a result.
pub(super) fn decode(response: &Response) -> Result<Option<Answer>, Failure> {
    if !(200..300).contains(&response.status) {
        return Err(Failure::Status(response.status));
    }
    if response.body.is_empty() && (response.status == 204 || response.headers.get("content-length") == Some("0")) {
        return Ok(None);
    }
    let media_type = response.headers.get("content-type").unwrap_or("application/octet-stream");
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type != "application/json" && media_type != "text/json" {
        return Err(Failure::Answer(format!(
            "No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media type '{media_type}'."
        )));
    }
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(&response.body) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Object(json)) => Answer::from_json(&json).map(Some),
        Ok(_) => Err(Failure::Answer("The answer is no JSON object.".to_owned())),
        Err(error) => Err(Failure::Answer(error.to_string())),
    }
}

impl Answer {
    fn from_json(json: &Map<String, Value>) -> Result<Self, Failure> {
        let outputs = match property(json, "Outputs") {
            None | Some(Value::Null) => None,
            Some(Value::Object(outputs)) => Some(outputs.clone()),
            Some(_) => return Err(Failure::Answer("Outputs is no object.".to_owned())),
        };
        let logs = match property(json, "Logs") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(logs)) if !logs.iter().any(|entry| entry.is_object() || entry.is_array()) => {
                logs.iter().map(text_forms::token).collect()
            }
            Some(_) => return Err(Failure::Answer("Logs is no array of strings.".to_owned())),
        };
        Ok(Self { outputs, return_value: property(json, "ReturnValue").cloned().unwrap_or_default(), logs })
    }

    /// What each output binding is given; bindings that are not mentioned, or with null, are left out.
    pub(super) fn given(&self, bindings: &[Output]) -> Result<Vec<(Output, Given)>, Failure> {
        let returns = bindings.iter().any(|binding| binding.name == RETURN);
        let mut all = Vec::new();
        for binding in bindings {
            let own = || self.outputs.as_ref().and_then(|outputs| outputs.get(&binding.name));
            let value = if binding.name == RETURN {
                given(binding, &self.return_value)
            } else if let Some(value) = self.return_value.get(&binding.name).filter(|_| !returns) {
                // Without a $return binding the properties of a returned object are outputs too, and win.
                if value.is_null() { None } else { Some(Given::Json(value.clone())) }
            } else if binding.kind == OutputKind::Http {
                match &self.outputs {
                    Some(_) => Some(Given::Http(HttpOutput::from_output(own())?)),
                    None => None,
                }
            } else {
                own().and_then(|value| given(binding, value))
            };
            if let Some(value) = value {
                all.push((binding.clone(), value));
            }
        }
        Ok(all)
    }
}

fn given(binding: &Output, value: &Value) -> Option<Given> {
    match value {
        Value::Null => None,
        // A string that happens to be base64 is taken for bytes; "test" is.
        Value::String(text) if !binding.binary => {
            Some(from_base64(text).map_or_else(|| Given::Json(value.clone()), Given::Bytes))
        }
        other => Some(Given::Json(other.clone())),
    }
}

/// .NET's decoder: standard alphabet, padding required, white space skipped.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let dense: Vec<u8> = text.bytes().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    STANDARD.decode(dense).ok()
}

/// The contents of the messages that an output makes, in order.
pub(super) fn queue_contents(given: &Given) -> Result<Vec<Vec<u8>>, Failure> {
    let whole = |value: &Value| text_forms::token(value).into_bytes();
    Ok(match given {
        Given::Bytes(bytes) => vec![bytes.clone()],
        Given::Json(Value::Array(elements)) => elements.iter().map(whole).collect(),
        // A string that looks like JSON is read as such, which splits an array.
        Given::Json(Value::String(text)) if looks_like_json(text) => match serde_json::from_str(text) {
            Ok(Value::Array(elements)) => elements.iter().map(whole).collect(),
            Ok(value) => vec![whole(&value)],
            Err(error) => return Err(Failure::Output(error.to_string())),
        },
        Given::Json(value) => vec![whole(value)],
        Given::Http(_) => Vec::new(),
    })
}

fn looks_like_json(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && text.ends_with('}') || text.starts_with('[') && text.ends_with(']')
}

impl HttpOutput {
    /// `None` is an answer whose `Outputs` don't mention the binding.
    fn from_output(value: Option<&Value>) -> Result<Self, Failure> {
        let broken = || {
            Failure::Output(
                "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format"
                    .to_owned(),
            )
        };
        let text = match value {
            None => return Ok(Self::ok(HttpBody::Json(Value::Object(Map::new())))),
            Some(value) => text_forms::token(value),
        };
        match serde_json::from_str(&text) {
            Ok(Value::Object(json)) => Self::from_object(&json).ok_or_else(broken),
            _ => Err(broken()),
        }
    }

    fn ok(body: HttpBody) -> Self {
        Self { status: 200, body, headers: Vec::new() }
    }

    fn from_object(json: &Map<String, Value>) -> Option<Self> {
        let status = property(json, "statusCode").or_else(|| property(json, "status"));
        let status = match status.map(text_forms::token) {
            Some(text) => text.trim().parse().ok().filter(|status| (100..1000).contains(status)).unwrap_or(200),
            None => 200,
        };
        let headers = match property(json, "headers") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(headers)) => {
                headers.iter().map(|(name, value)| (name.clone(), text_forms::token(value))).collect()
            }
            Some(_) => return None,
        };
        let body = HttpBody::Json(property(json, "body").cloned().unwrap_or_default());
        Some(Self { status, body, headers })
    }

    /// The value of an HTTP binding that is `$return`, or was returned under its name.
    pub(super) fn from_returned(given: &Given) -> Self {
        let json = match given {
            Given::Http(output) => return output.clone(),
            Given::Bytes(bytes) => return Self::ok(HttpBody::Bytes(bytes.clone())),
            Given::Json(Value::String(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            Given::Json(json) => json.clone(),
        };
        // An object is a response if it has a body, and a body otherwise.
        let response = json.as_object().filter(|object| property(object, "body").is_some());
        response.and_then(Self::from_object).unwrap_or_else(|| Self::ok(HttpBody::Json(json)))
    }

    /// What the client gets.
    pub(super) fn into_response(self) -> Response {
        let mut response = Response::empty(self.status);
        response.headers.remove("content-length");
        let mut content_type = None;
        for (name, value) in self.headers {
            if name.eq_ignore_ascii_case("content-type") {
                content_type = Some(value);
            } else {
                response.headers.push(&name, value);
            }
        }
        response.body = match self.body {
            HttpBody::Bytes(bytes) => bytes,
            HttpBody::Json(json) => {
                let given = content_type.unwrap_or_else(|| "text/plain".to_owned());
                content_type = Some(with_charset(given));
                text_forms::token(&json).into_bytes()
            }
        };
        if let Some(content_type) = content_type {
            response.headers.push("Content-Type", content_type);
        }
        response.headers.push("Transfer-Encoding", "chunked");
        response
    }
}

fn with_charset(content_type: String) -> String {
    if content_type.to_ascii_lowercase().contains("charset=") { content_type } else { content_type + "; charset=utf-8" }
}

/// What the client gets when no HTTP output was given: the return value itself.
pub(super) fn returned_response(value: &Value) -> Response {
    let mut response = Response::empty(200);
    response.headers.remove("content-length");
    let (content_type, body) = match value {
        Value::Null => return Response { reason: wire::reason(204).to_owned(), ..Response::empty(204) },
        Value::String(text) => ("text/plain; charset=utf-8", text.clone()),
        other => ("application/json; charset=utf-8", other.to_string()),
    };
    response.headers.push("Content-Type", content_type);
    response.headers.push("Transfer-Encoding", "chunked");
    response.body = body.into_bytes();
    response
}

/// A property by its name in any case, the exact one first.
fn property<'a>(json: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    json.get(name).or_else(|| json.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

#[cfg(test)]
mod tests;
