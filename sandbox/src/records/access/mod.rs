//! Who may do what: security roles, their depths, and what is said to those who may not.

mod guard;
mod read;
mod refusal;
mod rights;

pub(crate) use rights::Rights;

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
}

impl Right {
    /// As in `prvReadContact` and `ReadAccess`.
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::Append => "Append",
            Self::AppendTo => "AppendTo",
            Self::Assign => "Assign",
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
