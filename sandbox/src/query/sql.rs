//! From the query form to parameterised SQL.

use rusqlite::types::Value as Parameter;

use super::sql_condition::within;
use super::{Field, Order, Query, Step};
use crate::metadata::{ColumnType, Table};
use crate::store::{sql_name, to_sql};
use crate::value::Value;

/// A statement and its parameters.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Parameter>,
}

impl Query {
    /// The statement that reads `columns` of the rows, and the sort values after them. `columns` are SQL names with the
    /// aliases of their sources: `t0` is the query's own table, `t1` its first join.
    pub(crate) fn to_sql(&self, columns: &str) -> Sql {
        let mut compiler = Compiler::new(self);
        let order = self.full_order();
        let keys: Vec<String> = order.iter().map(|o| compiler.sort_key(o)).collect();
        let from = compiler.from();
        let filter = compiler.filter(&order, &keys);
        let mut text = format!("SELECT {}{columns}", if self.distinct { "DISTINCT " } else { "" });
        for key in &keys {
            text.push_str(", ");
            text.push_str(key);
        }
        text.push_str(&from);
        text.push_str(&filter);
        let order: Vec<String> = order
            .iter()
            .zip(&keys)
            .map(|(o, key)| format!("{key}{}", if o.descending { " DESC" } else { "" }))
            .collect();
        if !order.is_empty() {
            text.push_str(" ORDER BY ");
            text.push_str(&order.join(", "));
        }
        if self.limit.is_some() || self.offset > 0 {
            let limit = self.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
            compiler.parameters.push(Parameter::Integer(limit));
            text.push_str(" LIMIT ?");
        }
        if self.offset > 0 {
            compiler.parameters.push(Parameter::Integer(i64::try_from(self.offset).unwrap_or(i64::MAX)));
            text.push_str(" OFFSET ?");
        }
        Sql { text, parameters: compiler.parameters }
    }

    /// The statement that counts the rows of the filter, regardless of pages.
    pub(crate) fn to_count_sql(&self) -> Sql {
        if self.distinct {
            let inner = Query { after: None, limit: None, offset: 0, ..self.clone() }.to_sql("1");
            return Sql { text: format!("SELECT count(*) FROM ({})", inner.text), parameters: inner.parameters };
        }
        let counted = Query { after: None, ..self.clone() };
        let mut compiler = Compiler::new(&counted);
        let from = compiler.from();
        let filter = compiler.filter(&[], &[]);
        Sql { text: format!("SELECT count(*){from}{filter}"), parameters: compiler.parameters }
    }
}

/// The row that a piece of SQL looks at: the one behind `alias`, or the one that lookups lead to from there.
#[derive(Clone)]
pub(super) struct Scope<'q> {
    pub(super) alias: String,
    pub(super) table: &'q Table,
    pub(super) path: Vec<&'q Step>,
}

impl<'q> Scope<'q> {
    /// The row that further lookups lead to.
    pub(super) fn through(&self, steps: &'q [Step]) -> Self {
        let mut scope = self.clone();
        scope.path.extend(steps);
        scope
    }
}

/// Builds the text of a statement. Parameters are collected in the order in which their places stand in it.
pub(super) struct Compiler<'q> {
    pub(super) query: &'q Query,
    pub(super) parameters: Vec<Parameter>,
    /// Aliases given out to subqueries.
    inner: usize,
}

impl<'q> Compiler<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        Self { query, parameters: Vec::new(), inner: 0 }
    }

    pub(super) fn root(&self) -> Scope<'q> {
        self.source(0)
    }

    /// The rows of a source of the query.
    pub(super) fn source(&self, number: usize) -> Scope<'q> {
        Scope { alias: format!("t{number}"), table: self.query.source(number), path: Vec::new() }
    }

    pub(super) fn fresh(&mut self) -> String {
        self.inner += 1;
        format!("s{}", self.inner)
    }

    /// A column of the row a scope looks at. Behind lookups it is a subquery, which is null where they lead nowhere.
    pub(super) fn column(&mut self, scope: &Scope<'_>, column: usize) -> String {
        let Some((first, rest)) = scope.path.split_first() else {
            return format!("{}.{}", scope.alias, sql_name(&scope.table.columns[column]));
        };
        let start = format!("{}.{}", scope.alias, sql_name(&scope.table.columns[first.column]));
        let alias = self.fresh();
        let mut from = format!("\"{}\" {alias}", first.table.logical);
        let (mut last, mut table) = (alias.clone(), &first.table);
        for step in rest {
            let next = self.fresh();
            let (key, lookup) = (sql_name(&step.table.columns[step.table.id]), sql_name(&table.columns[step.column]));
            let seen = seen(&next, step);
            from.push_str(&format!(" JOIN \"{}\" {next} ON {next}.{key} = {last}.{lookup}{seen}", step.table.logical));
            (last, table) = (next, &step.table);
        }
        let key = sql_name(&first.table.columns[first.table.id]);
        let definition = &table.columns[column];
        // A subquery does not inherit how its column compares text.
        let collation = match definition.kind {
            ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName => " COLLATE dataverse",
            _ => "",
        };
        let seen = seen(&alias, first);
        format!("(SELECT {last}.{} FROM {from} WHERE {alias}.{key} = {start}{seen}){collation}", sql_name(definition))
    }

    /// A field as seen from a scope.
    pub(super) fn field(&mut self, scope: &Scope<'q>, field: &Field) -> String {
        let mut scope = match field.source {
            Some(number) => self.source(number),
            None => scope.clone(),
        };
        let path: Vec<&Step> = scope.path.iter().copied().chain(&field.path).collect();
        let inner = Scope { alias: std::mem::take(&mut scope.alias), table: scope.table, path };
        self.column(&inner, field.column)
    }

    /// What rows are sorted by. It has no parameters: it stands in several places of a statement.
    fn sort_key(&mut self, order: &Order) -> String {
        let root = self.root();
        let names: Vec<String> = order.names.iter().map(|name| self.field(&root, name)).collect();
        match names.as_slice() {
            [] if order.labels.is_empty() => self.field(&root, &order.field),
            [] => {
                let options = order.labels.iter();
                let cases: Vec<String> = options
                    .map(|(value, label)| format!("WHEN {value} THEN '{}'", label.replace('\'', "''")))
                    .collect();
                let field = self.field(&root, &order.field);
                format!("(CASE {field} {} END) COLLATE dataverse", cases.join(" "))
            }
            [only] => only.clone(),
            several => format!("COALESCE({}) COLLATE dataverse", several.join(", ")),
        }
    }

    /// The table and what is joined to it.
    pub(super) fn from(&mut self) -> String {
        let mut text = format!(" FROM \"{}\" t0", self.query.table.logical);
        self.joins(0, &mut text);
        text
    }

    fn joins(&mut self, parent: usize, text: &mut String) {
        let query = self.query;
        for (index, join) in query.joins.iter().enumerate().filter(|(_, join)| join.parent == parent) {
            let number = index + 1;
            let mut joined = format!("\"{}\" t{number}", join.table.logical);
            let before = joined.len();
            self.joins(number, &mut joined);
            // What hangs on an outer join goes with it: it can't take away rows of the query's own table.
            let joined = if joined.len() > before { format!("({joined})") } else { joined };
            let from = sql_name(&join.table.columns[join.from]);
            let to = sql_name(&query.source(parent).columns[join.to]);
            let kind = if join.outer { "LEFT JOIN" } else { "JOIN" };
            if join.first {
                let key = sql_name(&join.table.columns[join.table.id]);
                let alias = self.fresh();
                let scope = Scope { alias: alias.clone(), table: &join.table, path: Vec::new() };
                let filter = join.filter.as_ref().map(|filter| self.condition(&scope, filter, false));
                let filter = filter.map_or_else(String::new, |filter| format!(" AND {filter}"));
                text.push_str(&format!(
                    " {kind} {joined} ON t{number}.{key} = (SELECT {alias}.{key} FROM \"{}\" {alias} WHERE \
                     {alias}.{from} = t{parent}.{to}{filter} ORDER BY {alias}.{key} LIMIT 1)",
                    join.table.logical
                ));
                continue;
            }
            text.push_str(&format!(" {kind} {joined} ON t{number}.{from} = t{parent}.{to}"));
            if let Some(filter) = &join.filter {
                let condition = self.condition(&self.source(number), filter, false);
                text.push_str(" AND ");
                text.push_str(&condition);
            }
        }
    }

    pub(super) fn filter(&mut self, order: &[Order], keys: &[String]) -> String {
        let query = self.query;
        let mut parts = Vec::new();
        if let Some(condition) = &query.filter {
            parts.push(self.condition(&self.root(), condition, false));
        }
        if let Some(last) = &query.after {
            let sort: Vec<(&str, bool)> =
                keys.iter().zip(order).map(|(key, order)| (key.as_str(), order.descending)).collect();
            parts.push(self.beyond(&sort, last));
        }
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }

    /// Rows that come after the row with the given sort values. Null sorts before everything else.
    fn beyond(&mut self, sort: &[(&str, bool)], last: &[Value]) -> String {
        let (Some(((name, descending), rest)), Some((value, values))) = (sort.split_first(), last.split_first()) else {
            return "0".to_owned();
        };
        let further = match (value.is_null(), descending) {
            (true, false) => format!("{name} IS NOT NULL"),
            (true, true) => "0".to_owned(),
            (false, descending) => {
                self.parameters.push(to_sql(value));
                if *descending { format!("({name} < ? OR {name} IS NULL)") } else { format!("{name} > ?") }
            }
        };
        if rest.is_empty() {
            return further;
        }
        let equal = if value.is_null() {
            format!("{name} IS NULL")
        } else {
            self.parameters.push(to_sql(value));
            format!("{name} = ?")
        };
        format!("({further} OR ({equal} AND {}))", self.beyond(rest, values))
    }
}

/// What a row at the end of a step has to meet to be seen, as a continuation of other tests.
fn seen(alias: &str, step: &Step) -> String {
    let Some(reach) = &step.within else { return String::new() };
    format!(" AND {}", within(reach, |column| format!("{alias}.{}", sql_name(&step.table.columns[column]))))
}
