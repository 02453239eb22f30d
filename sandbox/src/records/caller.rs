//! What queries may ask about the caller: business unit, teams, people who report to them.

use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::errors::ApiResult;
use crate::query::{Condition, Query};
use crate::value::Value;

impl Session<'_> {
    /// The caller's business unit, or null.
    pub(crate) fn caller_unit(&self) -> ApiResult<Value> {
        let Some(users) = self.data.schema.table("systemuser") else { return Ok(Value::Null) };
        let Some(unit) = users.column("businessunitid") else { return Ok(Value::Null) };
        Ok(self.data.store.get_column(users, self.caller, unit)?)
    }

    /// The teams that the caller is a member of.
    pub(crate) fn caller_teams(&self) -> ApiResult<Vec<Uuid>> {
        let Some(memberships) = self.data.schema.table("teammembership") else { return Ok(Vec::new()) };
        let columns = memberships.column("systemuserid").zip(memberships.column("teamid"));
        let Some((user, team)) = columns else { return Ok(Vec::new()) };
        let filter = Some(Condition::equal(user, Value::Id(self.caller)));
        let rows = self.data.store.select(&Query { filter, ..Query::all(Arc::clone(memberships)) })?;
        Ok(rows.iter().filter_map(|row| row[team].id()).collect())
    }

    /// The caller, and whoever reports to them directly or through others.
    pub(crate) fn caller_and_reports(&self) -> ApiResult<Vec<Uuid>> {
        let mut found = vec![self.caller];
        let Some(users) = self.data.schema.table("systemuser") else { return Ok(found) };
        let Some(manager) = users.column("parentsystemuserid") else { return Ok(found) };
        let mut next = vec![Value::Id(self.caller)];
        while !next.is_empty() {
            let filter = Some(Condition::In { column: manager, values: next });
            let query = Query { select: Some(Vec::new()), filter, ..Query::all(Arc::clone(users)) };
            let rows = self.data.store.select(&query)?;
            let ids: Vec<Uuid> =
                rows.iter().filter_map(|row| row[users.id].id()).filter(|id| !found.contains(id)).collect();
            next = ids.iter().map(|id| Value::Id(*id)).collect();
            found.extend(ids);
        }
        Ok(found)
    }
}
