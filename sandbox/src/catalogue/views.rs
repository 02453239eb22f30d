//! The views that an organisation is born with: what is open, or active, of each table.

use super::{id_of, plant_row, text};
use crate::errors::ApiResult;
use crate::metadata::Table;
use crate::records::Session;
use crate::value::Value;

const VIEWS: [(&str, &str); 6] = [
    ("account", "Active Accounts"),
    ("contact", "Active Contacts"),
    ("lead", "Open Leads"),
    ("opportunity", "Open Opportunities"),
    ("campaign", "Active Campaigns"),
    ("list", "Active Marketing Lists"),
];

pub(super) fn plant(session: &Session<'_>) -> ApiResult<()> {
    for (table, name) in VIEWS {
        let Some(definition) = session.data.schema.table(table) else { continue };
        let (key, shown) = (&definition.columns[definition.id].logical, &definition.columns[definition.name].logical);
        let fetch = format!(
            "<fetch version=\"1.0\" mapping=\"logical\"><entity name=\"{table}\"><attribute name=\"{key}\" />\
             <attribute name=\"{shown}\" /><order attribute=\"{shown}\" /><filter type=\"and\">\
             <condition attribute=\"statecode\" operator=\"eq\" value=\"0\" /></filter></entity></fetch>"
        );
        let layout = format!(
            "<grid name=\"resultset\" jump=\"{shown}\" select=\"1\" icon=\"1\" preview=\"1\"><row name=\"result\" \
             id=\"{key}\"><cell name=\"{shown}\" width=\"300\" /></row></grid>"
        );
        plant_row(
            session,
            "savedquery",
            id_of(&format!("savedquery:{table}")),
            &[
                ("name", text(name)),
                ("returnedtypecode", text(table)),
                ("fetchxml", text(&fetch)),
                ("layoutxml", text(&layout)),
                ("isdefault", Value::Int(1)),
            ],
        )?;
    }
    Ok(())
}

/// Takes views and forms of a table away.
pub(super) fn withdraw(session: &Session<'_>, table: &Table) -> ApiResult<()> {
    for (kept, column) in [("savedquery", "returnedtypecode"), ("systemform", "objecttypecode")] {
        let Some(rows) = session.data.schema.table(kept) else { continue };
        let Some(column) = rows.column(column) else { continue };
        for row in session.equal(rows, column, Value::Text(table.logical.clone()))? {
            if let Some(id) = row[rows.id].id() {
                session.delete(rows, id)?;
            }
        }
    }
    Ok(())
}
