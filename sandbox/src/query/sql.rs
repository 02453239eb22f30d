//! From the query form to parameterised SQL.

use rusqlite::types::Value as Parameter;

use super::{Comparison, Condition, Order, Query};
use crate::store::{sql_name, to_sql};
use crate::value::Value;

/// A statement and its parameters.
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Parameter>,
}

impl Query {
    /// The statement that reads `columns` of the rows.
    pub(crate) fn to_sql(&self, columns: &str) -> Sql {
        let mut compiler = Compiler { query: self, parameters: Vec::new() };
        let filter = compiler.filter();
        let order: Vec<String> = self
            .full_order()
            .iter()
            .map(|o| format!("{}{}", compiler.name(o.column), if o.descending { " DESC" } else { "" }))
            .collect();
        let limit = match self.limit {
            Some(limit) => {
                compiler.parameters.push(Parameter::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
                " LIMIT ?"
            }
            None => "",
        };
        let table = &self.table.logical;
        let text = format!("SELECT {columns} FROM \"{table}\"{filter} ORDER BY {}{limit}", order.join(", "));
        Sql { text, parameters: compiler.parameters }
    }

    /// The statement that counts the rows of the filter, regardless of pages.
    pub(crate) fn to_count_sql(&self) -> Sql {
        let counted = Query { after: None, ..self.clone() };
        let mut compiler = Compiler { query: &counted, parameters: Vec::new() };
        let filter = compiler.filter();
        let text = format!("SELECT count(*) FROM \"{}\"{filter}", self.table.logical);
        Sql { text, parameters: compiler.parameters }
    }
}

struct Compiler<'a> {
    query: &'a Query,
    parameters: Vec<Parameter>,
}

impl Compiler<'_> {
    fn name(&self, column: usize) -> String {
        sql_name(&self.query.table.columns[column])
    }

    fn filter(&mut self) -> String {
        let mut parts = Vec::new();
        if let Some(condition) = &self.query.filter {
            parts.push(self.condition(condition, false));
        }
        if let Some(last) = &self.query.after {
            parts.push(self.beyond(&self.query.full_order(), last));
        }
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }

    /// A condition or, if `negated`, its opposite. Negation is pushed down to the tests, where null is dealt with, so
    /// that what stands above them is plain AND and OR and indexes stay usable.
    fn condition(&mut self, condition: &Condition, negated: bool) -> String {
        match condition {
            Condition::All(terms) => self.joined(terms, negated, !negated),
            Condition::Any(terms) => self.joined(terms, negated, negated),
            Condition::Not(inner) => self.condition(inner, !negated),
            Condition::IsNull(column) => {
                format!("{} IS {}NULL", self.name(*column), if negated { "NOT " } else { "" })
            }
            Condition::Compare { column, comparison, value } => {
                let name = self.name(*column);
                self.parameters.push(to_sql(value));
                match (comparison, negated) {
                    (Comparison::NotEqual, false) => format!("({name} <> ? OR {name} IS NULL)"),
                    (Comparison::NotEqual, true) => format!("{name} = ?"),
                    (other, false) => format!("{name} {} ?", operator(*other)),
                    (other, true) => format!("({name} IS NULL OR NOT {name} {} ?)", operator(*other)),
                }
            }
            Condition::Like { column, pattern } => {
                let name = self.name(*column);
                self.parameters.push(Parameter::Text(pattern.clone()));
                if negated {
                    format!("({name} IS NULL OR NOT dv_like({name}, ?))")
                } else {
                    format!("dv_like({name}, ?)")
                }
            }
            Condition::In { column, values } => {
                let name = self.name(*column);
                self.parameters.extend(values.iter().map(to_sql));
                let places = vec!["?"; values.len()].join(",");
                if negated {
                    format!("({name} IS NULL OR {name} NOT IN ({places}))")
                } else {
                    format!("{name} IN ({places})")
                }
            }
        }
    }

    /// Terms joined by AND or OR as a balanced tree: SQLite bounds the depth of an expression, not its size.
    fn joined(&mut self, terms: &[Condition], negated: bool, and: bool) -> String {
        match terms {
            [] => (if and { "1" } else { "0" }).to_owned(),
            [only] => self.condition(only, negated),
            _ => {
                let (left, right) = terms.split_at(terms.len() / 2);
                let (left, right) = (self.joined(left, negated, and), self.joined(right, negated, and));
                format!("({left} {} {right})", if and { "AND" } else { "OR" })
            }
        }
    }

    /// Rows that come after the row with the given sort values. Null sorts before everything else.
    fn beyond(&mut self, order: &[Order], last: &[Value]) -> String {
        let (Some((first, rest)), Some((value, values))) = (order.split_first(), last.split_first()) else {
            return "0".to_owned();
        };
        let name = self.name(first.column);
        let further = match (value.is_null(), first.descending) {
            (true, false) => format!("{name} IS NOT NULL"),
            (true, true) => "0".to_owned(),
            (false, descending) => {
                self.parameters.push(to_sql(value));
                if descending { format!("({name} < ? OR {name} IS NULL)") } else { format!("{name} > ?") }
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

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
    }
}
