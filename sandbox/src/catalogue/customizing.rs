//! Publishers and solutions, and which definitions belong to which solution.

use uuid::Uuid;

use super::{id_of, plant_row, row, text};
use crate::errors::{ApiError, ApiResult};
use crate::records::Session;
use crate::value::Value;

/// `solutionid` of the default solution, the same everywhere.
const DEFAULT_SOLUTION: Uuid = Uuid::from_u128(0xfd14_0aaf_4df4_11dd_bd17_0019_b931_2238);
const PUBLISHER: Uuid = Uuid::from_u128(0xd21a_ab71_79e7_11dd_8874_0018_8b01_e34f);
const PREFIX: &str = "new";
const OPTION_PREFIX: i64 = 72_700;

/// Kinds of solution components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Table = 1,
    Column = 2,
    Choice = 9,
    Relationship = 10,
    Key = 14,
}

pub(super) fn plant(session: &Session<'_>) -> ApiResult<()> {
    plant_row(
        session,
        "publisher",
        PUBLISHER,
        &[
            ("uniquename", text("DefaultPublisher")),
            ("friendlyname", text("Default Publisher")),
            ("customizationprefix", text(PREFIX)),
            ("customizationoptionvalueprefix", Value::Int(OPTION_PREFIX)),
        ],
    )?;
    plant_row(
        session,
        "solution",
        DEFAULT_SOLUTION,
        &[
            ("uniquename", text("Default")),
            ("friendlyname", text("Default Solution")),
            ("version", text("1.0")),
            ("publisherid", row("publisher", PUBLISHER)),
        ],
    )
}

/// Adds a definition to a solution, by the unique name of the latter; without one, to the default solution.
pub(crate) fn add_component(
    session: &Session<'_>,
    solution: Option<&str>,
    kind: Component,
    object: Uuid,
) -> ApiResult<()> {
    let solution = match solution {
        None => DEFAULT_SOLUTION,
        Some(name) => solution_id(session, name)?,
    };
    plant_row(
        session,
        "solutioncomponent",
        id_of(&format!("{solution}:{object}")),
        &[
            ("solutionid", row("solution", solution)),
            ("componenttype", Value::Int(kind as i64)),
            ("objectid", Value::Id(object)),
        ],
    )
}

/// Takes a definition out of every solution.
pub(crate) fn drop_component(session: &Session<'_>, object: Uuid) -> ApiResult<()> {
    let Some(table) = session.data.schema.table("solutioncomponent") else { return Ok(()) };
    let Some(column) = table.column("objectid") else { return Ok(()) };
    for row in session.equal(table, column, Value::Id(object))? {
        if let Some(id) = row[table.id].id() {
            session.delete(table, id)?;
        }
    }
    Ok(())
}

fn solution_id(session: &Session<'_>, name: &str) -> ApiResult<Uuid> {
    let table = session.data.schema.table("solution").ok_or_else(ApiError::unexpected)?;
    let column = table.column("uniquename").ok_or_else(ApiError::unexpected)?;
    let found = session.equal(table, column, text(name))?;
    found
        .first()
        .and_then(|row| row[table.id].id())
        .ok_or_else(|| ApiError::new(404, "0x80040217", format!("Solution with unique name '{name}' does not exist.")))
}
