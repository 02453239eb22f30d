//! A contact or lead as somebody to invite.

use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use crate::{dataverse::Columns, settings::document::Target};

/// A member of a list, as the CRM has them now.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    pub table: Target,
    pub id: Uuid,
    pub etag: String,
    pub address: Option<String>,
    pub name: Option<String>,
    pub company: Option<String>,
    /// An active contact, an open lead.
    pub active: bool,
    pub do_not_email: bool,
    pub do_not_bulk_email: bool,
    /// What the column for the link holds.
    pub link: Option<String>,
}

/// Set and primary key of a table of people.
pub fn naming(table: Target) -> (&'static str, &'static str) {
    match table {
        Target::Contact => ("contacts", "contactid"),
        Target::Lead => ("leads", "leadid"),
    }
}

/// The account of a contact, of which the name is read.
const ACCOUNT: &str = "parentcustomerid_account";

impl Member {
    /// What of a table is read: `$select` with the column for the link, and `$expand`.
    pub fn columns(table: Target, link: Option<&str>) -> String {
        let (_, key) = naming(table);
        let mut columns =
            vec![key, "emailaddress1", "firstname", "lastname", "statecode", "donotemail", "donotbulkemail"];
        columns.extend(link);
        match table {
            Target::Contact => format!("{}&$expand={ACCOUNT}($select=name)", columns.join(",")),
            Target::Lead => format!("{},companyname", columns.join(",")),
        }
    }

    pub fn read(table: Target, columns: &Columns, link: Option<&str>) -> Option<Self> {
        let text = |column: &str| {
            let text = columns.get(column)?.as_str()?.trim();
            Some(text.to_owned()).filter(|text| !text.is_empty())
        };
        let is = |column: &str| columns.get(column).and_then(Value::as_bool) == Some(true);
        let names: Vec<String> = ["firstname", "lastname"].into_iter().filter_map(text).collect();
        let account = || Some(columns.get(ACCOUNT)?.get("name")?.as_str()?.to_owned());
        Some(Self {
            table,
            id: text(naming(table).1)?.parse().ok()?,
            etag: text("@odata.etag")?,
            address: text("emailaddress1"),
            name: Some(names.join(" ")).filter(|name| !name.is_empty()),
            company: text("companyname").or_else(account),
            active: columns.get("statecode").and_then(Value::as_i64) == Some(0),
            do_not_email: is("donotemail"),
            do_not_bulk_email: is("donotbulkemail"),
            link: link.and_then(text),
        })
    }
}

/// Personal: only the id is printed.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("table", &self.table).field("id", &self.id).finish_non_exhaustive()
    }
}
