//! What a batch decided that somebody may want to look at. Ids and names of columns only.

use std::fmt;

use uuid::Uuid;

use super::rows::{Owner, PersonRef};

/// One decision. The events are those that statements are about, the statements are named by the ids of their source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Of several open people with one key, so many, this one was taken.
    Ambiguous { person: PersonRef, of: usize },
    /// Whom a duplicate detection rule named was taken instead of making somebody.
    Adopted { person: PersonRef },
    /// A column, as `lead.new_budget`, got no value although the statement has something for it.
    LeftOut { statement: String, column: String },
    /// The owner whom the row was to get cannot own it: it gets another one.
    UnfitOwner { row: Uuid, owner: Owner },
    /// The row regards nobody: nobody was found or created for its participant, such as a guest without a key.
    Unmatched { row: Uuid },
    /// Nothing is written of the statement: the settings leave its participant out.
    Ignored { statement: String },
}

impl Decision {
    /// As it stands in the record of a batch.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "ambiguous",
            Self::Adopted { .. } => "adopted",
            Self::LeftOut { .. } => "left_out",
            Self::UnfitOwner { .. } => "unfit_owner",
            Self::Unmatched { .. } => "unmatched",
            Self::Ignored { .. } => "ignored",
        }
    }
}

/// `ambiguous lead 1c0e…`
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Ambiguous { person, .. } | Self::Adopted { person } => {
                write!(f, " {} {}", person.table.table().name, person.id)
            }
            Self::LeftOut { statement, column } => write!(f, " {column} of {statement}"),
            Self::UnfitOwner { row, owner } => write!(f, " {owner} of {row}"),
            Self::Unmatched { row } => write!(f, " {row}"),
            Self::Ignored { statement } => write!(f, " {statement}"),
        }
    }
}
