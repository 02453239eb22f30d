//! `link-entity`: tables joined to a query, or looked at by its filters.

use std::sync::Arc;

use super::filter::filters;
use super::xml::{Element, invalid};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::{Condition, Join};
use crate::records::Session;

/// The most `link-entity` elements in a query.
const MAX_LINKS: usize = 15;

/// A table of the query, with the element that describes what is wanted of it.
pub(super) struct Source<'e> {
    pub(super) element: &'e Element,
    pub(super) table: Arc<Table>,
    pub(super) alias: String,
}

/// The tables of a query, the main one first.
pub(super) struct Sources<'a, 'e> {
    pub(super) session: &'a Session<'a>,
    pub(super) all: Vec<Source<'e>>,
}

impl<'e> Sources<'_, 'e> {
    /// The number of a table, by its alias or, where it has none of its own, by its name.
    pub(super) fn number(&self, name: &str) -> ApiResult<usize> {
        let named = |test: &dyn Fn(&Source<'_>) -> bool| self.all.iter().position(test);
        named(&|source| source.alias == name)
            .or_else(|| named(&|source| source.element.attribute("alias").is_none() && source.table.logical == name))
            .ok_or_else(|| {
                let message = format!("LinkEntity with name or alias {name} is not found");
                ApiError::new(400, "0x8004110b", message)
            })
    }

    /// Collects the joined tables under an element, with joins that have no filters yet.
    pub(super) fn collect(&mut self, parent: usize, joins: &mut Vec<Join>) -> ApiResult<()> {
        let element = self.all[parent].element;
        for link in element.all("link-entity").filter(|link| joined(link)) {
            if joins.len() == MAX_LINKS {
                let message = "Number of link entities in query exceeded maximum limit.";
                return Err(ApiError::new(400, "0x8004430D", message));
            }
            let (table, from, to) = ends(self.session, link, &self.all[parent].table)?;
            let (outer, first) = match link.attribute("link-type") {
                None | Some("inner" | "natural") => (false, false),
                Some("outer") => (true, false),
                Some("matchfirstrowusingcrossapply") => (false, true),
                Some(other) => return Err(invalid(&format!("The link-type '{other}' is not supported here."))),
            };
            let number = self.all.len();
            let alias = match link.attribute("alias") {
                Some(alias) => alias.to_owned(),
                None => format!("{}{number}", table.logical),
            };
            if alias.is_empty() || self.all.iter().any(|source| source.alias == alias) {
                return Err(invalid(&format!("The alias '{alias}' is not unique.")));
            }
            self.all.push(Source { element: link, table: Arc::clone(&table), alias });
            joins.push(Join { table, parent, from, to, outer, first, filter: None, select: Vec::new() });
            self.collect(number, joins)?;
        }
        Ok(())
    }

    /// The conditions that links make which only ask whether there are such rows.
    pub(super) fn tests(&self, element: &Element, table: &Arc<Table>) -> ApiResult<Vec<Condition>> {
        let links = element.all("link-entity").filter(|link| !joined(link));
        links.map(|link| self.test(link, table)).collect()
    }

    /// `any`, `not any`, `all`, `not all`, `exists` and `in`.
    pub(super) fn test(&self, link: &Element, parent: &Arc<Table>) -> ApiResult<Condition> {
        let (table, from, to) = ends(self.session, link, parent)?;
        let mut conditions = filters(self, link, &table, None)?;
        conditions.extend(self.tests(link, &table)?);
        // Links within only have to have partners.
        for inner in link.all("link-entity").filter(|inner| joined(inner)) {
            if inner.attribute("link-type") != Some("outer") {
                conditions.push(self.test(inner, &table)?);
            }
        }
        let related = |conditions: Vec<Condition>| Condition::Related {
            table: Arc::clone(&table),
            from,
            to,
            condition: Box::new(Condition::All(conditions)),
        };
        Ok(match link.attribute("link-type").unwrap_or("inner") {
            "not any" => related(conditions).negated(),
            // There are such rows, but none of them meets the conditions.
            "all" => Condition::All(vec![related(Vec::new()), related(conditions).negated()]),
            "any" | "not all" | "exists" | "in" | "inner" | "natural" => related(conditions),
            other => return Err(invalid(&format!("The link-type '{other}' is not supported here."))),
        })
    }
}

/// Whether a link puts rows beside those of the query.
fn joined(link: &Element) -> bool {
    !matches!(link.attribute("link-type"), Some("any" | "not any" | "all" | "not all" | "exists" | "in"))
}

/// The linked table, its column and the parent's column that have to be equal.
fn ends(session: &Session<'_>, link: &Element, parent: &Arc<Table>) -> ApiResult<(Arc<Table>, usize, usize)> {
    let table = entity(session, link.required("name")?)?;
    let from = link.attribute("from").map_or(Ok(table.id), |name| column(&table, name))?;
    let to = link.attribute("to").map_or(Ok(parent.id), |name| column(parent, name))?;
    Ok((table, from, to))
}

/// The table of this logical name.
pub(super) fn entity(session: &Session<'_>, name: &str) -> ApiResult<Arc<Table>> {
    session.data.schema.table(name).cloned().ok_or_else(|| {
        let message = format!(
            "The entity with a name = '{name}' with namemapping = 'Logical' was not found in the MetadataCache."
        );
        ApiError::new(400, "0x80041102", message)
    })
}

/// The column of this logical name.
pub(super) fn column(table: &Table, name: &str) -> ApiResult<usize> {
    table.column(name).ok_or_else(|| {
        let message = format!(
            "'{}' entity doesn't contain attribute with Name = '{name}' and NameMapping = 'Logical'.",
            table.schema
        );
        ApiError::new(400, "0x80041103", message)
    })
}
