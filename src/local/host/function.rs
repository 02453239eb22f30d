//! function.json: what calls a function and what it writes to.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    expand,
    retry::RetryPolicy,
    route::{Route, RouteError},
    schedule::Schedule,
    settings::HttpMode,
};

/// A function that can be called.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) trigger: Trigger,
    pub(super) outputs: Vec<Output>,
    pub(super) retry: Option<RetryPolicy>,
    /// Bindings of direction `in` beside the trigger; the local host knows none, but they decide about forwarding.
    other_inputs: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Trigger {
    Http(HttpTrigger),
    Queue(QueueTrigger),
    Timer(TimerTrigger),
}

#[derive(Debug, Clone)]
pub(super) struct HttpTrigger {
    pub(super) name: String,
    /// Upper case; empty for any.
    pub(super) methods: Vec<String>,
    pub(super) level: AuthLevel,
    pub(super) route: Route,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthLevel {
    Anonymous,
    Function,
    Admin,
}

#[derive(Debug, Clone)]
pub(super) struct QueueTrigger {
    pub(super) name: String,
    pub(super) queue: String,
    /// `dataType: binary`: the message is handed over as base64 of its bytes.
    pub(super) binary: bool,
}

#[derive(Debug, Clone)]
pub(super) struct TimerTrigger {
    pub(super) name: String,
    pub(super) schedule: Schedule,
    pub(super) run_on_startup: bool,
    /// `useMonitor`, default true.
    pub(super) monitor: bool,
}

/// An output binding of a kind the local host can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) kind: OutputKind,
    pub(super) binary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputKind {
    Http,
    Queue(String),
}

/// Why a function is left out. The others run.
#[derive(Debug, thiserror::Error)]
pub(super) enum FunctionError {
    #[error("{0}")]
    Route(#[from] RouteError),
    #[error("{0}")]
    Other(String),
}

/// The functions of an app and what is wrong with those that were left out, by name.
pub(super) type Loaded = (Vec<Function>, Vec<(String, FunctionError)>);

/// Reads `<root>/*/function.json` and `<root>/functions/*/function.json`. The real host looks only at the first place; the
/// second is where this repository keeps them.
pub(super) fn load(root: &Path, app_settings: &[(String, String)]) -> Loaded {
    let mut loaded = Loaded::default();
    for folder in [root.to_owned(), root.join("functions")] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            let Ok(text) = fs::read_to_string(folder.join("function.json")) else { continue };
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
            let json = serde_json::from_str(text.trim_start_matches('\u{feff}'));
            let json = json.map_err(|error| FunctionError::Other(error.to_string()));
            match json.and_then(|json| Function::from_json(name, &json, app_settings)) {
                Ok(Some(function)) => loaded.0.push(function),
                Ok(None) => {}
                Err(error) => loaded.1.push((name.to_owned(), error)),
            }
        }
    }
    loaded
}

impl Function {
    /// `None` for a function that is switched off.
    fn from_json(name: &str, json: &Value, app_settings: &[(String, String)]) -> Result<Option<Self>, FunctionError> {
        let other = |why: &str| FunctionError::Other(why.to_owned());
        if json.get("disabled").and_then(Value::as_bool) == Some(true) {
            return Ok(None);
        }
        let bindings = json.get("bindings").and_then(Value::as_array).ok_or_else(|| other("No bindings."))?;
        let kind = |binding: &Value| text(binding, "type").unwrap_or_default().to_ascii_lowercase();
        let mut triggers = bindings.iter().filter(|binding| kind(binding).ends_with("trigger"));
        let (Some(trigger), None) = (triggers.next(), triggers.next()) else {
            return Err(other("A function must have exactly one trigger."));
        };
        let binding_name = text(trigger, "name").ok_or_else(|| other("The trigger has no name."))?.to_owned();
        let setting = |name: &str| -> Result<String, FunctionError> {
            let raw = text(trigger, name).ok_or_else(|| FunctionError::Other(format!("{name} is missing.")))?;
            Ok(expand::expand(raw, app_settings))
        };
        let parsed = match kind(trigger).as_str() {
            "httptrigger" => Trigger::Http(HttpTrigger {
                name: binding_name,
                methods: methods(trigger),
                level: AuthLevel::parse(text(trigger, "authLevel"))?,
                route: Route::parse(text(trigger, "route").unwrap_or(name))?,
            }),
            "queuetrigger" => Trigger::Queue(QueueTrigger {
                name: binding_name,
                queue: setting("queueName")?.to_ascii_lowercase(),
                binary: is_binary(trigger),
            }),
            "timertrigger" => {
                let schedule = setting("schedule")?;
                Trigger::Timer(TimerTrigger {
                    name: binding_name,
                    schedule: Schedule::parse(&schedule).ok_or_else(|| {
                        FunctionError::Other(format!("The schedule expression '{schedule}' was not recognized."))
                    })?,
                    run_on_startup: flag(trigger, "runOnStartup", false),
                    monitor: flag(trigger, "useMonitor", true),
                })
            }
            unknown => return Err(FunctionError::Other(format!("The binding type '{unknown}' is not supported."))),
        };
        let direction = |binding: &Value| text(binding, "direction").unwrap_or("in").to_ascii_lowercase();
        let outputs = bindings.iter().filter(|binding| direction(binding) == "out");
        Ok(Some(Self {
            name: name.to_owned(),
            trigger: parsed,
            outputs: outputs.map(|binding| Output::from_json(binding, app_settings)).collect::<Result<_, _>>()?,
            retry: json.get("retry").map(RetryPolicy::from_json).transpose().map_err(FunctionError::Other)?,
            other_inputs: bindings.iter().filter(|binding| direction(binding) == "in").count() > 1,
        }))
    }

    /// Whether its requests are sent on instead of described: exactly one HTTP trigger in and one HTTP output.
    pub(super) fn is_forwarded(&self, mode: HttpMode) -> bool {
        mode != HttpMode::Described
            && !self.other_inputs
            && matches!(self.trigger, Trigger::Http(_))
            && matches!(&self.outputs[..], [Output { kind: OutputKind::Http, .. }])
    }
}

impl Output {
    fn from_json(binding: &Value, app_settings: &[(String, String)]) -> Result<Self, FunctionError> {
        let missing = |what: &str| FunctionError::Other(format!("An output binding has no {what}."));
        let kind = match text(binding, "type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "http" => OutputKind::Http,
            "queue" => {
                let queue = text(binding, "queueName").ok_or_else(|| missing("queueName"))?;
                OutputKind::Queue(expand::expand(queue, app_settings).to_ascii_lowercase())
            }
            unknown => return Err(FunctionError::Other(format!("The binding type '{unknown}' is not supported."))),
        };
        let name = text(binding, "name").ok_or_else(|| missing("name"))?.to_owned();
        Ok(Self { name, kind, binary: is_binary(binding) })
    }
}

impl AuthLevel {
    fn parse(text: Option<&str>) -> Result<Self, FunctionError> {
        match text.unwrap_or("function").to_ascii_lowercase().as_str() {
            "anonymous" => Ok(Self::Anonymous),
            "function" => Ok(Self::Function),
            "admin" => Ok(Self::Admin),
            other => Err(FunctionError::Other(format!("The authLevel '{other}' is not supported."))),
        }
    }
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn flag(json: &Value, name: &str, default: bool) -> bool {
    json.get(name).and_then(Value::as_bool).unwrap_or(default)
}

fn is_binary(binding: &Value) -> bool {
    text(binding, "dataType").is_some_and(|kind| kind.eq_ignore_ascii_case("binary"))
}

fn methods(trigger: &Value) -> Vec<String> {
    let list = trigger.get("methods").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_ascii_uppercase).collect()
}
