//! What both kinds of store hold a caller to, so that the desk refuses what Azure would refuse.

use serde_json::Value;

use super::{Key, MAX_RECORD_BYTES, StoreError, escape::escape};

/// Table storage takes keys of 1 KiB, and counts UTF-16.
const MAX_KEY_UNITS: usize = 512;

/// A kind becomes part of a table's name, which is 3 to 63 letters and digits.
const MAX_KIND: usize = 32;

pub(super) fn check_kind(kind: &str) -> Result<(), StoreError> {
    let letters = kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if letters && kind.len() <= MAX_KIND && kind.starts_with(|c: char| c.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(StoreError::BadKey("its kind is not up to 32 lower-case letters and digits, a letter first"))
    }
}

/// The kind is good; partition and row as Table storage keeps them.
pub(super) fn check_key(key: &Key) -> Result<(String, String), StoreError> {
    check_kind(key.kind)?;
    Ok((check_part(&key.partition)?, check_part(&key.row)?))
}

pub(super) fn check_part(part: &str) -> Result<String, StoreError> {
    let escaped = escape(part);
    if escaped.encode_utf16().count() > MAX_KEY_UNITS {
        return Err(StoreError::BadKey("its partition or row is longer than 512 characters"));
    }
    Ok(escaped)
}

/// The record's JSON.
pub(super) fn check_value(value: &Value) -> Result<String, StoreError> {
    let text = value.to_string();
    if text.len() > MAX_RECORD_BYTES {
        return Err(StoreError::TooLarge { bytes: text.len() });
    }
    Ok(text)
}
