//! Which value of an event goes to which column of contact and lead: the mappings of the settings, ready to be used.

use serde_json::Value;

use super::{
    convert::{How, Unconvertible, convert},
    key_column::KeyColumn,
    rows::{PersonTable, Table},
    source::{Reader, Said},
};
use crate::{
    dataverse::{Columns, metadata::ColumnKind},
    settings::document::{ExpressionError, Mapping, Mode, Target},
};

/// A column of one table and where its value comes from.
#[derive(Debug)]
pub struct Mapped {
    pub table: Table,
    pub column: String,
    pub mode: Mode,
    pub required: bool,
    /// Of a lookup column: which row a value names.
    pub lookup: Option<LookupRule>,
    source: Reader,
    kind: ColumnKind,
    how: How,
}

/// A lookup column, and how its row is found.
#[derive(Debug)]
pub struct LookupRule {
    /// As it is read: `_new_campaignid_value`.
    pub read: String,
    /// What binds it: `new_CampaignId@odata.bind`.
    pub bind: String,
    /// Where it points to.
    pub target: Table,
    /// The column of that table that holds the value.
    pub by: KeyColumn,
}

/// Why a column gets no value although something was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    #[error(transparent)]
    Unconvertible(#[from] Unconvertible),
}

impl Mapped {
    /// # Errors
    /// What is wrong with its expression.
    pub fn new(mapping: &Mapping, table: Table, kind: ColumnKind, lookup: Option<LookupRule>) -> Result<Self, String> {
        let source = Reader::new(&mapping.source)?;
        let (mode, required, column) = (mapping.mode, mapping.required, mapping.column.clone());
        Ok(Self { table, column, mode, required, lookup, source, kind, how: How::of(mapping) })
    }

    /// The column as it is read.
    pub fn read(&self) -> &str {
        self.lookup.as_ref().map_or(&self.column, |lookup| &lookup.read)
    }

    /// The column as it is written.
    pub fn written(&self) -> &str {
        self.lookup.as_ref().map_or(&self.column, |lookup| &lookup.bind)
    }

    /// What a row holds in the column, as it would be written.
    pub fn stored(&self, columns: &Columns) -> Option<Value> {
        let stored = columns.get(self.read()).filter(|value| !value.is_null())?;
        Some(match &self.lookup {
            Some(lookup) => lookup.target.path(stored.as_str()?.parse().ok()?).into(),
            None => stored.clone(),
        })
    }

    /// What the event states of this column, as the column takes it (of a lookup the text that names its row); `None` when it states
    /// nothing. Blank is nothing.
    ///
    /// # Errors
    /// When there is something, and it cannot be made into what the column takes.
    pub fn value(&self, said: &Said<'_>) -> Result<Option<Value>, Unmapped> {
        Ok(match self.source.value(said)? {
            Some(stated) => convert(&stated, &self.kind, &self.how)?,
            None => None,
        })
    }
}

impl From<Target> for PersonTable {
    fn from(target: Target) -> Self {
        match target {
            Target::Contact => Self::Contact,
            Target::Lead => Self::Lead,
        }
    }
}
