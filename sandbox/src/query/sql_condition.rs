//! Conditions as SQL.

use std::slice;

use rusqlite::types::Value as Parameter;
use uuid::Uuid;

use super::sql::{Compiler, Scope};
use super::{Comparison, Condition, Field, Reach};
use crate::store::{COARSE, is_text, sql_name, to_sql};
use crate::value::Value;

impl<'q> Compiler<'q> {
    /// A condition or, if `negated`, its opposite. Negation is pushed down to the tests, where null is dealt with, so
    /// that what stands above them is plain AND and OR and indexes stay usable.
    pub(super) fn condition(&mut self, scope: &Scope<'q>, condition: &'q Condition, negated: bool) -> String {
        match condition {
            Condition::All(terms) => self.joined(scope, terms, negated, !negated),
            Condition::Any(terms) => self.joined(scope, terms, negated, negated),
            Condition::Not(inner) => self.condition(scope, inner, !negated),
            Condition::IsNull(column) => {
                format!("{} IS {}NULL", self.column(scope, *column), if negated { "NOT " } else { "" })
            }
            Condition::Compare { column, comparison, value } => {
                let name = self.column(scope, *column);
                if !negated
                    && *comparison == Comparison::Equal
                    && self.is_indexed_text(scope, *column, slice::from_ref(value))
                {
                    self.parameters.extend([to_sql(value), to_sql(value)]);
                    return format!("({name}{COARSE} = ? AND {name} = ?)");
                }
                self.parameters.push(to_sql(value));
                match (comparison, negated) {
                    (Comparison::NotEqual, false) => format!("({name} <> ? OR {name} IS NULL)"),
                    (Comparison::NotEqual, true) => format!("{name} = ?"),
                    (other, false) => format!("{name} {} ?", operator(*other)),
                    (other, true) => format!("({name} IS NULL OR NOT {name} {} ?)", operator(*other)),
                }
            }
            Condition::Like { column, pattern } => {
                let name = self.column(scope, *column);
                self.parameters.push(Parameter::Text(pattern.clone()));
                if negated {
                    format!("({name} IS NULL OR NOT dv_like({name}, ?))")
                } else {
                    format!("dv_like({name}, ?)")
                }
            }
            Condition::In { column, values } => {
                let name = self.column(scope, *column);
                let places = vec!["?"; values.len()].join(",");
                if !negated && self.is_indexed_text(scope, *column, values) {
                    self.parameters.extend(values.iter().chain(values).map(to_sql));
                    return format!("({name}{COARSE} IN ({places}) AND {name} IN ({places}))");
                }
                self.parameters.extend(values.iter().map(to_sql));
                if negated {
                    format!("({name} IS NULL OR {name} NOT IN ({places}))")
                } else {
                    format!("{name} IN ({places})")
                }
            }
            Condition::Within(reach) => {
                let test = within(reach, |column| self.column(scope, column));
                if negated { format!("NOT {test}") } else { test }
            }
            Condition::Columns { left, comparison, right } => self.columns(scope, left, *comparison, right, negated),
            Condition::Through { path, condition } => self.condition(&scope.through(path), condition, negated),
            Condition::At { source, condition } => self.condition(&self.source(*source), condition, negated),
            Condition::Related { table, from, to, condition } => {
                let name = self.column(scope, *to);
                let alias = self.fresh();
                let from = format!("{alias}.{}", sql_name(&table.columns[*from]));
                let inner = Scope { alias: alias.clone(), table, path: Vec::new() };
                let test = self.condition(&inner, condition, false);
                let rows =
                    format!("SELECT {from} FROM \"{}\" {alias} WHERE {from} IS NOT NULL AND {test}", table.logical);
                if negated {
                    format!("({name} IS NULL OR {name} NOT IN ({rows}))")
                } else {
                    format!("{name} IN ({rows})")
                }
            }
        }
    }

    /// Whether an index finds rows whose column has one of these values, as it compares.
    fn is_indexed_text(&self, scope: &Scope<'_>, column: usize, values: &[Value]) -> bool {
        // Behind a path the column is another table's.
        if !scope.path.is_empty() {
            return false;
        }
        let definition = &scope.table.columns[column];
        let ascii = |value: &Value| value.text().is_some_and(str::is_ascii);
        definition.indexed && is_text(definition) && values.iter().all(ascii)
    }

    fn columns(
        &mut self,
        scope: &Scope<'q>,
        left: &Field,
        comparison: Comparison,
        right: &Field,
        negated: bool,
    ) -> String {
        let (left, right) = (self.field(scope, left), self.field(scope, right));
        let (sign, negated) = match comparison {
            Comparison::NotEqual => ("=", !negated),
            other => (operator(other), negated),
        };
        format!("{}COALESCE({left} {sign} {right}, 0)", if negated { "NOT " } else { "" })
    }

    /// Terms joined by AND or OR as a balanced tree: SQLite bounds the depth of an expression, not its size.
    fn joined(&mut self, scope: &Scope<'q>, terms: &'q [Condition], negated: bool, and: bool) -> String {
        match terms {
            [] => (if and { "1" } else { "0" }).to_owned(),
            [only] => self.condition(scope, only, negated),
            _ => {
                let (left, right) = terms.split_at(terms.len() / 2);
                let (left, right) = (self.joined(scope, left, negated, and), self.joined(scope, right, negated, and));
                format!("({left} {} {right})", if and { "AND" } else { "OR" })
            }
        }
    }
}

/// Whether a row is one of those, whose columns have these names in SQL.
pub(super) fn within(reach: &Reach, mut name: impl FnMut(usize) -> String) -> String {
    let list = |ids: &[Uuid]| ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
    let mut tests: Vec<String> = reach
        .lookups
        .iter()
        .map(|(column, ids)| format!("COALESCE({} IN ({}), 0)", name(*column), list(ids)))
        .collect();
    if let Some((column, with)) = &reach.shared {
        tests.push(format!(
            "COALESCE({} IN (SELECT objectid FROM principalobjectaccess WHERE principalid IN ({}) \
             AND (accessrightsmask | inheritedaccessrightsmask) & 1), 0)",
            name(*column),
            list(with)
        ));
    }
    format!("({})", tests.join(" OR "))
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
