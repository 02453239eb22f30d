//! Which value of an event goes to which column of contact and lead: the mappings of the settings, ready to be used.

use serde_json::Value;

use super::{
    convert::{How, Unconvertible, convert},
    rows::PersonTable,
    source::{Reader, Said},
};
use crate::{
    dataverse::metadata::ColumnKind,
    settings::document::{ExpressionError, Mapping, Mode, Target},
};

/// A column of one table and where its value comes from.
#[derive(Debug)]
pub struct Mapped {
    pub table: PersonTable,
    pub column: String,
    pub mode: Mode,
    pub required: bool,
    source: Reader,
    kind: ColumnKind,
    how: How,
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
    pub fn new(mapping: &Mapping, table: PersonTable, kind: ColumnKind) -> Result<Self, String> {
        let source = Reader::new(&mapping.source)?;
        let (mode, required, column) = (mapping.mode, mapping.required, mapping.column.clone());
        Ok(Self { table, column, mode, required, source, kind, how: How::of(mapping) })
    }

    /// What the event states of this column, as the column takes it; `None` when it states nothing. Blank is nothing.
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
