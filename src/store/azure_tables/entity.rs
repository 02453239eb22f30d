//! A record as an entity: its JSON text in properties `Value0`, `Value1` …, and `Write`, the mark of the write that
//! made it.
//! <https://learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations>

use std::{collections::HashMap, fmt::Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::unreadable;
use crate::store::{ETag, Key, Record, StoreError, escape::unescape, rules};

/// A string property holds 64 KiB of UTF-16.
const MAX_PROPERTY_UNITS: usize = 32 * 1024;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entity {
    #[serde(rename = "PartitionKey")]
    partition: String,
    #[serde(rename = "RowKey")]
    row: String,
    #[serde(rename = "Write", default)]
    write: Uuid,
    /// Only listings have it; a single record's is in the answer's header.
    #[serde(rename = "odata.etag", skip_serializing)]
    etag: Option<String>,
    /// `ValueN`, and in answers also what the service adds.
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

impl Entity {
    pub(super) fn new(key: &Key, value: &Value, write: Uuid) -> Result<Self, StoreError> {
        let (partition, row) = rules::check_key(key)?;
        let text = rules::check_value(value)?;
        let pieces = split(&text).into_iter().enumerate();
        let rest = pieces.map(|(n, piece)| (property(n), Value::from(piece))).collect();
        Ok(Self { partition, row, write, etag: None, rest })
    }

    pub(super) fn from_json(body: &[u8]) -> Result<Self, StoreError> {
        // Its error would quote the record.
        serde_json::from_slice(body).map_err(|_| unreadable("an entity that cannot be read"))
    }

    /// In ASCII: Azurite decodes each chunk of a request on its own, and a longer character cut in two would be lost.
    pub(super) fn to_json(&self) -> String {
        let json = serde_json::json!(self).to_string();
        let mut ascii = String::with_capacity(json.len());
        for c in json.chars() {
            if c.is_ascii() {
                ascii.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
        ascii
    }

    pub(super) fn is_same_write(&self, other: &Self) -> bool {
        self.write == other.write
    }

    pub(super) fn value(&self) -> Result<Value, StoreError> {
        let pieces = (0..).map_while(|n| self.rest.get(&property(n)).and_then(Value::as_str));
        serde_json::from_str(&pieces.collect::<String>()).map_err(|_| unreadable("a record that is not JSON"))
    }

    /// The entity of a listing as a record.
    pub(super) fn into_record(self, kind: &'static str) -> Result<Record, StoreError> {
        let value = self.value()?;
        let part = |text: &str| unescape(text).ok_or_else(|| unreadable("a key that the connector did not write"));
        let key = Key { kind, partition: part(&self.partition)?, row: part(&self.row)? };
        let etag = self.etag.ok_or_else(|| unreadable("an entity without an ETag"))?;
        Ok(Record { key, value, etag: ETag(etag) })
    }
}

fn property(n: usize) -> String {
    format!("Value{n}")
}

/// Pieces that each fit into a property.
fn split(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut units) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        if units + c.len_utf16() > MAX_PROPERTY_UNITS {
            pieces.push(&text[start..at]);
            (start, units) = (at, 0);
        }
        units += c.len_utf16();
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fit_and_cut_no_character() {
        for text in ["", "x", &"x".repeat(32768), &"x".repeat(32769), &format!("x{}", "😀".repeat(40000))] {
            let pieces = split(text);
            assert_eq!(pieces.concat(), *text);
            assert!(pieces.iter().all(|piece| piece.encode_utf16().count() <= MAX_PROPERTY_UNITS));
            assert_eq!(pieces.len(), text.encode_utf16().count().div_ceil(MAX_PROPERTY_UNITS).max(1));
        }
    }
}
