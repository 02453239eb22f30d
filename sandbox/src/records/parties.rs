//! The parties that the platform adds to an activity by itself: its owner, and what it is about.

use std::sync::Arc;

use uuid::Uuid;

use super::{Assignments, Session, refusal};
use crate::errors::ApiResult;
use crate::metadata::{System, Table};
use crate::value::Value;

const REGARDING: i64 = 8;
const OWNER: i64 = 9;
/// `participationtypemask` of the parties that nobody but the platform changes.
pub(crate) const PLATFORM_PARTIES: [i64; 2] = [REGARDING, OWNER];

impl Session<'_> {
    /// Adds the parties of a new activity.
    pub(super) fn add_parties(&self, table: &Table, id: Uuid, row: &[Value]) -> ApiResult<()> {
        let owner = table.system(System::Owner).map(|column| (OWNER, row[column].clone()));
        let regarding = table.column("regardingobjectid").map(|column| (REGARDING, row[column].clone()));
        for (mask, party) in regarding.into_iter().chain(owner) {
            self.add_party(table, id, mask, party)?;
        }
        Ok(())
    }

    /// Replaces the parties that follow from columns which an update touched.
    pub(super) fn replace_parties(&self, table: &Table, id: Uuid, new: &Assignments) -> ApiResult<()> {
        let touched = |column: Option<usize>| {
            new.iter().rev().find(|(changed, _)| Some(*changed) == column).map(|(_, value)| value.clone())
        };
        let regarding = touched(table.column("regardingobjectid")).map(|value| (REGARDING, value));
        let owner = touched(table.system(System::Owner)).map(|value| (OWNER, value));
        for (mask, value) in regarding.into_iter().chain(owner) {
            let Some(parties) = self.data.schema.table("activityparty") else { return Ok(()) };
            let columns = parties.column("activityid").zip(parties.column("participationtypemask"));
            let Some((of, role)) = columns else { return Ok(()) };
            for row in self.equal(parties, of, Value::Id(id))? {
                if row[role] == Value::Int(mask)
                    && let Some(party) = row[parties.id].id()
                {
                    self.data.store.delete(parties, party)?;
                }
            }
            self.add_party(table, id, mask, value)?;
        }
        Ok(())
    }

    fn add_party(&self, table: &Table, id: Uuid, mask: i64, party: Value) -> ApiResult<()> {
        let Some(parties) = self.data.schema.table("activityparty") else { return Ok(()) };
        let Some(column) = parties.column("partyid") else { return Ok(()) };
        // Not everything an activity can be about can be a party.
        let known = parties.columns[column].lookup().is_some_and(
            |lookup| matches!(&party, Value::Row(kind, _) if lookup.targets.iter().any(|target| **target == **kind)),
        );
        if !known {
            return Ok(());
        }
        let mut row = vec![Value::Null; parties.columns.len()];
        for (column, value) in &parties.defaults {
            row[*column] = Value::Int(*value);
        }
        row[parties.id] = Value::Id(Uuid::now_v7());
        row[column] = party;
        for (name, value) in [
            ("activityid", Value::Row(Arc::from(table.logical.as_str()), id)),
            ("participationtypemask", Value::Int(mask)),
            ("versionnumber", Value::Int(self.next_version())),
        ] {
            if let Some(column) = parties.column(name) {
                row[column] = value;
            }
        }
        self.data.store.insert(parties, &row).map_err(|conflict| refusal(parties, conflict))
    }
}
