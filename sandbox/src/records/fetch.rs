//! Stored FetchXML, as dynamic marketing lists and views keep it.

use std::sync::Arc;

use super::Session;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::{bind_fetch, parse_fetch};
use crate::value::Value;

impl Session<'_> {
    /// The table that FetchXML asks for, and all of its rows that it finds, each once, whatever pages it names.
    pub(crate) fn run_fetch(&self, source: &str) -> ApiResult<(Arc<Table>, Vec<Vec<Value>>)> {
        let fetched = bind_fetch(self, &parse_fetch(source)?, None)?;
        if fetched.aggregation.is_some() {
            return Err(ApiError::invalid_argument("A stored query can't aggregate."));
        }
        let mut query = fetched.query;
        (query.after, query.offset, query.distinct) = (None, 0, false);
        query.limit = if fetched.top { Some(fetched.size) } else { None };
        let table = Arc::clone(&query.table);
        let mut rows = self.select(&query)?;
        // Links to several rows repeat the row they start from.
        let mut seen = std::collections::HashSet::new();
        rows.retain(|row| row[table.id].id().is_some_and(|id| seen.insert(id)));
        Ok((table, rows))
    }
}
