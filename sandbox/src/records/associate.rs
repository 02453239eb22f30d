//! Putting rows into the collections of others, and taking them out.

use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Collection, Table};
use crate::query::{Condition, Query};
use crate::value::Value;

impl Session<'_> {
    /// Puts a row into a collection of another row.
    pub(crate) fn associate(&self, owner: &Table, id: Uuid, collection: &Collection, member: Uuid) -> ApiResult<()> {
        match collection {
            Collection::Children { table, column } => {
                let row = self.find(table, member)?.ok_or_else(|| ApiError::does_not_exist(table, member))?;
                let value = Value::Row(Arc::from(owner.logical.as_str()), id);
                self.update(table, member, &row, vec![(*column, value)])
            }
            Collection::Associated { table, intersect, near, far } => {
                if self.pair(collection, id, member)?.is_some() {
                    return Err(ApiError::duplicate_in_bulk());
                }
                if !self.exists(table, member)? {
                    return Err(ApiError::does_not_exist(table, member));
                }
                let end = |table: &Table, id: Uuid, column: usize| match intersect.columns[column].lookup() {
                    Some(_) => (column, Value::Row(Arc::from(table.logical.as_str()), id)),
                    None => (column, Value::Id(id)),
                };
                self.create(intersect, vec![end(owner, id, *near), end(table, member, *far)]).map(drop)
            }
        }
    }

    /// Takes a row out of a collection of another row. What is not in it stays as it is.
    pub(crate) fn disassociate(&self, id: Uuid, collection: &Collection, member: Uuid) -> ApiResult<()> {
        match collection {
            Collection::Children { table, column } => {
                let row = self.find(table, member)?.ok_or_else(|| ApiError::does_not_exist(table, member))?;
                if row[*column].id() == Some(id) {
                    self.update(table, member, &row, vec![(*column, Value::Null)])?;
                }
            }
            Collection::Associated { intersect, .. } => {
                if let Some(pair) = self.pair(collection, id, member)? {
                    self.delete(intersect, pair)?;
                }
            }
        }
        Ok(())
    }

    /// The row of the intersect table that pairs two rows.
    fn pair(&self, collection: &Collection, id: Uuid, member: Uuid) -> ApiResult<Option<Uuid>> {
        let Collection::Associated { intersect, near, far, .. } = collection else { return Ok(None) };
        let filter =
            Condition::All(vec![Condition::equal(*near, Value::Id(id)), Condition::equal(*far, Value::Id(member))]);
        let query = Query { filter: Some(filter), limit: Some(1), ..Query::all(Arc::clone(intersect)) };
        Ok(self.data.store.select(&query)?.first().and_then(|row| row[intersect.id].id()))
    }
}
