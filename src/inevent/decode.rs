//! What a webhook's body says, whatever its shape: InEvent publishes that there are ids, text, numbers, times, and a key `Data` that
//! "often represents a sub-structure" (FAQ, webhook events), and nothing more. So a body is a hint: which event, which person, which
//! session, perhaps when, perhaps who.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Row, people::Person, row::text};
use crate::{
    model::{SourceTime, validate::CLOCK_TOLERANCE},
    settings::document::{InEvent, Trigger},
};

/// How far a `date` that may mean something else is from the delivery at most.
const CLOSE: SignedDuration = SignedDuration::from_mins(15);
/// How old a time is at most.
const OLDEST: SignedDuration = SignedDuration::from_hours(24 * 365 * 5);

/// One request to the webhook, as it waits in the queue: nothing of it is understood yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The last part of the URL's path: whose webhook it is.
    pub delivered_to: String,
    /// What the URL says that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// When it came, by the connector's clock. No time in the CRM is made of it.
    pub received: Timestamp,
    /// The body, or the query where there is none; what is no UTF-8 is replaced.
    pub body: String,
}

/// A body is personal: only where it came from is printed.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("delivered_to", &self.delivered_to).finish_non_exhaustive()
    }
}

/// What one delivery, or one item of it, says.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    pub trigger: Trigger,
    pub event: Option<String>,
    pub person: Option<String>,
    pub activity: Option<String>,
    /// When it happened, where the body says it in a way that cannot mean anything else.
    pub time: Option<SourceTime>,
    /// Who it is, where the body tells more than the id.
    pub profile: Option<Person>,
    /// Name and times of the event and of the session, where the body has them.
    pub about_event: Option<Row>,
    pub about_activity: Option<Row>,
}

/// Why a body says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecoded {
    #[error("the webhook's body is neither JSON nor a form")]
    NotABody,
    #[error(
        "the webhook does not say what happened in a way that is known: add &trigger=… to its URL in InEvent, or its word to \
         inevent.triggers in the settings (`inevent-d365 inevent learn` proposes both), then replay this"
    )]
    UnknownTrigger,
}

/// Reads a delivery. Most say one thing; a list says one for each of its items.
///
/// # Errors
/// When nothing of it can be used.
pub fn decode(delivery: &Delivery, settings: &InEvent) -> Result<Vec<Hint>, Undecoded> {
    let items = items(&delivery.body).ok_or(Undecoded::NotABody)?;
    let by_url = delivery.trigger.as_deref().and_then(|said| settings.trigger(said));
    let hints: Vec<Hint> = items
        .iter()
        .filter_map(|item| Some(hint(by_url.or_else(|| said(item, settings))?, item, delivery.received)))
        .collect();
    if hints.len() < items.len() || hints.is_empty() { Err(Undecoded::UnknownTrigger) } else { Ok(hints) }
}

/// Whom a body is about, whether or not it says what happened: ids of event and person, and the person's address where it is there.
pub fn named(body: &str) -> Vec<(String, String, Option<String>)> {
    let items = items(body).unwrap_or_default();
    let named = items.iter().filter_map(|item| {
        let objects = objects(item);
        let (event, person) = (EVENT.id(&objects)?, PERSON.id(&objects)?);
        let own = own(&objects).find_map(|(key, object)| profile(key, object, &person));
        Some((event, person, own.and_then(|profile| profile.email)))
    });
    named.collect()
}

/// The words that a body uses for what happened, by field: what a table of triggers could be made of.
pub fn words(body: &str, settings: &InEvent) -> Vec<(String, String)> {
    let items = items(body).unwrap_or_default();
    items.iter().flat_map(|item| candidates(item, settings)).collect()
}

/// The objects of a body. Items of a list under one key are objects of their own, with what stands beside them.
fn items(body: &str) -> Option<Vec<Row>> {
    let value = match serde_json::from_str::<Value>(body) {
        // JSON in a string.
        Ok(Value::String(inner)) => serde_json::from_str(&inner).ok()?,
        Ok(value) => value,
        Err(_) => Value::Object(form(body)?),
    };
    let objects = match value {
        Value::Array(items) => items,
        object @ Value::Object(_) => vec![object],
        _ => return None,
    };
    let rows = objects.into_iter().map(Row::try_from).collect::<Result<Vec<Row>, ()>>().ok()?;
    Some(rows.into_iter().flat_map(split).collect())
}

fn split(row: Row) -> Vec<Row> {
    let list = row.0.iter().find_map(|(key, value)| match value {
        Value::Array(items) if is_wrapper(key) && !items.is_empty() && items.iter().all(Value::is_object) => {
            Some((key.clone(), items.clone()))
        }
        _ => None,
    });
    match list {
        None => vec![row],
        Some((key, items)) => items
            .into_iter()
            .map(|item| {
                let mut one = row.clone();
                one.0.insert(key.clone(), item);
                one
            })
            .collect(),
    }
}

/// A form, or a query string. A value that is JSON is read as such; `data[personID]` is a member of `data`.
fn form(body: &str) -> Option<Map<String, Value>> {
    let body = body.trim();
    if !body.contains('=') || body.starts_with(['{', '[', '<', '"']) || body.contains(['\n', ' ']) {
        return None;
    }
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(body.as_bytes()) {
        let value = match value.trim_start().starts_with(['{', '[']) {
            true => serde_json::from_str(&value).unwrap_or_else(|_| Value::from(value.as_ref())),
            false => Value::from(value.as_ref()),
        };
        match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
            Some((outer, inner)) => {
                let outer = fields.entry(outer.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(outer) = outer {
                    outer.insert(inner.to_owned(), value);
                }
            }
            None => {
                fields.insert(key.into_owned(), value);
            }
        }
    }
    (!fields.is_empty()).then_some(fields)
}

/// What the item says that happened.
fn said(item: &Row, settings: &InEvent) -> Option<Trigger> {
    candidates(item, settings).into_iter().find_map(|(_, word)| settings.trigger(&word))
}

/// The texts in the fields that may say it, at the top and in what is wrapped.
fn candidates(item: &Row, settings: &InEvent) -> Vec<(String, String)> {
    let places = || {
        std::iter::once(&item.0)
            .chain(item.0.iter().filter(|(key, _)| is_wrapper(key)).filter_map(|(_, value)| value.as_object()))
    };
    let words = settings.trigger_fields.iter().flat_map(|field| {
        places().filter_map(move |place| {
            let (_, value) = place.iter().find(|(key, _)| same(key, field))?;
            Some((field.clone(), text(value)?))
        })
    });
    words.collect()
}

fn hint(trigger: Trigger, item: &Row, received: Timestamp) -> Hint {
    let objects = objects(item);
    let about = |kind: &Kind| {
        let object = objects.iter().find(|(key, _)| kind.is_called(key)).map(|(_, object)| Row((*object).clone()));
        object.or_else(|| kind.named_in(&objects))
    };
    let (event, person, activity) = (EVENT.id(&objects), PERSON.id(&objects), ACTIVITY.id(&objects));
    let profile = own(&objects).find_map(|(key, object)| profile(key, object, person.as_deref()?));
    let now = received.checked_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX);
    let time = own(&objects).find_map(|(_, object)| stated(trigger, object, received)).filter(|time| {
        // A time that cannot be is none.
        time.timestamp() <= now && now.duration_since(time.timestamp()) < OLDEST
    });
    let (about_event, about_activity) = (about(&EVENT), about(&ACTIVITY));
    Hint { trigger, event, person, activity, time, profile, about_event, about_activity }
}

type Objects<'a> = Vec<(&'a str, &'a Map<String, Value>)>;

/// The objects about the person: others that a body names have addresses and times, too.
fn own<'a>(objects: &'a Objects<'a>) -> impl Iterator<Item = (&'a str, &'a Map<String, Value>)> {
    objects.iter().filter(|(key, _)| key.is_empty() || is_wrapper(key) || PERSON.is_called(key)).copied()
}

/// The item and the objects in it, the outer first, each with the key that it stands under.
fn objects(item: &Row) -> Objects<'_> {
    const MOST: usize = 64;
    const DEEPEST: usize = 4;
    let mut found = Vec::new();
    let mut open = VecDeque::from([("", &item.0, 0)]);
    while let Some((key, object, depth)) = open.pop_front() {
        found.push((key, object));
        if found.len() >= MOST || depth >= DEEPEST {
            continue;
        }
        open.extend(object.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_object()?, depth + 1))));
    }
    found
}

/// A kind of thing that bodies name.
struct Kind {
    /// What its id is called, in lower case, without anything but letters.
    ids: &'static [&'static str],
    /// What an object of it is called, or its id where that stands there by itself.
    objects: &'static [&'static str],
    /// What its name is called beside its id.
    name: &'static str,
}

const EVENT: Kind = Kind { ids: &["eventid"], objects: &["event"], name: "eventName" };
const PERSON: Kind = Kind {
    ids: &["personid", "attendeeid", "participantid", "userid"],
    objects: &["person", "attendee", "participant", "user", "enrollment"],
    name: "personName",
};
const ACTIVITY: Kind =
    Kind { ids: &["activityid", "sessionid"], objects: &["activity", "session"], name: "activityName" };

impl Kind {
    /// By the name of a field, wherever it is, the surest name first; else `id` in an object of this kind.
    fn id(&self, objects: &Objects<'_>) -> Option<String> {
        let named = |name: &&str| objects.iter().find_map(|(_, object)| field(object, name));
        let own = || objects.iter().find(|(key, _)| self.is_called(key)).and_then(|(_, object)| field(object, "id"));
        self.ids.iter().find_map(named).or_else(|| self.objects.iter().find_map(named)).or_else(own)
    }

    fn is_called(&self, key: &str) -> bool {
        self.objects.contains(&plain(key).as_str())
    }

    /// The name beside the id, as a row of its own.
    fn named_in(&self, objects: &Objects<'_>) -> Option<Row> {
        let name = objects.iter().find_map(|(_, object)| text(object.get(self.name)?))?;
        Some(Row([("name".to_owned(), Value::from(name))].into_iter().collect()))
    }
}

/// The id in the field of this name.
fn field(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.iter().filter(|(key, _)| plain(key) == name).find_map(|(_, value)| number(value))
}

/// InEvent's ids are numbers, in text or not; 0 is none.
fn number(value: &Value) -> Option<String> {
    let text = text(value)?;
    let is_id =
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0');
    is_id.then_some(text)
}

/// Who it is, where the object has an address and is not somebody else's.
fn profile(key: &str, object: &Map<String, Value>, person: &str) -> Option<Person> {
    let own = || field(object, "id").filter(|_| PERSON.is_called(key));
    if PERSON.ids.iter().find_map(|name| field(object, name)).or_else(own).is_some_and(|other| other != person) {
        return None;
    }
    let mut row = Row(object.clone());
    row.0.insert("personID".to_owned(), person.into());
    Person::read(row).filter(|person| person.email.is_some())
}

/// The time that an object says. `date` beside a profile may be that of the account, so it counts there only close to the delivery.
fn stated(trigger: Trigger, object: &Map<String, Value>, received: Timestamp) -> Option<SourceTime> {
    let row = Row(object.clone());
    let of_the_trigger: &[&str] = match trigger {
        Trigger::EventEnrollment => &["enrollmentDate", "dateEnrolled"],
        Trigger::EventCheckIn | Trigger::ActivityCheckIn => &["checkInDate", "checkinDate", "dateCheckIn"],
        Trigger::EventCheckOut | Trigger::ActivityCheckOut => &["checkOutDate", "checkoutDate", "dateCheckOut"],
        _ => &[],
    };
    let of_the_delivery = &["timestamp", "occurredAt", "triggeredAt", "triggerDate", "eventTime", "time"];
    let is_more = ["email", "username", "firstName", "dateBegin"].iter().any(|field| object.contains_key(*field));
    let close = |time: &SourceTime| received.duration_since(time.timestamp()).abs() < CLOSE;
    let date = row.time(&["date"]).filter(|time| !is_more || close(time));
    row.time(of_the_trigger).or_else(|| row.time(of_the_delivery)).or(date)
}

/// A key that only wraps what is meant.
fn is_wrapper(key: &str) -> bool {
    matches!(plain(key).as_str(), "data" | "payload" | "body" | "content" | "object" | "record" | "result")
}

fn same(key: &str, field: &str) -> bool {
    plain(key) == plain(field)
}

/// Letters only, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn delivery(body: impl Into<String>) -> Delivery {
        let received = Timestamp::from_second(1_780_000_100).unwrap();
        Delivery { delivered_to: "main".into(), trigger: None, received, body: body.into() }
    }

    fn one(body: impl Into<String>) -> Hint {
        let mut hints = decode(&delivery(body), &InEvent::default()).unwrap();
        assert_eq!(hints.len(), 1);
        hints.remove(0)
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let shapes = [
            json!({ "type": "event_check_in", "eventID": "4711", "personID": "9", "activityID": "3" }).to_string(),
            json!({ "trigger": "Person checks in to the event", "Data": { "eventID": 4711, "personID": 9, "activityID": 3 } }).to_string(),
            json!({ "event": "event-check-in", "data": { "event": { "id": "4711" }, "person": { "id": 9 }, "activity": { "id": 3 } } })
                .to_string(),
            json!({ "event": { "eventID": "4711" }, "attendee": { "personID": "9" }, "sessionID": 3, "action": "CheckIn" }).to_string(),
            json!({ "type": "checkin", "event": 4711, "person": "9", "session": "3" }).to_string(),
            json!({ "payload": { "type": "eventCheckIn", "event_id": "4711", "person_id": "9", "activity_id": "3" } }).to_string(),
            json!([{ "type": "checkin", "eventId": "4711", "personId": "9", "activityId": "3" }]).to_string(),
            json!({ "type": "checkin", "data": [{ "eventID": "4711", "personID": "9", "activityID": "3" }] }).to_string(),
            json!(json!({ "type": "checkin", "eventID": "4711", "personID": "9", "activityID": "3" }).to_string()).to_string(),
            "type=checkin&eventID=4711&personID=9&activityID=3".to_owned(),
            "type=checkin&data%5BeventID%5D=4711&data%5BpersonID%5D=9&data[activityID]=3".to_owned(),
            "type=checkin&payload=%7B%22eventID%22%3A4711%2C%22personID%22%3A9%2C%22activityID%22%3A3%7D".to_owned(),
        ];
        for body in shapes {
            let hint = one(body.clone());
            let ids = [&hint.event, &hint.person, &hint.activity].map(|id| id.as_deref());
            assert_eq!((hint.trigger, ids), (Trigger::EventCheckIn, [Some("4711"), Some("9"), Some("3")]), "{body}");
            assert_eq!((hint.time, hint.profile.is_none()), (None, true), "{body}");
        }
    }

    #[test]
    fn a_list_says_one_thing_for_each_item() {
        let body =
            json!({ "type": "event_enrollment", "eventID": "1", "data": [{ "personID": "8" }, { "personID": "9" }] });
        let hints = decode(&delivery(body.to_string()), &InEvent::default()).unwrap();
        let people: Vec<_> = hints.iter().map(|hint| (hint.event.as_deref(), hint.person.as_deref())).collect();
        assert_eq!(people, [(Some("1"), Some("8")), (Some("1"), Some("9"))]);
    }

    #[test]
    fn the_url_says_what_happened_before_the_body_does() {
        let mut thin = delivery(r#"{"eventID":"1","personID":"2","type":"speaker_created"}"#);
        thin.trigger = Some("event-dismissal".into());
        assert_eq!(decode(&thin, &InEvent::default()).unwrap()[0].trigger, Trigger::EventDismissal);
        for unknown in [r#"{"eventID":"1"}"#, r#"{"type":"ticket.sold","eventID":"1"}"#, "{}", "[]"] {
            assert_eq!(decode(&delivery(unknown), &InEvent::default()), Err(Undecoded::UnknownTrigger), "{unknown}");
        }
        for nothing in ["", "<html>", "hello", "3", "null", "\"x\"", "[1]", "{"] {
            assert_eq!(decode(&delivery(nothing), &InEvent::default()), Err(Undecoded::NotABody), "{nothing}");
        }
    }

    #[test]
    fn profiles_and_names_are_taken_where_they_are_told() {
        let nested = one(
            json!({ "type": "event_enrollment", "data": {
                "event": { "eventID": "1", "name": "Day", "dateBegin": "1790000000" },
                "person": { "personID": "2", "firstName": "Ana", "email": "ana@x.example", "enrollmentDate": "1780000000" },
                "host": { "email": "host@x.example", "timestamp": "1779999999" }, "userID": "77",
            } })
            .to_string(),
        );
        assert_eq!(nested.person.as_deref(), Some("2"));
        assert_eq!(nested.profile.as_ref().unwrap().email.as_deref(), Some("ana@x.example"));
        assert_eq!(nested.time.unwrap().timestamp().as_second(), 1_780_000_000);
        assert_eq!(nested.about_event.unwrap().text(&["name"]).as_deref(), Some("Day"));
        let flat = one(
            "type=activity_check_in&eventID=1&activityID=5&personID=2&email=ana%40x.example&eventName=Day&activityName=Talk&date=1780000099",
        );
        assert_eq!(flat.about_activity.unwrap().text(&["name"]).as_deref(), Some("Talk"));
        assert_eq!(
            (flat.profile.unwrap().id.as_str(), flat.time.unwrap().timestamp().as_second()),
            ("2", 1_780_000_099)
        );
    }

    #[test]
    fn a_date_that_may_be_of_the_account_or_cannot_be_is_no_time() {
        for (body, expected) in [
            (json!({ "type": "checkin", "personID": "2", "date": "1700000000" }), Some(1_700_000_000)),
            (json!({ "type": "checkin", "personID": "2", "email": "a@x.example", "date": "1700000000" }), None),
            (json!({ "type": "checkin", "personID": "2", "timestamp": 1_780_000_000_500_i64 }), Some(1_780_000_000)),
            (json!({ "type": "checkin", "personID": "2", "timestamp": "1790000000" }), None),
            (json!({ "type": "checkin", "personID": "2", "timestamp": "86400" }), None),
            (
                json!({ "type": "checkin", "personID": "2", "checkInDate": "1780000000", "timestamp": "1780000050" }),
                Some(1_780_000_000),
            ),
        ] {
            assert_eq!(one(body.to_string()).time.map(|time| time.timestamp().as_second()), expected, "{body}");
        }
    }

    /// Any JSON, some of it with names that mean something.
    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            "[a-zA-Z_]{0,8}",
            prop::sample::select(vec![
                "eventID", "personID", "data", "Data", "event", "person", "type", "date", "email", "id"
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[0-9]{1,22}".prop_map(Value::from),
            Just(Value::from("event_enrollment")),
        ];
        leaf.prop_recursive(6, 60, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(body in "\\PC{0,200}", json in any_json(), url in prop::option::of("[a-z-]{0,20}")) {
            for body in [body, json.to_string()] {
                let mut delivery = delivery(body);
                delivery.trigger = url.clone();
                let _ = decode(&delivery, &InEvent::default());
                words(&delivery.body, &InEvent::default());
            }
        }

        /// Whatever else a body holds, ids under their own names are found.
        #[test]
        fn ids_are_found_among_anything_else(
            event in 1_u32.., person in 1_u32.., text: bool, wrapped in prop::option::of(prop::sample::select(vec!["data", "Data", "payload"])),
            noise in prop::collection::btree_map("x[a-z]{1,6}", any_json(), 0..4),
        ) {
            let id = |id: u32| if text { json!(id.to_string()) } else { json!(id) };
            let mut ids = json!({ "eventID": id(event), "personID": id(person) });
            if let Some(key) = wrapped {
                ids = json!({ key: ids });
            }
            let mut body = ids;
            body["type"] = "event_enrollment".into();
            for (key, value) in noise {
                body[key] = value;
            }
            let hint = one(body.to_string());
            if wrapped.is_none() {
                prop_assert_eq!(hint.event, Some(event.to_string()));
                prop_assert_eq!(hint.person, Some(person.to_string()));
            }
            prop_assert_eq!(hint.trigger, Trigger::EventEnrollment);
        }
    }
}
