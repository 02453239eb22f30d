//! Reading as a user: rows beyond the depth of their roles are not there, neither as rows of an answer nor for conditions
//! on related rows.

use std::borrow::Cow;

use super::{Depth, Right};
use crate::errors::ApiResult;
use crate::metadata::{System, Table};
use crate::query::{Aggregation, Condition, Field, Found, Query, Reach, Step};
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
        let query = self.visible(query)?;
        if self.rights.everything() {
            return Ok(self.data.store.aggregate(&query, aggregation)?);
        }
        let mut restricted = aggregation.clone();
        for group in &mut restricted.groups {
            self.restrict_field(&mut group.field)?;
        }
        for measure in &mut restricted.measures {
            self.restrict_field(&mut measure.field)?;
        }
        Ok(self.data.store.aggregate(&query, &restricted)?)
    }

    /// The query, restricted to rows that the caller may see.
    fn visible<'q>(&self, query: &'q Query) -> ApiResult<Cow<'q, Query>> {
        if self.rights.everything() {
            return Ok(Cow::Borrowed(query));
        }
        let mut restricted = query.clone();
        if let Some(filter) = &mut restricted.filter {
            self.restrict(filter)?;
        }
        if let Some(reach) = self.readable(&query.table)? {
            restricted.restrict(Condition::Within(reach));
        }
        for order in &mut restricted.order {
            self.restrict_field(&mut order.field)?;
        }
        for join in &mut restricted.joins {
            if let Some(filter) = &mut join.filter {
                self.restrict(filter)?;
            }
            if let Some(reach) = self.readable(&join.table)? {
                let filter = join.filter.take();
                join.filter = Some(Condition::All(filter.into_iter().chain([Condition::Within(reach)]).collect()));
            }
        }
        Ok(Cow::Owned(restricted))
    }

    /// Restricts what a condition looks at beside the row it is about.
    fn restrict(&self, condition: &mut Condition) -> ApiResult<()> {
        match condition {
            Condition::All(terms) | Condition::Any(terms) => terms.iter_mut().try_for_each(|term| self.restrict(term)),
            Condition::Not(inner) | Condition::At { condition: inner, .. } => self.restrict(inner),
            Condition::Through { path, condition } => {
                self.restrict_path(path)?;
                self.restrict(condition)
            }
            Condition::Columns { left, right, .. } => {
                self.restrict_field(left)?;
                self.restrict_field(right)
            }
            Condition::Related { table, condition, .. } => {
                self.restrict(condition)?;
                if let Some(reach) = self.readable(table)? {
                    let inner = std::mem::replace(&mut **condition, Condition::always());
                    **condition = Condition::All(vec![inner, Condition::Within(reach)]);
                }
                Ok(())
            }
            Condition::Compare { .. }
            | Condition::IsNull(_)
            | Condition::Like { .. }
            | Condition::In { .. }
            | Condition::Within(_) => Ok(()),
        }
    }

    fn restrict_field(&self, field: &mut Field) -> ApiResult<()> {
        self.restrict_path(&mut field.path)
    }

    fn restrict_path(&self, path: &mut [Step]) -> ApiResult<()> {
        for step in path {
            step.within = self.readable(&step.table)?;
        }
        Ok(())
    }

    /// Which rows of a table are seen, all if `None`; an error if none can be.
    fn readable(&self, table: &Table) -> ApiResult<Option<Reach>> {
        let depth = self.allowed(Right::Read, table)?;
        let Some(owner) = table.system(System::Owner).filter(|_| depth < Depth::Global) else { return Ok(None) };
        let mut lookups = vec![(owner, self.rights.owners.clone())];
        let units: Vec<_> = match depth {
            Depth::Deep => self.rights.units.clone(),
            Depth::Local => self.rights.unit.into_iter().collect(),
            _ => Vec::new(),
        };
        lookups.extend(table.system(System::OwningUnit).filter(|_| !units.is_empty()).map(|column| (column, units)));
        Ok(Some(Reach { lookups, shared: self.sharees()?.map(|with| (table.id, with)) }))
    }
}
