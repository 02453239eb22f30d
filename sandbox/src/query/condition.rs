//! Tests on rows.

use std::sync::Arc;

use uuid::Uuid;

use super::{Field, Step};
use crate::metadata::{Collection, Table};
use crate::value::Value;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// The comparison with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }

    /// What OData error messages call it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::NotEqual => "NotEqual",
            Self::Greater => "GreaterThan",
            Self::GreaterOrEqual => "GreaterThanOrEqual",
            Self::Less => "LessThan",
            Self::LessOrEqual => "LessThanOrEqual",
        }
    }
}

/// Which rows somebody sees.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// Lookups of a row, each with the rows it may point to.
    pub(crate) lookups: Vec<(usize, Vec<Uuid>)>,
    /// The column of the row's primary key, and the users and teams that it may be shared with instead, to be read.
    pub(crate) shared: Option<(usize, Vec<Uuid>)>,
}

/// A test on the columns of a row. It is either true or false: a comparison with a column that is null is false
/// (`ne` is true), and `not` turns the one into the other.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        column: usize,
        comparison: Comparison,
        value: Value,
    },
    IsNull(usize),
    /// The text matches a pattern with SQL Server's wildcards.
    Like {
        column: usize,
        pattern: String,
    },
    In {
        column: usize,
        values: Vec<Value>,
    },
    /// The row is one of those. Written out in statements rather than given as parameters, so that it can stand in
    /// several places of one.
    Within(Reach),
    /// Two columns of the same type.
    Columns {
        left: Field,
        comparison: Comparison,
        right: Field,
    },
    /// The columns of the condition are those of the row at the end of a path of lookups; without such a row they are
    /// null.
    Through {
        path: Vec<Step>,
        condition: Box<Condition>,
    },
    /// The columns of the condition are those of a source of the query.
    At {
        source: usize,
        condition: Box<Condition>,
    },
    /// Some row of `table` whose `from` equals this row's `to` meets the condition.
    Related {
        table: Arc<Table>,
        from: usize,
        to: usize,
        condition: Box<Condition>,
    },
}

impl Condition {
    pub(crate) fn equal(column: usize, value: Value) -> Self {
        Self::Compare { column, comparison: Comparison::Equal, value }
    }

    /// The opposite.
    pub(crate) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// What every row meets.
    pub(crate) fn always() -> Self {
        Self::All(Vec::new())
    }

    /// What no row meets.
    pub(crate) fn never() -> Self {
        Self::Any(Vec::new())
    }

    /// Some row in a collection of a row of `owner` meets the condition.
    pub(crate) fn some_in(owner: &Table, collection: &Collection, condition: Condition) -> Self {
        match collection {
            Collection::Children { table, column } => {
                Self::Related { table: Arc::clone(table), from: *column, to: owner.id, condition: Box::new(condition) }
            }
            Collection::Associated { table, intersect, near, far } => {
                let inner = Self::Related {
                    table: Arc::clone(table),
                    from: table.id,
                    to: *far,
                    condition: Box::new(condition),
                };
                Self::Related { table: Arc::clone(intersect), from: *near, to: owner.id, condition: Box::new(inner) }
            }
        }
    }

    /// The row stands in the collection of the row with this primary key.
    pub(crate) fn in_collection(collection: &Collection, owner: Value) -> Self {
        match collection {
            Collection::Children { column, .. } => Self::equal(*column, owner),
            Collection::Associated { table, intersect, near, far } => Self::Related {
                table: Arc::clone(intersect),
                from: *far,
                to: table.id,
                condition: Box::new(Self::equal(*near, owner)),
            },
        }
    }
}
