//! Which statements count, and the histories that the oracle is asked about.

use inevent_d365::model::{Kind, Occasion, Participant, ParticipantEvent, SourceTime};
use serde_json::Value;
use uuid::Uuid;

use super::{
    columns::answers,
    keys::badges,
    related::TOPICS,
    settings::{COUNTRY, EXCLUDED, Level, Settings},
};
use crate::processes::Chance;

/// How far apart the seconds of a history are, so that thresholds of minutes lie between them.
const STRETCH: i64 = 30;

pub fn second(event: &ParticipantEvent) -> i64 {
    event.time.timestamp().as_second()
}

/// The participant of an event.
pub fn of(event: &ParticipantEvent) -> Option<(String, String)> {
    Some((event.event.id.clone(), event.participant.as_ref()?.id.clone()))
}

/// What was said latest, by whoever says anything; of one time, all of it.
pub fn latest<T: Clone>(said: &[&ParticipantEvent], of: impl Fn(&ParticipantEvent) -> Option<T>) -> Vec<T> {
    let last = said.iter().filter(|event| of(event).is_some()).map(|event| second(event)).max();
    said.iter().filter(|event| Some(second(event)) == last).filter_map(|event| of(event)).collect()
}

/// The statements about participants that the settings don't leave out, whoever they are about.
pub fn heard<'a>(events: &'a [ParticipantEvent], settings: &Settings) -> Vec<&'a ParticipantEvent> {
    let heard = |event: &&ParticipantEvent| {
        let (rules, Some(person)) = (settings.of(&event.event.id), &event.participant) else { return false };
        let address = person.email.as_deref().unwrap_or_default().trim().to_lowercase();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let excluded = domain == EXCLUDED || domain.ends_with(&format!(".{EXCLUDED}"));
        rules.sync
            && has_room(rules.level, event)
            && !(rules.excludes && excluded)
            && (!rules.only_if || person.country.as_deref() == Some(COUNTRY))
            && !settings.parks(event)
    };
    events.iter().filter(heard).collect()
}

fn has_room(level: Level, event: &ParticipantEvent) -> bool {
    let of_registration = matches!(event.kind, Kind::Registered | Kind::Cancelled | Kind::Updated);
    match level {
        Level::Sessions => true,
        Level::Attendance => event.session.is_none(),
        Level::Registrations => event.session.is_none() && of_registration,
    }
}

/// People who are in the CRM in other ways than those of every history, and one whose domain may be left out.
const ADDRESSES: [&str; 11] = [
    "Both@x.example",
    "twice@x.example",
    "merged@x.example",
    "Became@x.example",
    "origin@x.example",
    "firm@x.example",
    "known@x.example",
    "badge@x.example",
    "inactive@x.example",
    "Ana@mail.left.example",
    "strand@x.example",
];

/// The codes of campaigns; one is that of two.
pub const CODES: [(&str, Uuid); 4] = [
    ("SPRING", Uuid::from_u128(31)),
    ("AUTUMN", Uuid::from_u128(32)),
    ("TWICE", Uuid::from_u128(33)),
    ("TWICE", Uuid::from_u128(34)),
];

/// What participants say of campaigns.
const CAMPAIGNS: [&str; 7] = ["SPRING", " spring ", "Autumn", "AUTUMN", "twice", "nowhere", " "];

/// The history with more people, who say more of themselves; with `guests` some do not say who they are.
pub fn told(mut events: Vec<ParticipantEvent>, seed: u64, guests: bool) -> Vec<ParticipantEvent> {
    let mut chance = Chance::new(seed);
    let answers: Vec<Value> = answers().into_iter().map(|answer| answer.said).collect();
    for event in &mut events {
        event.time = stretched(event.time.timestamp()).and_then(SourceTime::new).unwrap();
        let stretch = |occasion: &mut Occasion| occasion.end = occasion.end.and_then(stretched);
        stretch(&mut event.event);
        event.session.iter_mut().for_each(stretch);
        if let Some(person) = &mut event.participant {
            tell(person, &mut chance, guests);
            if chance.one_in(2) {
                event.answers.insert("Q".into(), answers[chance.below(answers.len())].clone());
            }
            if chance.one_in(3) {
                event.answers.insert("R".into(), ["Gold", "First", "odd"][chance.below(3)].into());
            }
            if chance.one_in(3) {
                event.answers.insert("B".into(), badges(&person.id)[chance.below(4)].clone());
            }
            if chance.one_in(2) {
                event.answers.insert("C".into(), CAMPAIGNS[chance.below(CAMPAIGNS.len())].into());
            }
            if chance.one_in(2) {
                event.answers.insert("T".into(), TOPICS[chance.below(TOPICS.len())].into());
            }
        }
    }
    events
}

fn tell(person: &mut Participant, chance: &mut Chance, guests: bool) {
    let mut one_of = |texts: &[&str]| Some(texts[chance.below(texts.len())].to_owned()).filter(|text| !text.is_empty());
    person.company = one_of(&["", "", "Contoso", " contoso ", "Fabrikam Ltd"]);
    person.country = one_of(&["", COUNTRY, COUNTRY, COUNTRY, "BR"]);
    // Each has an id of their own, which they share now and then.
    let id = if person.id == "p0" { "X0" } else { "X1" };
    person.external_id = one_of(&["", "", id, id, "X1"]);
    match chance.below(6) {
        0 | 1 => person.email = Some(ADDRESSES[chance.below(ADDRESSES.len())].to_owned()),
        // A company without an address would become the company, and so the key, of whoever is known.
        2 if guests => (person.email, person.company) = (None, None),
        _ => {}
    }
}

fn stretched(time: jiff::Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.as_second() * STRETCH).ok()
}

/// The history, a statement on each line: what a failing case is read from.
pub fn in_short(events: &[ParticipantEvent]) -> String {
    let line = |event: &ParticipantEvent| {
        let session = event.session.as_ref().map_or("", |session| &session.id);
        let said = event.participant.as_ref().map(|one| {
            let texts = [&one.email, &one.external_id, &one.company, &one.country, &one.first_name, &one.last_name];
            format!("{} {texts:?} {:?}", one.id, event.answers)
        });
        let (time, kind, of) = (second(event), event.kind, &event.event.id);
        format!("{}: {time:4} {kind:?} {of} {session} {} {:?}\n", event.id, said.unwrap_or_default(), event.status)
    };
    let mut events: Vec<&ParticipantEvent> = events.iter().collect();
    events.sort_by_key(|event| event.time);
    events.into_iter().map(line).collect()
}
