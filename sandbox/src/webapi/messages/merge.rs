//! `Merge`: one account, contact or lead takes over what belongs to another, which is closed.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::parameters::{required, row_of};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Cascade, Storage, System, Table};
use crate::records::{Session, unsupported};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::{Purpose, assignments, object};

/// `POST /Merge {"Target", "Subordinate", "UpdateContent", "PerformParentingChecks"}`
pub(super) fn run(service: &Service<'_>, session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    session.check_privilege("prvMerge")?;
    let body = object("Merge", &operation.request.body)?;
    let (table, target) = row_of(session, body, "Target")?.ok_or_else(|| required("Target"))?;
    let (other, subordinate) = row_of(session, body, "Subordinate")?.ok_or_else(|| required("Subordinate"))?;
    if !matches!(table.logical.as_str(), "account" | "contact" | "lead") || table.logical != other.logical {
        return Err(unsupported(table, "Merge"));
    }
    if target == subordinate {
        let message = "Merge cannot be performed on master and sub-entities that are identical.";
        return Err(ApiError::new(400, "0x80045305", message));
    }
    let master = active(session, table, target)?;
    let merged = active(session, table, subordinate)?;
    if let Some(content) = body.get("UpdateContent").and_then(Json::as_object) {
        let key = &table.columns[table.id].logical;
        let content: Map<String, Json> =
            content.iter().filter(|(name, _)| *name != key).map(|(n, v)| (n.clone(), v.clone())).collect();
        let values = assignments(service, session, table, &content, Purpose::Update)?;
        session.update(table, target, &master, values)?;
    }
    move_dependents(session, table, subordinate, target)?;
    let inactive = if table.logical == "lead" { 2 } else { 1 };
    let changes = [
        ("merged", Value::Int(1)),
        ("masterid", Value::Row(Arc::from(table.logical.as_str()), target)),
        ("statecode", Value::Int(inactive)),
    ];
    let changes = changes.into_iter().filter_map(|(name, value)| Some((table.column(name)?, value))).collect();
    session.update(table, subordinate, &merged, changes)?;
    Ok(Response::empty(204))
}

fn active(session: &Session<'_>, table: &Table, id: Uuid) -> ApiResult<Vec<Value>> {
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    match table.system(System::State).map(|column| &row[column]) {
        Some(Value::Int(state)) if *state != 0 => {
            Err(ApiError::new(400, "0x80045304", "Merge cannot be performed on entity that is inactive."))
        }
        _ => Ok(row),
    }
}

/// What points to the row that goes points to the row that stays from now on.
fn move_dependents(session: &Session<'_>, table: &Table, from: Uuid, to: Uuid) -> ApiResult<()> {
    for other in session.data.schema.tables.iter().filter(|other| other.storage == Storage::Own) {
        for (column, definition) in other.columns.iter().enumerate() {
            let relation = definition.lookup().and_then(|lookup| lookup.relation(&table.logical));
            let Some(relation) = relation else { continue };
            let moves = relation.cascades.merge == Cascade::All || !relation.custom;
            if !moves || definition.logical == "masterid" {
                continue;
            }
            for row in session.equal(other, column, Value::Id(from))? {
                let Some(id) = row[other.id].id() else { continue };
                if other.logical == "listmember" && is_member(session, other, column, &row, to)? {
                    session.delete(other, id)?;
                } else {
                    let value = Value::Row(Arc::from(table.logical.as_str()), to);
                    session.update(other, id, &row, vec![(column, value)])?;
                }
            }
        }
    }
    Ok(())
}

/// Whether the row that stays is on the same marketing list already.
fn is_member(session: &Session<'_>, members: &Arc<Table>, column: usize, row: &[Value], to: Uuid) -> ApiResult<bool> {
    let Some(list) = members.column("listid") else { return Ok(false) };
    Ok(session.equal(members, column, Value::Id(to))?.iter().any(|other| other[list] == row[list]))
}
