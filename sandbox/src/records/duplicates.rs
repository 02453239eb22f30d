//! Duplicate detection ("Manage duplicate detection for create and update"): published rules, applied when asked.

use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{System, Table};
use crate::query::{Comparison, Condition, Query};
use crate::value::Value;

/// `statuscode` of a rule that is in force.
const PUBLISHED: i64 = 2;

/// A rule with its conditions, bound to the tables it compares.
struct Rule {
    matching: Arc<Table>,
    conditions: Vec<Test>,
    /// Whether rows that are closed don't count.
    open_only: bool,
}

struct Test {
    base: usize,
    matching: usize,
    operator: i64,
    parameter: usize,
    ignores_blanks: bool,
}

impl Session<'_> {
    /// Refuses a row that a published rule takes for a duplicate. `changed` are the columns that an update touches: a
    /// rule that compares none of them is not asked.
    pub(super) fn refuse_duplicates(&self, table: &Table, row: &[Value], changed: Option<&[usize]>) -> ApiResult<()> {
        for rule in self.rules(table)? {
            let touched = |test: &Test| changed.is_none_or(|changed| changed.contains(&test.base));
            if rule.conditions.iter().any(touched) && !self.matches(&rule, table, row)?.is_empty() {
                return Err(ApiError::duplicates(self.switches.duplicates_status));
            }
        }
        Ok(())
    }

    /// The rows of `matching` that published rules take for duplicates of a row.
    pub(crate) fn duplicates(&self, table: &Table, row: &[Value], matching: &Table) -> ApiResult<Vec<Vec<Value>>> {
        let mut found: Vec<Vec<Value>> = Vec::new();
        for rule in self.rules(table)?.into_iter().filter(|rule| rule.matching.logical == matching.logical) {
            for row in self.matches(&rule, table, row)? {
                if !found.iter().any(|known| known[matching.id] == row[matching.id]) {
                    found.push(row);
                }
            }
        }
        Ok(found)
    }

    fn rules(&self, table: &Table) -> ApiResult<Vec<Rule>> {
        let schema = &self.data.schema;
        let (Some(rules), Some(conditions)) = (schema.table("duplicaterule"), schema.table("duplicaterulecondition"))
        else {
            return Ok(Vec::new());
        };
        let column = |table: &Table, name: &str| table.column(name).ok_or_else(ApiError::unexpected);
        let mut found = Vec::new();
        for rule in self.equal(rules, column(rules, "baseentityname")?, Value::Text(table.logical.clone()))? {
            let matching = rule[column(rules, "matchingentityname")?].text().and_then(|name| schema.table(name));
            let Some(matching) = matching.filter(|_| rule_is(&rule, rules, "statuscode", PUBLISHED)) else { continue };
            let id = rule[rules.id].id().ok_or_else(ApiError::unexpected)?;
            let mut tests = Vec::new();
            for row in self.equal(conditions, column(conditions, "regardingobjectid")?, Value::Id(id))? {
                let named = |name: &str, table: &Table| {
                    conditions.column(name).and_then(|at| row[at].text()).and_then(|name| table.column(name))
                };
                let number = |name: &str| conditions.column(name).and_then(|at| row[at].int());
                let (Some(base), Some(other)) =
                    (named("baseattributename", table), named("matchingattributename", matching))
                else {
                    continue;
                };
                tests.push(Test {
                    base,
                    matching: other,
                    operator: number("operatorcode").unwrap_or(0),
                    parameter: usize::try_from(number("operatorparam").unwrap_or(0)).unwrap_or(0),
                    ignores_blanks: number("ignoreblankvalues") != Some(0),
                });
            }
            if !tests.is_empty() {
                let open_only = rule_is(&rule, rules, "excludeinactiverecords", 1);
                let open_only = open_only && !self.switches.duplicates_among_closed;
                found.push(Rule { matching: Arc::clone(matching), conditions: tests, open_only });
            }
        }
        Ok(found)
    }

    fn matches(&self, rule: &Rule, table: &Table, row: &[Value]) -> ApiResult<Vec<Vec<Value>>> {
        let mut tests = Vec::new();
        for test in &rule.conditions {
            let value = &row[test.base];
            if value.is_null() {
                if test.ignores_blanks {
                    return Ok(Vec::new());
                }
                tests.push(Condition::IsNull(test.matching));
                continue;
            }
            tests.push(compared(test, value));
        }
        if rule.open_only
            && let Some(state) = rule.matching.system(System::State)
        {
            tests.push(Condition::equal(state, Value::Int(0)));
        }
        if rule.matching.logical == table.logical
            && let Some(id) = row[table.id].id()
        {
            let (column, comparison, value) = (table.id, Comparison::NotEqual, Value::Id(id));
            tests.push(Condition::Compare { column, comparison, value });
        }
        let filter = Some(Condition::All(tests));
        Ok(self.data.store.select(&Query { filter, ..Query::all(Arc::clone(&rule.matching)) })?)
    }

    /// The row under its key, as the rules see it: for checks before anything is written.
    pub(crate) fn blank(table: &Table) -> Vec<Value> {
        let mut row = vec![Value::Null; table.columns.len()];
        row[table.id] = Value::Id(Uuid::nil());
        row
    }
}

fn rule_is(rule: &[Value], rules: &Table, name: &str, value: i64) -> bool {
    rules.column(name).is_some_and(|column| rule[column] == Value::Int(value))
}

/// One comparison of a rule: exact, or the first or last characters.
fn compared(test: &Test, value: &Value) -> Condition {
    let column = test.matching;
    match (test.operator, value) {
        (1, Value::Text(text)) => {
            let start: String = text.chars().take(test.parameter).collect();
            Condition::Like { column, pattern: format!("{}%", escaped(&start)) }
        }
        (2, Value::Text(text)) => {
            let skipped = text.chars().count().saturating_sub(test.parameter);
            let end: String = text.chars().skip(skipped).collect();
            Condition::Like { column, pattern: format!("%{}", escaped(&end)) }
        }
        (3, Value::Int(time)) => {
            let midnight = time - time.rem_euclid(86_400);
            let bound = |comparison, value| Condition::Compare { column, comparison, value: Value::Int(value) };
            Condition::All(vec![
                bound(Comparison::GreaterOrEqual, midnight),
                bound(Comparison::Less, midnight + 86_400),
            ])
        }
        _ => Condition::equal(column, value.clone()),
    }
}

/// Text in which the wildcards of LIKE stand for themselves.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if "%_[".contains(c) { format!("[{c}]") } else { c.to_string() }).collect()
}
