//! What becomes of people in the CRM in the middle of a history: somebody is merged into another one, qualifies a lead, closes it,
//! deletes somebody, or gives them or a row of theirs to another user.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::{
    dataverse::Columns,
    model::{ParticipantEvent, SourceTime},
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{
    attendance, compare_row, found,
    people::{People, Person, is_open, stands_for, text},
    regarded::{OwnedBy, Regarded, owner, regards},
    settings::Settings,
    statements::{self, latest, second},
};
use crate::{
    Table, cases,
    crm::{LEFT, LOOKUP, MemoryCrm},
    histories::{Delivery, history},
    processes::{Chance, Delivered},
};

const MASTER: Uuid = Uuid::from_u128(60);
const CONTACT: Uuid = Uuid::from_u128(70);
/// Who gets what somebody else owned.
const HEIR: Uuid = Uuid::from_u128(1_080);

fn owned_by(user: Uuid) -> serde_json::Value {
    json!({ "_ownerid_value": user, (format!("_ownerid_value{LOOKUP}")): "systemuser" })
}

/// Lets something happen to one of the people of the CRM, and gives a row of theirs to somebody.
fn befall(crm: &MemoryCrm, chance: &mut Chance) {
    let rows = crm.rows(false);
    let attendance: Vec<_> = rows.iter().filter(|((table, _), _)| *table == "new_eventattendance").collect();
    if !attendance.is_empty() && chance.one_in(2) {
        crm.by_hand(*attendance[chance.below(attendance.len())].0, owned_by(Uuid::from_u128(1_081)));
    }
    let (person, row) = somebody(&rows, chance);
    match chance.below(6) {
        0 | 1 => crm.delete(*person),
        2 => crm.by_hand(*person, owned_by(HEIR)),
        3 => crm.by_hand(*person, owned_by(LEFT)),
        _ => close((crm, CONTACT), *person, row, chance),
    }
}

/// Somebody open who has an address: mostly one whom rows regard.
pub fn somebody<'a>(rows: &'a Table, chance: &mut Chance) -> (&'a Person, &'a Columns) {
    let regarded: BTreeSet<Person> = rows.values().filter_map(regards).collect();
    let people = rows.iter().filter(|((table, id), row)| {
        matches!(*table, "contact" | "lead") && is_open(row) && *id != MASTER && row.contains_key("emailaddress1")
    });
    let people: Vec<_> = people.collect();
    let of_rows: Vec<_> = people.iter().filter(|(person, _)| regarded.contains(person)).copied().collect();
    let people = if of_rows.is_empty() || chance.one_in(4) { people } else { of_rows };
    people[chance.below(people.len())]
}

/// Merges a contact into `MASTER`; closes a lead, or qualifies it as this contact.
pub fn close((crm, contact): (&MemoryCrm, Uuid), person: Person, row: &Columns, chance: &mut Chance) {
    if person.0 == "contact" {
        return crm.by_hand(person, json!({ "statecode": 1, "merged": true, "_masterid_value": MASTER }));
    }
    match chance.below(3) {
        0 => crm.by_hand(person, json!({ "statecode": 2 })),
        named => {
            // The contact that the CRM makes of a lead has its names and address, and no stamps.
            let mut made = owned_by(Uuid::from_u128(1_070));
            (made["statecode"], made["modifiedon"]) = (0.into(), "2026-04-01T00:00:00Z".into());
            for column in ["emailaddress1", "firstname", "lastname"] {
                row.get(column).into_iter().for_each(|value| made[column] = value.clone());
            }
            if named == 1 {
                made["_originatingleadid_value"] = json!(person.1);
            }
            crm.by_hand(("contact", contact), made);
            let lead = if named == 1 { json!({}) } else { json!({ "_parentcontactid_value": contact }) };
            crm.by_hand(person, lead);
            crm.by_hand(person, json!({ "statecode": 1 }));
        }
    }
}

/// Somebody whom rows regard, or now and then anybody, is deleted, merged, closed, qualified, or gets another address by hand, maybe
/// one that others have.
pub fn befall_somebody(crm: &MemoryCrm, chance: &mut Chance, id: u128) {
    let rows = crm.rows(false);
    let (person, row) = somebody(&rows, chance);
    match chance.below(4) {
        0 => crm.delete(*person),
        1 => {
            let (_, other) = somebody(&rows, chance);
            crm.by_hand(*person, json!({ "emailaddress1": other["emailaddress1"] }));
        }
        _ => close((crm, Uuid::from_u128(id)), *person, row, chance),
    }
}

/// Whether a row of a participant of these statements is closed.
pub fn are_closed(rows: &Table, events: &[ParticipantEvent]) -> bool {
    let participants: BTreeSet<_> = events.iter().filter_map(statements::of).collect();
    let is_closed = |row: &Columns| row["statecode"] != 0;
    found(rows).iter().any(|(of, rows)| participants.contains(of) && rows.values().any(|(.., row)| is_closed(row)))
}

/// A history of which a part came before something befell somebody.
struct Halves<'a> {
    settings: &'a Settings,
    before: &'a Table,
    /// When the part had been said.
    at_first: &'a Table,
    /// When it had befallen them.
    between: &'a Table,
    first: &'a [ParticipantEvent],
    then: &'a [ParticipantEvent],
    all: &'a [ParticipantEvent],
}

type Said<'a> = BTreeMap<(String, String), Vec<&'a ParticipantEvent>>;

fn by_participant<'a>(people: &People<'a>) -> Said<'a> {
    let mut said = Said::new();
    people.heard().iter().for_each(|event| said.entry(statements::of(event).unwrap()).or_default().push(event));
    said
}

impl Halves<'_> {
    fn compare(&self, after: &Table) -> Result<(), String> {
        let first = People::new(self.before, self.settings, self.first);
        let then = People::new(self.between, self.settings, self.then);
        then.compare(after, Some(&first))?;
        let (all, first, then_said) = (
            by_participant(&People::new(self.before, self.settings, self.all)),
            by_participant(&first),
            by_participant(&then),
        );
        let (rows, rows_before) = (found(after), found(self.between));
        // Rows go with the person whom they regard: what stands is what was said since.
        let gone = |participant| !rows_before.contains_key(participant);
        let spoken_of = all.keys().filter(|one| !gone(*one) || then_said.contains_key(*one));
        same(rows.keys(), spoken_of.clone())?;
        for participant in spoken_of {
            let nothing = Vec::new();
            let first = first.get(participant).filter(|_| !gone(participant)).unwrap_or(&nothing);
            let later = then_said.get(participant).unwrap_or(&nothing);
            let said = if gone(participant) { later } else { &all[participant] };
            let expected = attendance::rows(said, self.all, self.settings.of(&participant.0));
            same(rows[participant].keys(), expected.keys())?;
            for (session, shown) in &expected {
                let of_before = rows_before.get(participant);
                let there = of_before.is_some_and(|rows| rows.contains_key(session));
                let known = of_before.and_then(|rows| regards(rows.values().next()?.2));
                let people = self.regarded(known, there, (first, later), &then);
                let row = rows[participant][session];
                let before = of_before.and_then(|rows| rows.get(session)).map(|(_, _, row)| *row);
                let owner = before.map_or(OwnedBy::Theirs, |before| self.owner((row.2, before), (first, later), &then));
                let allowed = Regarded { people, owner };
                compare_row(row, shown, &allowed, said, (self.settings, after))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Whose a row is that was there before.
    fn owner(
        &self,
        (row, before): (&Columns, &Columns),
        (first, later): (&[&ParticipantEvent], &[&ParticipantEvent]),
        then: &People<'_>,
    ) -> OwnedBy {
        let Some(person) = regards(row).filter(|person| regards(before) == Some(*person)) else {
            return OwnedBy::Theirs;
        };
        let course = Course::of(first, later, then);
        let old = owner(before).unwrap();
        let rules = self.settings.of(text(row, "new_eventid").unwrap());
        let handed = owner(&self.between[&person]) != self.at_first.get(&person).and_then(owner);
        match () {
            () if rules.follow_owner && handed && !later.is_empty() => OwnedBy::Theirs,
            () if course.away => OwnedBy::Either(old),
            () => OwnedBy::Kept(old),
        }
    }

    /// Whom a row may regard: one that was there before, or one that was made since.
    fn regarded(
        &self,
        known: Option<Person>,
        was_there: bool,
        (first, later): (&[&ParticipantEvent], &[&ParticipantEvent]),
        then: &People<'_>,
    ) -> BTreeSet<Option<Person>> {
        let Course { last, at_first, away, stated } = Course::of(first, later, then);
        let meant = || last.iter().flat_map(|key| then.candidates(key)).map(Some);
        let Some(known) = known.filter(|_| last == at_first) else { return meant().collect() };
        let stands = match self.between[&known].contains_key("merged") || self.settings.matching.follows {
            true => stands_for(self.between, known),
            false => Some(known),
        };
        if later.is_empty() {
            return BTreeSet::from([Some(known)]);
        }
        // They were somebody else for a while, and came back to whoever has the key now.
        let back = (if was_there { away } else { stated }).then(meant);
        back.into_iter().flatten().chain([stands]).collect()
    }
}

/// What the statements about a participant say of who they are.
struct Course {
    /// Their latest key.
    last: Option<String>,
    /// Their latest key before something befell people.
    at_first: Option<String>,
    /// They were somebody else for a while since then, or may have been.
    away: bool,
    /// The latest key was stated since then.
    stated: bool,
}

impl Course {
    fn of(first: &[&ParticipantEvent], later: &[&ParticipantEvent], then: &People<'_>) -> Self {
        let key = |event: &ParticipantEvent| then.keys_stated(event).into_iter().next();
        let all: Vec<&ParticipantEvent> = first.iter().chain(later).copied().collect();
        let last_key = |said: &[&ParticipantEvent]| latest(said, key).into_iter().next();
        let (last, at_first) = (last_key(&all), last_key(first));
        let latest_first = first.iter().map(|event| second(event)).max();
        let away = later.iter().any(|event| key(event) != last && Some(second(event)) > latest_first);
        let stated = later.iter().any(|event| key(event) == last);
        Self { last, at_first, away, stated }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    found: impl Iterator<Item = T>,
    expected: impl Iterator<Item = T>,
) -> Result<(), String> {
    let (found, expected): (Vec<T>, Vec<T>) = (found.collect(), expected.collect());
    if found == expected { Ok(()) } else { Err(format!("there are rows of {found:?}, not {expected:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 4, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_befalls_people_meanwhile_is_followed(
        events in history(), delivery in any::<Delivery>(), seed: u64, follows: bool, owners: [(bool, bool); 2],
    ) {
        let mut settings = Settings::plain();
        settings.matching.follows = follows;
        for (rules, owner) in settings.events.iter_mut().zip(owners) {
            (rules.follow_owner, rules.fallback) = owner;
        }
        let delivery = Delivery { settings: settings.document(), ..delivery };
        let mut all = statements::told(events, seed, false);
        for (index, event) in all.iter_mut().enumerate() {
            // Each at a time of its own.
            let time = jiff::Timestamp::from_second(second(event) + index as i64).unwrap();
            event.time = SourceTime::new(time).unwrap();
        }
        let mut chance = Chance::new(seed);
        let (first, rest): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|_| chance.one_in(2));
        let again = first.iter().filter(|_| chance.one_in(4)).cloned().collect::<Vec<_>>();
        let then = [rest, again].concat();

        let crm = super::people::seeded();
        crm.add("contact", 60, "master-of-all@x.example", 0);
        let before = crm.rows(false);
        let delivered = Delivered::into(&crm);
        delivered.run(&delivery.deliveries(&first), &delivery);
        let at_first = crm.rows(false);
        befall(&crm, &mut chance);
        let between = crm.rows(false);
        delivered.run(&delivery.deliveries(&then), &delivery);

        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}\nlater:\n{}", statements::in_short(&first), statements::in_short(&then)));
        let halves = Halves { settings: &settings, before: &before, at_first: &at_first, between: &between, first: &first, then: &then, all: &all };
        halves.compare(&crm.rows(false)).map_err(failed)?;

        // Everything once more: who was not spoken of since is, now.
        let calm = Delivery { processes: 1, ..delivery.calm() };
        delivered.run(&calm.deliveries(&all), &calm);
        Halves { then: &all, ..halves }.compare(&crm.rows(false)).map_err(failed)?;
        let written = crm.writes();
        delivered.run(&calm.deliveries(&all), &calm);
        prop_assert_eq!(crm.writes(), written, "the second replay writes");
    }
}
