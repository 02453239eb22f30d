//! Looking for rows on behalf of the platform itself.

use std::sync::Arc;

use super::Session;
use crate::errors::ApiResult;
use crate::metadata::Table;
use crate::query::{Comparison, Condition, Query};
use crate::value::Value;

impl Session<'_> {
    /// The rows whose column has this value.
    pub(crate) fn equal(&self, table: &Arc<Table>, column: usize, value: Value) -> ApiResult<Vec<Vec<Value>>> {
        let filter = Some(Condition::Compare { column, comparison: Comparison::Equal, value });
        Ok(self.data.store.select(&Query { filter, ..Query::all(Arc::clone(table)) })?)
    }
}
