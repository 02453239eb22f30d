//! A look at the rows that notes what is not among them only because nobody asked for it yet.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use uuid::Uuid;

use crate::sync::{
    crm::{Rows, Wanted},
    matching::folded,
    rows::{ForeignRow, Names, PersonRef, PersonRow, PersonTable, Table},
};

/// Merges and conversions that are followed. The CRM allows no circles; if there is one all the same, nobody stands at its end.
const STEPS: usize = 16;
/// Generations of an id that are asked for at once.
const GENERATIONS: u32 = 8;

/// What the plan sees.
pub struct View<'a> {
    pub rows: &'a Rows,
    pub names: &'static Names,
    people: BTreeMap<PersonRef, &'a PersonRow>,
    lacking: RefCell<Wanted>,
}

impl<'a> View<'a> {
    pub fn new(rows: &'a Rows, names: &'static Names) -> Self {
        let people = rows.people.iter().map(|row| (row.person, row)).collect();
        Self { rows, names, people, lacking: RefCell::default() }
    }

    /// What must be read before the plan can be relied on.
    pub fn lacking(self) -> Wanted {
        self.lacking.into_inner()
    }

    pub fn person(&self, person: PersonRef) -> Option<&'a PersonRow> {
        let row = self.people.get(&person).copied();
        if row.is_none() && !self.rows.asked.people.contains(&person) {
            self.lacking.borrow_mut().people.insert(person);
        }
        row
    }

    /// Who stands for a person now: of a merged one the master, of a qualified lead the contact that it became. `None` where the one
    /// who should is not to be seen.
    pub fn follow(&self, person: PersonRef) -> Option<&'a PersonRow> {
        let mut row = self.master(person)?;
        for _ in 0..STEPS {
            row = match self.contact_of(row) {
                Some(contact) => self.master(contact.person)?,
                None => return Some(row),
            };
        }
        None
    }

    /// The same for merges only.
    pub fn master(&self, person: PersonRef) -> Option<&'a PersonRow> {
        let mut row = self.person(person)?;
        for _ in 0..STEPS {
            row = match row.master {
                Some(master) => self.person(PersonRef { id: master, ..row.person })?,
                None => return Some(row).filter(|row| !row.merged),
            };
        }
        None
    }

    /// The contact that a qualified lead became.
    fn contact_of(&self, lead: &PersonRow) -> Option<&'a PersonRow> {
        if !lead.qualified {
            return None;
        }
        if let Some(id) = lead.converted {
            return self.person(PersonRef { table: PersonTable::Contact, id });
        }
        if !self.rows.asked.origins.contains(&lead.person.id) {
            self.lacking.borrow_mut().origins.insert(lead.person.id);
        }
        let made = self.rows.people.iter().filter(|row| row.origin == Some(lead.person.id));
        made.min_by_key(|row| row.precedence())
    }

    /// The participants whose rows regard a lead.
    pub fn users(&self, lead: Uuid) -> Option<&'a BTreeSet<String>> {
        let users = self.rows.users.get(&lead);
        if users.is_none() {
            self.lacking.borrow_mut().used.insert(lead);
        }
        users
    }

    /// The rows of a table that have this value (folded, see [`crate::sync::matching::folded`]) in a column.
    pub fn foreign(&self, table: Table, column: &str, value: &str) -> Vec<&'a ForeignRow> {
        let by = (table, column.to_owned());
        if self.rows.asked.foreign.get(&by).is_none_or(|asked| !asked.contains(value)) {
            self.lacking.borrow_mut().foreign.entry(by).or_default().insert(value.to_owned());
            return Vec::new();
        }
        let has = |row: &&ForeignRow| {
            row.table == table
                && row.columns.get(column).and_then(|stored| folded(stored, false)).as_deref() == Some(value)
        };
        self.rows.foreign.iter().filter(has).collect()
    }

    /// The first generation of a person's id that is free: those before it belong to people who were closed or have another key since,
    /// and are not revived.
    pub fn free(&self, id: impl Fn(u32) -> PersonRef) -> PersonRef {
        let taken = |person: &PersonRef| self.people.contains_key(person) || self.rows.hidden.contains(&person.id);
        let generation = (0..).find(|generation| !taken(&id(*generation))).unwrap_or_default();
        let person = id(generation);
        if !self.rows.asked.people.contains(&person) {
            let next = if generation == 0 { 1 } else { GENERATIONS };
            self.lacking.borrow_mut().people.extend((generation..generation + next).map(id));
        }
        person
    }
}
