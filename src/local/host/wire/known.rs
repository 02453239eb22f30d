//! The order in which the real host's web server (Kestrel) hands headers on, and the names it normalises.

use super::message::Headers;

/// Request headers the server knows, in the order it lists them.
const REQUEST: [&str; 44] = [
    "Accept",
    "Connection",
    "Host",
    "User-Agent",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "baggage",
    "Cache-Control",
    "Content-Type",
    "Cookie",
    "Correlation-Context",
    "Date",
    "Expect",
    "From",
    "Grpc-Accept-Encoding",
    "Grpc-Encoding",
    "Grpc-Timeout",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "Request-Id",
    "TE",
    "traceparent",
    "tracestate",
    "Transfer-Encoding",
    "Translate",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "Via",
    "Warning",
    "Content-Length",
];

/// Response headers the server knows, in the order it writes them.
const RESPONSE: [&str; 36] = [
    "Content-Length",
    "Connection",
    "Content-Type",
    "Date",
    "Server",
    "Accept-Ranges",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Age",
    "Allow",
    "Alt-Svc",
    "Cache-Control",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-MD5",
    "Content-Range",
    "ETag",
    "Expires",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Pragma",
    "Proxy-Authenticate",
    "Retry-After",
    "Set-Cookie",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "Via",
    "WWW-Authenticate",
];

/// Request headers as the server lists them: known ones first, in its order and case, then the others as they came.
pub(in super::super) fn in_request_order(headers: &Headers) -> Headers {
    sorted(headers, &REQUEST)
}

/// Response headers as the server writes them.
pub(in super::super) fn in_response_order(headers: &Headers) -> Headers {
    sorted(headers, &RESPONSE)
}

/// Whether .NET's HTTP client refuses this name among the headers of a request because it belongs to the content.
pub(in super::super) fn is_content_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
    ]
    .contains(&lower.as_str())
        || matches!(lower.as_str(), "allow" | "expires" | "last-modified")
}

pub(super) fn response_name(name: &str) -> &str {
    RESPONSE.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

fn sorted(headers: &Headers, order: &[&str]) -> Headers {
    let place = |name: &str| order.iter().position(|known| known.eq_ignore_ascii_case(name)).unwrap_or(order.len());
    let mut sorted: Vec<(usize, String, String)> = headers
        .0
        .iter()
        .map(|(name, value)| {
            let place = place(name);
            (place, order.get(place).map_or_else(|| name.clone(), |known| (*known).to_owned()), value.clone())
        })
        .collect();
    sorted.sort_by_key(|(place, ..)| *place);
    Headers(sorted.into_iter().map(|(_, name, value)| (name, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_headers_come_first_in_the_servers_case_and_the_rest_as_they_came() {
        let names = ["x-b", "content-length", "user-agent", "x-A", "accept", "cookie", "content-type"];
        let headers = Headers(names.iter().map(|name| ((*name).to_owned(), String::new())).collect());
        let sorted: Vec<String> = in_request_order(&headers).0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(sorted, ["Accept", "User-Agent", "Content-Type", "Cookie", "Content-Length", "x-b", "x-A"]);
    }
}
