//! Shared key authorization.
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{
    credentials::Secret,
    hmac::hmac_sha256,
    http::{
        Context, Request,
        headers::HeaderName,
        policies::{Policy, PolicyResult},
    },
    time::{OffsetDateTime, to_rfc7231},
};

use super::endpoints::Service;

/// An account's name and key. `Debug` does not show the key.
#[derive(Debug, Clone)]
pub(super) struct SharedKey {
    pub(super) account: String,
    pub(super) key: Secret,
}

/// Signs each try anew, because the date is signed with it and the service refuses old ones.
#[derive(Debug)]
pub(super) struct SharedKeyPolicy {
    key: SharedKey,
    service: Service,
}

impl SharedKeyPolicy {
    pub(super) fn new(key: SharedKey, service: Service) -> Self {
        Self { key, service }
    }

    fn string_to_sign(&self, request: &Request) -> String {
        match self.service {
            Service::Queue | Service::Blob => queue_or_blob(&self.key.account, request),
            Service::Table => table(&self.key.account, request),
        }
    }
}

#[async_trait]
impl Policy for SharedKeyPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("x-ms-date", to_rfc7231(&OffsetDateTime::now_utc()));
        let signature = hmac_sha256(&self.string_to_sign(request), &self.key.key)?;
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.key.account));
        next[0].send(ctx, request, &next[1..]).await
    }
}

fn queue_or_blob(account: &str, request: &Request) -> String {
    // Since version 2015-02-21 a length of zero is signed as nothing.
    let length = request.body().len().filter(|&length| length > 0).map(|length| length.to_string());
    let standard = [
        header(request, "content-encoding"),
        header(request, "content-language"),
        length.as_deref().unwrap_or_default(),
        header(request, "content-md5"),
        header(request, "content-type"),
        // The date is in `x-ms-date`.
        "",
        header(request, "if-modified-since"),
        header(request, "if-match"),
        header(request, "if-none-match"),
        header(request, "if-unmodified-since"),
        header(request, "range"),
    ]
    .join("\n");

    let mut own: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().trim()))
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    own.sort_unstable();
    let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();

    let mut query: Vec<_> =
        request.url().query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    query.sort_unstable();
    let query: String = query
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| {
            let values: Vec<&str> = same.iter().map(|(_, value)| value.as_str()).collect();
            format!("\n{}:{}", same[0].0, values.join(","))
        })
        .collect();

    format!("{}\n{standard}\n{own}/{account}{}{query}", request.method().as_str(), request.url().path())
}

fn table(account: &str, request: &Request) -> String {
    let comp = request.url().query_pairs().find(|(name, _)| name == "comp");
    format!(
        "{}\n{}\n{}\n{}\n/{account}{}{}",
        request.method().as_str(),
        header(request, "content-md5"),
        header(request, "content-type"),
        header(request, "x-ms-date"),
        request.url().path(),
        comp.map(|(_, value)| format!("?comp={value}")).unwrap_or_default(),
    )
}

fn header<'a>(request: &'a Request, name: &'static str) -> &'a str {
    request.headers().get_optional_str(&HeaderName::from_static(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use azure_core::http::{Method, Url};

    fn request(method: Method, url: &str, headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap(), method);
        for (name, value) in headers {
            request.insert_header(*name, *value);
        }
        request
    }

    /// The example of Microsoft's page.
    #[test]
    fn the_documented_blob_example() {
        let request = request(
            Method::Get,
            "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20",
            &[("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"), ("x-ms-version", "2015-02-21")],
        );
        assert_eq!(
            queue_or_blob("myaccount", &request),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
    }

    #[test]
    fn values_of_one_query_name_are_joined_and_decoded() {
        let request = request(Method::Get, "https://a.blob.core.windows.net/c?Include=b%2Bc&include=a", &[]);
        assert!(queue_or_blob("a", &request).ends_with("/a/c\ninclude:a,b+c"));
    }

    #[test]
    fn a_table_request_signs_its_encoded_path_and_nothing_of_its_query_but_comp() {
        let request = request(
            Method::Put,
            "https://a.table.core.windows.net/t(PartitionKey='p%20q',RowKey='r')?comp=acl&timeout=3",
            &[("x-ms-date", "now"), ("content-type", "application/json"), ("if-match", "*")],
        );
        assert_eq!(
            table("a", &request),
            "PUT\n\napplication/json\nnow\n/a/t(PartitionKey='p%20q',RowKey='r')?comp=acl"
        );
    }

    #[test]
    fn the_key_is_not_shown() {
        let key = SharedKey { account: "name".into(), key: Secret::new("c2VjcmV0") };
        let shown = format!("{:?}", SharedKeyPolicy::new(key, Service::Queue));
        assert!(shown.contains("name") && !shown.contains("c2VjcmV0"), "{shown}");
    }
}
