//! A proxy that every request of the connector goes through, and that remembers it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use warp::{Filter, Reply, http::Response};

/// Stands for this machine in URLs that are to go through a proxy.
pub const HERE: &str = "127.0.0.2";

#[derive(Debug, Clone)]
pub struct Proxy {
    asked: Arc<Mutex<Vec<(String, Bytes)>>>,
    pub address: String,
}

impl Proxy {
    pub async fn start() -> Self {
        let asked: Arc<Mutex<Vec<(String, Bytes)>>> = Arc::default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let (seen, client) = (asked.clone(), http);
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        let forward = warp::method()
            .and(warp::host::optional())
            .and(warp::path::full())
            .and(query)
            .and(warp::header::headers_cloned())
            .and(warp::body::bytes())
            .then(
                move |method,
                      host: Option<warp::host::Authority>,
                      path: warp::path::FullPath,
                      query: String,
                      headers,
                      body: Bytes| {
                    let (seen, client) = (seen.clone(), client.clone());
                    async move {
                        let query = if query.is_empty() { query } else { format!("?{query}") };
                        let url = format!("http://{}{}{query}", host.unwrap(), path.as_str());
                        seen.lock().unwrap().push((url.clone(), body.clone()));
                        let sent =
                            client.request(method, url.replace(HERE, "127.0.0.1")).headers(headers).body(body).send();
                        let Ok(answer) = sent.await else { return warp::http::StatusCode::BAD_GATEWAY.into_response() };
                        let (status, headers) = (answer.status(), answer.headers().clone());
                        let mut response = Response::new(answer.bytes().await.unwrap_or_default().into());
                        *response.status_mut() = status;
                        *response.headers_mut() = headers;
                        response.headers_mut().remove("transfer-encoding");
                        response
                    }
                },
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(forward).incoming(listener).run());
        Self { asked, address }
    }

    /// The URLs so far.
    pub fn urls(&self) -> Vec<String> {
        self.asked().into_iter().map(|(url, _)| url).collect()
    }

    /// The URLs so far, each with what was sent there.
    pub fn asked(&self) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(url, body)| (url.clone(), String::from_utf8_lossy(body).into_owned())).collect()
    }
}
