//! Where the services of a storage account answer.

use std::fmt;

use azure_core::http::Url;

/// A service of a storage account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Queue,
    Blob,
    Table,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "queue",
            Self::Blob => "blob",
            Self::Table => "table",
        })
    }
}

/// The services' URLs; one that is `None` is not used, and asking for it is an error.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    pub queue: Option<Url>,
    pub blob: Option<Url>,
    pub table: Option<Url>,
}

impl Endpoints {
    /// The URLs that an account of this name has under the suffix, such as `core.windows.net`. `None` if no URL can be
    /// made of them.
    pub fn of_account(scheme: &str, name: &str, suffix: &str) -> Option<Self> {
        // 3 to 24 lower-case letters and digits; `-` because a secondary location is written so.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return None;
        }
        let url = |service: Service| base_url(&format!("{scheme}://{name}.{service}.{suffix}"));
        Some(Self {
            queue: Some(url(Service::Queue)?),
            blob: Some(url(Service::Blob)?),
            table: Some(url(Service::Table)?),
        })
    }

    pub(super) fn get(&self, service: Service) -> Option<&Url> {
        match service {
            Service::Queue => self.queue.as_ref(),
            Service::Blob => self.blob.as_ref(),
            Service::Table => self.table.as_ref(),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Url> {
        [&self.queue, &self.blob, &self.table].into_iter().flatten()
    }
}

/// A service's URL: http or https, no query (it would hold a key), and no slash at the end, for segments are added.
pub(super) fn base_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text.trim()).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty();
    Some(url)
}
