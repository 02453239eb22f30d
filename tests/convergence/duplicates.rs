//! A published duplicate detection rule of the CRM in memory.

use inevent_d365::{dataverse::Columns, sync::crm::Write};
use uuid::Uuid;

type Person = (&'static str, Uuid);

/// People are taken for the same whose values in a column begin with the same characters, whatever their case. Closed ones, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    pub column: &'static str,
    pub characters: usize,
}

impl Rule {
    /// What is compared, of a value.
    pub fn compared(&self, value: &str) -> String {
        value.trim().to_lowercase().chars().take(self.characters).collect()
    }

    pub fn of_row(&self, row: &Columns) -> Option<String> {
        Some(self.compared(row.get(self.column)?.as_str()?))
    }

    /// The people that a write is taken for; nobody where it does not touch the column.
    pub fn names<'a>(
        &'a self,
        rows: impl Iterator<Item = (Person, &'a Columns)> + 'a,
        write: &Write,
    ) -> impl Iterator<Item = Person> + 'a {
        let (of, id) = (self.of_row(&write.columns), write.id);
        let people = rows.filter(|((table, _), _)| matches!(*table, "contact" | "lead"));
        let alike = people.filter(move |((_, other), row)| of.is_some() && *other != id && self.of_row(row) == of);
        alike.map(|(person, _)| person)
    }
}
