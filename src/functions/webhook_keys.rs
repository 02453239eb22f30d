//! The keys that the webhooks' URLs carry. Several are valid at once, so that one can be rotated without losing a delivery.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    inevent::CachedSecret,
    settings::{SecretValue, Withheld},
};

/// A shorter key can be guessed, and is not valid.
const SHORTEST: usize = 16;

/// The keys, read anew every few minutes, and when an unknown one comes.
#[derive(Debug)]
pub struct WebhookKeys(CachedSecret);

impl WebhookKeys {
    pub fn new(secret: Arc<dyn SecretValue>) -> Self {
        Self(CachedSecret::new(secret))
    }

    /// Whether this is one of the keys.
    ///
    /// # Errors
    /// When the keys cannot be read, in words that name their place.
    pub async fn are_with(&self, offered: &str) -> Result<bool, Withheld> {
        Ok(holds(&self.0.current().await?, offered) || holds(&self.0.anew().await?, offered))
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// What is wrong with them, or that there is none.
    pub async fn check(&self) -> Result<usize, String> {
        let count = valid(&self.0.current().await.map_err(|withheld| withheld.to_string())?).count();
        if count == 0 { Err(none()) } else { Ok(count) }
    }

    /// The key that new webhooks are to carry: the first one.
    ///
    /// # Errors
    /// As for [`WebhookKeys::check`].
    pub async fn first(&self) -> Result<SecretString, String> {
        let secret = self.0.current().await.map_err(|withheld| withheld.to_string())?;
        valid(&secret).next().map(SecretString::from).ok_or_else(none)
    }
}

fn none() -> String {
    format!("there is no webhook key of {SHORTEST} characters or more")
}

fn valid(secret: &SecretString) -> impl Iterator<Item = &str> {
    keys(secret).filter(|key| key.len() >= SHORTEST)
}

fn keys(secret: &SecretString) -> impl Iterator<Item = &str> {
    secret.expose_secret().split([',', '\n', '\r']).map(str::trim)
}

/// Compares with every key, in a time that tells nothing of them.
fn holds(secret: &SecretString, offered: &str) -> bool {
    let offered = Sha256::digest(offered.as_bytes());
    let same = valid(secret)
        .fold(Choice::from(0), |same, key| same | Sha256::digest(key.as_bytes()).as_slice().ct_eq(offered.as_slice()));
    same.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_keys_is_valid_and_nothing_else() {
        let secret = SecretString::from("first-key-0123456789, second-key-0123456789\nshort\n\n");
        for (offered, valid) in [
            ("first-key-0123456789", true),
            ("second-key-0123456789", true),
            ("first-key-012345678", false),
            ("first-key-0123456789, second-key-0123456789\nshort\n\n", false),
            ("short", false),
            ("", false),
        ] {
            assert_eq!(holds(&secret, offered), valid, "{offered}");
        }
    }
}
