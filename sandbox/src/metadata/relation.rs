//! One-to-many relationships: what a lookup means for the rows at both its ends.

use serde::{Deserialize, Serialize};

/// What happens to a row when something happens to the row it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cascade {
    None,
    All,
    Active,
    UserOwned,
    /// The lookup is emptied.
    RemoveLink,
    /// It must not happen while there are such rows.
    Restrict,
}

impl Cascade {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::None, "NoCascade"),
        (Self::All, "Cascade"),
        (Self::Active, "Active"),
        (Self::UserOwned, "UserOwned"),
        (Self::RemoveLink, "RemoveLink"),
        (Self::Restrict, "Restrict"),
    ];

    /// The name it has in `CascadeConfiguration`.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(cascade, _)| *cascade == self).map_or("NoCascade", |(_, name)| name)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(cascade, _)| *cascade)
    }
}

/// The cascades of a relationship, by what happens to the row pointed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cascades {
    pub(crate) assign: Cascade,
    pub(crate) delete: Cascade,
    pub(crate) merge: Cascade,
    pub(crate) reparent: Cascade,
    pub(crate) share: Cascade,
    pub(crate) unshare: Cascade,
}

impl Cascades {
    /// Rows live by themselves; the lookup is emptied when its row goes.
    pub(crate) const REFERENTIAL: Self = Self {
        assign: Cascade::None,
        delete: Cascade::RemoveLink,
        merge: Cascade::None,
        reparent: Cascade::None,
        share: Cascade::None,
        unshare: Cascade::None,
    };
    /// Rows belong to the row they point to.
    pub(crate) const PARENTAL: Self = Self {
        assign: Cascade::All,
        delete: Cascade::All,
        merge: Cascade::All,
        reparent: Cascade::All,
        share: Cascade::All,
        unshare: Cascade::All,
    };
}

/// The one-to-many relationship behind a lookup and one of its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relation {
    /// Logical name of the table pointed to.
    pub(crate) target: String,
    pub(crate) schema: String,
    /// The collection-valued navigation property of the table pointed to.
    pub(crate) collection: String,
    pub(crate) cascades: Cascades,
    pub(crate) custom: bool,
}
