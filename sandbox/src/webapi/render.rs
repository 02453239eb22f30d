//! Rows as the Web API returns them, with the annotations that were asked for.

use std::collections::HashMap;

use uuid::Uuid;

use super::conditions::etag;
use super::json::{write_name, write_text, write_value};
use super::prefer::Prefer;
use crate::errors::ApiResult;
use crate::metadata::{Column, ColumnType, Table};
use crate::records::Session;
use crate::value::Value;

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// Writes rows of one answer; remembers the names of rows that lookups point to.
pub(super) struct Renderer<'a> {
    session: &'a Session<'a>,
    formatted: bool,
    logical_name: bool,
    navigation: bool,
    names: HashMap<Uuid, Option<String>>,
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

    /// A row as a JSON object. `context` is the value of `@odata.context`, for answers that are a single row.
    pub(super) fn row(
        &mut self,
        table: &Table,
        row: &[Value],
        select: Option<&[usize]>,
        context: Option<&str>,
    ) -> ApiResult<String> {
        let mut out = String::with_capacity(1024);
        out.push('{');
        if let Some(context) = context {
            write_name(&mut out, "@odata.context");
            write_text(&mut out, context);
        }
        write_name(&mut out, "@odata.etag");
        write_text(&mut out, &etag(table, row));
        match select {
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
        out.push('}');
        Ok(out)
    }

    fn property(&mut self, out: &mut String, column: &Column, value: &Value) -> ApiResult<()> {
        let name = column.property();
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
        write_name(out, &name);
        write_value(out, column, value);
        Ok(())
    }

    /// A value as a person in the United States would read it.
    fn formatted_value(&mut self, column: &Column, value: &Value) -> ApiResult<Option<String>> {
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
fn grouped(number: &str) -> String {
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
