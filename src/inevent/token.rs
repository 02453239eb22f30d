//! The token: read from where it is kept, or had by signing in; kept for minutes, and read anew when InEvent refuses it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::settings::{SecretValue, Withheld};

/// How long a secret that was read is used before it is read again.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// A secret read so lately is not read again because somebody refuses it, or offers another.
const JUST_READ: Duration = Duration::from_secs(10);

/// A secret that is read every few minutes, and sooner when it seems to have been rotated.
pub struct CachedSecret {
    secret: Arc<dyn SecretValue>,
    read: Mutex<Option<(SecretString, Instant)>>,
}

impl CachedSecret {
    pub fn new(secret: Arc<dyn SecretValue>) -> Self {
        Self { secret, read: Mutex::new(None) }
    }

    /// The secret, not older than some minutes.
    ///
    /// # Errors
    /// In words that name the place of the secret, not the secret. One that was read before holds on while its place does not answer.
    pub async fn current(&self) -> Result<SecretString, Withheld> {
        self.at_most(FRESH).await
    }

    /// The secret, read anew: the one known is refused. Whoever refuses often gets the known one for some seconds.
    ///
    /// # Errors
    /// As for [`CachedSecret::current`].
    pub async fn anew(&self) -> Result<SecretString, Withheld> {
        self.at_most(JUST_READ).await
    }

    async fn at_most(&self, age: Duration) -> Result<SecretString, Withheld> {
        let mut read = self.read.lock().await;
        if let Some((secret, at)) = read.as_ref()
            && at.elapsed() < age
        {
            return Ok(secret.clone());
        }
        match (self.secret.read().await, read.as_mut()) {
            (Ok(secret), _) => {
                *read = Some((secret.clone(), Instant::now()));
                Ok(secret)
            }
            (Err(why), Some((known, at))) => {
                tracing::warn!(%why, "a secret could not be read again; the one known holds");
                *at = Instant::now();
                Ok(known.clone())
            }
            (Err(why), None) => Err(why),
        }
    }
}

/// Nothing of a secret is printed.
impl fmt::Debug for CachedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSecret").finish_non_exhaustive()
    }
}

/// How a token is had.
#[derive(Debug)]
pub enum Token {
    /// A token of System scope that somebody made.
    Kept(CachedSecret),
    /// `person.signIn` without an event gives a token of System scope (developers.inevent.com, token scopes). For how long it is good
    /// is not published: a new one is had when it is refused.
    SignIn { username: String, password: CachedSecret, signed_in: Mutex<Option<SecretString>> },
}

impl Token {
    pub fn kept(secret: Arc<dyn SecretValue>) -> Self {
        Self::Kept(CachedSecret::new(secret))
    }

    pub fn sign_in(username: String, password: Arc<dyn SecretValue>) -> Self {
        Self::SignIn { username, password: CachedSecret::new(password), signed_in: Mutex::default() }
    }

    /// Forgets a token that was refused, unless somebody else has a newer one already.
    pub(super) async fn forget(&self, refused: &SecretString) {
        match self {
            Self::Kept(secret) => {
                let mut read = secret.read.lock().await;
                if read.as_ref().is_some_and(|(known, _)| same(known, refused)) {
                    *read = None;
                }
            }
            Self::SignIn { signed_in, .. } => {
                let mut known = signed_in.lock().await;
                if known.as_ref().is_some_and(|known| same(known, refused)) {
                    *known = None;
                }
            }
        }
    }
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}
