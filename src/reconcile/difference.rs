//! Who is on the list according to the rows, and no longer according to InEvent.

use std::collections::{BTreeSet, HashSet};

/// So many may be missing however few there are.
const FEW: usize = 10;
/// Beyond that, one in so many at most.
const SHARE: usize = 4;

/// Who is missing from a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing<'a> {
    /// To be looked up one by one before anything is made of it.
    These(Vec<&'a str>),
    /// The list was not read whole, so nothing follows from who is not on it.
    Unknown,
    /// So many that the list is more likely wrong than the rows.
    Implausible { missing: usize, known: usize },
}

/// Compares. `complete`: nothing speaks against the list being whole. `trusted`: somebody looked, and says that it is right.
pub fn missing<'a>(known: &BTreeSet<&'a str>, listed: &HashSet<String>, complete: bool, trusted: bool) -> Missing<'a> {
    if !complete {
        return Missing::Unknown;
    }
    let missing: Vec<&str> = known.iter().copied().filter(|id| !listed.contains(*id)).collect();
    if !trusted && missing.len() > FEW && missing.len() * SHARE > known.len() {
        return Missing::Implausible { missing: missing.len(), known: known.len() };
    }
    Missing::These(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_from_a_list_that_is_short() {
        let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
        let known: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let listed = |gone: usize| ids.iter().skip(gone).cloned().collect::<HashSet<_>>();
        let count = |found: Missing<'_>| match found {
            Missing::These(missing) => Some(missing.len()),
            _ => None,
        };
        assert_eq!(count(missing(&known, &listed(0), true, false)), Some(0));
        assert_eq!(count(missing(&known, &listed(25), true, false)), Some(25));
        assert_eq!(missing(&known, &listed(26), true, false), Missing::Implausible { missing: 26, known: 100 });
        assert_eq!(count(missing(&known, &listed(100), true, true)), Some(100));
        assert_eq!(missing(&known, &listed(1), false, true), Missing::Unknown);
        let few: BTreeSet<&str> = known.iter().copied().take(10).collect();
        assert_eq!(count(missing(&few, &HashSet::new(), true, false)), Some(10));
    }
}
