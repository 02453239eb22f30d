//! host.json: the part of it that changes what a handler or a caller sees.

use std::{fs, num::NonZero, path::Path, thread, time::Duration};

use serde_json::Value;

use super::timespan;

/// The most messages a storage queue hands out at once; the host refuses a larger `batchSize`.
const MAX_BATCH: u64 = 32;

/// What host.json asks for, defaults filled in.
#[derive(Debug, Clone)]
pub(super) struct HostSettings {
    /// `extensions.http.routePrefix`, default `api`, without slashes at its ends; may be empty.
    pub(super) route_prefix: String,
    /// `functionTimeout`, default 30 minutes; `None` for `-1`.
    pub(super) function_timeout: Option<Duration>,
    pub(super) queues: QueueSettings,
    pub(super) handler: HandlerSettings,
}

/// `extensions.queues`.
#[derive(Debug, Clone)]
pub(super) struct QueueSettings {
    /// How many messages are fetched at once, 1 to 32, default 16.
    pub(super) batch_size: usize,
    /// The next batch is fetched when no more than this many messages are being worked on;
    /// default half a batch for each processor.
    pub(super) new_batch_threshold: usize,
    /// The longest pause between two looks into an empty queue, default one minute.
    pub(super) max_polling_interval: Duration,
    /// How long a message stays invisible after a failed call, default zero.
    pub(super) visibility_timeout: Duration,
    /// The dequeue count at which a failed message goes to the poison queue, default 5.
    pub(super) max_dequeue_count: u32,
    pub(super) encoding: MessageEncoding,
}

/// `extensions.queues.messageEncoding`: how message bytes become queue text, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageEncoding {
    Base64,
    None,
}

/// `customHandler`.
#[derive(Debug, Clone)]
pub(super) struct HandlerSettings {
    pub(super) executable: String,
    pub(super) arguments: Vec<String>,
    pub(super) working_directory: Option<String>,
    pub(super) http: HttpMode,
}

/// How a function with exactly one HTTP trigger and one HTTP output is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpMode {
    /// Described in JSON, as every other function.
    Described,
    /// `enableForwardingHttpRequest`: the request is rebuilt and sent on.
    Forwarded,
    /// `enableProxyingHttpRequest`, which newer hosts look at first: as forwarded, but a body of unknown length passes too.
    Proxied,
}

/// host.json can't be used. The host then stays up and answers every request with 503.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {why}")]
pub(super) struct SettingsError {
    setting: &'static str,
    why: String,
}

impl HostSettings {
    pub(super) fn read(root: &Path) -> Result<Self, SettingsError> {
        let refuse = |why: String| SettingsError { setting: "host.json", why };
        let text = fs::read_to_string(root.join("host.json")).map_err(|error| refuse(error.to_string()))?;
        let json =
            serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| refuse(error.to_string()))?;
        Self::from_json(&json)
    }

    fn from_json(json: &Value) -> Result<Self, SettingsError> {
        let route_prefix = json.pointer("/extensions/http/routePrefix").and_then(Value::as_str).unwrap_or("api");
        Ok(Self {
            route_prefix: route_prefix.trim_matches('/').to_owned(),
            function_timeout: function_timeout(json)?,
            queues: QueueSettings::from_json(json.pointer("/extensions/queues").unwrap_or(&Value::Null))?,
            handler: HandlerSettings::from_json(json.get("customHandler"))?,
        })
    }
}

fn function_timeout(json: &Value) -> Result<Option<Duration>, SettingsError> {
    match json.get("functionTimeout").map(|value| value.as_str().unwrap_or_default()) {
        None => Ok(Some(Duration::from_secs(30 * 60))),
        Some("-1") => Ok(None),
        Some(text) => match timespan::parse(text) {
            Some(span) if !span.is_zero() => Ok(Some(span)),
            _ => Err(SettingsError { setting: "functionTimeout", why: format!("not a time span: {text:?}") }),
        },
    }
}

impl QueueSettings {
    fn from_json(json: &Value) -> Result<Self, SettingsError> {
        let batch_size = whole(json, "batchSize", 1..=MAX_BATCH)?.unwrap_or(16);
        let processors = thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let threshold = whole(json, "newBatchThreshold", 0..=u64::from(u32::MAX))?;
        let longest = span(json, "maxPollingInterval")?.unwrap_or(Duration::from_secs(60));
        if longest < Duration::from_millis(100) {
            return Err(SettingsError { setting: "maxPollingInterval", why: "under 100 ms".to_owned() });
        }
        Ok(Self {
            batch_size: batch_size as usize,
            new_batch_threshold: threshold.unwrap_or(batch_size / 2 * processors) as usize,
            max_polling_interval: longest,
            visibility_timeout: span(json, "visibilityTimeout")?.unwrap_or_default(),
            max_dequeue_count: whole(json, "maxDequeueCount", 1..=u64::from(u32::MAX))?.unwrap_or(5) as u32,
            encoding: match json.get("messageEncoding").map(|value| value.as_str().unwrap_or_default()) {
                None => MessageEncoding::Base64,
                Some(text) if text.eq_ignore_ascii_case("base64") => MessageEncoding::Base64,
                Some(text) if text.eq_ignore_ascii_case("none") => MessageEncoding::None,
                Some(text) => {
                    return Err(SettingsError { setting: "messageEncoding", why: format!("unknown: {text:?}") });
                }
            },
        })
    }
}

impl HandlerSettings {
    fn from_json(json: Option<&Value>) -> Result<Self, SettingsError> {
        let missing = |why: &str| SettingsError { setting: "customHandler", why: why.to_owned() };
        let json = json.filter(|json| json.is_object()).ok_or_else(|| missing("the section is missing"))?;
        let text = |pointer| json.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let flag = |name| json.get(name).and_then(Value::as_bool).unwrap_or(false);
        let arguments = json.pointer("/description/arguments").and_then(Value::as_array);
        Ok(Self {
            executable: text("/description/defaultExecutablePath")
                .ok_or_else(|| missing("description.defaultExecutablePath is missing"))?
                .to_owned(),
            arguments: arguments
                .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            working_directory: text("/description/workingDirectory").map(str::to_owned),
            http: if flag("enableProxyingHttpRequest") {
                HttpMode::Proxied
            } else if flag("enableForwardingHttpRequest") {
                HttpMode::Forwarded
            } else {
                HttpMode::Described
            },
        })
    }
}

/// A number, or a text that holds one, as .NET's configuration binder takes them.
fn whole(
    json: &Value,
    setting: &'static str,
    allowed: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, SettingsError> {
    let Some(value) = json.get(setting) else { return Ok(None) };
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    match number {
        Some(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => Err(SettingsError {
            setting,
            why: format!("{value} is not a whole number from {} to {}", allowed.start(), allowed.end()),
        }),
    }
}

fn span(json: &Value, setting: &'static str) -> Result<Option<Duration>, SettingsError> {
    let Some(value) = json.get(setting) else { return Ok(None) };
    match value.as_str().and_then(timespan::parse) {
        Some(span) => Ok(Some(span)),
        None => Err(SettingsError { setting, why: format!("{value} is not a time span") }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(mut json: Value) -> Result<HostSettings, SettingsError> {
        if json.get("customHandler").is_none() {
            json["customHandler"] = json!({"description": {"defaultExecutablePath": "handler"}});
        }
        HostSettings::from_json(&json)
    }

    #[test]
    fn what_is_not_said_has_the_documented_default() {
        let Ok(settings) = with(json!({})) else { panic!("refused") };
        assert_eq!(settings.route_prefix, "api");
        assert_eq!(settings.function_timeout, Some(Duration::from_secs(1800)));
        assert_eq!(settings.queues.batch_size, 16);
        assert_eq!(settings.queues.max_dequeue_count, 5);
        assert_eq!(settings.queues.encoding, MessageEncoding::Base64);
        assert_eq!(settings.handler.http, HttpMode::Described);
    }

    #[test]
    fn settings_the_real_host_does_not_start_with_are_refused() {
        for json in [
            json!({"extensions": {"queues": {"batchSize": 33}}}),
            json!({"extensions": {"queues": {"batchSize": 0}}}),
            json!({"extensions": {"queues": {"batchSize": "many"}}}),
            json!({"extensions": {"queues": {"messageEncoding": "utf8"}}}),
            json!({"extensions": {"queues": {"maxPollingInterval": "00:00:00.01"}}}),
            json!({"functionTimeout": "ten minutes"}),
            json!({"customHandler": null}),
            json!({"customHandler": {}}),
        ] {
            assert!(with(json.clone()).is_err(), "{json}");
        }
    }

    #[test]
    fn proxying_is_looked_at_before_forwarding() {
        let both = json!({"customHandler": {"description": {"defaultExecutablePath": "h"},
            "enableForwardingHttpRequest": true, "enableProxyingHttpRequest": true}});
        assert_eq!(with(both).map(|settings| settings.handler.http).ok(), Some(HttpMode::Proxied));
    }
}
