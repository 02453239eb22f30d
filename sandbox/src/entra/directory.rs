//! Registered applications and what they may prove themselves with.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::device::Devices;
use super::keys::{Certificate, PublicKey};

/// A client secret.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) value: String,
    /// Seconds since 1970; never if absent.
    pub(crate) expires: Option<i64>,
}

/// A federated identity credential: whose tokens are taken in place of the application's own.
#[derive(Debug, Clone)]
pub(crate) struct Federation {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    /// The issuer's keys, by key id. Without any, signatures are not checked.
    pub(crate) keys: Vec<(Option<String>, PublicKey)>,
}

/// An application that may ask for tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Application {
    pub(crate) client_id: Uuid,
    pub(crate) name: String,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) federations: Vec<Federation>,
    /// Whether it is disabled in the tenant.
    pub(crate) disabled: bool,
    /// Whether a policy of conditional access keeps it out.
    pub(crate) blocked: bool,
    /// Whether the consent to what it asks for was taken back.
    pub(crate) unconsented: bool,
}

impl Application {
    /// What may be told about it: no secrets.
    pub(crate) fn describe(&self) -> Json {
        json!({
            "client_id": self.client_id,
            "name": self.name,
            "secrets": self.secrets.len(),
            "certificates": self.certificates.iter().map(|certificate| json!({
                "x5t": certificate.x5t(),
                "x5t#S256": certificate.x5t_s256(),
            })).collect::<Vec<_>>(),
            "federated": self.federations.iter().map(|federation| json!({
                "issuer": federation.issuer,
                "subject": federation.subject,
                "audience": federation.audience,
            })).collect::<Vec<_>>(),
            "disabled": self.disabled,
            "blocked": self.blocked,
            "consented": !self.unconsented,
        })
    }
}

/// A tenant and the applications registered in it.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) tenant: Uuid,
    applications: RwLock<Vec<Application>>,
    pub(super) devices: Devices,
}

impl Directory {
    pub(crate) fn new(tenant: Uuid, applications: Vec<Application>) -> Self {
        Self { tenant, applications: RwLock::new(applications), devices: Devices::default() }
    }

    pub(crate) fn application(&self, client_id: &str) -> Option<Application> {
        let id = Uuid::try_parse(client_id).ok()?;
        self.read().iter().find(|application| application.client_id == id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Application> {
        self.read().clone()
    }

    /// Registers an application, in the place of one with the same id.
    pub(crate) fn register(&self, application: Application) {
        let mut all = self.write();
        all.retain(|other| other.client_id != application.client_id);
        all.push(application);
    }

    /// Removes an application; says whether it was there.
    pub(crate) fn remove(&self, id: Uuid) -> bool {
        let mut all = self.write();
        let before = all.len();
        all.retain(|application| application.client_id != id);
        all.len() < before
    }

    /// Changes an application; `None` if there is none of this id.
    pub(crate) fn change(&self, id: Uuid, work: impl FnOnce(&mut Application)) -> Option<Json> {
        let mut all = self.write();
        let application = all.iter_mut().find(|application| application.client_id == id)?;
        work(application);
        Some(application.describe())
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Application>> {
        self.applications.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Application>> {
        self.applications.write().unwrap_or_else(PoisonError::into_inner)
    }
}
