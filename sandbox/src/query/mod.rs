//! The query form: what a read asks for, whichever language it was asked in. OData options and FetchXML are bound to it
//! here; it compiles to SQL.

mod aggregate;
mod apply;
mod bind;
mod calendar;
mod condition;
mod expand;
mod fetch;
mod functions;
mod lex;
mod operators;
mod options;
mod order;
mod page;
mod parse;
mod path;
mod split;
mod sql;
mod sql_condition;
#[cfg(test)]
mod tests;
mod tsql;

pub(crate) use aggregate::{Aggregation, DatePart, Function, Group, Measure, OutputKind};
pub(crate) use apply::Apply;
pub(crate) use bind::bind_filter;
pub(crate) use condition::{Comparison, Condition, Reach};
pub(crate) use expand::{Expand, Expanded};
pub(crate) use fetch::{Element, Fetched, Shown, bind_fetch, next_cookie, parse_fetch};
pub(crate) use options::{Options, parse_options};
pub(crate) use order::Order;
pub(crate) use page::Cookie;
pub(crate) use parse::{Expression, Operand, expression as parse_filter};
pub(crate) use path::{Field, Step};
pub(crate) use sql::Sql;
pub(crate) use tsql::bind_sql;

use std::sync::Arc;

use crate::metadata::{Column, System, Table};
use crate::value::Value;

/// Another table whose rows are put beside those of the query (`link-entity`).
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) table: Arc<Table>,
    /// The source it hangs on: 0 is the query's own table, the others are the joins in their order, from 1.
    pub(crate) parent: usize,
    /// Column of its own table.
    pub(crate) from: usize,
    /// Column of the parent's table with the same value.
    pub(crate) to: usize,
    /// Whether rows without a partner stay.
    pub(crate) outer: bool,
    /// Whether a row has one partner at most, the first one by primary key.
    pub(crate) first: bool,
    pub(crate) filter: Option<Condition>,
    /// Columns to read.
    pub(crate) select: Vec<usize>,
}

/// A read of one table and of what is joined to it.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) table: Arc<Table>,
    /// Columns to read; all if `None`.
    pub(crate) select: Option<Vec<usize>>,
    /// Columns to read beside those, because an answer is made from them.
    pub(crate) also: Vec<usize>,
    pub(crate) joins: Vec<Join>,
    pub(crate) filter: Option<Condition>,
    /// Sort criteria; primary keys come last by themselves, so that pages neither overlap nor leave gaps.
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    /// Rows to leave out at the beginning.
    pub(crate) offset: usize,
    /// The sort values of the last row of the page before.
    pub(crate) after: Option<Vec<Value>>,
    /// Whether rows that look the same are shown once.
    pub(crate) distinct: bool,
}

impl Query {
    /// Every row and column of a table, by primary key.
    pub(crate) fn all(table: Arc<Table>) -> Self {
        Self {
            table,
            select: None,
            also: Vec::new(),
            joins: Vec::new(),
            filter: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
            after: None,
            distinct: false,
        }
    }

    /// The table of a source: 0 is the query's own.
    pub(crate) fn source(&self, number: usize) -> &Arc<Table> {
        number.checked_sub(1).and_then(|join| self.joins.get(join)).map_or(&self.table, |join| &join.table)
    }

    /// The definition of the column a field shows.
    pub(crate) fn column_of<'a>(&'a self, field: &'a Field) -> &'a Column {
        let table = field.path.last().map_or_else(|| self.source(field.source.unwrap_or(0)), |step| &step.table);
        &table.columns[field.column]
    }

    /// Adds a condition to those that rows have to meet already.
    pub(crate) fn restrict(&mut self, condition: Condition) {
        self.filter = Some(match self.filter.take() {
            Some(filter) => Condition::All(vec![filter, condition]),
            None => condition,
        });
    }

    /// The sort criteria followed by the primary keys of every source; distinct rows are told apart by their columns.
    pub(crate) fn full_order(&self) -> Vec<Order> {
        let mut order = self.order.clone();
        let mut add = |field: Field| {
            if !order.iter().any(|o| o.field == field) {
                order.push(Order::by(field, false));
            }
        };
        if self.distinct {
            for column in self.read_columns() {
                add(column.into());
            }
            for (number, join) in self.joins.iter().enumerate() {
                for column in &join.select {
                    add(Field { source: Some(number + 1), ..(*column).into() });
                }
            }
        } else {
            add(self.table.id.into());
            // A join by primary key adds no rows that would have to be told apart.
            for (number, join) in self.joins.iter().enumerate().filter(|(_, join)| join.from != join.table.id) {
                add(Field { source: Some(number + 1), ..join.table.id.into() });
            }
        }
        order
    }

    /// The columns to fetch: those asked for, and those that the answer needs anyway.
    pub(crate) fn read_columns(&self) -> Vec<usize> {
        let Some(select) = &self.select else { return (0..self.table.columns.len()).collect() };
        let mut columns = select.clone();
        columns.extend(&self.also);
        if !self.distinct {
            columns.push(self.table.id);
            columns.extend(self.table.system(System::Version));
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// A row of a query with joins.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) row: Vec<Value>,
    /// The rows beside it; all null where an outer join found nothing.
    pub(crate) joined: Vec<Vec<Value>>,
    /// Its values for the full sort order.
    pub(crate) keys: Vec<Value>,
}
