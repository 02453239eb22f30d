//! All organisations of a sandbox, and how a request or a token's audience finds its own.
//!
//! Each has two ports of its own, http and https, and under any of those ports also the name `<name>.localhost`. Whom a proxy leads here may
//! call it by the name that it would have at Microsoft, such as `<name>.crm4.dynamics.com`.

use std::sync::{Arc, PoisonError, RwLock};

use crate::organization::Organization;

/// The organisations, in the order they were made.
#[derive(Default)]
pub(crate) struct Organizations(RwLock<Vec<Arc<Organization>>>);

impl Organizations {
    pub(crate) fn all(&self) -> Vec<Arc<Organization>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds one, unless its name is taken.
    pub(crate) fn add(&self, organization: Arc<Organization>) -> bool {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let free = all.iter().all(|other| !other.name.eq_ignore_ascii_case(&organization.name));
        if free {
            all.push(organization);
        }
        free
    }

    pub(crate) fn named(&self, name: &str) -> Option<Arc<Organization>> {
        self.find(|organization| organization.name.eq_ignore_ascii_case(name))
    }

    /// The organisation that a `Host` header names, if it names one.
    pub(crate) fn of_host(&self, host: &str) -> Option<Arc<Organization>> {
        let (name, _) = split_port(host);
        self.named(name.strip_suffix(".localhost").or_else(|| at_microsoft(name))?)
    }

    /// The organisation behind the URL that a token is asked for or was issued for.
    pub(crate) fn of_resource(&self, url: &str) -> Option<Arc<Organization>> {
        let (scheme, rest) = url.split_once("://")?;
        let (host, port) = split_port(rest.trim_end_matches('/'));
        if let (Some(name), None, "https") = (at_microsoft(host), port, scheme) {
            return self.named(name);
        }
        let port = match (port, scheme) {
            (Some(port), _) => port.parse().ok()?,
            (None, "https") => 443,
            (None, _) => 80,
        };
        let fits = |organization: &Organization| {
            let doors = organization.doors();
            port == if scheme == "https" { doors.https } else { doors.http }
        };
        if matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
            return self.find(fits);
        }
        self.of_host(host).filter(|_| self.find(fits).is_some())
    }

    fn find(&self, test: impl Fn(&Organization) -> bool) -> Option<Arc<Organization>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|organization| test(organization)).cloned()
    }
}

/// The organisation's name in a host of Dynamics 365: `contoso.crm.dynamics.com`, with a number of the region after `crm`.
fn at_microsoft(host: &str) -> Option<&str> {
    let (name, region) = host.strip_suffix(".dynamics.com")?.split_once('.')?;
    region.strip_prefix("crm")?.chars().all(|digit| digit.is_ascii_digit()).then_some(name)
}

/// Host and port; the colons of an address in brackets don't count.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Organizations;
    use crate::clock::Clock;
    use crate::organization::{Doors, Organization};
    use crate::seed::Seed;

    #[test]
    fn a_resource_belongs_to_one_organisation() {
        let organizations = Organizations::default();
        for (name, http) in [("contoso", 8000), ("fabrikam", 8002)] {
            let organization = Organization::new(name, Seed::Empty, Arc::new(Clock::default()), None).unwrap();
            organization.open_doors(Doors { http, https: http + 1 });
            assert!(organizations.add(Arc::new(organization)));
        }
        for (resource, expected) in [
            ("http://127.0.0.1:8000", Some("contoso")),
            ("https://localhost:8003/", Some("fabrikam")),
            ("https://[::1]:8001", Some("contoso")),
            ("https://localhost:8000", None),
            ("http://fabrikam.localhost:8000", Some("fabrikam")),
            ("http://fabrikam.localhost:9000", None),
            ("https://contoso.crm.dynamics.com", Some("contoso")),
            ("https://fabrikam.crm4.dynamics.com/", Some("fabrikam")),
            ("http://fabrikam.crm4.dynamics.com", None),
            ("https://fabrikam.api.crm4.dynamics.com", None),
            ("https://litware.crm4.dynamics.com", None),
            ("nonsense", None),
        ] {
            let found = organizations.of_resource(resource).map(|organization| organization.name.clone());
            assert_eq!(found.as_deref(), expected, "{resource}");
        }
        let twin = Organization::new("Contoso", Seed::Empty, Arc::new(Clock::default()), None).unwrap();
        assert!(!organizations.add(Arc::new(twin)));
    }
}
