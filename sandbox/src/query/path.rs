//! Paths of single-valued navigation properties, such as `primarycontactid/createdby/fullname`.

use std::sync::Arc;

use super::Reach;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Schema, Table};

/// One lookup on a path, and the table it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) column: usize,
    pub(crate) table: Arc<Table>,
    /// Which rows the caller may see: a lookup to any other leads nowhere. All if `None`.
    pub(crate) within: Option<Reach>,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.column == other.column && self.table.logical == other.table.logical
    }
}

/// A column of a row, or of a row that its lookups lead to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// A source of the query; `None` is the row that is looked at.
    pub(crate) source: Option<usize>,
    pub(crate) path: Vec<Step>,
    pub(crate) column: usize,
}

impl From<usize> for Field {
    fn from(column: usize) -> Self {
        Self { source: None, path: Vec::new(), column }
    }
}

/// The steps that navigation properties stand for, and the table they end at.
pub(super) fn steps(schema: &Schema, table: &Arc<Table>, names: &[&str]) -> ApiResult<(Vec<Step>, Arc<Table>)> {
    let mut here: Arc<Table> = Arc::clone(table);
    let mut steps = Vec::with_capacity(names.len());
    for name in names {
        // A type after a lookup with several targets picks one of them.
        if let (Some(cast), Some(last)) = (name.strip_prefix("Microsoft.Dynamics.CRM."), steps.last_mut()) {
            let target = schema.table(cast).ok_or_else(|| ApiError::no_such_property(&here, name))?;
            let last: &mut Step = last;
            (last.table, here) = (Arc::clone(target), Arc::clone(target));
            continue;
        }
        let (column, navigation) = here.navigation(name).ok_or_else(|| ApiError::no_such_property(&here, name))?;
        let target = navigation.targets.first().and_then(|target| schema.table(target));
        let target = Arc::clone(target.ok_or_else(|| ApiError::no_such_property(&here, name))?);
        steps.push(Step { column, table: Arc::clone(&target), within: None });
        here = target;
    }
    Ok((steps, here))
}

/// The field a path of property names stands for, and the table its column belongs to.
pub(super) fn field(schema: &Schema, table: &Arc<Table>, path: &str) -> ApiResult<(Field, Arc<Table>)> {
    let mut names: Vec<&str> = path.split('/').collect();
    let name = names.pop().unwrap_or_default();
    let (path, table) = steps(schema, table, &names)?;
    let column = table.property(name).ok_or_else(|| ApiError::no_such_property(&table, name))?;
    Ok((Field { source: None, path, column }, table))
}
