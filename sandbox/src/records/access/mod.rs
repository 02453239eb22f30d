//! Who may do what: security roles, their depths, and what is said to those who may not.

mod guard;
mod read;
mod refusal;
mod rights;
mod sharing;

pub(crate) use rights::Rights;
pub(crate) use sharing::{Principal, Sharing};

/// What can be done with a row; each is a privilege of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Create,
    Read,
    Write,
    Delete,
    Append,
    AppendTo,
    Assign,
    Share,
}

impl Right {
    /// In the order in which answers name them.
    pub(crate) const ALL: [Self; 8] =
        [Self::Read, Self::Write, Self::Append, Self::AppendTo, Self::Create, Self::Delete, Self::Share, Self::Assign];

    /// Its bit in the masks of `AccessRights`.
    pub(crate) fn bit(self) -> i64 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Append => 4,
            Self::AppendTo => 16,
            Self::Create => 32,
            Self::Delete => 65_536,
            Self::Share => 262_144,
            Self::Assign => 524_288,
        }
    }

    /// What the owner of a row may do with the rows that belong to it.
    fn of_owner() -> i64 {
        Self::ALL.iter().filter(|right| **right != Self::Create).map(|right| right.bit()).sum()
    }

    /// As in `prvReadContact` and `ReadAccess`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::Append => "Append",
            Self::AppendTo => "AppendTo",
            Self::Assign => "Assign",
            Self::Share => "Share",
        }
    }
}

/// How far a privilege reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    None,
    /// Rows of the user and of their teams.
    Basic,
    /// Rows of the user's business unit.
    Local,
    /// Rows of the user's business unit and of those below it.
    Deep,
    /// Every row.
    Global,
}

impl Depth {
    /// From `privilegedepthmask`: the highest bit counts.
    fn of_mask(mask: i64) -> Self {
        match mask {
            8.. => Self::Global,
            4..8 => Self::Deep,
            2..4 => Self::Local,
            1 => Self::Basic,
            _ => Self::None,
        }
    }
}
