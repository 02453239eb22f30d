//! The JSON that tells the handler of a call (azure-functions-host 4.1037, seen).
//!
//! Values that are no object are JSON texts inside JSON strings: the message `hello` arrives as `"\"hello\""`.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    query::Query,
    text_forms,
    wire::{Headers, Request},
};
use crate::queue::Message;

/// What the host knows of every call.
#[derive(Debug, Clone)]
pub(super) struct CallContext<'a> {
    pub(super) function: &'a str,
    pub(super) now: Timestamp,
    pub(super) random: uuid::Uuid,
}

/// `Metadata`: names are compared without regard to case, and the first spelling stays.
#[derive(Debug, Default)]
pub(super) struct Metadata(Vec<(String, Value)>);

impl Metadata {
    fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn system(&mut self, context: &CallContext<'_>) {
        let sys = json!({
            "MethodName": context.function,
            "UtcNow": text_forms::utc_time(context.now),
            "RandGuid": context.random.to_string(),
        });
        self.set("sys", sys);
    }

    /// Copies the properties of a JSON object, which may replace what is there. Text that is no object adds nothing.
    fn copy_properties(&mut self, text: &str) {
        let Ok(Value::Object(properties)) = serde_json::from_str(text) else { return };
        for (name, value) in properties {
            match value {
                Value::Null | Value::Array(_) => {}
                Value::Object(_) => self.set(&name, value),
                scalar => self.set(&name, quoted(&text_forms::token(&scalar))),
            }
        }
    }

    fn into_json(self) -> Value {
        // What ends like this is taken for the trigger's own value, which stands in Data.
        let kept = self.0.into_iter().filter(|(name, _)| !name.to_ascii_lowercase().ends_with("trigger"));
        Value::Object(kept.collect())
    }
}

/// The body of a call by a queue message. `binary` is the binding's `dataType`.
///
/// # Errors
/// When the message is to be handed over as text and is not UTF-8; the handler is not called then.
pub(super) fn queue_call(
    context: &CallContext<'_>,
    binding: &str,
    binary: bool,
    message: &Message,
    content: &[u8],
) -> Result<Value, std::str::Utf8Error> {
    let mut metadata = Metadata::default();
    metadata.set("DequeueCount", json!(message.dequeue_count.to_string()));
    metadata.set("ExpirationTime", json!(text_forms::whole_seconds(message.expires)));
    metadata.set("Id", quoted(&message.id));
    metadata.set("InsertionTime", json!(text_forms::whole_seconds(message.inserted)));
    metadata.set("NextVisibleTime", json!(text_forms::whole_seconds(message.next_visible)));
    metadata.set("PopReceipt", quoted(&message.receipt.pop_receipt));
    metadata.system(context);
    let data = if binary {
        Value::String(STANDARD.encode(content))
    } else {
        let text = std::str::from_utf8(content)?;
        metadata.copy_properties(text);
        quoted(text)
    };
    Ok(json!({"Data": one(binding, data), "Metadata": metadata.into_json()}))
}

/// What the host knows of an HTTP request before it describes it.
#[derive(Debug)]
pub(super) struct HttpCall<'a> {
    pub(super) request: &'a Request,
    /// In the order in which the web server lists them.
    pub(super) headers: &'a Headers,
    pub(super) query: &'a Query,
    /// Route parameters, in template order.
    pub(super) route: &'a [(String, String)],
}

/// The body of a call by an HTTP request in the described mode.
pub(super) fn http_call(context: &CallContext<'_>, binding: &str, call: &HttpCall<'_>) -> Value {
    let HttpCall { request, headers, query, route } = call;
    let host = headers.get("host").unwrap_or_default();
    let mut described = Map::new();
    described.insert("Url".into(), json!(format!("http://{host}{}", request.target)));
    described.insert("Method".into(), json!(request.method));
    described.insert("Query".into(), Value::Object(query.joined().map(|(name, value)| (name, json!(value))).collect()));
    let mut lists: Map<String, Value> = Map::new();
    for (name, value) in &headers.0 {
        match lists.entry(name.clone()).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(json!(value)),
            _ => unreachable!("only arrays are put in"),
        }
    }
    described.insert("Headers".into(), Value::Object(lists));
    described.insert("Params".into(), route.iter().map(|(name, value)| (name.clone(), json!(value))).collect());
    described.insert("Identities".into(), json!([anonymous_identity()]));
    let text = request.has_counted_body().then(|| String::from_utf8_lossy(&request.body));
    if let Some(text) = &text {
        let body =
            if is_binary(headers.get("content-type")) { STANDARD.encode(&request.body) } else { text.to_string() };
        described.insert("Body".into(), json!(body));
    }
    let mut metadata = Metadata::default();
    if let Some(text) = &text {
        metadata.copy_properties(text);
    }
    // The key is no data.
    for (name, value) in query.last().filter(|(name, _)| !name.eq_ignore_ascii_case("code")) {
        metadata.set(name, quoted(value));
    }
    for (name, value) in *route {
        metadata.set(name, quoted(value));
    }
    metadata.set("Query", query.last().map(|(name, value)| (name.to_owned(), json!(value))).collect());
    metadata.set("Headers", headers.0.iter().map(|(name, value)| (name.clone(), json!(value))).collect());
    metadata.system(context);
    json!({"Data": one(binding, Value::Object(described)), "Metadata": metadata.into_json()})
}

/// What a timer tells the handler.
#[derive(Debug)]
pub(super) struct TimerCall {
    pub(super) adjusts_for_dst: bool,
    /// `null` for a timer that is not monitored.
    pub(super) status: Value,
    pub(super) past_due: bool,
    /// `null` on the first try.
    pub(super) retry: Value,
}

/// The body of a call by a timer.
pub(super) fn timer_call(context: &CallContext<'_>, binding: &str, call: &TimerCall) -> Value {
    let mut metadata = Metadata::default();
    metadata.system(context);
    if !call.retry.is_null() {
        metadata.set("RetryContext", call.retry.clone());
    }
    let data = json!({
        "Schedule": {"AdjustForDST": call.adjusts_for_dst},
        "ScheduleStatus": call.status,
        "IsPastDue": call.past_due,
    });
    json!({"Data": one(binding, data), "Metadata": metadata.into_json()})
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// The text as JSON, in a JSON string.
fn quoted(text: &str) -> Value {
    Value::String(Value::from(text).to_string())
}

/// Whether a body of this type is handed over as base64 instead of text.
fn is_binary(content_type: Option<&str>) -> bool {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/octet-stream" || media_type.starts_with("multipart/")
}

fn anonymous_identity() -> Value {
    json!({
        "AuthenticationType": null,
        "IsAuthenticated": false,
        "Actor": null,
        "BootstrapContext": null,
        "Claims": [],
        "Label": null,
        "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Receipt;

    fn call(text: &str) -> Value {
        let context = CallContext { function: "Q", now: Timestamp::UNIX_EPOCH, random: uuid::Uuid::nil() };
        let message = Message {
            id: "the-id".into(),
            text: text.into(),
            dequeue_count: 1,
            inserted: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            next_visible: Timestamp::UNIX_EPOCH,
            receipt: Receipt { message_id: "the-id".into(), pop_receipt: "r".into() },
        };
        queue_call(&context, "msg", false, &message, text.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn message_properties_replace_the_systems_of_the_same_name_in_any_case() {
        let body = call(r#"{"id": "mine", "DEQUEUECOUNT": 9, "sys": {"a": 1}, "ok": true}"#);
        let metadata = &body["Metadata"];
        assert_eq!(metadata["Id"], r#""mine""#);
        assert_eq!(metadata["DequeueCount"], r#""9""#);
        assert_eq!(metadata["sys"], json!({"a": 1}));
        assert_eq!(metadata["ok"], r#""True""#);
        assert!(metadata.get("id").is_none());
    }

    #[test]
    fn arrays_nulls_and_names_ending_in_trigger_are_not_copied() {
        let metadata = call(r#"{"list": [1], "none": null, "MyTrigger": "x", "kept": 1.5}"#)["Metadata"].clone();
        assert_eq!(metadata["kept"], r#""1.5""#);
        for name in ["list", "none", "MyTrigger"] {
            assert!(metadata.get(name).is_none(), "{name}");
        }
    }

    #[test]
    fn octet_streams_and_multiparts_are_binary_and_images_are_not() {
        for (content_type, binary) in [
            (Some("application/octet-stream"), true),
            (Some("Multipart/form-data; boundary=x"), true),
            (Some("image/png"), false),
            (Some("application/json"), false),
            (None, false),
        ] {
            assert_eq!(is_binary(content_type), binary, "{content_type:?}");
        }
    }
}
