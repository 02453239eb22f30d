//! What a history must leave in the CRM, worked out the slow way: each rule of `docs/convergence.md` and `docs/settings.md` by its
//! words, over everything that was said, sharing no code with the engine but its vocabulary.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::{
    dataverse::Columns,
    model::{
        Kind, Participant, ParticipantEvent,
        event::{Attendance, Registration},
    },
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    cases,
    crm::MemoryCrm,
    histories::{Delivery, history},
    lists::{self, Members, with_one_address_each},
    processes,
    settings::DOCUMENTS,
};

/// What an event's settings say, as far as rows show it.
#[derive(Debug, Clone, Copy)]
struct Rules {
    level: Level,
    below_minutes: Option<i64>,
    below_percent: Option<usize>,
    leave_open: bool,
    /// What a score is multiplied by.
    points: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Registrations,
    Attendance,
    Sessions,
}

const DEFAULT: Rules =
    Rules { level: Level::Sessions, below_minutes: None, below_percent: None, leave_open: false, points: 1.0 };

/// The documents that it knows, and what they say of the first and the second event.
fn documents() -> Vec<(&'static str, [Rules; 2])> {
    let shares = Rules { below_minutes: Some(1), below_percent: Some(60), ..DEFAULT };
    let open = Rules { leave_open: true, below_percent: Some(100), ..DEFAULT };
    let registrations = Rules { level: Level::Registrations, ..DEFAULT };
    let attendance = Rules { level: Level::Attendance, points: 2.0, ..DEFAULT };
    vec![
        (DOCUMENTS[0], [DEFAULT; 2]),
        (DOCUMENTS[4], [shares; 2]),
        (DOCUMENTS[5], [open; 2]),
        (DOCUMENTS[6], [registrations, attendance]),
    ]
}

/// Event, participant, session.
type Key = (String, String, Option<String>);

/// What people read off a row. Where two statements of one time say different things, either may stand.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    registration: Registration,
    attendance: Option<Attendance>,
    check_in: Option<i64>,
    check_out: Option<i64>,
    score: Option<f64>,
    end: Option<i64>,
    /// Open, completed, canceled.
    state: i64,
    names: BTreeSet<String>,
    session_names: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

fn second(event: &ParticipantEvent) -> i64 {
    event.time.timestamp().as_second()
}

/// Whether the level has room for a statement.
fn taken(event: &ParticipantEvent, level: Level) -> bool {
    let of_registration = matches!(event.kind, Kind::Registered | Kind::Cancelled | Kind::Updated);
    match level {
        Level::Sessions => true,
        Level::Attendance => event.session.is_none(),
        Level::Registrations => event.session.is_none() && of_registration,
    }
}

/// What was said latest, by whoever says anything; of one time, all of it.
fn latest<T: Clone>(said: &[&ParticipantEvent], of: impl Fn(&ParticipantEvent) -> Option<T>) -> Vec<T> {
    let last = said.iter().filter(|event| of(event).is_some()).map(|event| second(event)).max();
    said.iter().filter(|event| Some(second(event)) == last).filter_map(|event| of(event)).collect()
}

/// Seconds from check-ins to check-outs: from the first check-in of each stay to the last check-out before the next one.
fn present(ins: &[i64], outs: &[i64], end: Option<i64>) -> Option<i64> {
    let first = *ins.iter().min()?;
    // At one time the check-in comes first.
    if outs.iter().any(|out| *out < first) {
        return None;
    }
    let left_between = |from: i64, to: i64| outs.iter().copied().filter(|out| from <= *out && *out < to).max();
    let mut begins = ins.to_vec();
    begins.sort_unstable();
    begins.dedup();
    let (mut sum, mut from) = (0, first);
    for (at, begin) in begins.iter().enumerate() {
        let next = begins.get(at + 1).copied();
        match left_between(*begin, next.unwrap_or(i64::MAX)) {
            Some(out) => {
                sum += out - from;
                from = next.unwrap_or(from);
            }
            // They were still there when they checked in again.
            None if next.is_some() => {}
            None => sum += end.filter(|end| *end > from)? - from,
        }
    }
    Some(sum)
}

/// The row of one key, from what was said of it. `sessions`: in how many they were there, and of how many.
fn shown(
    said: &[&ParticipantEvent],
    of_person: &[&ParticipantEvent],
    rules: Rules,
    over: bool,
    sessions: (usize, usize),
) -> Shown {
    let registered = latest(said, |event| match event.kind {
        Kind::Registered | Kind::SessionEnrolled => Some(Registration::Registered),
        Kind::Cancelled | Kind::SessionLeft => Some(Registration::Cancelled),
        _ => event.status.unwrap_or_default().registration,
    });
    let cancelled = registered.contains(&Registration::Cancelled);
    let registration = if cancelled { Registration::Cancelled } else { Registration::Registered };

    let heeded =
        |event: &&&ParticipantEvent| rules.level > Level::Registrations && !event.kind.eq(&Kind::CheckInTakenBack);
    let back = said.iter().filter(|event| event.kind == Kind::CheckInTakenBack).map(|event| second(event)).max();
    let holds: Vec<&ParticipantEvent> =
        said.iter().filter(heeded).filter(|event| back.is_none_or(|back| second(event) > back)).copied().collect();
    let times = |kind| holds.iter().filter(|event| event.kind == kind).map(|event| second(event)).collect::<Vec<_>>();
    let (ins, outs) = (times(Kind::CheckedIn), times(Kind::CheckedOut));
    let stated = latest(&holds, |event| event.status.unwrap_or_default().attendance);
    let stated =
        [Attendance::Attended, Attendance::Partial, Attendance::NoShow].into_iter().find(|one| stated.contains(one));
    let end =
        latest(said, |event| Some(event.session.as_ref().unwrap_or(&event.event).end?.as_second())).first().copied();

    let seen = !ins.is_empty() || !outs.is_empty();
    let there = seen || over && sessions.0 > 0;
    let stayed = present(&ins, &outs, end.filter(|_| over));
    let short = rules.below_minutes.zip(stayed).is_some_and(|(minutes, stayed)| stayed < minutes * 60);
    let few = rules.below_percent.is_some_and(|least| over && sessions.0 * 100 < least * sessions.1);
    let attendance = match stated {
        _ if rules.level == Level::Registrations => None,
        Some(Attendance::Attended | Attendance::Partial) => stated,
        Some(Attendance::NoShow) if !seen => stated,
        _ if there && (short || few) => Some(Attendance::Partial),
        _ if there => Some(Attendance::Attended),
        _ if over && registration == Registration::Registered => Some(Attendance::NoShow),
        _ => None,
    };

    let last = said.iter().map(|event| second(event)).max();
    let settled = (over || end.is_some_and(|end| last >= Some(end)))
        && (attendance.is_some() || rules.level == Level::Registrations);
    let state = match () {
        () if rules.leave_open => 0,
        () if cancelled && matches!(attendance, None | Some(Attendance::NoShow)) => 2,
        () if settled => 1,
        () => 0,
    };
    let scores = latest(said, |event| event.score.filter(|_| rules.level > Level::Registrations));
    let words = |name: Option<String>| name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let address = |event: &ParticipantEvent| Some(event.participant.as_ref()?.email.as_ref()?.trim().to_lowercase());
    Shown {
        registration,
        attendance,
        check_in: ins.iter().min().copied(),
        check_out: outs.iter().max().copied(),
        score: scores.into_iter().reduce(f64::max).map(|score| score * rules.points),
        end,
        state,
        names: latest(said, |event| words(event.event.name.clone())).into_iter().collect(),
        session_names: latest(said, |event| words(event.session.clone()?.name)).into_iter().collect(),
        // All rows of a participant at an event are about one person.
        addresses: latest(of_person, address).into_iter().collect(),
    }
}

/// All rows.
fn rows(events: &[ParticipantEvent], rules: [Rules; 2]) -> BTreeMap<Key, Shown> {
    let rules = |event: &str| rules[usize::from(event == "e1")];
    let taken: Vec<&ParticipantEvent> =
        events.iter().filter(|event| taken(event, rules(&event.event.id).level)).collect();
    let mut said: BTreeMap<Key, Vec<&ParticipantEvent>> = BTreeMap::new();
    for event in &taken {
        if let Some(person) = &event.participant {
            let key =
                (event.event.id.clone(), person.id.clone(), event.session.as_ref().map(|session| session.id.clone()));
            said.entry(key).or_default().push(event);
        }
    }
    let over = |(event, _, session): &Key| {
        events.iter().filter(|one| one.event.id == *event).any(|one| match one.kind {
            Kind::EventClosed => true,
            Kind::SessionClosed => {
                session.is_some() && one.session.as_ref().map(|session| &session.id) == session.as_ref()
            }
            _ => false,
        })
    };
    let mut rows: BTreeMap<Key, Shown> = BTreeMap::new();
    // Sessions first: what they come to decides over the event's row.
    for key in said.keys().filter(|key| key.2.is_some()).chain(said.keys().filter(|key| key.2.is_none())) {
        let of_person: Vec<&ParticipantEvent> = said
            .iter()
            .filter(|(other, _)| (&other.0, &other.1) == (&key.0, &key.1))
            .flat_map(|(_, said)| said.clone())
            .collect();
        let theirs = rows.iter().filter(|(other, _)| key.2.is_none() && (&other.0, &other.1) == (&key.0, &key.1));
        let sessions = theirs.fold((0, 0), |(seen, of), (_, row)| {
            let there = matches!(row.attendance, Some(Attendance::Attended | Attendance::Partial));
            (seen + usize::from(there), of + usize::from(there || row.registration == Registration::Registered))
        });
        rows.insert(key.clone(), shown(&said[key], &of_person, rules(&key.0), over(key), sessions));
    }
    rows
}

/// Holds the rows of the CRM against what must be there.
fn compare(crm: &MemoryCrm, expected: &BTreeMap<Key, Shown>) -> Result<(), TestCaseError> {
    let all = crm.rows(false);
    let mut found = BTreeMap::new();
    for ((_, id), row) in all.iter().filter(|((table, _), _)| *table == "new_eventattendance") {
        let text = |column: &str| row.get(column).and_then(|value| value.as_str()).map(str::to_owned);
        let key = (text("new_eventid").unwrap(), text("new_participantid").unwrap(), text("new_sessionid"));
        prop_assert!(found.insert(key, (id, row)).is_none(), "two rows of one key");
    }
    prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, expected) in expected {
        let row = found[key].1;
        let text = |column: &str| row.get(column).and_then(|value| value.as_str()).map(str::to_owned);
        let time = |column: &str| text(column).map(|time| time.parse::<jiff::Timestamp>().unwrap().as_second());
        let choice = |column: &str| row.get(column).and_then(|value| value.as_i64()).map(|value| value - 727_000_000);
        let name = text("new_eventname");
        let session_name = text("new_sessionname");
        let one_of = |names: &BTreeSet<String>, name: Option<String>| match name {
            Some(name) => names.contains(&name),
            None => names.is_empty(),
        };
        let shown = Shown {
            registration: if choice("new_registrationstatus") == Some(1) {
                Registration::Cancelled
            } else {
                Registration::Registered
            },
            attendance: choice("new_attendancestatus")
                .map(|value| [Attendance::Attended, Attendance::NoShow, Attendance::Partial][value as usize]),
            check_in: time("new_checkintime"),
            check_out: time("new_checkouttime"),
            score: row.get("new_engagementscore").and_then(|value| value.as_f64()),
            end: time("scheduledend"),
            state: row.get("statecode").and_then(|value| value.as_i64()).unwrap_or_default(),
            ..expected.clone()
        };
        prop_assert_eq!(&shown, expected, "{:?}", key);
        prop_assert!(one_of(&expected.names, name.clone()), "{:?}: {:?} {:?}", key, name, expected.names);
        prop_assert!(one_of(&expected.session_names, session_name.clone()), "{:?}: {:?}", key, session_name);
        prop_assert_eq!(time("actualstart"), expected.check_in);
        let word = match (expected.attendance, expected.registration) {
            (Some(Attendance::Attended), _) => "Attended",
            (Some(Attendance::Partial), _) => "Partial",
            (_, Registration::Cancelled) => "Cancelled",
            (Some(Attendance::NoShow), _) => "No show",
            (None, Registration::Registered) => "Registered for",
        };
        prop_assert!(text("subject").unwrap().starts_with(&format!("{word}: ")), "{:?}: {:?}", key, text("subject"));
        let person = regarded(row, &all);
        prop_assert!(
            expected.addresses.contains(&person),
            "{:?} regards {}, not {:?}",
            key,
            person,
            expected.addresses
        );
    }
    Ok(())
}

/// Holds the profiles of people against what was stated under their address: the latest of each column.
fn compare_people(crm: &MemoryCrm, events: &[ParticipantEvent], rules: [Rules; 2]) -> Result<(), TestCaseError> {
    let level = |event: &ParticipantEvent| rules[usize::from(event.event.id == "e1")].level;
    let mut said: BTreeMap<String, Vec<&ParticipantEvent>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.participant.is_some() && taken(event, level(event))) {
        let address = event.participant.as_ref().and_then(|person| person.email.as_ref());
        said.entry(address.unwrap().trim().to_lowercase()).or_default().push(event);
    }
    let all = crm.rows(false);
    for (address, said) in said {
        let of = |row: &Columns| {
            row.get("emailaddress1").and_then(|email| email.as_str()).map(|email| email.trim().to_lowercase())
        };
        let mut open = all.iter().filter(|((table, _), row)| {
            matches!(*table, "contact" | "lead") && of(row).as_ref() == Some(&address) && row["statecode"] == 0
        });
        let (Some((_, row)), None) = (open.next(), open.next()) else {
            return Err(TestCaseError::fail(format!("not one open person of {address}")));
        };
        let stated = |of: fn(&Participant) -> &Option<String>| -> BTreeSet<String> {
            let word = |event: &ParticipantEvent| {
                of(event.participant.as_ref()?).clone().filter(|text| !text.trim().is_empty())
            };
            latest(&said, word).into_iter().collect()
        };
        for (column, stated) in [
            ("firstname", stated(|person| &person.first_name)),
            ("lastname", stated(|person| &person.last_name)),
            ("jobtitle", stated(|person| &person.job_title)),
        ] {
            let found = row.get(column).and_then(|value| value.as_str());
            match stated.is_empty() {
                // What the CRM had, and the local part for a name that a new lead needs.
                true => prop_assert!(
                    matches!(found, None | Some("Seeded")) || address.starts_with(found.unwrap_or_default())
                ),
                false => prop_assert!(
                    found.is_some_and(|found| stated.contains(found)),
                    "{}: {} {:?}",
                    address,
                    column,
                    found
                ),
            }
        }
    }
    Ok(())
}

/// The address of whom a row regards.
fn regarded(row: &Columns, all: &BTreeMap<(&'static str, Uuid), Columns>) -> String {
    let id: Uuid = row["_regardingobjectid_value"].as_str().unwrap().parse().unwrap();
    let person = all.iter().find(|((table, key), _)| *key == id && matches!(*table, "contact" | "lead")).unwrap();
    person.1["emailaddress1"].as_str().unwrap().trim().to_lowercase()
}

/// Who must be on which list, under [`lists::RULES`].
fn members(rows: &BTreeMap<Key, Shown>, addresses: &BTreeMap<(String, String), String>) -> Members {
    let list = |kind: u128, number: u128| Uuid::from_u128(kind * 16 + number);
    let mut members = Members::new();
    let participants: BTreeSet<(String, String)> = rows.keys().map(|key| (key.0.clone(), key.1.clone())).collect();
    for (event, participant) in participants {
        let contact = addresses[&(event.clone(), participant.clone())] == "contact@x.example";
        let (kind, person) = if contact { (0xc, Uuid::from_u128(10)) } else { (0xd, Uuid::from_u128(12)) };
        let of = |session: bool| {
            let theirs = rows.iter().filter(|(key, _)| (&key.0, &key.1) == (&event, &participant));
            theirs.filter(move |(key, _)| key.2.is_some() == session).map(|(_, row)| row.attendance)
        };
        let own = of(false).flatten().next();
        let holds = match event.as_str() {
            "e1" => vec![(2, of(true).any(|attendance| attendance == Some(Attendance::Attended)))],
            _ => vec![
                (1, true),
                (2, matches!(own, Some(Attendance::Attended | Attendance::Partial))),
                (3, own == Some(Attendance::NoShow)),
            ],
        };
        for (number, _) in holds.into_iter().filter(|(_, holds)| *holds) {
            members.entry(list(kind, number)).or_default().insert(person);
        }
    }
    members
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_are_those_that_the_rules_ask_for(
        events in history(), delivery in any::<Delivery>(), document in prop::sample::select(documents()),
    ) {
        let (settings, rules) = document;
        let delivery = Delivery { settings, ..delivery };
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        compare(&found, &rows(&events, rules))?;
        compare_people(&found, &events, rules)?;
    }

    #[test]
    fn the_members_are_those_whom_the_rules_put_there(events in history(), delivery in any::<Delivery>(), shared: bool) {
        let events = with_one_address_each(events, shared);
        let delivery = Delivery { settings: lists::RULES, ..delivery };
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        let rows = rows(&events, [DEFAULT; 2]);
        let addresses = rows.iter().map(|(key, row)| ((key.0.clone(), key.1.clone()), row.addresses.first().unwrap().clone()));
        prop_assert_eq!(found.members(), members(&rows, &addresses.collect()));
    }
}
