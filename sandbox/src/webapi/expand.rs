//! Related rows within the rows of an answer ("Join tables using OData").

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::dispatch::Service;
use super::json::{write_name, write_text};
use super::prefer::Prefer;
use super::read::MAX_ROWS;
use super::render::{Renderer, Shape};
use super::uri::{encode, encode_value};
use crate::errors::ApiResult;
use crate::metadata::{Collection, Table};
use crate::query::{Condition, Cookie, Expand, Expanded, Query};
use crate::records::Session;
use crate::value::Value;

/// Rows fetched by one statement.
const CHUNK: usize = 500;

/// Writes expansions for one answer.
#[derive(Clone, Copy)]
pub(super) struct Expansion<'a> {
    pub(super) service: &'a Service<'a>,
    pub(super) session: &'a Session<'a>,
    pub(super) prefer: &'a Prefer,
}

impl Expansion<'_> {
    /// For each row the JSON members that its expansions add.
    pub(super) fn members(
        self,
        renderer: &mut Renderer<'_>,
        table: &Table,
        rows: &[Vec<Value>],
        expands: &[Expand],
    ) -> ApiResult<Vec<String>> {
        if expands.is_empty() {
            return Ok(Vec::new());
        }
        let nested = expands.iter().any(Expand::nests);
        self.level(renderer, table, rows, expands, nested)
    }

    fn level(
        self,
        renderer: &mut Renderer<'_>,
        table: &Table,
        rows: &[Vec<Value>],
        expands: &[Expand],
        nested: bool,
    ) -> ApiResult<Vec<String>> {
        // An object that is opened and never closed, so that members are separated as in one.
        let mut members = vec![String::from("{"); rows.len()];
        for expand in expands {
            match &expand.kind {
                Expanded::Single { column, targets } => {
                    let found = if expand.reference {
                        HashMap::new()
                    } else {
                        self.single(renderer, rows, expand, *column, targets, nested)?
                    };
                    for (row, out) in rows.iter().zip(&mut members) {
                        write_name(out, &expand.name);
                        match &row[*column] {
                            Value::Row(target, id) if expand.reference => self.write_reference(out, target, *id),
                            Value::Row(_, id) => out.push_str(found.get(id).map_or("null", String::as_str)),
                            _ => out.push_str("null"),
                        }
                    }
                }
                Expanded::Collection(collection) => {
                    for (row, out) in rows.iter().zip(&mut members) {
                        self.collection(renderer, table, row, expand, collection, nested, out)?;
                    }
                }
            }
        }
        Ok(members.into_iter().map(|member| member[1..].to_owned()).collect())
    }

    fn write_reference(self, out: &mut String, target: &str, id: Uuid) {
        let set = self.session.data.schema.table(target).map_or(target, |table| table.set.as_str());
        out.push('{');
        write_name(out, "@odata.id");
        write_text(out, &format!("{}/{set}({id})", self.service.root));
        out.push('}');
    }

    /// The rows that lookups point to, written as objects.
    fn single(
        self,
        renderer: &mut Renderer<'_>,
        rows: &[Vec<Value>],
        expand: &Expand,
        column: usize,
        targets: &[Arc<Table>],
        nested: bool,
    ) -> ApiResult<HashMap<Uuid, String>> {
        let mut written = HashMap::new();
        for (at, target) in targets.iter().enumerate() {
            let mut ids: Vec<Uuid> = rows
                .iter()
                .filter_map(|row| match &row[column] {
                    Value::Row(table, id) if **table == *target.logical => Some(*id),
                    _ => None,
                })
                .collect();
            ids.sort_unstable();
            ids.dedup();
            // Options are bound to the first target; of another one, columns of the same names are shown.
            let options = &expand.options.query;
            let select = match (at, &options.select) {
                (0, select) => select.clone(),
                (_, Some(columns)) => {
                    let names = columns.iter().map(|column| options.table.columns[*column].logical.as_str());
                    Some(names.filter_map(|name| target.column(name)).collect())
                }
                (_, None) => None,
            };
            for chunk in ids.chunks(CHUNK) {
                let values = chunk.iter().map(|id| Value::Id(*id)).collect();
                let mut query = Query { select: select.clone(), ..Query::all(Arc::clone(target)) };
                query.restrict(Condition::In { column: target.id, values });
                if at == 0 {
                    query.also.clone_from(&options.also);
                    if let Some(filter) = &options.filter {
                        query.restrict(filter.clone());
                    }
                }
                let found = self.session.select(&query)?;
                let inner = if at == 0 { expand.options.expand.as_slice() } else { &[] };
                let members = self.level(renderer, target, &found, inner, nested)?;
                for (row, members) in found.iter().zip(members) {
                    let shape = Shape { select: select.as_deref(), bare: true, members: &members, ..Shape::default() };
                    let text = renderer.row(target, row, &shape)?;
                    if let Some(id) = row[target.id].id() {
                        written.insert(id, text);
                    }
                }
            }
        }
        Ok(written)
    }

    /// The rows of a collection of one row, and the link that reads them by themselves.
    #[expect(clippy::too_many_arguments, reason = "one row of one expansion")]
    fn collection(
        self,
        renderer: &mut Renderer<'_>,
        table: &Table,
        row: &[Value],
        expand: &Expand,
        collection: &Collection,
        nested: bool,
        out: &mut String,
    ) -> ApiResult<()> {
        let child = collection.table();
        let id = row[table.id].clone();
        let mut query = expand.options.query.clone();
        query.restrict(Condition::in_collection(collection, id.clone()));
        // Only nested expansions are paged; the others bring everything the platform would ever return.
        let paged = self.prefer.page_size.filter(|_| nested);
        let size = paged.or(expand.options.top).unwrap_or(MAX_ROWS).min(MAX_ROWS);
        query.limit = Some(size);
        if !nested
            && let (Collection::Children { column, .. }, Some(select)) = (collection, &mut query.select)
            && !select.contains(column)
        {
            select.push(*column);
        }
        let found = self.session.search(&query)?;
        let full = found.len() == size;
        let last = found.last().map(|found| found.keys.clone());
        let rows: Vec<Vec<Value>> = found.into_iter().map(|found| found.row).collect();
        let members = self.level(renderer, child, &rows, &expand.options.expand, nested)?;
        write_name(out, &expand.name);
        out.push('[');
        for (at, (row, members)) in rows.iter().zip(&members).enumerate() {
            if at > 0 {
                out.push(',');
            }
            let shape = Shape { select: query.select.as_deref(), bare: nested, members, ..Shape::default() };
            out.push_str(&renderer.row(child, row, &shape)?);
        }
        out.push(']');
        let mut link = format!(
            "{}/{}({})/{}",
            self.service.root,
            table.set,
            id.id().map(|id| id.to_string()).unwrap_or_default(),
            expand.name
        );
        let options = expand.link.iter().map(|(name, value)| format!("{name}={}", encode_value(value)));
        let mut query: Vec<String> = options.collect();
        if nested {
            let Some(last) = last.filter(|_| full) else { return Ok(()) };
            query.push(format!("$skiptoken={}", encode(&Cookie { page: 2, last }.to_token())));
        }
        if !query.is_empty() {
            link.push('?');
            link.push_str(&query.join("&"));
        }
        write_name(out, &format!("{}@odata.nextLink", expand.name));
        write_text(out, &link);
        Ok(())
    }
}
