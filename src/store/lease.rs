//! A lease: at most one holder of a name at a time, among all processes that share a store.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ETag, Key, Store, StoreError};

/// How far the clocks of two processes may be apart, in either direction.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// A name held until a time.
///
/// Times are the callers' clocks. A holder must stop by its own clock at [`Lease::until`]; somebody else takes over only
/// [`CLOCK_SKEW`] later by its own. So two clocks may differ by that much and there is still one holder. If they differ by
/// more, or a holder does not stop in time, there may be two for a while: what is done under a lease must be
/// harmless when done twice.
///
/// A holder that dies is replaced after the rest of its time and the skew. Nobody, not even a holder of the same name,
/// takes a lease that has not run out: two tasks of one process are kept apart too.
#[derive(Debug)]
pub struct Lease {
    key: Key,
    terms: Terms,
    etag: ETag,
}

#[derive(Debug, Serialize, Deserialize)]
struct Terms {
    /// For whoever looks at the record; no decision is made by it.
    holder: String,
    until: Timestamp,
}

impl Lease {
    /// Takes the lease for `ttl`, or gives `None` while somebody has it.
    ///
    /// # Errors
    /// When the store fails. If it is [`StoreError::Unavailable`] the lease may have been taken all the same, and is then
    /// nobody's until it runs out.
    pub async fn acquire(
        store: &dyn Store,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let key = Key::new("leases", "lease", name);
        let terms = Terms { holder: holder.to_owned(), until: later(now, ttl) };
        let written = match store.get(&key).await? {
            None => store.insert(&key, &json!(terms)).await,
            Some(record) => {
                let held: Terms = serde_json::from_value(record.value)
                    .map_err(|_| StoreError::Unavailable(format!("the lease {name} cannot be read")))?;
                if now < later(held.until, CLOCK_SKEW) {
                    return Ok(None);
                }
                store.replace(&key, &json!(terms), &record.etag).await
            }
        };
        match written {
            Ok(etag) => Ok(Some(Self { key, terms, etag })),
            // Somebody was quicker.
            Err(StoreError::Exists | StoreError::Changed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When the holder must stop, by its own clock.
    pub fn until(&self) -> Timestamp {
        self.terms.until
    }

    /// Whether the holder may still act at this time of its own clock.
    pub fn is_held(&self, now: Timestamp) -> bool {
        now < self.terms.until
    }

    /// Holds on for `ttl` from now. `false`: it ran out and somebody else took it.
    ///
    /// # Errors
    /// When the store fails. The lease then still runs until [`Lease::until`], as it was.
    pub async fn renew(&mut self, store: &dyn Store, ttl: Duration, now: Timestamp) -> Result<bool, StoreError> {
        let terms = Terms { holder: self.terms.holder.clone(), until: later(now, ttl) };
        match store.replace(&self.key, &json!(terms), &self.etag).await {
            Ok(etag) => {
                (self.terms, self.etag) = (terms, etag);
                Ok(true)
            }
            Err(StoreError::Changed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets go at once. That somebody else has it already is success.
    ///
    /// # Errors
    /// When the store fails. The lease then runs out by itself.
    pub async fn release(self, store: &dyn Store) -> Result<(), StoreError> {
        match store.delete(&self.key, Some(&self.etag)).await {
            Ok(()) | Err(StoreError::Changed) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
