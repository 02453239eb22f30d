//! Sort criteria.

use super::Field;
use crate::metadata::{Column, ColumnType, Schema};
use crate::value::Value;

/// One sort criterion.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) field: Field,
    pub(crate) descending: bool,
    /// Where the names of the rows stand that a lookup points to: it is sorted by them.
    pub(super) names: Vec<Field>,
    /// What the options of a choice are called, if it is sorted by that.
    pub(super) labels: Vec<(i64, String)>,
}

impl Order {
    /// By the stored value.
    pub(crate) fn by(field: Field, descending: bool) -> Self {
        Self { field, descending, names: Vec::new(), labels: Vec::new() }
    }

    /// As people read the column: lookups by name and, if asked for, choices by label.
    pub(super) fn as_shown(schema: &Schema, field: Field, column: &Column, labels: bool, descending: bool) -> Self {
        let mut order = Self::by(field, descending);
        match &column.kind {
            ColumnType::Lookup(lookup) => {
                let targets = lookup.targets.iter().filter_map(|target| schema.table(target));
                order.names = targets
                    .map(|target| {
                        let mut path = order.field.path.clone();
                        let table = std::sync::Arc::clone(target);
                        // Whoever sees a lookup sees the name of what it points to.
                        path.push(super::Step { column: order.field.column, table, within: None });
                        Field { source: order.field.source, path, column: target.name }
                    })
                    .collect();
            }
            ColumnType::Choice(options) if labels => {
                order.labels = options.iter().map(|option| (option.value, option.label.clone())).collect();
            }
            ColumnType::State(options) if labels => {
                order.labels = options.iter().map(|option| (option.value, option.label.clone())).collect();
            }
            ColumnType::Status(options) if labels => {
                order.labels = options.iter().map(|option| (option.value, option.label.clone())).collect();
            }
            _ => {}
        }
        order
    }

    /// Whether its values are texts, whatever the column holds.
    pub(crate) fn is_text(&self) -> bool {
        !self.names.is_empty() || !self.labels.is_empty()
    }

    /// A sort value out of a token, as text.
    pub(super) fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}
