//! Whom each address means, and what their profile becomes: contact by address, else open lead, else a new lead.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Context;
use crate::{
    dataverse::Columns,
    model::{
        Address, ParticipantEvent, ids,
        stamp::{Ledger, Offer},
    },
    sync::{
        crm::{Action, Rows, Write},
        mapping::{self, mapped},
        rows::{Owner, PROFILE_STAMP, PersonRef, PersonRow, PersonTable},
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
    writes: Vec<Write>,
}

impl People {
    pub fn get(&self, address: &Address) -> Option<&Person> {
        self.by_address.get(address)
    }

    pub fn take_writes(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes)
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
    let mut people = People { by_address: BTreeMap::new(), writes: Vec::new() };
    for (address, mut indexes) in by_address {
        indexes.sort_by_key(|index| events[*index].time);
        let found =
            [PersonTable::Contact, PersonTable::Lead].into_iter().find_map(|table| rows.matching(table, &address));
        let person = match found {
            Some(row) => {
                people.writes.extend(update(row, &indexes, events));
                Person { person: row.person, owner: row.owner.clone(), new: false }
            }
            None => {
                let id = free_lead_id(&address, rows, &context.tenant);
                people.writes.push(create(id, &address, &indexes, events));
                let person = PersonRef { table: PersonTable::Lead, id };
                Person { person, owner: Some(Owner::user(context.me)), new: true }
            }
        };
        people.by_address.insert(address, person);
    }
    people
}

/// The lead of the first generation whose id is free: the ids before it belong to leads that were closed or given another
/// address since, and are not revived.
pub fn free_lead_id(address: &Address, rows: &Rows, tenant: &str) -> Uuid {
    let taken = |generation: &u32| rows.lead(ids::lead(tenant, address, *generation)).is_some();
    let generation = (0..).take_while(taken).last().map_or(0, |last| last + 1);
    ids::lead(tenant, address, generation)
}

/// The columns whose value changed in the source.
fn changes(table: PersonTable, ledger: &mut Ledger, indexes: &[usize], events: &[ParticipantEvent]) -> Columns {
    let mut columns = Columns::new();
    for mapped in mapped(table) {
        for event in indexes.iter().map(|index| &events[*index]) {
            let Some(value) = mapped.value(event) else { continue };
            if ledger.offer(mapped.column, event.time, &value) == Offer::Changed {
                columns.insert(mapped.column.to_owned(), value.into());
            }
        }
    }
    columns
}

fn update(row: &PersonRow, indexes: &[usize], events: &[ParticipantEvent]) -> Option<Write> {
    let mut ledger = row.ledger.clone();
    let mut columns = changes(row.person.table, &mut ledger, indexes, events);
    columns.retain(|column, value| row.columns.get(column) != Some(value));
    if ledger != row.ledger {
        columns.insert(PROFILE_STAMP.to_owned(), ledger.to_string().into());
    }
    let action = Action::Update { etag: row.etag.clone() };
    (!columns.is_empty()).then(|| write(row.person, action, columns, indexes))
}

fn create(id: Uuid, address: &Address, indexes: &[usize], events: &[ParticipantEvent]) -> Write {
    let mut ledger = Ledger::default();
    let mut columns = changes(PersonTable::Lead, &mut ledger, indexes, events);
    let person = PersonRef { table: PersonTable::Lead, id };
    columns.insert(PersonTable::Lead.table().key.to_owned(), id.to_string().into());
    columns.insert("emailaddress1".to_owned(), address.as_str().into());
    if !columns.contains_key("lastname") {
        let fallback = mapping::cut(address.local_part(), 50);
        columns.insert("lastname".to_owned(), fallback.into());
    }
    if let Some(event) = indexes.first().map(|index| &events[*index].event) {
        columns.insert("subject".to_owned(), mapping::cut(event.name.as_deref().unwrap_or(&event.id), 300).into());
    }
    if ledger != Ledger::default() {
        columns.insert(PROFILE_STAMP.to_owned(), ledger.to_string().into());
    }
    write(person, Action::Create, columns, indexes)
}

fn write(person: PersonRef, action: Action, columns: Columns, indexes: &[usize]) -> Write {
    let events: BTreeSet<usize> = indexes.iter().copied().collect();
    Write { table: person.table.table(), id: person.id, action, columns, after: None, events }
}
