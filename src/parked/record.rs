//! One parked thing, and how it lies in the store: a head, and pieces beside it where the original is large.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    model::ParticipantEvent,
    store::{ETag, Key, MAX_RECORD_BYTES, Record, Store, StoreError},
    sync::outcome::Refusal,
};

pub(super) const KIND: &str = "parked";

/// What a record holds of an original, in bytes: however it is escaped, it fits.
const PIECE_BYTES: usize = MAX_RECORD_BYTES / 8;
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 4_000;
/// The longest id of an event or participant that is kept beside the original, in characters.
const MAX_ID: usize = 200;
/// Digits of an entry's id; the first two are its partition.
const ID_DIGITS: usize = 32;
const PARTITION_DIGITS: usize = 2;

/// Why something is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Dataverse refuses it for good.
    Refused,
    /// It is not an event, or not a message of the connector's.
    Undecoded,
    /// It was delivered as often as the queue allows and never settled: it is likely to bring the handler down.
    Poison,
    /// A webhook that says nothing which can be used.
    Webhook,
}

impl Kind {
    /// As it stands in the records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Undecoded => "undecoded",
            Self::Poison => "poison",
            Self::Webhook => "webhook",
        }
    }
}

/// What was to be written.
#[derive(Clone, PartialEq)]
pub enum Original {
    Event(Box<ParticipantEvent>),
    /// The text of a message, or of an item of one.
    Raw(String),
}

/// Something to be parked.
#[derive(Debug, Clone, PartialEq)]
pub struct Parked {
    pub kind: Kind,
    /// Dataverse's error code.
    pub code: Option<u32>,
    /// In plain words, or Dataverse's; may be personal.
    pub reason: String,
    /// The trace of the request that brought it.
    pub trace_id: Option<String>,
    pub original: Original,
}

/// What is known of a parked thing besides the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 32 hexadecimal digits; the same original has the same id.
    pub id: String,
    /// When it was parked last.
    pub at: Timestamp,
    pub kind: Kind,
    /// Dataverse's error code, as `0x80040203`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// May be personal where it is Dataverse's.
    pub reason: String,
    pub remedy: String,
    /// InEvent's id of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// InEvent's id of the participant, never the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A parked thing as it was found in the store.
#[derive(Debug, Clone)]
pub struct Found {
    pub entry: Entry,
    form: Form,
    stored: Stored,
    etag: ETag,
}

/// How the original's text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Event,
    Raw,
}

/// The original's text, or where it is. Each write has pieces of its own, so that removing what one wrote leaves the next whole.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Original(String),
    Pieces { write: Uuid, count: usize },
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    entry: Entry,
    form: Form,
    #[serde(flatten)]
    stored: Stored,
}

/// A part of an original.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) at: Timestamp,
    more: String,
}

/// Keeps it. The same original parked again is kept once, with the later reason. It is durable when this returns.
///
/// # Errors
/// When it could not be stored; nothing is lost as long as the message it came in is not removed.
pub async fn park(store: &dyn Store, parked: &Parked, now: Timestamp) -> Result<(), StoreError> {
    let (form, text) = parked.original.text();
    let entry = parked.entry(id(&text), now);
    let key = head_key(&entry.id);
    if text.len() <= PIECE_BYTES {
        // Written even where it stands already: a replay under way must see that it was parked anew.
        store.put(&key, &json!(Head { entry, form, stored: Stored::Original(text) })).await?;
        return Ok(());
    }
    let before = store.get(&key).await?.as_ref().and_then(Found::read);
    let (write, pieces) = (Uuid::now_v7(), pieces(&text));
    for (index, piece) in pieces.iter().enumerate() {
        let piece = Piece { at: now, more: (*piece).to_owned() };
        store.put(&piece_key(&entry.id, write, index), &json!(piece)).await?;
    }
    store.put(&key, &json!(Head { entry, form, stored: Stored::Pieces { write, count: pieces.len() } })).await?;
    match before {
        Some(before) => before.remove_pieces(store).await,
        None => Ok(()),
    }
}

impl Parked {
    fn entry(&self, id: String, at: Timestamp) -> Entry {
        let short = |text: &str, limit: usize| text.chars().take(limit).collect::<String>();
        let (event, participant) = match &self.original {
            Original::Event(event) => {
                let participant = event.participant.as_ref().map(|participant| short(&participant.id, MAX_ID));
                (Some(short(&event.event.id, MAX_ID)), participant)
            }
            Original::Raw(_) => (None, None),
        };
        let remedy = match self.kind {
            Kind::Refused => "Change the record, the rule or the event as the reason says, then replay it.",
            Kind::Undecoded => "Send it again in the published schema, then drop this.",
            Kind::Webhook => "Mend what the reason says, then replay it; or drop it.",
            Kind::Poison => {
                "Look into the log of that time for what failed. Replay it when that is mended, by a newer release if need be."
            }
        };
        Entry {
            id,
            at,
            kind: self.kind,
            code: self.code.map(|code| format!("0x{code:08x}")),
            reason: short(&self.reason, MAX_REASON),
            remedy: remedy.to_owned(),
            event,
            participant,
            trace_id: self.trace_id.clone(),
        }
    }

    /// An event that Dataverse refuses.
    pub fn refused(event: ParticipantEvent, refusal: Refusal, trace_id: Option<String>) -> Self {
        let Refusal { code, reason } = refusal;
        Self { kind: Kind::Refused, code, reason, trace_id, original: Original::Event(Box::new(event)) }
    }
}

impl Original {
    fn text(&self) -> (Form, String) {
        match self {
            // Maps with text keys and finite numbers always print.
            Self::Event(event) => (Form::Event, serde_json::to_string(event).unwrap_or_default()),
            Self::Raw(text) => (Form::Raw, text.clone()),
        }
    }
}

/// The original is personal: nothing of it is printed.
impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event(_) => "Event(…)",
            Self::Raw(_) => "Raw(…)",
        })
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored(…)")
    }
}

impl Found {
    /// `None` for what is no head.
    pub(super) fn read(record: &Record) -> Option<Self> {
        let Head { entry, form, stored } = serde_json::from_value(record.value.clone()).ok()?;
        Some(Self { entry, form, stored, etag: record.etag.clone() })
    }

    /// The original; `None` when it was removed meanwhile.
    pub async fn original(&self, store: &dyn Store) -> Result<Option<Original>, StoreError> {
        let text = match &self.stored {
            Stored::Original(text) => text.clone(),
            Stored::Pieces { write, count } => {
                let mut text = String::new();
                for index in 0..*count {
                    let Some(record) = store.get(&piece_key(&self.entry.id, *write, index)).await? else {
                        return Ok(None);
                    };
                    let Ok(piece) = serde_json::from_value::<Piece>(record.value) else { return Ok(None) };
                    text.push_str(&piece.more);
                }
                text
            }
        };
        let event = match self.form {
            Form::Event => serde_json::from_str(&text).ok().map(|event| Original::Event(Box::new(event))),
            Form::Raw => None,
        };
        Ok(Some(event.unwrap_or(Original::Raw(text))))
    }

    /// Removes it; `false` when it was parked anew since it was found, and stays.
    pub async fn remove(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let key = head_key(&self.entry.id);
        match store.delete(&key, Some(&self.etag)).await {
            Ok(()) => {}
            // Removed already, maybe by ourselves: an answer that was lost is asked for again.
            Err(StoreError::Changed) if store.get(&key).await?.is_none() => {}
            Err(StoreError::Changed) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.remove_pieces(store).await?;
        Ok(true)
    }

    /// Gives it another reason; `false` when it was changed or removed meanwhile.
    pub async fn replace_reason(&self, store: &dyn Store, reason: &str) -> Result<bool, StoreError> {
        let entry = Entry { reason: reason.to_owned(), ..self.entry.clone() };
        let head = Head { entry, form: self.form, stored: self.stored.clone() };
        match store.replace(&head_key(&self.entry.id), &json!(head), &self.etag).await {
            Ok(_) => Ok(true),
            Err(StoreError::Changed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether this piece belongs to it.
    pub(super) fn has_piece(&self, key: &Key) -> bool {
        let Stored::Pieces { write, .. } = &self.stored else { return false };
        key.row.starts_with(&format!("{}.{write}.", self.entry.id))
    }

    async fn remove_pieces(&self, store: &dyn Store) -> Result<(), StoreError> {
        let Stored::Pieces { write, count } = &self.stored else { return Ok(()) };
        for index in 0..*count {
            store.delete(&piece_key(&self.entry.id, *write, index), None).await?;
        }
        Ok(())
    }
}

fn id(text: &str) -> String {
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    digest[..ID_DIGITS].to_owned()
}

/// The partition of an entry, or of all entries whose ids begin so.
pub(super) fn partition(id: &str) -> Option<&str> {
    id.get(..PARTITION_DIGITS)
}

pub(super) fn head_key(id: &str) -> Key {
    Key::new(KIND, partition(id).unwrap_or_default(), id)
}

/// The head that a piece was written for, by the piece's key.
pub(super) fn head_of_piece(key: &Key) -> Option<&str> {
    key.row.split_once('.').map(|(id, _)| id)
}

fn piece_key(id: &str, write: Uuid, index: usize) -> Key {
    Key::new(KIND, partition(id).unwrap_or_default(), format!("{id}.{write}.{index}"))
}

/// Cuts text into pieces that a record can hold.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, c) in text.char_indices() {
        if at + c.len_utf8() - start > PIECE_BYTES {
            pieces.push(&text[start..at]);
            start = at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_text() {
        for text in ["", "x", &"x".repeat(PIECE_BYTES), &"x".repeat(PIECE_BYTES + 1), &"é♥😀".repeat(PIECE_BYTES)]
        {
            let pieces = pieces(text);
            assert_eq!(pieces.concat(), *text);
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        }
    }

    #[test]
    fn originals_are_not_printed() {
        let raw = Parked {
            kind: Kind::Undecoded,
            code: None,
            reason: String::new(),
            trace_id: None,
            original: Original::Raw("ana@x.example".to_owned()),
        };
        assert!(!format!("{raw:?}").contains("ana"));
    }
}
