//! Rows that describe the organisation itself: privileges, messages, publishers, the currency, rules for duplicates.
//! They are planted with every organisation, and follow its tables.

mod customizing;
mod duplicates;
mod messages;
mod privileges;
mod views;

pub(crate) use customizing::{Component, add_component, drop_component};
pub(crate) use privileges::{SYSTEM_ADMINISTRATOR, plant_salesperson, privilege_id, privilege_stem, privileges_of};

use std::sync::Arc;

use uuid::Uuid;

use crate::errors::ApiResult;
use crate::metadata::{Schema, Table};
use crate::records::Session;
use crate::value::Value;

/// The currency that amounts are kept in unless they say otherwise.
pub(crate) const BASE_CURRENCY: Uuid = Uuid::from_u128(0xc099_0000_0000_4000_8000_0000_0000_0001);

/// An id made from a name, so that it is the same in every organisation.
pub(crate) fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// Plants the rows of a new organisation with this id and name; `unit` is its root business unit.
pub(crate) fn plant(session: &Session<'_>, unit: Uuid, organization: (Uuid, &str)) -> ApiResult<()> {
    plant_row(
        session,
        "transactioncurrency",
        BASE_CURRENCY,
        &[
            ("currencyname", text("US Dollar")),
            ("currencysymbol", text("$")),
            ("isocurrencycode", text("USD")),
            ("exchangerate", Value::Real(1.0)),
        ],
    )?;
    let (id, name) = organization;
    plant_row(
        session,
        "organization",
        id,
        &[
            ("name", text(name)),
            ("basecurrencyid", row("transactioncurrency", BASE_CURRENCY)),
            ("basecurrencysymbol", text("$")),
            ("currencysymbol", text("$")),
            ("dateformatstring", text("M/d/yyyy")),
            ("timeformatstring", text("h:mm tt")),
            ("dateseparator", text("/")),
            ("timeseparator", text(":")),
            ("decimalsymbol", text(".")),
            ("numberseparator", text(",")),
            ("numbergroupformat", text("3")),
            ("schemanameprefix", text("new")),
        ],
    )?;
    customizing::plant(session)?;
    messages::plant(session)?;
    privileges::plant(session, unit)?;
    for table in session.data.schema.tables.clone() {
        announce(session, &session.data.schema, &table)?;
    }
    views::plant(session)?;
    duplicates::plant(session)
}

/// Plants what a table brings along: its privileges, and the messages it understands.
pub(crate) fn announce(session: &Session<'_>, schema: &Schema, table: &Arc<Table>) -> ApiResult<()> {
    privileges::announce(session, schema, table)?;
    messages::announce(session, table)
}

/// Takes away what a table brought along.
pub(crate) fn withdraw(session: &Session<'_>, table: &Table) -> ApiResult<()> {
    messages::withdraw(session, table)?;
    views::withdraw(session, table)?;
    privileges::withdraw(session, table)
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// Adds a row unless it is there.
fn plant_row(session: &Session<'_>, table: &str, id: Uuid, values: &[(&str, Value)]) -> ApiResult<()> {
    let Some(table) = session.data.schema.table(table) else { return Ok(()) };
    if session.data.store.exists(table, id)? {
        return Ok(());
    }
    let mut row = vec![(table.id, Value::Id(id))];
    row.extend(values.iter().filter_map(|(name, value)| Some((table.column(name)?, value.clone()))));
    session.create(table, row).map(drop)
}

fn row(table: &str, id: Uuid) -> Value {
    Value::Row(Arc::from(table), id)
}
