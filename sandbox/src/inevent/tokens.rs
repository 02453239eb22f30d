//! Tokens and their scopes.

use std::collections::HashMap;

use uuid::Uuid;

/// The one user of the company, and what opens the stand-in from the beginning. They open nothing else.
pub(super) const USERNAME: &str = "admin@inevent.example";
pub(super) const PASSWORD: &str = "standin-secret";
pub(super) const TOKEN: &str = "standin-token";

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The whole company, as an admin.
    System,
    /// One event, as a user.
    Event(u64),
}

/// The tokens that are good.
#[derive(Debug)]
pub(super) struct Tokens(HashMap<String, (Scope, Option<i64>)>);

impl Default for Tokens {
    fn default() -> Self {
        Self(HashMap::from([(TOKEN.to_owned(), (Scope::System, None))]))
    }
}

impl Tokens {
    /// Makes a token, good until then or for ever.
    pub(super) fn issue(&mut self, scope: Scope, until: Option<i64>) -> String {
        let token = Uuid::new_v4().simple().to_string();
        self.0.insert(token.clone(), (scope, until));
        token
    }

    pub(super) fn scope(&self, token: &str, now: i64) -> Option<Scope> {
        let (scope, until) = self.0.get(token)?;
        until.is_none_or(|until| now < until).then_some(*scope)
    }

    pub(super) fn revoke(&mut self, token: &str) {
        self.0.remove(token);
    }

    pub(super) fn revoke_all(&mut self) {
        self.0.clear();
    }
}
