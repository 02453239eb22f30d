//! Generated queries over generated rows: `$filter` and FetchXML against a naive evaluation.

use dataverse_sandbox::Seed;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::world::World;

/// A contact, and the subjects and priorities of its tasks.
#[derive(Debug, Clone)]
struct Person {
    name: Option<String>,
    choice: Option<i64>,
    born: Option<String>,
    seen: Option<i64>,
    firm: Option<usize>,
    tasks: Vec<(String, i64)>,
}

#[derive(Debug, Clone)]
struct Firm {
    name: Option<String>,
    size: Option<i64>,
}

/// A test on a person; every one has a text in both languages.
#[derive(Debug, Clone)]
enum Test {
    Name(&'static str, String),
    NameLike(&'static str, String),
    NameIn(Vec<String>),
    Choice(&'static str, i64),
    Born(&'static str, String),
    Seen(&'static str, i64),
    BornBetween(String, String),
    HasNoFirm,
    Firm(usize),
    FirmName(&'static str, String),
    FirmSize(&'static str, i64),
    SomeTask(String),
    NoTask(i64),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
}

const FIRMS: usize = 4;

fn firm_id(number: usize) -> String {
    format!("f1000000-0000-4000-8000-00000000000{number}")
}

fn moment(hours: i64) -> String {
    format!("2026-03-0{}T{:02}:00:00Z", hours / 24 + 1, hours % 24)
}

fn fetch_operator(operator: &str) -> &str {
    match operator {
        "contains" | "like" => "like",
        "startswith" => "begins-with",
        "endswith" => "ends-with",
        other => other,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")
}

fn condition(attribute: &str, operator: &str, value: &str) -> String {
    let value = escaped(value);
    format!("<condition attribute='{attribute}' operator='{}' value='{value}'/>", fetch_operator(operator))
}

impl Test {
    fn odata(&self) -> String {
        match self {
            Test::Name(operator, text) => format!("nickname {operator} {}", quoted(text)),
            Test::NameLike(function, text) => format!("{function}(nickname,{})", quoted(text)),
            Test::NameIn(list) => {
                format!("Microsoft.Dynamics.CRM.In(PropertyName='nickname',PropertyValues={})", json!(list))
            }
            Test::Choice(operator, value) => format!("familystatuscode {operator} {value}"),
            Test::Born(operator, date) => format!("birthdate {operator} {date}"),
            Test::Seen(operator, hours) => format!("lastusedincampaign {operator} {}", moment(*hours)),
            Test::BornBetween(low, high) => {
                format!("Microsoft.Dynamics.CRM.Between(PropertyName='birthdate',PropertyValues=['{low}','{high}'])")
            }
            Test::HasNoFirm => "_parentcustomerid_value eq null".to_owned(),
            Test::Firm(number) => format!("_parentcustomerid_value eq {}", firm_id(*number)),
            Test::FirmName(operator, text) => format!("parentcustomerid_account/name {operator} {}", quoted(text)),
            Test::FirmSize(operator, size) => format!("parentcustomerid_account/numberofemployees {operator} {size}"),
            Test::SomeTask(subject) => format!("Contact_Tasks/any(t:t/subject eq {})", quoted(subject)),
            Test::NoTask(priority) => format!("Contact_Tasks/all(t:t/prioritycode ne {priority})"),
            Test::And(left, right) => format!("({}) and ({})", left.odata(), right.odata()),
            Test::Or(left, right) => format!("({}) or ({})", left.odata(), right.odata()),
        }
    }

    fn fetch(&self) -> String {
        let task = |kind: &str, inner: String| {
            format!(
                "<link-entity name='task' from='regardingobjectid' to='contactid' link-type='{kind}'>\
                 <filter>{inner}</filter></link-entity>"
            )
        };
        let firm = |inner: String| inner.replace("<condition ", "<condition entityname='firm' ");
        match self {
            Test::Name(operator, text) => condition("nickname", operator, text),
            Test::NameLike("contains", text) => condition("nickname", "like", &format!("%{text}%")),
            Test::NameLike(function, text) => condition("nickname", function, text),
            Test::NameIn(list) => {
                let values: String = list.iter().map(|text| format!("<value>{}</value>", escaped(text))).collect();
                format!("<condition attribute='nickname' operator='in'>{values}</condition>")
            }
            Test::Choice(operator, value) => condition("familystatuscode", operator, &value.to_string()),
            Test::Born(operator, date) => condition("birthdate", operator, date),
            Test::Seen(operator, hours) => condition("lastusedincampaign", operator, &moment(*hours)),
            Test::BornBetween(low, high) => format!(
                "<condition attribute='birthdate' operator='between'><value>{low}</value><value>{high}</value></condition>"
            ),
            Test::HasNoFirm => "<condition attribute='parentcustomerid' operator='null'/>".to_owned(),
            Test::Firm(number) => condition("parentcustomerid", "eq", &firm_id(*number)),
            Test::FirmName(operator, text) => firm(condition("name", operator, text)),
            Test::FirmSize(operator, size) => firm(condition("numberofemployees", operator, &size.to_string())),
            Test::SomeTask(subject) => task("any", condition("subject", "eq", subject)),
            Test::NoTask(priority) => task("not any", condition("prioritycode", "eq", &priority.to_string())),
            Test::And(left, right) => format!("<filter type='and'>{}{}</filter>", left.fetch(), right.fetch()),
            Test::Or(left, right) => format!("<filter type='or'>{}{}</filter>", left.fetch(), right.fetch()),
        }
    }

    fn meets(&self, person: &Person, firms: &[Firm]) -> bool {
        let name = person.name.as_ref().map(|name| name.to_lowercase());
        let firm = person.firm.map(|number| &firms[number]);
        match self {
            Test::Name(operator, text) => compare(operator, name.as_ref(), &text.to_lowercase()),
            Test::NameLike(function, text) => name.is_some_and(|name| {
                let text = text.to_lowercase();
                match *function {
                    "contains" => name.contains(&text),
                    "startswith" => name.starts_with(&text),
                    _ => name.ends_with(&text),
                }
            }),
            Test::NameIn(list) => name.is_some_and(|name| list.iter().any(|text| text.to_lowercase() == name)),
            Test::Choice(operator, value) => compare(operator, person.choice.as_ref(), value),
            Test::Born(operator, date) => compare(operator, person.born.as_ref(), date),
            Test::Seen(operator, hours) => compare(operator, person.seen.as_ref(), hours),
            Test::BornBetween(low, high) => person.born.as_ref().is_some_and(|born| born >= low && born <= high),
            Test::HasNoFirm => firm.is_none(),
            Test::Firm(number) => person.firm == Some(*number),
            Test::FirmName(operator, text) => {
                let name = firm.and_then(|firm| firm.name.as_ref()).map(|name| name.to_lowercase());
                compare(operator, name.as_ref(), &text.to_lowercase())
            }
            Test::FirmSize(operator, size) => compare(operator, firm.and_then(|firm| firm.size.as_ref()), size),
            Test::SomeTask(subject) => person.tasks.iter().any(|(s, _)| s.to_lowercase() == subject.to_lowercase()),
            Test::NoTask(priority) => person.tasks.iter().all(|(_, p)| p != priority),
            Test::And(left, right) => left.meets(person, firms) && right.meets(person, firms),
            Test::Or(left, right) => left.meets(person, firms) || right.meets(person, firms),
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
    "[abABäÄ' ]{0,2}[abAB'ñ&]"
}

fn date() -> impl Strategy<Value = String> {
    (1_u8..4).prop_map(|day| format!("1990-01-0{day}"))
}

fn person() -> impl Strategy<Value = Person> {
    let task = ("[abAB]{1,2}", 0..3_i64);
    (
        prop::option::of(name()),
        prop::option::of(1..5_i64),
        prop::option::of(date()),
        prop::option::of(0..60_i64),
        prop::option::of(0..FIRMS),
        prop::collection::vec(task, 0..3),
    )
        .prop_map(|(name, choice, born, seen, firm, tasks)| Person { name, choice, born, seen, firm, tasks })
}

fn test() -> impl Strategy<Value = Test> {
    let operator = || prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let like = prop::sample::select(vec!["contains", "startswith", "endswith"]);
    let leaf = prop_oneof![
        (operator(), name()).prop_map(|(o, t)| Test::Name(o, t)),
        (like, name()).prop_map(|(f, t)| Test::NameLike(f, t)),
        prop::collection::vec(name(), 1..4).prop_map(Test::NameIn),
        (operator(), 1..5_i64).prop_map(|(o, v)| Test::Choice(o, v)),
        (operator(), date()).prop_map(|(o, d)| Test::Born(o, d)),
        (operator(), 0..60_i64).prop_map(|(o, h)| Test::Seen(o, h)),
        (date(), date()).prop_map(|(l, h)| Test::BornBetween(l, h)),
        Just(Test::HasNoFirm),
        (0..FIRMS).prop_map(Test::Firm),
        (operator(), name()).prop_map(|(o, t)| Test::FirmName(o, t)),
        (operator(), -2..3_i64).prop_map(|(o, s)| Test::FirmSize(o, s)),
        "[abAB]{1,2}".prop_map(Test::SomeTask),
        (0..3_i64).prop_map(Test::NoTask),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Test::And(Box::new(l), Box::new(r))),
            (inner.clone(), inner).prop_map(|(l, r)| Test::Or(Box::new(l), Box::new(r))),
        ]
    })
}

async fn plant(world: &World, firms: &[Firm], people: &[Person]) {
    let kind = |table: &str| format!("Microsoft.Dynamics.CRM.{table}");
    let targets: Vec<Value> = firms
        .iter()
        .enumerate()
        .map(|(at, firm)| {
            json!({ "@odata.type": kind("account"), "accountid": firm_id(at), "name": firm.name,
                    "numberofemployees": firm.size })
        })
        .collect();
    let made = world.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", &json!({ "Targets": targets })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    for (at, person) in people.iter().enumerate() {
        let tasks: Vec<Value> = person
            .tasks
            .iter()
            .map(|(subject, priority)| json!({ "subject": subject, "prioritycode": priority }))
            .collect();
        let body = json!({
            "lastname": at.to_string(),
            "nickname": person.name,
            "familystatuscode": person.choice,
            "birthdate": person.born,
            "lastusedincampaign": person.seen.map(moment),
            "parentcustomerid_account@odata.bind": person.firm.map(|firm| format!("/accounts({})", firm_id(firm))),
            "Contact_Tasks": tasks,
        });
        let made = world.post("contacts", &body).await;
        assert_eq!(made.status, 204, "{}", made.text);
    }
}

async fn found(world: &World, options: &[(&str, &str)]) -> Vec<usize> {
    let reply = world.query("contacts", options).await;
    assert_eq!(reply.status, 200, "{options:?}: {}", reply.text);
    let rows = reply.json()["value"].as_array().unwrap().clone();
    let mut found: Vec<usize> = rows.iter().map(|row| row["lastname"].as_str().unwrap().parse().unwrap()).collect();
    found.sort_unstable();
    found
}

/// A sort criterion in both languages, and how a person stands in it.
type Criterion = (&'static str, fn(&Person) -> (Option<String>, Option<i64>));

const CRITERIA: [Criterion; 4] = [
    ("nickname", |person| (person.name.as_ref().map(|name| name.to_lowercase()), None)),
    ("birthdate", |person| (person.born.clone(), None)),
    ("lastusedincampaign", |person| (None, person.seen)),
    ("familystatuscode", |person| (None, person.choice)),
];

/// All pages of a query, one after the other.
async fn pages(world: &World, order: &str, size: usize) -> Vec<usize> {
    let prefer = format!("odata.maxpagesize={size}");
    let request = world.request("GET", "contacts").query(&[("$select", "lastname"), ("$orderby", order)]);
    let mut reply = world.send(request.header("prefer", &prefer)).await.json();
    let mut found = Vec::new();
    loop {
        found.extend(reply["value"].as_array().unwrap().iter().map(number));
        let Some(next) = reply["@odata.nextLink"].as_str() else { return found };
        let request = world.request("GET", next.strip_prefix(&world.url("")).unwrap());
        reply = world.send(request.header("prefer", &prefer)).await.json();
    }
}

fn number(row: &Value) -> usize {
    row["lastname"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn pages_of_both_languages_are_the_sorted_whole() {
    let world = World::new(Seed::Empty).await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let people = prop::collection::vec(person(), 30).new_tree(&mut runner).unwrap().current();
    let firms = vec![Firm { name: None, size: None }; FIRMS];
    plant(&world, &firms, &people).await;
    let strategy = (prop::collection::vec((0..4_usize, any::<bool>()), 1..3), 3..12_usize);
    for _ in 0..25 {
        let (criteria, size) = strategy.new_tree(&mut runner).unwrap().current();
        let direction = |descending: bool| if descending { " desc" } else { "" };
        let order: Vec<String> =
            criteria.iter().map(|(at, descending)| format!("{}{}", CRITERIA[*at].0, direction(*descending))).collect();
        let order = order.join(",");
        let whole = pages(&world, &order, 5000).await;
        assert_eq!(whole.len(), people.len());
        for pair in whole.windows(2) {
            let compared = criteria.iter().map(|(at, descending)| {
                let key = CRITERIA[*at].1;
                let compared = key(&people[pair[0]]).cmp(&key(&people[pair[1]]));
                if *descending { compared.reverse() } else { compared }
            });
            let compared = compared.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
            assert_ne!(compared, std::cmp::Ordering::Greater, "{order}: {pair:?}");
        }
        assert_eq!(pages(&world, &order, size).await, whole, "{order} by {size}");
        let elements: String = criteria
            .iter()
            .map(|(at, descending)| format!("<order attribute='{}' descending='{descending}'/>", CRITERIA[*at].0))
            .collect();
        let mut fetched = Vec::new();
        for page in 1..=people.len().div_ceil(size) {
            let xml = format!(
                "<fetch count='{size}' page='{page}' useraworderby='true'><entity name='contact'>\
                 <attribute name='lastname'/>{elements}</entity></fetch>"
            );
            let reply = world.query("contacts", &[("fetchXml", &xml)]).await;
            fetched.extend(reply.json()["value"].as_array().unwrap().iter().map(number));
        }
        assert_eq!(fetched, whole, "{order} by {size}");
    }
}

/// Rows stay the same through the cases: what varies are the queries.
#[tokio::test]
async fn both_languages_find_the_same_rows_as_a_naive_evaluation() {
    let world = World::new(Seed::Empty).await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let firm = (prop::option::of(name()), prop::option::of(-2..3_i64)).prop_map(|(name, size)| Firm { name, size });
    let firms = prop::collection::vec(firm, FIRMS).new_tree(&mut runner).unwrap().current();
    let people = prop::collection::vec(person(), 40).new_tree(&mut runner).unwrap().current();
    plant(&world, &firms, &people).await;
    for _ in 0..250 {
        let test = test().new_tree(&mut runner).unwrap().current();
        let expected: Vec<usize> =
            people.iter().enumerate().filter(|(_, person)| test.meets(person, &firms)).map(|(at, _)| at).collect();
        let filter = test.odata();
        assert_eq!(found(&world, &[("$select", "lastname"), ("$filter", &filter)]).await, expected, "{filter}");
        let xml = format!(
            "<fetch><entity name='contact'><attribute name='lastname'/><filter>{}</filter>\
             <link-entity name='account' from='accountid' to='parentcustomerid' link-type='outer' alias='firm'/>\
             </entity></fetch>",
            test.fetch()
        );
        assert_eq!(found(&world, &[("fetchXml", &xml)]).await, expected, "{xml}");
    }
}
