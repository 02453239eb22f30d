//! Everything a running sandbox shares between its connections.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;

use crate::clock::Clock;
use crate::entra::{Directory, Tokens};
use crate::http::Listeners;
use crate::organization::Organization;
use crate::organizations::Organizations;
use crate::seed::Seed;

/// The state of a sandbox.
pub(crate) struct State {
    pub(crate) clock: Arc<Clock>,
    pub(crate) organizations: Organizations,
    pub(crate) directory: Directory,
    pub(crate) tokens: Tokens,
    pub(crate) listeners: Listeners,
    /// What organisations made later start with, unless they say otherwise.
    pub(crate) seed: Seed,
    /// Where rows are kept; in memory if absent.
    pub(crate) folder: Option<PathBuf>,
}

impl State {
    /// Makes an organisation and gives it its ports. Needs a Tokio runtime around it.
    pub(crate) fn found(
        self: &Arc<Self>,
        name: &str,
        seed: Option<Seed>,
        http: u16,
        https: u16,
    ) -> anyhow::Result<Arc<Organization>> {
        check_name(name)?;
        ensure!(self.organizations.named(name).is_none(), "there is an organisation {name} already");
        let organization =
            Organization::new(name, seed.unwrap_or(self.seed), Arc::clone(&self.clock), self.folder.as_deref())?;
        let organization = Arc::new(organization);
        self.listeners.open(self, &organization, http, https)?;
        ensure!(self.organizations.add(Arc::clone(&organization)), "there is an organisation {name} already");
        Ok(organization)
    }
}

/// A name is a part of host names and file names.
fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let whole = !name.is_empty() && name.len() <= 63 && name.bytes().all(fits);
    ensure!(
        whole && !name.starts_with('-') && !name.ends_with('-') && name != "localhost",
        "{name:?} is no name for an organisation: a to z, 0 to 9 and hyphens between them"
    );
    Ok(())
}

/// What a request sees of it.
pub(crate) struct Site<'a> {
    pub(crate) state: &'a Arc<State>,
    /// The organisation it was sent to.
    pub(crate) organization: &'a Organization,
    /// Scheme and host as the client wrote them: `https://localhost:8443`.
    pub(crate) origin: String,
}
