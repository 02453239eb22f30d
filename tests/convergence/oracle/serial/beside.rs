//! Rows beside people and their attendance, one statement after the other.

use std::rc::Rc;

use inevent_d365::{dataverse::Columns, model::ids};
use uuid::Uuid;

use super::{Person, Serial, State, Statement, filled::Cells, folded, second, text};
use crate::{
    Table,
    oracle::{
        regarded::leads_to,
        related::{BOUND, Related},
    },
    tables::KEY,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Beside {
    pub cells: Cells,
    /// As it is written.
    key: Held<String>,
    bound: [Held<(String, Uuid)>; 3],
}

/// What a row keeps, once it has something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Held<T> {
    value: Option<T>,
    /// When it was stated, as long as the same look may state it later.
    since: Option<i64>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { value: None, since: None }
    }
}

impl<T> Held<T> {
    fn stood(value: Option<T>) -> Self {
        Self { value, since: None }
    }

    /// Whether it has this, or may have it yet.
    fn may_be(&self, found: Option<&T>) -> bool
    where
        T: PartialEq,
    {
        self.value.is_none() || self.since.is_some() || self.value.as_ref() == found
    }

    fn offer(&mut self, time: i64, value: Option<T>) {
        if value.is_some() && (self.value.is_none() || self.since.is_some_and(|since| since < time)) {
            (self.value, self.since) = (value, Some(time));
        }
    }
}

impl Beside {
    /// The same for the next look.
    pub fn written(&mut self) {
        (self.cells.together, self.key.since) = (None, None);
        self.bound.iter_mut().for_each(|bound| bound.since = None);
    }

    /// Whether the row is like this, or may become so.
    pub fn may_become(&self, row: &Columns) -> bool {
        let bound = self.bound.iter().zip(BOUND);
        self.key.may_be(text(row, KEY).map(str::to_owned).as_ref())
            && bound.clone().all(|(held, column)| held.may_be(leads_to(row, column).as_ref()))
    }

    /// The same where somebody changed the row by hand, or what it leads to.
    pub fn befallen(&mut self, earlier: &Columns, now: &Columns) {
        for (held, column) in self.bound.iter_mut().zip(BOUND) {
            if leads_to(earlier, column) != leads_to(now, column) {
                held.value = leads_to(now, column);
            }
        }
    }
}

impl Serial<'_> {
    /// Writes what a statement says of them; `person`: whom it is about.
    pub(super) fn tell_beside(&self, state: &mut State, at: usize, person: Option<Person>) {
        let statement = &self.statements[&at];
        for related in self.settings.related.iter().filter(|related| self.beside.contains(related.name)) {
            let Some(id) = self.which(state, related, statement, person) else { continue };
            let known = state.beside.remove(&id).or_else(|| Some(self.stood(related, self.before.get(&id)?)));
            let cells = self.of_row(related.name, known.as_ref().map(|row| &row.cells), at);
            let mut row = Beside { cells, ..known.clone().unwrap_or_default() };
            if !related.is_stamped() {
                Rc::make_mut(&mut row.cells.columns).values_mut().for_each(|column| column.stated = None);
            }
            if let Some((key, bound)) = related.keyed(statement.event) {
                let time = second(statement.event);
                if known.is_none() || row.key.since.is_some() {
                    row.key.offer(time, key);
                }
                let to = |table| person.filter(|person| person.0 == table);
                let leads = [to("contact"), to("lead"), Some(statement.row)];
                for ((held, to), bound) in row.bound.iter_mut().zip(leads).zip(bound) {
                    held.offer(time, to.filter(|_| bound).map(|(table, id)| (table.to_owned(), id)));
                }
            }
            state.beside.insert(id, row);
        }
    }

    fn stood(&self, related: &Related, row: &Columns) -> Beside {
        Beside {
            cells: Cells { columns: self.before(related.name, row).into(), together: None },
            key: Held::stood(text(row, KEY).map(str::to_owned)),
            bound: BOUND.map(|column| Held::stood(leads_to(row, column))),
        }
    }

    /// The row that a statement is about.
    fn which(
        &self,
        state: &State,
        related: &Related,
        statement: &Statement<'_>,
        person: Option<Person>,
    ) -> Option<(&'static str, Uuid)> {
        let Some((key, [contact, lead, _])) = related.keyed(statement.event) else {
            let person = person?;
            let (table, id) = leads_to(self.before.get(&person)?, related.reached(person.0)?)?;
            return Some((related.table, id)).filter(|row| table == related.table && self.before.contains_key(row));
        };
        let has = |person: Person| if person.0 == "lead" { lead } else { contact };
        if (contact || lead) && !person.is_some_and(has) {
            return None;
        }
        let key = folded(&key?);
        let there = self.before.iter().map(|(row, columns)| (*row, text(columns, KEY)));
        let told = state.beside.iter().map(|(row, beside)| (*row, beside.key.value.as_deref()));
        let of_key = there
            .chain(told)
            .filter(|((table, _), stated)| *table == related.table && stated.map(folded).as_ref() == Some(&key));
        let found = of_key.map(|(row, _)| row).min();
        Some(found.unwrap_or_else(|| (related.table, ids::related("t", related.table, &key))))
    }

    /// Holds these rows of the CRM.
    pub(super) fn compare_beside(&self, state: &State, after: &Table) -> Result<(), String> {
        if let Some(row) = state.beside.keys().find(|row| !after.contains_key(*row)) {
            return Err(format!("{row:?} is not there: {:?}", state.beside[row]));
        }
        for related in self.settings.related.iter().filter(|related| self.beside.contains(related.name)) {
            for (id, row) in after.iter().filter(|((table, _), _)| *table == related.table) {
                let Some(beside) = state.beside.get(id) else {
                    if self.before.get(id) == Some(row) {
                        continue;
                    }
                    return Err(format!("nothing was said of {id:?}: {row:?}"));
                };
                self.compare_cells(related.name, row, &beside.cells).map_err(|why| format!("{id:?} {why}"))?;
                let bound = BOUND.map(|column| leads_to(row, column));
                let expected = beside.bound.clone().map(|held| held.value);
                if bound != expected || text(row, KEY) != beside.key.value.as_deref() {
                    let found = (text(row, KEY), bound);
                    return Err(format!("{id:?} has {found:?}, not {:?}", (&beside.key.value, expected)));
                }
            }
        }
        Ok(())
    }
}
