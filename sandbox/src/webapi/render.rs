//! Rows as the Web API returns them, with the annotations that were asked for.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::conditions::etag;
use super::json::{write_name, write_text, write_value};
use super::prefer::Prefer;
use crate::errors::ApiResult;
use crate::metadata::{Column, ColumnType, Table};
use crate::query::{Condition, Query};
use crate::records::Session;
use crate::value::Value;

pub(super) const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// Writes rows of one answer; remembers the names of rows that lookups point to.
pub(super) struct Renderer<'a> {
    session: &'a Session<'a>,
    pub(super) formatted: bool,
    logical_name: bool,
    navigation: bool,
    names: HashMap<Uuid, Option<String>>,
}

/// How a row is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape<'s> {
    /// The columns asked for; all if `None`.
    pub(super) select: Option<&'s [usize]>,
    /// The value of `@odata.context`, for answers that are a single row.
    pub(super) context: Option<&'s str>,
    /// Without an ETag, as single rows are expanded.
    pub(super) bare: bool,
    /// What follows the columns: members of a JSON object, written already.
    pub(super) members: &'s str,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(session: &'a Session<'a>, prefer: &Prefer) -> Self {
        Self {
            session,
            formatted: prefer.annotates(FORMATTED),
            logical_name: prefer.annotates(LOGICAL_NAME),
            navigation: prefer.annotates(NAVIGATION),
            names: HashMap::new(),
        }
    }

    /// How many rows point to this one with a lookup of the same table.
    pub(super) fn count_below(&self, table: &Arc<Table>, parent: usize, id: &Value) -> ApiResult<i64> {
        let filter = Some(Condition::equal(parent, id.clone()));
        self.session.count(&Query { filter, ..Query::all(Arc::clone(table)) })
    }

    /// A row as a JSON object.
    pub(super) fn row(&mut self, table: &Table, row: &[Value], shape: &Shape<'_>) -> ApiResult<String> {
        let mut out = String::with_capacity(1024);
        out.push('{');
        if let Some(context) = shape.context {
            write_name(&mut out, "@odata.context");
            write_text(&mut out, context);
        }
        if !shape.bare {
            write_name(&mut out, "@odata.etag");
            write_text(&mut out, &etag(table, row));
        }
        match shape.select {
            Some(columns) => {
                let mut written: Vec<usize> = Vec::with_capacity(columns.len() + 1);
                for column in columns.iter().chain([&table.id]) {
                    if !written.contains(column) {
                        written.push(*column);
                        self.property(&mut out, &table.columns[*column], &row[*column])?;
                    }
                }
            }
            None => {
                // All columns: those with a value first, as the platform orders them.
                for null in [false, true] {
                    for (column, value) in table.columns.iter().zip(row).filter(|(_, v)| v.is_null() == null) {
                        self.property(&mut out, column, value)?;
                    }
                }
            }
        }
        // Users and teams inherit a second name of their primary key from "principal".
        if matches!(table.logical.as_str(), "systemuser" | "team") && table.column("ownerid").is_none() {
            write_name(&mut out, "ownerid");
            write_value(&mut out, &table.columns[table.id], &row[table.id]);
        }
        if !shape.members.is_empty() {
            out.push(',');
            out.push_str(shape.members);
        }
        out.push('}');
        Ok(out)
    }

    /// A column of a row under the name it has in answers.
    pub(super) fn property(&mut self, out: &mut String, column: &Column, value: &Value) -> ApiResult<()> {
        self.named(out, &column.property(), column, value)
    }

    /// A value with its annotations, under any name.
    pub(super) fn named(&mut self, out: &mut String, name: &str, column: &Column, value: &Value) -> ApiResult<()> {
        if !value.is_null() {
            if let (Value::Row(target, _), Some(lookup)) = (value, column.lookup()) {
                if self.navigation
                    && let Some(navigation) =
                        lookup.navigations.iter().find(|n| n.targets.iter().any(|t| **t == **target))
                {
                    write_name(out, &format!("{name}@{NAVIGATION}"));
                    write_text(out, &navigation.name);
                }
                if self.logical_name {
                    write_name(out, &format!("{name}@{LOGICAL_NAME}"));
                    write_text(out, target);
                }
            }
            if self.formatted
                && let Some(text) = self.formatted_value(column, value)?
            {
                write_name(out, &format!("{name}@{FORMATTED}"));
                write_text(out, &text);
            }
        }
        write_name(out, name);
        write_value(out, column, value);
        Ok(())
    }

    /// A value as a person in the United States would read it.
    pub(super) fn formatted_value(&mut self, column: &Column, value: &Value) -> ApiResult<Option<String>> {
        Ok(match (value, &column.kind) {
            (Value::Row(target, id), _) => {
                if !self.names.contains_key(id) {
                    let name = self.session.data.store.name_of(&self.session.data.schema, target, *id)?;
                    self.names.insert(*id, name);
                }
                self.names.get(id).cloned().flatten()
            }
            (Value::Int(time), ColumnType::DateTime) => {
                jiff::Timestamp::from_second(*time).ok().map(|time| time.strftime("%-m/%-d/%Y %-I:%M %p").to_string())
            }
            (Value::Text(date), ColumnType::DateOnly) => {
                date.parse::<jiff::civil::Date>().ok().map(|date| date.strftime("%-m/%-d/%Y").to_string())
            }
            (Value::Text(chosen), kind @ ColumnType::Choices(_)) => {
                let labels = chosen.split(',').filter_map(|value| kind.label(value.parse().ok()?));
                Some(labels.collect::<Vec<_>>().join("; "))
            }
            (Value::Int(number), ColumnType::Whole { .. } | ColumnType::BigInt) => Some(grouped(&number.to_string())),
            (Value::Int(number), kind) => kind.label(*number).map(str::to_owned),
            (Value::Real(number), ColumnType::Decimal { precision, .. }) => {
                Some(grouped(&format!("{number:.precision$}")))
            }
            _ => None,
        })
    }
}

/// Thousands separators.
pub(super) fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}
