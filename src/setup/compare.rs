//! Whether what an environment has does for the connector.

use super::{
    definition::{Column, Key, Kind, option_value},
    present::PresentKey,
};
use crate::dataverse::metadata::{self, ColumnKind};

/// What was found of something that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Right,
    Missing,
    /// A choice without these options, by their places.
    Lacks(Vec<(u32, &'static str)>),
    /// It is there, and of no use as it is.
    Differs {
        problem: String,
        remedy: String,
    },
}

/// Judges a column.
pub fn column(wanted: &Column, present: Option<&metadata::Column>) -> Found {
    let Some(present) = present else { return Found::Missing };
    if wanted.any_kind {
        return Found::Right;
    }
    let differs = |problem: String, remedy: &str| Found::Differs { problem, remedy: remedy.to_owned() };
    if !present.creatable || !present.updatable {
        return differs("it cannot be written".to_owned(), REMAKE);
    }
    match (wanted.kind, &present.kind) {
        (Kind::Text(wanted) | Kind::Memo(wanted), ColumnKind::Text { max } | ColumnKind::Memo { max })
            if (*max as u64) < u64::from(wanted) =>
        {
            differs(format!("it holds {max} characters"), &format!("Lengthen it to {wanted}."))
        }
        (Kind::Text(_) | Kind::Memo(_), ColumnKind::Text { .. } | ColumnKind::Memo { .. }) => Found::Right,
        (Kind::Choice(options), ColumnKind::Choice(present)) => {
            let has = |place: u32| present.iter().any(|option| option.value == i64::from(option_value(place)));
            let missing: Vec<_> = options.iter().filter(|(place, _)| !has(*place)).copied().collect();
            if missing.is_empty() { Found::Right } else { Found::Lacks(missing) }
        }
        (Kind::DateTime, ColumnKind::DateTime { independent: false }) => Found::Right,
        (Kind::Decimal { precision, .. }, ColumnKind::Decimal { min, max, precision: present }) => {
            if *present < precision {
                differs(format!("it keeps {present} digits after the point"), &format!("Let it keep {precision}."))
            } else if *min > 0.0 || *max < 100.0 {
                differs(format!("it takes {min} to {max} only"), "Let it take 0 to 100 at least.")
            } else {
                Found::Right
            }
        }
        (kind, _) => differs(format!("it is no {}", name(kind)), REMAKE),
    }
}

const REMAKE: &str =
    "Its type cannot be changed: keep what it holds elsewhere, delete the column, and run setup again.";

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "line of text",
        Kind::Memo(_) => "text of several lines",
        Kind::Choice(_) => "choice",
        Kind::DateTime => "date and time in the user's own time zone",
        Kind::Decimal { .. } => "decimal number",
    }
}

/// Judges an alternate key, apart from its index.
pub fn key(wanted: &Key, present: &[PresentKey]) -> Found {
    let sorted = |columns: &[String]| {
        let mut columns = columns.to_vec();
        columns.sort();
        columns
    };
    match present.iter().find(|key| key.logical_name == wanted.name) {
        Some(key) if sorted(&key.key_attributes) == sorted(&wanted.columns) => Found::Right,
        Some(key) => Found::Differs {
            problem: format!("it is made of {}", key.key_attributes.join(", ")),
            remedy: format!("Delete the key; it is to be made of {}.", wanted.columns.join(", ")),
        },
        None => Found::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataverse::metadata::Choice;

    #[test]
    fn what_does_is_left_alone_and_the_rest_is_named() {
        let wanted = |kind| Column { name: "new_x".into(), label: "X", description: "", kind, any_kind: false };
        let present = |kind| metadata::Column { kind, creatable: true, updatable: true };
        let option = |value| Choice { value, labels: Vec::new() };
        let choice = Kind::Choice(&[(0, "A"), (1, "B")]);
        for (kind, there, right) in [
            (Kind::Text(100), ColumnKind::Text { max: 100 }, true),
            (Kind::Text(100), ColumnKind::Memo { max: 2_000 }, true),
            (Kind::Text(100), ColumnKind::Text { max: 99 }, false),
            (Kind::Memo(4_000), ColumnKind::Text { max: 4_000 }, true),
            (Kind::Text(100), ColumnKind::Whole { min: 0, max: 9 }, false),
            (Kind::DateTime, ColumnKind::DateTime { independent: false }, true),
            (Kind::DateTime, ColumnKind::DateTime { independent: true }, false),
            (Kind::DateTime, ColumnKind::DateOnly, false),
            (
                Kind::Decimal { precision: 2, most: 1.0 },
                ColumnKind::Decimal { min: 0.0, max: 100.0, precision: 2 },
                true,
            ),
            (
                Kind::Decimal { precision: 2, most: 1.0 },
                ColumnKind::Decimal { min: 0.0, max: 1.0, precision: 2 },
                false,
            ),
            (Kind::Decimal { precision: 2, most: 1.0 }, ColumnKind::Whole { min: 0, max: 100 }, false),
            (choice, ColumnKind::Choice(vec![option(727_000_001), option(727_000_000)]), true),
            (choice, ColumnKind::Text { max: 9 }, false),
        ] {
            let found = column(&wanted(kind), Some(&present(there.clone())));
            assert_eq!(found == Found::Right, right, "{kind:?} {there:?} {found:?}");
        }
        let half = present(ColumnKind::Choice(vec![option(727_000_000), option(5)]));
        assert_eq!(column(&wanted(choice), Some(&half)), Found::Lacks(vec![(1, "B")]));
        assert_eq!(column(&wanted(choice), None), Found::Missing);
        let any = Column { any_kind: true, ..wanted(Kind::Text(100)) };
        assert_eq!(column(&any, Some(&present(ColumnKind::DateOnly))), Found::Right);
    }
}
