//! A published duplicate detection rule of the CRM in memory.

use inevent_d365::{dataverse::Columns, sync::crm::Write};
use uuid::Uuid;

type Person = (&'static str, Uuid);

/// People are taken for the same whose values in a column begin with the same characters, whatever their case. Blank ones are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    pub column: &'static str,
    pub characters: usize,
    /// The tables whose people are looked at when they are written.
    pub of: &'static [&'static str],
    /// The tables in which duplicates of them are looked for.
    pub among: &'static [&'static str],
    /// Whether closed people are duplicates, too.
    pub closed: bool,
}

const PEOPLE: &[&str] = &["contact", "lead"];

impl Rule {
    /// Whoever has the same value.
    pub const fn same(name: &'static str, column: &'static str) -> Self {
        Self { name, column, characters: 100, of: PEOPLE, among: PEOPLE, closed: true }
    }

    /// What is compared, of a value.
    pub fn compared(&self, value: &str) -> Option<String> {
        let compared: String = value.trim().to_lowercase().chars().take(self.characters).collect();
        Some(compared).filter(|compared| !compared.is_empty())
    }

    pub fn of_row(&self, row: &Columns) -> Option<String> {
        self.compared(row.get(self.column)?.as_str()?)
    }

    /// Whether somebody may be named at all.
    pub fn sees(&self, (table, _): Person, row: &Columns) -> bool {
        self.among.contains(&table) && (self.closed || row["statecode"] == 0)
    }

    /// The people that a write is taken for; nobody where it does not touch the column.
    pub fn names<'a>(
        &'a self,
        rows: impl Iterator<Item = (Person, &'a Columns)> + 'a,
        write: &Write,
    ) -> impl Iterator<Item = Person> + 'a {
        let of = self.of_row(&write.columns).filter(|_| self.of.contains(&write.table.name));
        let id = write.id;
        let seen = rows.filter(|(person, row)| self.sees(*person, row));
        let alike = seen.filter(move |((_, other), row)| of.is_some() && *other != id && self.of_row(row) == of);
        alike.map(|(person, _)| person)
    }
}
