//! HTTP functions whose requests are sent on as they are (azure-functions-host 4.1037, seen).

use super::{
    HOST_VERSION,
    calls::Call,
    failure::Failure,
    invoke::Core,
    query::Query,
    settings::HttpMode,
    wire::{Body, Headers, Outgoing, Request, Response, WireError, in_request_order, is_content_header},
};

/// Sends the client's request on and hands back the handler's answer, whatever its status.
pub(super) async fn forward(
    core: &Core,
    call: &Call<'_>,
    request: &Request,
    query: &Query,
    mode: HttpMode,
) -> Result<Response, Failure> {
    core.handler.ready().await?;
    if request.is_chunked() && mode == HttpMode::Forwarded {
        // The rebuilt request has the header and no body, which .NET's HTTP client refuses to send.
        return Err(Failure::Wire(WireError::Malformed("request: a chunked body is not forwarded")));
    }
    let outgoing = rebuilt(request, query, &call.id.to_string());
    core.within_timeout(async { Ok(passed_on(core.client.send(&outgoing).await?)) }).await
}

fn rebuilt(request: &Request, query: &Query, invocation: &str) -> Outgoing {
    let agent = format!("Azure-Functions-Host/{HOST_VERSION}");
    let mut headers = in_request_order(&request.headers);
    headers.0.retain(|(name, _)| !is_content_header(name) && !name.eq_ignore_ascii_case("transfer-encoding"));
    headers.push("X-Azure-Functions-HostVersion", HOST_VERSION);
    headers.push("X-Azure-Functions-InvocationId", invocation);
    match headers.0.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        Some((_, value)) => *value = format!("{value} {agent}"),
        None => headers.push("User-Agent", agent),
    }
    let body = content(request, &mut headers);
    let target = format!("{}{}", request.path(), query.forwarded());
    Outgoing { method: request.method.clone(), target, headers, body }
}

/// The headers of the content come last, the length first of them.
fn content(request: &Request, headers: &mut Headers) -> Body {
    if request.body.is_empty() {
        if !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE" | "CONNECT" | "TRACE") {
            headers.push("Content-Length", "0");
        }
        return Body::None;
    }
    headers.push("Content-Length", request.body.len().to_string());
    if let Some(content_type) = request.headers.get("content-type") {
        headers.push("Content-Type", content_type);
    }
    Body::Whole(request.body.clone())
}

/// The answer came whole; what said how it was framed must fit what is sent.
fn passed_on(mut response: Response) -> Response {
    let chunked = response.headers.has("transfer-encoding");
    if !chunked && !response.headers.has("content-length") && !matches!(response.status, 100..=199 | 204 | 304) {
        response.headers.push("Transfer-Encoding", "chunked");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_user_agent_gets_the_hosts() {
        let request = Request {
            method: "POST".into(),
            target: "/api/x".into(),
            headers: Headers(vec![("host".into(), "h".into()), ("content-encoding".into(), "gzip".into())]),
            body: Vec::new(),
        };
        let headers = rebuilt(&request, &Query::default(), "id").headers;
        let names: Vec<&str> = headers.0.iter().map(|(name, _)| name.as_str()).collect();
        let expected =
            ["Host", "X-Azure-Functions-HostVersion", "X-Azure-Functions-InvocationId", "User-Agent", "Content-Length"];
        assert_eq!(names, expected);
    }
}
