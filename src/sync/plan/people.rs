//! Whom each address means, and what their profile becomes: contact by address, else open lead, else what the settings say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ColumnProblem, Context, Plan};
use crate::{
    dataverse::Columns,
    model::{
        Address, ParticipantEvent, ids,
        stamp::{Ledger, Offer},
    },
    settings::document::{Mode, Unmatched},
    sync::{
        convert::cut,
        crm::{Action, Rows, Write},
        mapping::{Mapped, Said},
        rows::{self, Owner, PROFILE_STAMP, PersonRef, PersonRow, PersonTable},
    },
};

/// The person behind an address.
#[derive(Debug, Clone)]
pub struct Person {
    pub person: PersonRef,
    pub owner: Option<Owner>,
    /// The person does not exist yet.
    pub new: bool,
}

/// The people of a batch.
pub struct People {
    by_address: BTreeMap<Address, Person>,
    /// Events of which nothing is written: refused, or about somebody whom the settings leave out.
    silent: BTreeSet<usize>,
    plan: Plan,
}

impl People {
    pub fn get(&self, address: &Address) -> Option<&Person> {
        self.by_address.get(address)
    }

    /// Whether nothing is written of this event.
    pub fn silent(&self, event: usize) -> bool {
        self.silent.contains(&event)
    }

    /// What the people's own rows need.
    pub fn take_plan(&mut self) -> Plan {
        std::mem::take(&mut self.plan)
    }
}

/// The address that an event is about.
pub fn address(event: &ParticipantEvent) -> Option<Address> {
    Address::parse(event.participant.as_ref()?.email.as_deref()?).ok()
}

/// Resolves every address of the batch and plans what their rows need.
pub fn resolve(events: &[ParticipantEvent], rows: &Rows, context: &Context) -> People {
    let mut by_address: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        if let Some(address) = address(event) {
            by_address.entry(address).or_default().push(index);
        }
    }
    let mut people = People { by_address: BTreeMap::new(), silent: BTreeSet::new(), plan: Plan::default() };
    for (address, mut indexes) in by_address {
        indexes.sort_by_key(|index| events[*index].time);
        let found =
            [PersonTable::Contact, PersonTable::Lead].into_iter().find_map(|table| rows.matching(table, &address));
        match found {
            Some(row) => {
                let stated = people.stated(row.person.table, &indexes, events, context);
                people.plan.writes.extend(update(row, &stated));
                let person = Person { person: row.person, owner: row.owner.clone(), new: false };
                people.by_address.insert(address, person);
            }
            None => people.meet(address, &indexes, events, rows, context),
        }
    }
    people
}

impl People {
    /// Nobody has the address: the settings of the events decide whether somebody is created, the earliest event that asks for it first.
    fn meet(
        &mut self,
        address: Address,
        indexes: &[usize],
        events: &[ParticipantEvent],
        rows: &Rows,
        context: &Context,
    ) {
        let policy = |index: &usize| context.rules.of(&events[*index]).unmatched;
        let Some(table) = indexes.iter().find_map(|index| created_in(policy(index))) else {
            self.silent.extend(indexes.iter().filter(|index| policy(index) == Unmatched::Ignore));
            return;
        };
        let stated = self.stated(table, indexes, events, context);
        if !stated.iter().any(|stated| created_in(context.rules.of(stated.event).unmatched).is_some()) {
            return;
        }
        let person = free_id(table, &address, rows, &context.tenant);
        self.plan.writes.push(create(person, &address, &stated, context));
        self.by_address.insert(address, Person { person, owner: Some(Owner::user(context.me)), new: true });
    }

    /// What the events state of a table's columns. An event that lacks what is required is refused.
    fn stated<'a>(
        &mut self,
        table: PersonTable,
        indexes: &[usize],
        events: &'a [ParticipantEvent],
        context: &'a Context,
    ) -> Vec<Stated<'a>> {
        let mut all = Vec::with_capacity(indexes.len());
        for index in indexes {
            let (event, said) = (&events[*index], Said::new(&events[*index]));
            let mut values = Vec::new();
            let mut refused = false;
            for mapped in context.rules.of(event).mapped(table) {
                match mapped.value(&said) {
                    Ok(value) => values.extend(value.map(|value| (mapped, value))),
                    Err(why) => {
                        let problem = ColumnProblem { event: *index, table, column: mapped.column.clone(), why };
                        if !mapped.required {
                            self.plan.left_out.push(problem);
                        } else if !refused {
                            refused = true;
                            self.plan.refused.push(problem);
                        }
                    }
                }
            }
            if refused {
                self.silent.insert(*index);
            } else {
                all.push(Stated { index: *index, event, values });
            }
        }
        all
    }
}

/// Where a policy creates people.
pub fn created_in(policy: Unmatched) -> Option<PersonTable> {
    match policy {
        Unmatched::CreateLead => Some(PersonTable::Lead),
        Unmatched::CreateContact => Some(PersonTable::Contact),
        Unmatched::UpdateOnly | Unmatched::Ignore => None,
    }
}

/// What one event states of a person's columns.
struct Stated<'a> {
    index: usize,
    event: &'a ParticipantEvent,
    values: Vec<(&'a Mapped, Value)>,
}

/// The id of the first generation that is free: those before it belong to people who were closed or given another address since,
/// and are not revived.
fn free_id(table: PersonTable, address: &Address, rows: &Rows, tenant: &str) -> PersonRef {
    let id = |generation| person(table, tenant, address, generation);
    let generation = (0..).take_while(|generation| rows.person(id(*generation)).is_some()).last();
    id(generation.map_or(0, |last| last + 1))
}

/// The person whom the connector creates for an address, in this generation.
pub fn person(table: PersonTable, tenant: &str, address: &Address, generation: u32) -> PersonRef {
    let id = match table {
        PersonTable::Contact => ids::contact(tenant, address, generation),
        PersonTable::Lead => ids::lead(tenant, address, generation),
    };
    PersonRef { table, id }
}

/// The columns whose value changed in the source, of a row that is there or of a new one.
fn changes(row: Option<&PersonRow>, ledger: &mut Ledger, stated: &[Stated<'_>]) -> Columns {
    let mut columns = Columns::new();
    // What is written only once keeps no stamp: among the events that make a row, the latest wins.
    let mut once = Ledger::default();
    for stated in stated {
        for (mapped, value) in &stated.values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let ledger = match mapped.mode {
                Mode::OnCreate if row.is_some() => continue,
                Mode::OnCreate => &mut once,
                Mode::Overwrite | Mode::FillIfEmpty => &mut *ledger,
            };
            let changed = ledger.offer(&mapped.column, stated.event.time, &text) == Offer::Changed;
            let filled = || {
                let stored = row.and_then(|row| row.columns.get(&mapped.column)).unwrap_or(&Value::Null);
                columns.contains_key(&mapped.column) || !is_blank(stored)
            };
            if changed && !(mapped.mode == Mode::FillIfEmpty && filled()) {
                columns.insert(mapped.column.clone(), value.clone());
            }
        }
    }
    columns
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn update(row: &PersonRow, stated: &[Stated<'_>]) -> Option<Write> {
    let mut ledger = row.ledger.clone();
    let mut columns = changes(Some(row), &mut ledger, stated);
    columns.retain(|column, value| !rows::same(row.columns.get(column), value));
    if ledger != row.ledger {
        columns.insert(PROFILE_STAMP.to_owned(), ledger.to_string().into());
    }
    let action = Action::Update { etag: row.etag.clone() };
    (!columns.is_empty()).then(|| write(row.person, action, columns, stated))
}

fn create(person: PersonRef, address: &Address, stated: &[Stated<'_>], context: &Context) -> Write {
    let mut ledger = Ledger::default();
    let mut columns = changes(None, &mut ledger, stated);
    columns.insert(person.table.table().key.to_owned(), person.id.to_string().into());
    columns.insert("emailaddress1".to_owned(), address.as_str().into());
    if !columns.contains_key("lastname") {
        let fallback = cut(address.local_part(), 50);
        columns.insert("lastname".to_owned(), fallback.into());
    }
    if let (PersonTable::Lead, Some(first)) = (person.table, stated.first()) {
        let event = &first.event.event;
        let topic = context.rules.of(first.event).lead_topic.fill("", event.name.as_deref().unwrap_or(&event.id));
        // A topic that is mapped is not made up.
        columns.entry("subject").or_insert_with(|| cut(&topic, 300).into());
    }
    if ledger != Ledger::default() {
        columns.insert(PROFILE_STAMP.to_owned(), ledger.to_string().into());
    }
    write(person, Action::Create, columns, stated)
}

fn write(person: PersonRef, action: Action, columns: Columns, stated: &[Stated<'_>]) -> Write {
    let events: BTreeSet<usize> = stated.iter().map(|stated| stated.index).collect();
    Write { table: person.table.table(), id: person.id, action, columns, after: None, events }
}
