//! Generated filters over generated rows, compared with a naive evaluation.

use dataverse_sandbox::Seed;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::world::World;

/// The columns that take part.
#[derive(Debug, Clone, Default)]
struct Row {
    name: Option<String>,
    number: Option<i64>,
    choice: Option<i64>,
}

#[derive(Debug, Clone)]
enum Filter {
    Text(&'static str, String),
    Number(&'static str, i64),
    Choice(&'static str, i64),
    Contains(String),
    Starts(String),
    Ends(String),
    NameIsNull,
    NumberIn(Vec<i64>),
    NameIn(Vec<String>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Filter {
    fn text(&self) -> String {
        match self {
            Filter::Text(operator, text) => format!("name {operator} {}", quoted(text)),
            Filter::Number(operator, number) => format!("numberofemployees {operator} {number}"),
            Filter::Choice(operator, value) => format!("industrycode {operator} {value}"),
            Filter::Contains(text) => format!("contains(name,{})", quoted(text)),
            Filter::Starts(text) => format!("startswith(name,{})", quoted(text)),
            Filter::Ends(text) => format!("endswith(name,{})", quoted(text)),
            Filter::NameIsNull => "name eq null".to_owned(),
            Filter::NumberIn(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                format!("Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',PropertyValues={})", json!(values))
            }
            Filter::NameIn(values) => {
                format!("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues={})", json!(values))
            }
            Filter::And(left, right) => format!("({}) and ({})", left.text(), right.text()),
            Filter::Or(left, right) => format!("({}) or ({})", left.text(), right.text()),
            Filter::Not(inner) => format!("not ({})", inner.text()),
        }
    }

    fn meets(&self, row: &Row) -> bool {
        let name = row.name.as_ref().map(|name| name.to_lowercase());
        let with_name = |test: &dyn Fn(&str) -> bool| name.as_deref().is_some_and(test);
        match self {
            Filter::Text(operator, text) => compare(operator, name.as_ref(), &text.to_lowercase()),
            Filter::Number(operator, number) => compare(operator, row.number.as_ref(), number),
            Filter::Choice(operator, value) => compare(operator, row.choice.as_ref(), value),
            Filter::Contains(text) => with_name(&|name| name.contains(&text.to_lowercase())),
            Filter::Starts(text) => with_name(&|name| name.starts_with(&text.to_lowercase())),
            Filter::Ends(text) => with_name(&|name| name.ends_with(&text.to_lowercase())),
            Filter::NameIsNull => name.is_none(),
            Filter::NumberIn(values) => row.number.is_some_and(|number| values.contains(&number)),
            Filter::NameIn(values) => with_name(&|name| values.iter().any(|value| value.to_lowercase() == name)),
            Filter::And(left, right) => left.meets(row) && right.meets(row),
            Filter::Or(left, right) => left.meets(row) || right.meets(row),
            Filter::Not(inner) => !inner.meets(row),
        }
    }
}

fn compare<T: PartialOrd>(operator: &str, actual: Option<&T>, value: &T) -> bool {
    let Some(actual) = actual else { return operator == "ne" };
    match operator {
        "eq" => actual == value,
        "ne" => actual != value,
        "gt" => actual > value,
        "ge" => actual >= value,
        "lt" => actual < value,
        _ => actual <= value,
    }
}

fn name() -> impl Strategy<Value = String> {
    "[abABäÄ' ]{0,2}[abAB'ñ]"
}

fn row() -> impl Strategy<Value = Row> {
    let choice = prop::option::of(prop::sample::select(vec![1_i64, 7, 12, 33]));
    (prop::option::of(name()), prop::option::of(-3..4_i64), choice).prop_map(|(name, number, choice)| Row {
        name,
        number,
        choice,
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let operator = || prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let leaf = prop_oneof![
        (operator(), name()).prop_map(|(o, t)| Filter::Text(o, t)),
        (operator(), -3..4_i64).prop_map(|(o, n)| Filter::Number(o, n)),
        (operator(), 0..40_i64).prop_map(|(o, n)| Filter::Choice(o, n)),
        name().prop_map(Filter::Contains),
        name().prop_map(Filter::Starts),
        name().prop_map(Filter::Ends),
        Just(Filter::NameIsNull),
        prop::collection::vec(-3..4_i64, 0..4).prop_map(Filter::NumberIn),
        prop::collection::vec(name(), 0..4).prop_map(Filter::NameIn),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Filter::And(Box::new(l), Box::new(r))),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Filter::Or(Box::new(l), Box::new(r))),
            inner.prop_map(|i| Filter::Not(Box::new(i))),
        ]
    })
}

/// Rows stay the same through the cases: what varies are the filters.
#[tokio::test]
async fn filters_find_the_same_rows_as_a_naive_evaluation() {
    let world = World::new(Seed::Empty).await;
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let rows: Vec<Row> = {
        let strategy = prop::collection::vec(row(), 60);
        strategy.new_tree(&mut runner).unwrap().current()
    };
    let targets: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            json!({
                "@odata.type": "Microsoft.Dynamics.CRM.account",
                "accountnumber": at.to_string(),
                "name": row.name,
                "numberofemployees": row.number,
                "industrycode": row.choice,
            })
        })
        .collect();
    let created = world.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", &json!({ "Targets": targets })).await;
    assert_eq!(created.status, 200, "{}", created.text);
    for _ in 0..300 {
        let filter = filter().new_tree(&mut runner).unwrap().current();
        let text = filter.text();
        let reply = world.query("accounts", &[("$select", "accountnumber"), ("$filter", &text)]).await;
        assert_eq!(reply.status, 200, "{text}: {}", reply.text);
        let mut found: Vec<usize> = reply.json()["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["accountnumber"].as_str().unwrap().parse().unwrap())
            .collect();
        found.sort_unstable();
        let expected: Vec<usize> =
            rows.iter().enumerate().filter(|(_, row)| filter.meets(row)).map(|(at, _)| at).collect();
        assert_eq!(found, expected, "{text}");
    }
}
