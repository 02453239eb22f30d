//! The rows an organisation starts with. The data stands in `base.json` and `crm.json`, in the notation of Web API
//! payloads; `@at` is the time at which a row was made and last changed.

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::catalogue;
use crate::entra::{Application, Secret};
use crate::metadata::Table;
use crate::organization::{CreateState, Data, Switches};
use crate::records::{Assignments, Rights, Session, from_json, normal_id};
use crate::value::{Value, parse_time};

/// What an organisation starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Seed {
    /// A business unit and the application user, nothing else; tables and columns of the connector are there.
    Empty,
    /// The same without the connector's tables and columns: as an environment is before the connector is set up.
    Bare,
    /// The small company without the connector's tables and columns.
    BareCrm,
    /// A small company: sales people, accounts, contacts, leads, marketing lists, a few tasks.
    #[default]
    Crm,
}

impl Seed {
    /// Whether the connector's tables and columns are there from the beginning.
    pub(crate) fn has_connector(self) -> bool {
        matches!(self, Self::Empty | Self::Crm)
    }
}

/// Tenant, client id and secret of the one registered application. They open nothing but sandboxes.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e4a_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const CLIENT: Uuid = Uuid::from_u128(0xc11e_4700_0000_4000_8000_0000_0000_0001);
pub(crate) const SECRET: &str = "sandbox-secret";
/// `businessunitid` of the root business unit.
const BUSINESS_UNIT: Uuid = Uuid::from_u128(0xb000_0000_0000_4000_8000_0000_0000_0001);
/// `systemuserid` of its application user.
pub(crate) const APPLICATION_USER: Uuid = Uuid::from_u128(0x0a00_0000_0000_4000_8000_0000_0000_0001);

/// The application that every sandbox starts with.
pub(crate) fn application() -> Application {
    let secrets = vec![Secret { value: SECRET.to_owned(), expires: None }];
    Application { client_id: CLIENT, name: "InEvent connector".to_owned(), secrets, ..Application::default() }
}

/// Rows of one table.
#[derive(Deserialize)]
struct Rows {
    table: String,
    rows: Vec<Map<String, Json>>,
}

/// Adds the rows of a seed to an empty organisation of this id and name.
pub(crate) fn plant(data: &Data, seed: Seed, now: i64, organization: (Uuid, &str)) -> anyhow::Result<()> {
    let files: &[&str] = match seed {
        Seed::Empty | Seed::Bare => &[include_str!("base.json")],
        Seed::Crm | Seed::BareCrm => &[include_str!("base.json"), include_str!("crm.json")],
    };
    for file in files {
        let tables: Vec<Rows> = serde_json::from_str(file).context("the seed is no valid JSON")?;
        for Rows { table, rows } in tables {
            let table = data.schema.table(&table).ok_or_else(|| anyhow!("the seed names an unknown table {table}"))?;
            data.store.atomically(|| rows.iter().try_for_each(|row| plant_row(data, table, row, now)))?;
        }
    }
    let session = platform(data, now);
    data.store
        .atomically(|| catalogue::plant(&session, BUSINESS_UNIT, organization))
        .context("the catalogue of the organisation")?;
    if matches!(seed, Seed::Crm | Seed::BareCrm) {
        data.store.atomically(|| catalogue::plant_salesperson(&session, BUSINESS_UNIT)).context("the role of sales")?;
    }
    Ok(())
}

/// Work that nobody is asked for.
fn platform(data: &Data, now: i64) -> Session<'_> {
    let switches = Switches { create_state: CreateState::Honour, ..Switches::default() };
    Session {
        data,
        caller: APPLICATION_USER,
        behalf: None,
        rights: Rights::platform(),
        now,
        switches,
        detect_duplicates: false,
        units: RefCell::default(),
    }
}

fn plant_row(data: &Data, table: &Table, row: &Map<String, Json>, now: i64) -> anyhow::Result<()> {
    let at = row.get("@at").and_then(Json::as_str).and_then(parse_time).unwrap_or(now);
    let session = platform(data, at);
    let mut values = Assignments::new();
    for (name, json) in row.iter().filter(|(name, _)| *name != "@at") {
        values.push(assignment(data, table, name, json).with_context(|| format!("{} {name}", table.logical))?);
    }
    session.create(table, values).with_context(|| format!("a row of {}", table.logical))?;
    Ok(())
}

fn assignment(data: &Data, table: &Table, name: &str, json: &Json) -> anyhow::Result<(usize, Value)> {
    let Some(navigation) = name.strip_suffix("@odata.bind") else {
        let column = table.property(name).context("unknown column")?;
        return Ok((column, from_json(table, &table.columns[column], json)?));
    };
    let (column, _) = table.navigation(navigation).context("unknown navigation property")?;
    let (set, key) = json.as_str().and_then(|url| url.trim_matches(['/', ')']).split_once('(')).context("not a URL")?;
    let target = data.schema.set(set).context("unknown set")?;
    let id = normal_id(key).context("not an identifier")?;
    Ok((column, Value::Row(Arc::from(target.logical.as_str()), id)))
}
