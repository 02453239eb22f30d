//! Stamps: what the CRM row remembers of the source, so that the later statement wins whatever order it arrives in.
//!
//! A cell is the source time of the last change and the value that came with it (a fingerprint, where the value is long or
//! personal). The larger cell wins: time first, then value, so that equal times are broken the same way everywhere.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest, Sha256};

use super::{SourceTime, time::DIGITS};

/// 64 bits of SHA-256 over a source value, written as 20 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn of(value: &str) -> Self {
        let digest = Sha256::digest(value.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    pub fn from_digits(text: &str) -> Option<Self> {
        (text.len() == 20).then(|| text.parse().ok().map(Self))?
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

/// When something was stated, and whether it happened then or is a state that was seen then. A state that is known already says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub time: SourceTime,
    pub read: bool,
}

impl From<SourceTime> for Told {
    fn from(time: SourceTime) -> Self {
        Self { time, read: false }
    }
}

/// A value and when the source stated it. The derived order is the rule: later wins, at equal times the larger value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell<T> {
    pub time: SourceTime,
    pub value: T,
}

impl<T: Ord + Copy> Cell<T> {
    pub fn new(time: SourceTime, value: T) -> Self {
        Self { time, value }
    }

    /// The winner of what is known and what is offered.
    pub fn join(known: Option<Self>, told: impl Into<Told>, value: T) -> Option<Self> {
        let told = told.into();
        if told.read && known.is_some_and(|known| known.value == value) {
            return known;
        }
        known.max(Some(Self::new(told.time, value)))
    }
}

/// What became of a value offered to a [`Ledger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Something later (or the very same) is known, or a state was read that is known.
    Stale,
    /// The source states the same value at a later time: the time is kept, the column is not touched, so that what somebody
    /// corrected in the CRM since stays.
    Repeated,
    /// The source's value changed: the column takes it.
    Changed,
}

/// The cells of several columns, by column name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<String, Cell<Fingerprint>>);

impl Ledger {
    /// Reads the text form; what does not parse counts as never stated.
    pub fn parse(text: &str) -> Self {
        let cell = |token: &str| {
            let (column, rest) = token.split_once(':')?;
            let (time, value) = rest.split_once(':')?;
            let cell = Cell::new(SourceTime::from_digits(time)?, Fingerprint::from_digits(value)?);
            Some((column.to_owned(), cell))
        };
        Self(text.split(' ').filter_map(cell).collect())
    }

    /// Offers what the source stated of a column.
    pub fn offer(&mut self, column: &str, told: impl Into<Told>, value: &str) -> Offer {
        let (known, value) = (self.0.get(column).copied(), Fingerprint::of(value));
        match Cell::join(known, told, value) {
            Some(winner) if Some(winner) != known => {
                self.0.insert(column.to_owned(), winner);
                if known.is_some_and(|known| known.value == value) { Offer::Repeated } else { Offer::Changed }
            }
            _ => Offer::Stale,
        }
    }

    pub fn get(&self, column: &str) -> Option<Cell<Fingerprint>> {
        self.0.get(column).copied()
    }

    /// When the latest of it was stated.
    pub fn latest(&self) -> Option<SourceTime> {
        self.0.values().map(|cell| cell.time).max()
    }
}

/// `column:time:fingerprint`, separated by spaces, by column.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (column, cell)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{column}:{}:{}", cell.time.digits(), cell.value)?;
        }
        Ok(())
    }
}

/// Splits a `19 digits` time off the front of a token's value.
pub(super) fn time_and_rest(text: &str) -> Option<(SourceTime, &str)> {
    let time = SourceTime::from_digits(text.get(..DIGITS)?)?;
    let rest = text.get(DIGITS..)?;
    Some((time, rest.strip_prefix(':').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> SourceTime {
        SourceTime::new(jiff::Timestamp::from_second(second).unwrap()).unwrap()
    }

    #[test]
    fn a_b_a_ends_with_a_in_any_order() {
        let statements = [(1, "A"), (2, "B"), (3, "A")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (mut ledger, mut column) = (Ledger::default(), "");
            for index in order {
                let (second, value) = statements[index];
                if ledger.offer("jobtitle", at(second), value) == Offer::Changed {
                    column = value;
                }
            }
            assert_eq!(column, "A", "{order:?}");
            assert_eq!(ledger.get("jobtitle").unwrap().time, at(3));
        }
    }

    #[test]
    fn a_repeated_value_moves_only_the_time() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.offer("phone", at(1), "1"), Offer::Changed);
        assert_eq!(ledger.offer("phone", at(2), "1"), Offer::Repeated);
        assert_eq!(ledger.offer("phone", at(2), "1"), Offer::Stale);
        assert_eq!(ledger.offer("phone", at(1), "2"), Offer::Stale);
        assert_eq!(Ledger::parse(&ledger.to_string()), ledger);
    }

    #[test]
    fn what_somebody_typed_into_the_stamp_column_is_ignored() {
        assert_eq!(Ledger::parse("hello a:b c:1:2 :: é:1778576400000000001:9"), Ledger::default());
    }
}
