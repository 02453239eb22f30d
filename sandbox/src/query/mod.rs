//! The query form: what a read asks for, whichever language it was asked in. OData options are bound to it here;
//! it compiles to SQL.

mod bind;
mod lex;
mod options;
mod page;
mod parse;
mod sql;

pub(crate) use bind::bind_filter;
pub(crate) use options::{Options, parse_options};
pub(crate) use page::Cookie;
pub(crate) use parse::{Expression, Operand, expression as parse_filter};
pub(crate) use sql::Sql;

use std::sync::Arc;

use crate::metadata::{System, Table};
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

/// A test on the columns of a row. It is either true or false: a comparison with a column that is null is false
/// (`ne` is true), and `not` turns the one into the other.
#[derive(Debug, Clone, PartialEq)]
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
}

/// One sort criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: usize,
    pub(crate) descending: bool,
}

/// A read of one table.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) table: Arc<Table>,
    /// Columns to read; all if `None`.
    pub(crate) select: Option<Vec<usize>>,
    pub(crate) filter: Option<Condition>,
    /// Sort criteria; the primary key comes last by itself, so that pages neither overlap nor leave gaps.
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    /// The sort values of the last row of the page before.
    pub(crate) after: Option<Vec<Value>>,
}

impl Query {
    /// Every row and column of a table, by primary key.
    pub(crate) fn all(table: Arc<Table>) -> Self {
        Self { table, select: None, filter: None, order: Vec::new(), limit: None, after: None }
    }

    /// The sort criteria with the primary key as the last.
    pub(crate) fn full_order(&self) -> Vec<Order> {
        let mut order = self.order.clone();
        if !order.iter().any(|o| o.column == self.table.id) {
            order.push(Order { column: self.table.id, descending: false });
        }
        order
    }

    /// The columns to fetch: those asked for, and those that the answer needs anyway.
    pub(crate) fn read_columns(&self) -> Vec<usize> {
        let Some(select) = &self.select else { return (0..self.table.columns.len()).collect() };
        let mut columns = select.clone();
        columns.push(self.table.id);
        columns.extend(self.table.system(System::Version));
        columns.extend(self.order.iter().map(|order| order.column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
