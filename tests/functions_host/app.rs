//! A function app in a folder of its own, and a host that runs it.

use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use inevent_d365::local::host::{self, Host, HostOptions, LogSource, Timing};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Ask, Got},
    handler,
    storage::MemoryQueues,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// host.json, functions and settings, to be started once or more.
pub struct App {
    folder: Arc<TempDir>,
    pub queues: MemoryQueues,
    pub options: HostOptions,
    pub host_json: Value,
}

/// A started host.
pub struct Running {
    pub host: Host,
    pub queues: MemoryQueues,
    record: PathBuf,
    /// Kept for as long as the handler works in it.
    _folder: Arc<TempDir>,
}

/// A request as the handler received it.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub chunked: bool,
    pub body: Vec<u8>,
}

impl App {
    pub fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let queues = MemoryQueues::default();
        let mut options = HostOptions::new(folder.path(), Arc::new(queues.clone()));
        options.timing = Timing {
            restart_delay: Duration::from_millis(20),
            min_polling_interval: Duration::from_millis(10),
            max_polling_interval: Duration::from_millis(20),
            stop_grace: Duration::from_millis(200),
            ..Timing::default()
        };
        let host_json = json!({
            "version": "2.0",
            "functionTimeout": "00:05:00",
            "extensions": {"queues": {"maxDequeueCount": 3}},
            "customHandler": {"description": {
                "defaultExecutablePath": env::current_exe().unwrap(),
                "arguments": ["--exact", handler::TEST, "--nocapture"],
            }},
        });
        let app = Self { folder, queues, options, host_json };
        let record = app.path("received.jsonl");
        app.setting(handler::RECORD, record.to_str().unwrap())
    }

    /// An app with the switch of the older hosts for sending HTTP requests on.
    pub fn forwarding() -> Self {
        Self::new().host("/customHandler/enableForwardingHttpRequest", json!(true))
    }

    /// Sets a value in host.json, making what is on the way to it.
    pub fn host(mut self, pointer: &str, value: Value) -> Self {
        let mut place = &mut self.host_json;
        for name in pointer.trim_start_matches('/').split('/') {
            place = &mut place[name];
        }
        *place = value;
        self
    }

    pub fn function(self, name: &str, bindings: Value) -> Self {
        self.function_json(name, &json!({"bindings": bindings}))
    }

    pub fn function_json(self, name: &str, json: &Value) -> Self {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("function.json"), json.to_string()).unwrap();
        self
    }

    /// An anonymous function for every method, answered by its output `res`.
    pub fn http(self, name: &str) -> Self {
        self.function(name, json!([{"type": "httpTrigger", "name": "req", "authLevel": "anonymous"}, http_out("res")]))
    }

    pub fn queue(self, name: &str, queue: &str) -> Self {
        self.queues.create(queue);
        self.function(name, json!([{"type": "queueTrigger", "name": "msg", "queueName": queue}]))
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.options.environment.push((name.into(), value.into()));
        self
    }

    pub fn timing(mut self, change: impl FnOnce(&mut Timing)) -> Self {
        change(&mut self.options.timing);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn start(&self) -> Running {
        fs::write(self.path("host.json"), self.host_json.to_string()).unwrap();
        let host = host::start(self.options.clone()).await.unwrap();
        Running {
            host,
            queues: self.queues.clone(),
            record: self.path("received.jsonl"),
            _folder: Arc::clone(&self.folder),
        }
    }
}

impl Running {
    pub async fn ask(&self, ask: &Ask) -> Got {
        ask.to(self.host.url()).await
    }

    pub async fn get(&self, target: &str) -> Got {
        self.ask(&Ask::get(target)).await
    }

    /// Waits until the handler can be called.
    pub async fn ready(&self) {
        let ready = tokio::time::timeout(PATIENCE, self.host.ready()).await;
        assert!(matches!(ready, Ok(Ok(()))), "{ready:?}\n{}", self.story());
    }

    /// Everything the handler received, `GET /` included.
    pub fn received(&self) -> Vec<Recorded> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        // The last line may be unfinished.
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|json| Recorded::from(&json))
            .collect()
    }

    /// The calls the handler received.
    pub fn calls(&self) -> Vec<Recorded> {
        self.received().into_iter().filter(|request| request.line != "GET / HTTP/1.1").collect()
    }

    pub async fn calls_at_least(&self, count: usize) -> Vec<Recorded> {
        self.until(&format!("{count} calls"), || self.calls().len() >= count).await;
        self.calls()
    }

    /// What the host itself said.
    pub fn said(&self) -> Vec<String> {
        self.host.lines().into_iter().filter(|line| line.source == LogSource::Host).map(|line| line.text).collect()
    }

    pub async fn says(&self, text: &str) {
        self.until(text, || self.said().iter().any(|line| line.contains(text))).await;
    }

    pub async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let started = Instant::now();
        while !reached() {
            if started.elapsed() > PATIENCE {
                panic!("never reached: {what}\n{}", self.story());
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// For the one who reads why a test failed.
    pub fn story(&self) -> String {
        let lines: Vec<String> =
            self.host.lines().iter().map(|line| format!("{:?}: {}", line.source, line.text)).collect();
        lines.join("\n")
    }
}

impl Recorded {
    fn from(json: &Value) -> Self {
        Self {
            line: json["line"].as_str().unwrap().to_owned(),
            headers: serde_json::from_value(json["headers"].clone()).unwrap(),
            chunked: json["chunked"].as_bool().unwrap(),
            body: STANDARD.decode(json["body"].as_str().unwrap()).unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn http_out(name: &str) -> Value {
    json!({"type": "http", "direction": "out", "name": name})
}

pub fn queue_out(name: &str, queue: &str) -> Value {
    json!({"type": "queue", "direction": "out", "name": name, "queueName": queue})
}
