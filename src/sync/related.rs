//! Rows beside the person and their attendance: where they are found, and what binds them.

use super::{
    crm::Wanted,
    key_column::{KeyColumn, Unfit},
    mapping::Mapped,
    rows::{Names, PersonTable, Table},
    rules::Wrong,
    source::Reader,
    surroundings::Surroundings,
};
use crate::{
    dataverse::definition::TableDefinition,
    settings::document::{ByPerson, Related},
};

/// A row of the settings' `related`, over the definition of its table.
#[derive(Debug)]
pub struct RelatedRules {
    pub table: Table,
    pub names: &'static Names,
    /// Whether its rows remember when the source said what. Without it columns are only filled.
    pub stamped: bool,
    pub way: Way,
    pub mapped: Vec<Mapped>,
}

/// Where the row is.
#[derive(Debug)]
pub enum Way {
    /// A lookup of the person leads to it.
    Reached(PerPerson<Lookup>),
    /// It has this value in this column; if there is none it is created.
    Keyed { column: Box<KeyColumn>, reader: Reader, person: PerPerson<Lookup>, activity: Option<Lookup> },
}

/// What there is for contacts, for leads, or for both.
#[derive(Debug, Default)]
pub struct PerPerson<T> {
    pub contact: Option<T>,
    pub lead: Option<T>,
}

/// A lookup column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// As it is read: `_new_contactid_value`.
    pub read: String,
    /// What binds it: `new_ContactId@odata.bind`.
    pub bind: String,
}

impl<T> PerPerson<T> {
    /// Whether there is anything for anybody.
    pub fn bound(&self) -> bool {
        self.contact.is_some() || self.lead.is_some()
    }

    pub fn of(&self, table: PersonTable) -> Option<&T> {
        match table {
            PersonTable::Contact => self.contact.as_ref(),
            PersonTable::Lead => self.lead.as_ref(),
        }
    }
}

impl RelatedRules {
    /// `activity` is the table of the attendance rows.
    ///
    /// # Errors
    /// What the definitions do not have.
    pub fn new(related: &Related, activity: &str, around: &Surroundings) -> Result<Self, Wrong> {
        let definition = around.definition(&related.table).ok_or_else(|| {
            let problem = format!("the environment has no table {}", related.table);
            ("table", problem, "Correct the name, or import the solution that holds the table.".to_owned())
        })?;
        let table = Table::defined(&related.table, definition);
        let stamped = definition.columns.contains(around.names.profile_stamp);
        let way = match &related.key {
            None => {
                let reached = related.reached_by.clone().unwrap_or_default();
                let lookup = |of: PersonTable, column: Option<String>| {
                    let Some(column) = column else { return Ok(None) };
                    let person = of.table().name;
                    let definition = around.definition(person);
                    lookup(definition, person, &column, &related.table).map(Some)
                };
                let contact = lookup(PersonTable::Contact, reached.contact).map_err(at("reached_by.contact"))?;
                let lead = lookup(PersonTable::Lead, reached.lead).map_err(at("reached_by.lead"))?;
                Way::Reached(PerPerson { contact, lead })
            }
            Some(key) => {
                let unfit = |(problem, remedy): Unfit| ("key.column", problem, remedy.to_owned());
                let column = Box::new(KeyColumn::of(&related.table, &key.column, around).map_err(unfit)?);
                let known = around.columns(&related.table).and_then(|columns| columns.get(&key.column));
                if known.is_some_and(|known| !known.creatable) {
                    let problem = format!("{} of {} cannot be written", key.column, related.table);
                    return Err(unfit((problem, "Name a column that a new row can be given.")));
                }
                let own = |column: Option<&String>, target: &str| {
                    column.map(|column| lookup(Some(definition), &related.table, column, target)).transpose()
                };
                let ByPerson { contact, lead } = related.person.clone().unwrap_or_default();
                let contact = own(contact.as_ref(), "contact").map_err(at("person.contact"))?;
                let lead = own(lead.as_ref(), "lead").map_err(at("person.lead"))?;
                let activity = own(related.activity.as_ref(), activity).map_err(at("activity"))?;
                // What was read has been checked: an expression that stands here can be compiled.
                let reader = Reader::new(&key.source).map_err(|problem| ("key.source", problem, String::new()))?;
                Way::Keyed { column, reader, person: PerPerson { contact, lead }, activity }
            }
        };
        Ok(Self { table, names: around.names, stamped, way, mapped: Vec::new() })
    }
}

impl RelatedRules {
    /// What is to be read of rows, and of the people who lead to them.
    pub fn wanted(&self, wanted: &mut Wanted) {
        let own = wanted.columns.entry(self.table).or_default();
        own.extend(self.mapped.iter().map(|mapped| mapped.read().to_owned()));
        own.extend(self.stamped.then(|| self.names.profile_stamp.to_owned()));
        match &self.way {
            Way::Keyed { column, person, activity, .. } => {
                own.insert(column.name.clone());
                let lookups = [&person.contact, &person.lead, activity].into_iter().flatten();
                own.extend(lookups.map(|lookup| lookup.read.clone()));
            }
            Way::Reached(lookups) => {
                for table in [PersonTable::Contact, PersonTable::Lead] {
                    let columns = wanted.columns.entry(table.table()).or_default();
                    columns.extend(lookups.of(table).map(|lookup| lookup.read.clone()));
                }
            }
        }
    }
}

fn at(field: &'static str) -> impl Fn((String, String)) -> Wrong {
    move |(problem, remedy)| (field, problem, remedy)
}

fn lookup(
    definition: Option<&TableDefinition>,
    table: &str,
    column: &str,
    target: &str,
) -> Result<Lookup, (String, String)> {
    let navigation = definition.and_then(|definition| definition.navigation(column, target)).ok_or_else(|| {
        let problem = format!("{table} has no lookup {column} to {target}");
        (problem, "Correct the name, or add the lookup column.".to_owned())
    })?;
    Ok(Lookup { read: format!("_{column}_value"), bind: format!("{navigation}@odata.bind") })
}
