//! `$expand` ("Join tables using OData").

use std::collections::HashMap;
use std::sync::Arc;

use super::options::{Options, bind_options};
use super::split::{call, outermost};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Collection, Table};
use crate::records::Session;

/// The most `$expand` options in a query.
const MAX_EXPANDS: usize = 15;

/// A navigation property whose rows come with the answer.
#[derive(Debug)]
pub(crate) struct Expand {
    pub(crate) name: String,
    pub(crate) kind: Expanded,
    /// `name/$ref`: links instead of rows.
    pub(crate) reference: bool,
    pub(crate) options: Options,
    /// The options as a URL that reads the collection by itself repeats them.
    pub(crate) link: Vec<(String, String)>,
}

/// What a navigation property leads to.
#[derive(Debug)]
pub(crate) enum Expanded {
    /// The row of one of these tables that a lookup points to. Options are bound to the first.
    Single {
        column: usize,
        targets: Vec<Arc<Table>>,
    },
    Collection(Collection),
}

impl Expand {
    /// The lookup column that leads to its row.
    pub(crate) fn lookup(&self) -> Option<usize> {
        match &self.kind {
            Expanded::Single { column, .. } => Some(*column),
            Expanded::Collection(_) => None,
        }
    }

    /// Whether there are expansions inside.
    pub(crate) fn nests(&self) -> bool {
        !self.options.expand.is_empty()
    }

    fn many_to_many(&self) -> bool {
        matches!(self.kind, Expanded::Collection(Collection::Associated { .. }))
    }

    /// What the context URL says of it: `primarycontactid(fullname)`.
    pub(crate) fn context(&self) -> String {
        if self.reference {
            return format!("{0},{0}/$ref()", self.name);
        }
        format!("{}({})", self.name, self.options.context_columns())
    }
}

/// Parses and binds the value of `$expand`. `level` is 0 outside of other expansions.
pub(super) fn expand(
    session: &Session<'_>,
    table: &Arc<Table>,
    value: &str,
    aliases: &HashMap<String, String>,
    level: usize,
) -> ApiResult<Vec<Expand>> {
    let mut expands = Vec::new();
    for item in outermost(value, ',') {
        expands.push(one(session, table, item, aliases, level)?);
    }
    if level > 0 {
        return Ok(expands);
    }
    if count(&expands) > MAX_EXPANDS {
        return Err(ApiError::new(400, "0x8004430D", "Number of link entities in query exceeded maximum limit."));
    }
    let nested = expands.iter().any(Expand::nests);
    check(&expands, nested, level)?;
    Ok(expands)
}

fn count(expands: &[Expand]) -> usize {
    expands.iter().map(|expand| 1 + count(&expand.options.expand)).sum()
}

/// Refuses what the platform does not combine.
fn check(expands: &[Expand], nested: bool, level: usize) -> ApiResult<()> {
    for expand in expands {
        let sorted = expand.options.top.is_some() || !expand.options.query.order.is_empty();
        if sorted && (nested || matches!(expand.kind, Expanded::Single { .. })) {
            return Err(ApiError::query(
                "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or \
                 nested one-to-many relationship.",
            ));
        }
        if expand.many_to_many() && (level > 0 || expand.nests()) {
            return Err(ApiError::query("Nested $expand is not supported on many-to-many relationships."));
        }
        check(&expand.options.expand, nested, level + 1)?;
    }
    Ok(())
}

fn one(
    session: &Session<'_>,
    table: &Arc<Table>,
    item: &str,
    aliases: &HashMap<String, String>,
    level: usize,
) -> ApiResult<Expand> {
    let syntax = || ApiError::query(format!("Term '{}' is not valid in a $select or $expand expression.", item.trim()));
    let (name, inner) = call(item).ok_or_else(syntax)?;
    let (name, reference) = match name.strip_suffix("/$ref") {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() || (reference && inner.is_some()) {
        return Err(syntax());
    }
    let schema = &session.data.schema;
    let kind = if let Some((column, navigation)) = table.navigation(name) {
        let targets: Vec<_> = navigation.targets.iter().filter_map(|target| schema.table(target).cloned()).collect();
        Expanded::Single { column, targets }
    } else if let Some(collection) = schema.collection(table, name) {
        if reference {
            return Err(ApiError::query("Expand with $ref is only supported on lookup type navigation property."));
        }
        Expanded::Collection(collection)
    } else {
        return Err(ApiError::no_such_property(table, name));
    };
    let target = match &kind {
        Expanded::Single { targets, .. } => targets.first().ok_or_else(ApiError::unexpected)?,
        Expanded::Collection(collection) => collection.table(),
    };
    let mut pairs = Vec::new();
    for option in outermost(inner.unwrap_or_default(), ';').into_iter().map(str::trim).filter(|o| !o.is_empty()) {
        let (name, value) = option.split_once('=').ok_or_else(syntax)?;
        if !matches!(name, "$select" | "$filter" | "$orderby" | "$top" | "$expand") {
            return Err(ApiError::query(format!("The query option {name} is not supported within $expand.")));
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    let options = bind_options(session, target, &pairs, aliases, level + 1)?;
    Ok(Expand { name: name.to_owned(), kind, reference, options, link: pairs })
}
