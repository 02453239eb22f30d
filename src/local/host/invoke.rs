//! A described call: `POST /<function>` with JSON, and its answer.

use std::{future, future::Future, sync::Arc};

use serde_json::Value;
use uuid::Uuid;

use super::{
    HOST_VERSION,
    calls::{Call, Calls},
    clock::Clock,
    envelope::CallContext,
    failure::Failure,
    function::{Function, Output, OutputKind},
    handler::Handler,
    keys::FunctionKeys,
    log::{HostLog, LogSource},
    outputs::{self, Answer, Given},
    settings::{HostSettings, HttpMode, MessageEncoding},
    timer_state::TimerStates,
    timing::Timing,
    trace,
    wire::{Body, Client, Headers, Outgoing, Response},
};
use crate::queue::{PutOptions, Queue, QueueError, Queues};

/// .NET's limit on redirects.
const MOST_REDIRECTS: usize = 50;

/// How long a message put by the host lives: the SDK's default.
pub(super) const HOST_MESSAGE_LIFE: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

/// What every trigger of a running host shares.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: HostSettings,
    pub(super) keys: FunctionKeys,
    pub(super) queues: Arc<dyn Queues>,
    pub(super) timers: Arc<dyn TimerStates>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timing: Timing,
    pub(super) tracing_context: bool,
    pub(super) handler: Handler,
    /// `127.0.0.1:<port>` of the handler.
    pub(super) handler_host: String,
    pub(super) client: Arc<Client>,
    pub(super) calls: Calls,
    pub(super) log: Arc<HostLog>,
}

impl Core {
    pub(super) fn context<'a>(&self, function: &'a str) -> CallContext<'a> {
        CallContext { function, now: self.clock.now(), random: Uuid::new_v4() }
    }

    /// Calls the handler and applies the outputs to queues. What HTTP outputs were given comes back with the answer.
    pub(super) async fn execute(
        &self,
        call: &Call<'_>,
        function: &Function,
        body: &Value,
        client_trace: Option<&str>,
    ) -> Result<(Answer, Vec<Given>), Failure> {
        self.handler.ready().await?;
        self.within_timeout(async {
            let answer = self.post(call, body, client_trace).await?;
            for line in &answer.logs {
                self.log.add(LogSource::Function(function.name.clone()), line.clone());
            }
            let mut http = Vec::new();
            for (output, given) in answer.given(&function.outputs)? {
                match &output.kind {
                    OutputKind::Http => http.push(given),
                    OutputKind::Queue(queue) => self.write(queue, &output, &given).await?,
                }
            }
            Ok((answer, http))
        })
        .await
    }

    /// Runs a call under `functionTimeout`. When it is exceeded, the handler is killed, with all it is doing, and started again.
    pub(super) async fn within_timeout<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let Some(limit) = self.settings.function_timeout else { return work.await };
        match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => {
                self.handler.restart().await;
                Err(Failure::TimedOut(limit))
            }
        }
    }

    async fn post(&self, call: &Call<'_>, body: &Value, client_trace: Option<&str>) -> Result<Answer, Failure> {
        let mut headers = self.headers(call.id);
        headers.push("Transfer-Encoding", "chunked");
        if self.tracing_context {
            headers.push("traceparent", trace::child_of(client_trace));
        }
        headers.push("Content-Type", "application/json; charset=utf-8");
        let request = Outgoing {
            method: "POST".to_owned(),
            target: format!("/{}", call.function),
            headers,
            body: Body::Chunked(body.to_string().into_bytes()),
        };
        let mut response = self.client.send(&request).await?;
        // Forwarding switches redirects off for all calls.
        if self.settings.handler.http == HttpMode::Described {
            response = self.follow(call.id, request, response).await?;
        }
        match outputs::decode(&response)? {
            Some(answer) => Ok(answer),
            None => future::pending().await,
        }
    }

    /// The headers of each described call, in the order in which the real host sends them.
    fn headers(&self, invocation: Uuid) -> Headers {
        let mut headers = Headers::default();
        headers.push("Host", &*self.handler_host);
        headers.push("X-Azure-Functions-HostVersion", HOST_VERSION);
        headers.push("X-Azure-Functions-InvocationId", invocation.to_string());
        headers.push("User-Agent", format!("Azure-Functions-Host/{HOST_VERSION}"));
        headers
    }

    async fn follow(&self, invocation: Uuid, mut request: Outgoing, first: Response) -> Result<Response, Failure> {
        let mut response = first;
        for _ in 0..MOST_REDIRECTS {
            let Some(location) = response.headers.get("location") else { break };
            let here = format!("http://{}", self.handler_host);
            let target = location.strip_prefix(&here).unwrap_or(location).to_owned();
            // To another host it would not come; a handler has no reason to send the host there.
            if !target.starts_with('/') {
                break;
            }
            match response.status {
                300..=303 => {
                    request = Outgoing {
                        method: "GET".to_owned(),
                        target,
                        headers: self.headers(invocation),
                        body: Body::None,
                    };
                }
                307 | 308 => request.target = target,
                _ => break,
            }
            response = self.client.send(&request).await?;
        }
        Ok(response)
    }

    async fn write(&self, queue: &str, output: &Output, given: &Given) -> Result<(), Failure> {
        let failed =
            |error: QueueError| Failure::Output(format!("Error while handling parameter {}: {error}", output.name));
        let queue = self.queues.queue(queue).map_err(failed)?;
        for content in outputs::queue_contents(given)? {
            let text = self.settings.queues.encoding.encode(&content);
            put_and_create(queue.as_ref(), &text).await.map_err(failed)?;
        }
        Ok(())
    }
}

impl MessageEncoding {
    fn encode(self, content: &[u8]) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        match self {
            Self::Base64 => STANDARD.encode(content),
            Self::None => String::from_utf8_lossy(content).into_owned(),
        }
    }

    /// `None` for a text that is not in this encoding.
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => outputs::from_base64(text),
            Self::None => Some(text.as_bytes().to_vec()),
        }
    }
}

/// Adds a message for seven days, making the queue if it is not there.
pub(super) async fn put_and_create(queue: &dyn Queue, text: &str) -> Result<(), QueueError> {
    let options = PutOptions { time_to_live: Some(HOST_MESSAGE_LIFE), ..PutOptions::default() };
    match queue.put(text, options).await {
        Err(QueueError::NoSuchQueue) => {
            queue.create().await?;
            queue.put(text, options).await
        }
        other => other,
    }
}
