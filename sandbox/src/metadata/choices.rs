//! Choices that several columns share ("global option sets" on the wire).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Choice, ColumnType, Schema};

/// A choice with a name of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GlobalChoice {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) options: Vec<Choice>,
    /// Properties of the definition that change nothing here; they are kept to be given back.
    pub(crate) told: Map<String, Json>,
}

impl Schema {
    /// The global choice of this name.
    pub(crate) fn choice(&self, name: &str) -> Option<&GlobalChoice> {
        self.choices.iter().find(|choice| choice.name.eq_ignore_ascii_case(name))
    }

    /// Adds a global choice or replaces it; columns that use it get its options.
    pub(crate) fn put_choice(&mut self, choice: GlobalChoice) {
        let users: Vec<_> = self
            .tables
            .iter()
            .filter(|table| table.columns.iter().any(|column| column.global.as_deref() == Some(&choice.name)))
            .cloned()
            .collect();
        for table in users {
            let mut table = (*table).clone();
            for column in table.columns.iter_mut().filter(|column| column.global.as_deref() == Some(&choice.name)) {
                if let ColumnType::Choice(options) | ColumnType::Choices(options) = &mut column.kind {
                    options.clone_from(&choice.options);
                }
            }
            self.put(table);
        }
        match self.choices.iter_mut().find(|known| known.name == choice.name) {
            Some(known) => *known = choice,
            None => self.choices.push(choice),
        }
    }
}
