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
/// Values of `operatorcode` that compare otherwise than whole values.
const FIRST_CHARACTERS: i64 = 1;
const LAST_CHARACTERS: i64 = 2;
const SAME_DATE: i64 = 3;

/// A rule with its conditions, bound to the tables it compares.
struct Rule {
    matching: Arc<Table>,
    conditions: Vec<Test>,
    /// Whether rows that are closed don't count.
    open_only: bool,
    case_sensitive: bool,
}

impl Rule {
    /// Whether texts that are the same but for case are the same to the rule.
    fn agrees(&self, row: &[Value], other: &[Value]) -> bool {
        !self.case_sensitive
            || self.conditions.iter().all(|test| match (&row[test.base], &other[test.matching]) {
                (Value::Text(text), Value::Text(other)) => match test.operator {
                    FIRST_CHARACTERS => first(text, test.parameter) == first(other, test.parameter),
                    LAST_CHARACTERS => last(text, test.parameter) == last(other, test.parameter),
                    _ => text == other,
                },
                _ => true,
            })
    }
}

struct Test {
    base: usize,
    matching: usize,
    operator: i64,
    parameter: usize,
    ignores_blanks: bool,
}

impl Session<'_> {
    /// Refuses a row that a published rule takes for a duplicate of one that was there before the transaction under way
    /// began. `changed` are the columns that an update touches: a rule that compares none of them is not asked.
    pub(super) fn refuse_duplicates(&self, table: &Table, row: &[Value], changed: Option<&[usize]>) -> ApiResult<()> {
        for rule in self.rules(table)? {
            let touched = |test: &Test| changed.is_none_or(|changed| changed.contains(&test.base));
            if !rule.conditions.iter().any(touched) {
                continue;
            }
            let found = self.data.store.select(&self.matching(&rule, table, row))?;
            let old = |found: &Vec<Value>| {
                let id = found[rule.matching.id].id();
                id.is_some_and(|id| !self.data.store.is_new(id)) && rule.agrees(row, found)
            };
            if found.iter().any(old) {
                return Err(ApiError::duplicates(self.switches.duplicates_status));
            }
        }
        Ok(())
    }

    /// The rows of `matching` that the caller sees and published rules take for duplicates of a row.
    pub(crate) fn duplicates(&self, table: &Table, row: &[Value], matching: &Table) -> ApiResult<Vec<Vec<Value>>> {
        let mut found: Vec<Vec<Value>> = Vec::new();
        for rule in self.rules(table)?.into_iter().filter(|rule| rule.matching.logical == matching.logical) {
            for other in self.select(&self.matching(&rule, table, row))? {
                if rule.agrees(row, &other) && !found.iter().any(|known| known[matching.id] == other[matching.id]) {
                    found.push(other);
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
                let case_sensitive = rule_is(&rule, rules, "iscasesensitive", 1);
                found.push(Rule { matching: Arc::clone(matching), conditions: tests, open_only, case_sensitive });
            }
        }
        Ok(found)
    }

    /// What a rule looks for.
    fn matching(&self, rule: &Rule, table: &Table, row: &[Value]) -> Query {
        let mut tests = Vec::new();
        for test in &rule.conditions {
            let value = &row[test.base];
            if value.is_null() {
                let blank = if test.ignores_blanks { Condition::never() } else { Condition::IsNull(test.matching) };
                tests.push(blank);
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
        Query { filter: Some(Condition::All(tests)), ..Query::all(Arc::clone(&rule.matching)) }
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
        (FIRST_CHARACTERS, Value::Text(text)) => {
            Condition::Like { column, pattern: format!("{}%", escaped(&first(text, test.parameter))) }
        }
        (LAST_CHARACTERS, Value::Text(text)) => {
            Condition::Like { column, pattern: format!("%{}", escaped(&last(text, test.parameter))) }
        }
        (SAME_DATE, Value::Int(time)) => {
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

fn first(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

fn last(text: &str, characters: usize) -> String {
    text.chars().skip(text.chars().count().saturating_sub(characters)).collect()
}

/// Text in which the wildcards of LIKE stand for themselves.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if "%_[".contains(c) { format!("[{c}]") } else { c.to_string() }).collect()
}
