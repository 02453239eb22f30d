//! Reading as a user: rows beyond the depth of their roles are not there.

use std::borrow::Cow;

use super::{Depth, Right};
use crate::errors::ApiResult;
use crate::metadata::{System, Table};
use crate::query::{Aggregation, Condition, Found, Query};
use crate::records::Session;
use crate::value::Value;

impl Session<'_> {
    /// The rows of a query that the caller may see.
    pub(crate) fn select(&self, query: &Query) -> ApiResult<Vec<Vec<Value>>> {
        Ok(self.data.store.select(&*self.visible(query)?)?)
    }

    /// The same with what is joined to them, and their sort values.
    pub(crate) fn search(&self, query: &Query) -> ApiResult<Vec<Found>> {
        Ok(self.data.store.find(&*self.visible(query)?)?)
    }

    /// How many there are.
    pub(crate) fn count(&self, query: &Query) -> ApiResult<i64> {
        Ok(self.data.store.count(&*self.visible(query)?)?)
    }

    /// What they add up to.
    pub(crate) fn aggregate(&self, query: &Query, aggregation: &Aggregation) -> ApiResult<Vec<Vec<Value>>> {
        Ok(self.data.store.aggregate(&*self.visible(query)?, aggregation)?)
    }

    /// The query, restricted to rows that the caller may see.
    fn visible<'q>(&self, query: &'q Query) -> ApiResult<Cow<'q, Query>> {
        if self.rights.everything() {
            return Ok(Cow::Borrowed(query));
        }
        let mut restricted = query.clone();
        if let Some(condition) = self.readable(&query.table)? {
            restricted.restrict(condition);
        }
        for join in &mut restricted.joins {
            if let Some(condition) = self.readable(&join.table)? {
                join.filter = Some(match join.filter.take() {
                    Some(filter) => Condition::All(vec![filter, condition]),
                    None => condition,
                });
            }
        }
        Ok(Cow::Owned(restricted))
    }

    /// What rows of a table have to meet to be seen; an error if none can be.
    fn readable(&self, table: &Table) -> ApiResult<Option<Condition>> {
        let depth = self.allowed(Right::Read, table)?;
        let Some(owner) = table.system(System::Owner).filter(|_| depth < Depth::Global) else { return Ok(None) };
        let ids = |ids: &[uuid::Uuid]| ids.iter().map(|id| Value::Id(*id)).collect();
        let own = Condition::In { column: owner, values: ids(&self.rights.owners) };
        let units = match depth {
            Depth::Deep => self.rights.units.clone(),
            Depth::Local => self.rights.unit.into_iter().collect(),
            _ => return Ok(Some(own)),
        };
        Ok(Some(match table.system(System::OwningUnit) {
            Some(column) => Condition::Any(vec![own, Condition::In { column, values: ids(&units) }]),
            None => own,
        }))
    }
}
