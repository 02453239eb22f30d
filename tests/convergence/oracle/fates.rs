//! What becomes of people in the CRM in the middle of a history: somebody is merged into another one, qualifies a lead, closes it, or
//! deletes somebody.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::model::{ParticipantEvent, SourceTime};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{
    attendance, compare_row, found,
    people::{People, Person, is_open, stands_for},
    regarded::regards,
    settings::Settings,
    statements::{self, latest, second},
};
use crate::{
    Table, cases,
    crm::{LOOKUP, MemoryCrm},
    histories::{Delivery, history},
    processes::{Chance, Delivered},
};

const MASTER: Uuid = Uuid::from_u128(60);
const CONTACT: Uuid = Uuid::from_u128(70);

/// Lets something happen to one of the people of the CRM.
fn befall(crm: &MemoryCrm, chance: &mut Chance) {
    let rows = crm.rows(false);
    let people = rows.iter().filter(|((table, id), row)| {
        matches!(*table, "contact" | "lead") && is_open(row) && *id != MASTER && row.contains_key("emailaddress1")
    });
    let people: Vec<_> = people.collect();
    let (person, row) = people[chance.below(people.len())];
    if chance.one_in(3) {
        return crm.delete(*person);
    }
    if person.0 == "contact" {
        crm.by_hand(*person, json!({ "statecode": 1, "merged": true, "_masterid_value": MASTER }));
        return;
    }
    match chance.below(3) {
        0 => crm.by_hand(*person, json!({ "statecode": 2 })),
        named => {
            // The contact that the CRM makes of a lead has its names and address, and no stamps.
            let mut contact = json!({ "statecode": 0, "modifiedon": "2026-04-01T00:00:00Z",
                "_ownerid_value": Uuid::from_u128(1_070), (format!("_ownerid_value{LOOKUP}")): "systemuser" });
            for column in ["emailaddress1", "firstname", "lastname"] {
                row.get(column).into_iter().for_each(|value| contact[column] = value.clone());
            }
            if named == 1 {
                contact["_originatingleadid_value"] = json!(person.1);
            }
            crm.by_hand(("contact", CONTACT), contact);
            let lead = if named == 1 { json!({}) } else { json!({ "_parentcontactid_value": CONTACT }) };
            crm.by_hand(*person, lead);
            crm.by_hand(*person, json!({ "statecode": 1 }));
        }
    }
}

/// A history of which a part came before something befell somebody.
struct Halves<'a> {
    settings: &'a Settings,
    before: &'a Table,
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
                let allowed = self.regarded(known, there, (first, later), &then);
                let row = rows[participant][session];
                compare_row(row, shown, &allowed, said, (self.settings, after))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Whom a row may regard: one that was there before, or one that was made since.
    fn regarded(
        &self,
        known: Option<Person>,
        was_there: bool,
        (first, later): (&[&ParticipantEvent], &[&ParticipantEvent]),
        then: &People<'_>,
    ) -> BTreeSet<Option<Person>> {
        let key = |event: &ParticipantEvent| then.keys_stated(event).into_iter().next();
        let all: Vec<&ParticipantEvent> = first.iter().chain(later).copied().collect();
        let last_key = |said: &[&ParticipantEvent]| latest(said, key).into_iter().next();
        let (last, at_first) = (last_key(&all), last_key(first));
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
        let latest_first = first.iter().map(|event| second(event)).max();
        let away = later.iter().any(|event| key(event) != last && Some(second(event)) > latest_first);
        let stated = later.iter().any(|event| key(event) == last);
        let back = (if was_there { away } else { stated }).then(meant);
        back.into_iter().flatten().chain([stands]).collect()
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
    fn whoever_is_merged_qualified_closed_or_deleted_meanwhile_is_followed(
        events in history(), delivery in any::<Delivery>(), seed: u64, follows: bool,
    ) {
        let mut settings = Settings::plain();
        settings.matching.follows = follows;
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
        befall(&crm, &mut chance);
        let between = crm.rows(false);
        delivered.run(&delivery.deliveries(&then), &delivery);

        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}\nlater:\n{}", statements::in_short(&first), statements::in_short(&then)));
        let halves = Halves { settings: &settings, before: &before, between: &between, first: &first, then: &then, all: &all };
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
