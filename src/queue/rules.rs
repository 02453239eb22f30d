//! What both kinds of queue hold a caller to, so that the desk refuses what Azure would refuse.

use std::{borrow::Cow, time::Duration};

use super::{MAX_MESSAGE_BYTES, QueueError, xml_text::xml_safe_json};

/// The longest delay, invisibility or back-off the service takes.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most messages one receive may ask for.
pub(super) const MAX_BATCH: usize = 32;

/// Queue and blob container names: 3 to 63 lower-case letters, digits and hyphens, the hyphens single and inside.
/// <https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata>
pub(super) fn check_name(name: &str) -> Result<(), QueueError> {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let hyphens = !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
    if (3..=63).contains(&name.len()) && letters && hyphens {
        Ok(())
    } else {
        Err(QueueError::BadName(name.to_owned()))
    }
}

/// Keys of bodies: letters, digits, `-`, and `/` between non-empty parts, so that no storage reads a path into them.
pub(super) fn check_key(key: &str) -> Result<(), QueueError> {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if key.len() <= 512 && key.split('/').all(part) { Ok(()) } else { Err(QueueError::BadKey(key.to_owned())) }
}

/// The text as it is stored, or why it cannot be.
pub(super) fn check_text(text: &str) -> Result<Cow<'_, str>, QueueError> {
    let text = xml_safe_json(text)?;
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(QueueError::TooLarge { bytes: text.len() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_service() {
        for good in ["abc", "inevent-events", "a1-b2-c3", &"a".repeat(63)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "-abc", "abc-", "a--b", "Abc", "a_b", "a.b", "äbc", "a/b", &"a".repeat(64)] {
            assert!(matches!(check_name(bad), Err(QueueError::BadName(_))), "{bad}");
        }
    }

    #[test]
    fn keys_hold_no_path_tricks() {
        for good in ["a", "a/b", "2026/11/22/0b1c-d", "A-"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "a b", "a?b", "a#b", "a%2Fb", "é", &"a".repeat(513)] {
            assert!(matches!(check_key(bad), Err(QueueError::BadKey(_))), "{bad}");
        }
    }
}
