//! What a stream of events must leave in the CRM, worked out the slow way: one event after the other, in the order of time.
//!
//! Written from the rules in the README, not from the connector's code, and sharing none of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::crm::{Row, text};

/// What a person in Dynamics would read off an attendance row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    pub subject: String,
    pub registration: &'static str,
    pub attendance: Option<&'static str>,
    pub check_in: Option<String>,
    pub check_out: Option<String>,
    pub score: Option<f64>,
    pub event_name: String,
    pub session_name: Option<String>,
    /// `contact` or `lead`, and the address.
    pub regarding: (String, String),
    pub owner: String,
    /// Open, completed or canceled.
    pub state: &'static str,
}

/// Rows by participant and session (blank: the event's own row).
pub type Rows = BTreeMap<(String, String), Expected>;

/// Columns of a person by source field.
const PROFILE: [(&str, &str, usize); 7] = [
    ("first_name", "firstname", 50),
    ("last_name", "lastname", 50),
    ("company", "companyname", 100),
    ("job_title", "jobtitle", 100),
    ("phone", "telephone1", 50),
    ("country", "address1_country", 80),
    ("external_id", "new_ineventparticipantid", 100),
];

#[derive(Default)]
struct Told {
    registered: Option<bool>,
    check_ins: Vec<String>,
    check_outs: Vec<String>,
    stated: Option<String>,
    score: Option<f64>,
    session_name: Option<String>,
    /// When the event or session ends, and when the last thing was said.
    end: Option<String>,
    latest: String,
}

impl Told {
    fn seen(&self) -> bool {
        !self.check_ins.is_empty() || !self.check_outs.is_empty()
    }
}

/// The rows that must be there. `before` is the CRM as it was, `me` the connector's own user.
pub fn rows(events: &[Value], before: &BTreeMap<&'static str, Vec<Row>>, me: &str) -> Rows {
    let mut told: BTreeMap<(String, String), Told> = BTreeMap::new();
    let mut address: BTreeMap<String, String> = BTreeMap::new();
    let (mut event_over, mut sessions_over) = (false, Vec::new());
    for event in in_time(events) {
        let (kind, session) = (event["kind"].as_str().unwrap(), string(&event["session"]["id"]));
        let time = event["time"].as_str().unwrap().to_owned();
        match kind {
            "event_closed" => event_over = true,
            "session_closed" => sessions_over.push(session.clone()),
            _ => {}
        }
        if event["participant"].is_null() {
            continue;
        }
        let who = string(&event["participant"]["id"]);
        address.insert(who.clone(), event["participant"]["email"].as_str().unwrap().trim().to_lowercase());
        let row = told.entry((who, session)).or_default();
        row.session_name = event["session"]["name"].as_str().map(str::to_owned);
        let occasion = if event["session"].is_null() { &event["event"] } else { &event["session"] };
        row.end = occasion["end"].as_str().map(str::to_owned).or(row.end.take());
        row.latest = time.clone();
        match kind {
            "registered" | "session_enrolled" => row.registered = Some(true),
            "cancelled" | "session_left" => row.registered = Some(false),
            "checked_in" => row.check_ins.push(time),
            "checked_out" => row.check_outs.push(time),
            "check_in_taken_back" => (row.check_ins, row.check_outs, row.stated) = Default::default(),
            "scored" => row.score = event["score"].as_f64(),
            _ => {}
        }
        if let Some(stated) = event["status"]["attendance"].as_str() {
            row.stated = Some(stated.to_owned());
        }
    }
    let in_sessions: Vec<String> = told
        .iter()
        .filter(|((_, session), told)| !session.is_empty() && told.seen())
        .map(|((who, _), _)| who.clone())
        .collect();
    told.into_iter()
        .map(|((who, session), told)| {
            let over = event_over || sessions_over.contains(&session);
            let registration = if told.registered == Some(false) { "Cancelled" } else { "Registered" };
            let seen = told.seen() || session.is_empty() && over && in_sessions.contains(&who);
            let attendance = match told.stated.as_deref() {
                Some("partial") => Some("Partial"),
                _ if seen => Some("Attended"),
                _ if over && registration == "Registered" => Some("No show"),
                _ => None,
            };
            let event_name = "Partner Day 2026".to_owned();
            let name = told.session_name.clone().unwrap_or_else(|| event_name.clone());
            let settled = over || told.end.as_ref().is_some_and(|end| told.latest >= *end);
            let state = match attendance {
                None | Some("No show") if registration == "Cancelled" => "canceled",
                Some(_) if settled => "completed",
                _ => "open",
            };
            let word = attendance.unwrap_or(if registration == "Cancelled" { "Cancelled" } else { "Registered for" });
            let (table, owner) = person(&address[&who], before, me);
            let expected = Expected {
                subject: format!("{word}: {name}"),
                registration,
                attendance,
                check_in: told.check_ins.iter().min().cloned(),
                check_out: told.check_outs.iter().max().cloned(),
                score: told.score,
                event_name,
                session_name: told.session_name,
                regarding: (table.to_owned(), address[&who].clone()),
                owner,
                state,
            };
            ((who, session), expected)
        })
        .collect()
}

/// Profile columns of every person spoken of, by table and address: what was stated last, else what was there.
pub fn people(
    events: &[Value],
    before: &BTreeMap<&'static str, Vec<Row>>,
) -> BTreeMap<(String, String), BTreeMap<String, String>> {
    let mut people = BTreeMap::new();
    for event in in_time(events).into_iter().filter(|event| !event["participant"].is_null()) {
        let participant = &event["participant"];
        let address = participant["email"].as_str().unwrap().trim().to_lowercase();
        let (table, _) = person(&address, before, "");
        let columns: &mut BTreeMap<String, String> =
            people.entry((table.to_owned(), address.clone())).or_insert_with(|| {
                match chosen(table, &address, before) {
                    Some(row) => row
                        .iter()
                        .filter_map(|(column, value)| Some((column.clone(), value.as_str()?.to_owned())))
                        .collect(),
                    None => BTreeMap::from([("lastname".to_owned(), address.split('@').next().unwrap().to_owned())]),
                }
            });
        let budget = (&participant["-"], "new_budget", 200, event["answers"]["Budget"].as_str());
        let fields =
            PROFILE.map(|(field, column, length)| (&participant[field], column, length, participant[field].as_str()));
        for (_, column, length, value) in fields.into_iter().chain([budget]) {
            let value: String = value.unwrap_or_default().trim().chars().take(length).collect();
            let mapped = column != "companyname" || table == "lead";
            if mapped && !value.is_empty() {
                columns.insert(column.to_owned(), value.trim_end().to_owned());
            }
        }
    }
    for columns in people.values_mut() {
        columns.retain(|column, _| column == "new_budget" || PROFILE.iter().any(|(_, mapped, _)| mapped == column));
    }
    people
}

/// By time; in this stream's one tie, registered and cancelled at the same second, the cancellation counts.
fn in_time(events: &[Value]) -> Vec<&Value> {
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| (event["time"].as_str().unwrap(), event["kind"] == "cancelled"));
    events
}

/// An active contact, else an open lead, else a lead to be made; and its owner.
fn person(address: &str, before: &BTreeMap<&'static str, Vec<Row>>, me: &str) -> (&'static str, String) {
    for table in ["contact", "lead"] {
        if let Some(row) = chosen(table, address, before) {
            return (table, text(row, "_ownerid_value").unwrap().to_owned());
        }
    }
    ("lead", me.to_owned())
}

/// Of several, the one that was modified last.
fn chosen<'a>(table: &str, address: &str, before: &'a BTreeMap<&'static str, Vec<Row>>) -> Option<&'a Row> {
    let active = |row: &&Row| row["statecode"] == 0;
    let at = |row: &&Row| text(row, "emailaddress1").is_some_and(|email| email.to_lowercase() == address);
    before[table].iter().filter(active).filter(at).max_by_key(|row| text(row, "modifiedon"))
}

fn string(id: &Value) -> String {
    id.as_str().map(str::to_owned).unwrap_or_else(|| if id.is_null() { String::new() } else { id.to_string() })
}
