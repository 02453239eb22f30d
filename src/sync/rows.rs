//! The rows of Dynamics that the connector reads and writes, between their columns and the model.

mod activity;
mod attendance;
mod names;
mod plain;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use activity::interned;
pub use activity::{ActivityTable, Form, Shown, naming};
pub use attendance::{AttendanceRow, Details, Life, RowKey, instant};
pub use names::Names;
pub use plain::MAX_NAME as MAX_PLAIN_NAME;

use crate::{
    dataverse::{Columns, definition::TableDefinition},
    model::{
        Address,
        stamp::{Fingerprint, Ledger},
    },
};

/// Logical name, set name and primary key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    pub name: &'static str,
    pub set: &'static str,
    pub key: &'static str,
}

impl Table {
    /// A table by its definition.
    pub fn defined(name: &str, definition: &TableDefinition) -> Self {
        Self { name: interned(name), set: interned(&definition.set), key: interned(&definition.key) }
    }

    /// What a bind names a row by.
    pub fn path(self, id: Uuid) -> String {
        format!("/{}({id})", self.set)
    }
}

/// Where people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonTable {
    Contact,
    Lead,
}

impl PersonTable {
    pub fn table(self) -> Table {
        match self {
            Self::Contact => Table { name: "contact", set: "contacts", key: "contactid" },
            Self::Lead => Table { name: "lead", set: "leads", key: "leadid" },
        }
    }

    /// The platform's columns of every person that are read whatever the settings say.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &[
                "contactid",
                "emailaddress1",
                "statecode",
                "modifiedon",
                "_ownerid_value",
                "merged",
                "_masterid_value",
                "_originatingleadid_value",
                "_parentcustomerid_value",
            ],
            Self::Lead => &[
                "leadid",
                "emailaddress1",
                "statecode",
                "modifiedon",
                "_ownerid_value",
                "merged",
                "_masterid_value",
                "_parentcontactid_value",
            ],
        }
    }

    pub fn of(logical_name: &str) -> Option<Self> {
        [Self::Contact, Self::Lead].into_iter().find(|table| table.table().name == logical_name)
    }
}

/// A contact or lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonRef {
    pub table: PersonTable,
    pub id: Uuid,
}

/// A user or team, as the path that a bind names it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(String);

impl Owner {
    pub fn user(id: Uuid) -> Self {
        Self(format!("/systemusers({id})"))
    }

    pub fn team(id: Uuid) -> Self {
        Self(format!("/teams({id})"))
    }

    pub fn bind(&self) -> Value {
        self.0.clone().into()
    }

    /// The owner that a row is about to get, if it is to get one.
    pub fn bound(columns: &Columns) -> Option<Self> {
        text(columns, OWNER_BIND).map(|path| Self(path.to_owned()))
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    fn read(columns: &Columns) -> Option<Self> {
        let id = guid(columns, "_ownerid_value")?;
        let team = lookup_table(columns, "_ownerid_value") == Some("team");
        Some(if team { Self::team(id) } else { Self::user(id) })
    }
}

/// Only the ids of a user or team: what the log may say.
impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.trim_start_matches('/'))
    }
}

/// What binds the owner of a row of any table.
pub const OWNER_BIND: &str = "ownerid@odata.bind";

/// `statecode` of a lead that became somebody.
const QUALIFIED: i64 = 1;

/// A row of a table that settings name.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignRow {
    pub table: Table,
    pub id: Uuid,
    pub etag: String,
    pub columns: Columns,
}

impl ForeignRow {
    pub fn read(table: Table, columns: Columns) -> Option<Self> {
        let etag = text(&columns, "@odata.etag")?.to_owned();
        Some(Self { table, id: guid(&columns, table.key)?, etag, columns })
    }
}

/// The name of a contact's account: a navigation property and a column of its table.
pub const COMPANY_NAME: &str = "parentcustomerid_account/name";

/// A contact or lead as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRow {
    pub person: PersonRef,
    pub etag: String,
    pub address: Option<Address>,
    /// An active contact, an open lead.
    pub active: bool,
    pub modified: Option<Timestamp>,
    pub owner: Option<Owner>,
    /// Was merged into somebody: never written.
    pub merged: bool,
    /// Into whom, unless they were deleted since.
    pub master: Option<Uuid>,
    /// A lead that was qualified.
    pub qualified: bool,
    /// The contact that a qualified lead became, where the lead names it.
    pub converted: Option<Uuid>,
    /// The lead that a contact was made of.
    pub origin: Option<Uuid>,
    pub ledger: Ledger,
    pub columns: Columns,
}

impl PersonRow {
    /// Of several the one modified last comes first, then the smaller id.
    pub fn precedence(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.modified), self.person.id)
    }

    /// A column, or one of a row that is read along, as `navigation/column`.
    pub fn value(&self, column: &str) -> Option<&Value> {
        match column.split_once('/') {
            None => self.columns.get(column),
            Some((navigation, column)) => self.columns.get(navigation)?.get(column),
        }
    }

    pub fn read(table: PersonTable, columns: Columns, names: &Names) -> Option<Self> {
        let state = columns.get("statecode").and_then(Value::as_i64);
        let merged = columns.get("merged").and_then(Value::as_bool) == Some(true);
        let qualified = table == PersonTable::Lead && state == Some(QUALIFIED);
        Some(Self {
            person: PersonRef { table, id: guid(&columns, table.table().key)? },
            etag: text(&columns, "@odata.etag")?.to_owned(),
            address: text(&columns, "emailaddress1").and_then(|address| Address::parse(address).ok()),
            active: state == Some(0),
            modified: text(&columns, "modifiedon").and_then(|time| time.parse().ok()),
            owner: Owner::read(&columns),
            merged,
            master: guid(&columns, "_masterid_value").filter(|_| merged),
            qualified,
            converted: guid(&columns, "_parentcontactid_value").filter(|_| qualified),
            origin: guid(&columns, "_originatingleadid_value"),
            ledger: Ledger::parse(text(&columns, names.profile_stamp).unwrap_or_default()),
            columns,
        })
    }
}

/// Whether the CRM holds this value already. Numbers are compared as numbers: 90 is 90.00.
pub fn same(stored: Option<&Value>, value: &Value) -> bool {
    match (stored.unwrap_or(&Value::Null), value) {
        (Value::Number(stored), Value::Number(value)) => stored.as_f64() == value.as_f64(),
        (stored, value) => stored == value,
    }
}

/// The text of a column.
pub fn text<'a>(columns: &'a Columns, column: &str) -> Option<&'a str> {
    columns.get(column)?.as_str()
}

/// The id in a column.
pub fn guid(columns: &Columns, column: &str) -> Option<Uuid> {
    text(columns, column)?.parse().ok()
}

/// The table that a lookup leads to.
pub fn lookup_table<'a>(columns: &'a Columns, column: &str) -> Option<&'a str> {
    text(columns, &format!("{column}@Microsoft.Dynamics.CRM.lookuplogicalname"))
}
