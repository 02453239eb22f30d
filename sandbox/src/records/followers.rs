//! The rows that something befalls because it befell the row they point to.

use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::errors::ApiResult;
use crate::metadata::{Cascade, Cascades, Storage, System, Table};
use crate::query::{Comparison, Condition, Query};
use crate::value::Value;

/// A row that points to another one.
pub(super) struct Follower<'s> {
    pub(super) table: &'s Arc<Table>,
    pub(super) id: Uuid,
    pub(super) row: Vec<Value>,
}

impl<'a> Session<'a> {
    /// The owned rows that follow a row, by one of the cascades of their relationship to it; `owner` is the row's own.
    pub(super) fn followers(
        &self,
        table: &Table,
        id: Uuid,
        owner: &Value,
        cascade: fn(&Cascades) -> Cascade,
    ) -> ApiResult<Vec<Follower<'a>>> {
        let mut found = Vec::new();
        for other in self.data.schema.tables.iter().filter(|other| other.storage == Storage::Own) {
            let Some(of) = other.system(System::Owner) else { continue };
            for (column, lookup) in other.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.lookup()?))) {
                let Some(relation) = lookup.relation(&table.logical) else { continue };
                let cascade = cascade(&relation.cascades);
                if matches!(cascade, Cascade::None | Cascade::RemoveLink | Cascade::Restrict) {
                    continue;
                }
                let value = Value::Row(Arc::from(table.logical.as_str()), id);
                let filter = Some(Condition::Compare { column, comparison: Comparison::Equal, value });
                for row in self.data.store.select(&Query { filter, ..Query::all(Arc::clone(other)) })? {
                    if let Some(id) = row[other.id].id()
                        && follows(cascade, other, &row, of, owner)
                    {
                        found.push(Follower { table: other, id, row });
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Whether a row follows the one it points to; `column` holds its owner, `owner` is the other row's.
pub(super) fn follows(cascade: Cascade, table: &Table, row: &[Value], column: usize, owner: &Value) -> bool {
    match cascade {
        Cascade::All => true,
        Cascade::Active => table.system(System::State).is_none_or(|state| row[state] == Value::Int(0)),
        Cascade::UserOwned => row[column] == *owner,
        Cascade::None | Cascade::RemoveLink | Cascade::Restrict => false,
    }
}
