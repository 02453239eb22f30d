//! HTTP functions: routing, keys, and the described mode.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    envelope::{self, HttpCall},
    failure::Failure,
    forward,
    function::{Function, HttpTrigger, Trigger},
    invoke::Core,
    outputs::{self, HttpOutput},
    query::{self, Query},
    text_forms,
    wire::{Request, Respond, Response, in_request_order, in_response_order},
};

/// Answers every request to a running host.
#[derive(Debug)]
pub(super) struct HttpFrontend {
    core: Arc<Core>,
    /// In the order in which their routes are tried.
    functions: Vec<Arc<Function>>,
}

/// The function a request is for, and its route parameters in template order.
type Found<'a> = (&'a Function, &'a HttpTrigger, Vec<(String, String)>);

/// Answers every request to a host that could not start.
#[derive(Debug)]
pub(super) struct NotRunning;

#[async_trait]
impl Respond for NotRunning {
    async fn respond(&self, _request: Request) -> Response {
        let mut response = Response::empty(503);
        response.body = b"Function host is not running.".to_vec();
        response.headers.remove("content-length");
        response.headers.push("Transfer-Encoding", "chunked");
        dressed(response)
    }
}

#[async_trait]
impl Respond for HttpFrontend {
    async fn respond(&self, request: Request) -> Response {
        dressed(self.answer(request).await)
    }
}

impl HttpFrontend {
    pub(super) fn new(core: Arc<Core>, functions: &[Arc<Function>]) -> Self {
        let mut functions: Vec<_> =
            functions.iter().filter(|function| matches!(function.trigger, Trigger::Http(_))).cloned().collect();
        functions.sort_by_key(|function| match &function.trigger {
            Trigger::Http(trigger) => trigger.route.precedence(),
            Trigger::Queue(_) | Trigger::Timer(_) => Vec::new(),
        });
        Self { core, functions }
    }

    async fn answer(&self, request: Request) -> Response {
        let Some((function, trigger, route)) = self.find(&request) else { return Response::empty(404) };
        let query = Query::parse(request.query());
        let key = request.headers.get("x-functions-key").map(str::to_owned).or_else(|| query.get("code"));
        if !self.core.keys.allow(trigger.level, key.as_deref()) {
            return Response::empty(401);
        }
        let call = self.core.calls.begin(
            &function.name,
            Uuid::new_v4(),
            "This function was programmatically called via the host APIs.",
        );
        let mode = self.core.settings.handler.http;
        let result = if function.is_forwarded(mode) {
            forward::forward(&self.core, &call, &request, &query, mode).await
        } else {
            self.describe(&call, function, trigger, &request, &query, &route).await
        };
        call.finish(result).unwrap_or_else(|_| Response::empty(500))
    }

    fn find(&self, request: &Request) -> Option<Found<'_>> {
        let mut path: Vec<String> =
            request.path().split('/').filter(|part| !part.is_empty()).map(|part| query::decode(part, false)).collect();
        for part in self.core.settings.route_prefix.split('/').filter(|part| !part.is_empty()) {
            if path.is_empty() || !path.remove(0).eq_ignore_ascii_case(part) {
                return None;
            }
        }
        self.functions.iter().find_map(|function| match &function.trigger {
            Trigger::Http(trigger) if trigger.methods.is_empty() || trigger.methods.contains(&request.method) => {
                trigger.route.match_path(&path).map(|route| (function.as_ref(), trigger, route))
            }
            _ => None,
        })
    }

    async fn describe(
        &self,
        call: &super::calls::Call<'_>,
        function: &Function,
        trigger: &HttpTrigger,
        request: &Request,
        query: &Query,
        route: &[(String, String)],
    ) -> Result<Response, Failure> {
        let headers = in_request_order(&request.headers);
        let described = HttpCall { request, headers: &headers, query, route };
        let body = envelope::http_call(&self.core.context(&function.name), &trigger.name, &described);
        let client_trace = request.headers.get("traceparent");
        let (answer, http) = self.core.execute(call, function, &body, client_trace).await?;
        Ok(match http.first() {
            Some(given) => HttpOutput::from_returned(given).into_response(),
            None => outputs::returned_response(&answer.return_value),
        })
    }
}

/// Adds what the web server adds, and puts the headers in its order.
fn dressed(mut response: Response) -> Response {
    if !response.headers.has("date") {
        response.headers.push("Date", text_forms::http_date(jiff::Timestamp::now()));
    }
    if !response.headers.has("server") {
        response.headers.push("Server", "Kestrel");
    }
    response.headers = in_response_order(&response.headers);
    response
}
