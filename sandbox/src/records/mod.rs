//! What the platform does with rows: validation, defaults, owners, states, versions. Knows nothing of HTTP.

mod access;
mod associate;
mod caller;
mod create;
mod delete;
mod documents;
mod duplicates;
mod fetch;
mod files;
mod find;
mod followers;
mod money;
mod parties;
mod state;
mod update;
mod validate;

pub(crate) use access::{Principal, Right, Rights, Sharing};
pub(crate) use files::{File, Place};
pub(crate) use parties::PLATFORM_PARTIES;
pub(crate) use validate::{from_json, normal_id};

use std::cell::RefCell;

use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, Storage, System, Table};
use crate::organization::{Data, Switches};
use crate::store::Conflict;
use crate::value::Value;

/// Work on an organisation's rows on behalf of one user.
#[derive(Clone)]
pub(crate) struct Session<'a> {
    pub(crate) data: &'a Data,
    /// `systemuserid` of the caller.
    pub(crate) caller: Uuid,
    /// The user who acts on behalf of the caller, if another one does.
    pub(crate) behalf: Option<Uuid>,
    /// What the caller may do.
    pub(crate) rights: Rights,
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) switches: Switches,
    /// Whether rows that published rules take for duplicates are refused.
    pub(crate) detect_duplicates: bool,
    /// The business units of owners, as far as they have been looked up; forgotten when a row changes.
    pub(crate) units: RefCell<Vec<(Uuid, Value)>>,
}

/// Values for columns of one row.
pub(crate) type Assignments = Vec<(usize, Value)>;

impl Session<'_> {
    /// The next row version; versions grow through the whole organisation.
    fn next_version(&self) -> i64 {
        self.data.version.set(self.data.version.get() + 1);
        self.data.version.get()
    }

    /// The row with this primary key, with all its columns.
    pub(crate) fn find(&self, table: &Table, id: Uuid) -> ApiResult<Option<Vec<Value>>> {
        Ok(self.data.store.get(table, id)?)
    }

    pub(crate) fn exists(&self, table: &Table, id: Uuid) -> ApiResult<bool> {
        Ok(self.data.store.exists(table, id)?)
    }

    /// What follows from an owner: the owning user, team and business unit.
    fn owning(&self, table: &Table, owner: &Value) -> ApiResult<Assignments> {
        let Value::Row(kind, id) = owner else { return Ok(Vec::new()) };
        let unit = self.unit_of(kind, *id)?;
        let of_kind = |wanted: &str| if &**kind == wanted { owner.clone() } else { Value::Null };
        let all = [
            (table.system(System::OwningUser), of_kind("systemuser")),
            (table.system(System::OwningTeam), of_kind("team")),
            (table.system(System::OwningUnit), unit),
        ];
        Ok(all.into_iter().filter_map(|(column, value)| column.map(|column| (column, value))).collect())
    }

    /// The business unit of a user or team.
    fn unit_of(&self, kind: &str, id: Uuid) -> ApiResult<Value> {
        if let Some((_, unit)) = self.units.borrow().iter().find(|(known, _)| *known == id) {
            return Ok(unit.clone());
        }
        let owners = self.data.schema.table(kind);
        let unit = match owners.and_then(|owners| Some((owners, owners.column("businessunitid")?))) {
            Some((owners, column)) => self.data.store.get_column(owners, id, column)?,
            None => Value::Null,
        };
        self.units.borrow_mut().push((id, unit.clone()));
        Ok(unit)
    }

    /// Whole addresses, as an envelope shows them.
    fn addresses(table: &Table, row: &[Value]) -> Assignments {
        let whole = |parts: &[Option<usize>; 7]| {
            let parts = parts.map(|part| part.and_then(|column| row[column].text()).unwrap_or_default());
            envelope(parts).map_or(Value::Null, Value::Text)
        };
        table.composites.iter().map(|composite| (composite.column, whole(&composite.parts))).collect()
    }

    /// First and last name joined, if the table has such a column.
    fn full_name(table: &Table, row: &[Value]) -> Option<(usize, Value)> {
        let column = table.system(System::FullName)?;
        let part = |name: &str| table.column(name).and_then(|index| row[index].text());
        let joined = [part("firstname"), part("lastname")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some((column, if joined.is_empty() { Value::Null } else { Value::Text(joined) }))
    }
}

/// An address as an envelope shows it; its parts are three lines, city, region, postal code and country.
pub(crate) fn envelope(parts: [&str; 7]) -> Option<String> {
    let [one, two, three, city, region, code, country] = parts;
    let joined =
        |parts: &[&str], by: &str| parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(by);
    let place = joined(&[city, &joined(&[region, code], " ")], ", ");
    Some(joined(&[one, two, three, &place, country], "\r\n")).filter(|address| !address.is_empty())
}

/// A system-required column may not be null.
fn missing(table: &Table, column: &Column) -> ApiError {
    ApiError::invalid_argument(format!(
        "The required attribute '{}' of '{}' is missing.",
        column.logical, table.logical
    ))
}

/// Rows of `activitypointer` are written through their own tables, others by messages only.
fn refuse_view(table: &Table, method: &str) -> ApiResult<()> {
    if table.storage != Storage::Own { Err(unsupported(table, method)) } else { Ok(()) }
}

/// A message that a table does not have.
pub(crate) fn unsupported(table: &Table, method: &str) -> ApiError {
    let message = format!("The '{method}' method does not support entities of type '{}'.", table.logical);
    ApiError::new(400, "0x80040800", message)
}

/// The same, with the values that are taken, for callers that ask for details.
fn detailed(table: &Table, conflict: Conflict, value: impl Fn(usize) -> Value) -> ApiError {
    let name = if let Conflict::AlternateKey(name) = &conflict { name.clone() } else { String::new() };
    let mut error = refusal(table, conflict);
    if let Some(key) = table.keys.iter().find(|key| key.name == name) {
        let labels: Vec<&str> = key.columns.iter().map(|index| table.columns[*index].label.as_str()).collect();
        let values = key.columns.iter().map(|index| {
            let text = match value(*index) {
                Value::Text(text) => text,
                Value::Int(int) => int.to_string(),
                Value::Real(real) => real.to_string(),
                Value::Id(id) | Value::Row(_, id) => id.to_string(),
                Value::Null => String::new(),
            };
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let name = &table.columns[*index].logical;
            format!("<{name}>{text}</{name}>")
        });
        let values = format!("<DuplicateAttributes>{}</DuplicateAttributes>", values.collect::<String>());
        error.details = vec![("0", key.label.clone()), ("1", labels.join(", ")), ("DuplicateAttributes", values)];
    }
    error
}

/// The error for a row that was not written.
fn refusal(table: &Table, conflict: Conflict) -> ApiError {
    match conflict {
        Conflict::PrimaryKey => ApiError::duplicate_row(),
        Conflict::AlternateKey(name) => {
            let Some(key) = table.keys.iter().find(|key| key.name == name) else { return ApiError::duplicate_row() };
            let labels: Vec<&str> = key.columns.iter().map(|index| table.columns[*index].label.as_str()).collect();
            ApiError::duplicate_key(&key.label, &labels.join(", "))
        }
        Conflict::Store(error) => error.into(),
    }
}
