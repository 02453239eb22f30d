//! The columns that rows are found by: of people, of what lookups lead to, and of rows beside the person.

use serde_json::Value;

use super::{
    convert::{self, Unconvertible},
    matching::folded,
    surroundings::Surroundings,
};
use crate::dataverse::{metadata::ColumnKind, query};

/// A column of text, whole numbers or unique identifiers. Dataverse refuses a whole query for one value that is none of the column's, so
/// only those are asked for that the column can hold.
#[derive(Debug, Clone)]
pub struct KeyColumn {
    pub name: String,
    kind: ColumnKind,
}

/// What is wrong, and how it is mended.
pub type Unfit = (String, &'static str);

impl KeyColumn {
    /// A column of a table. Of a table that was not asked for, the column is one of those that the connector knows: text.
    ///
    /// # Errors
    /// When there is no such column, or rows are not found by it.
    pub fn of(table: &str, name: &str, around: &Surroundings) -> Result<Self, Unfit> {
        let Some(columns) = around.columns(table) else { return Ok(Self::text(name)) };
        match columns.get(name).map(|column| column.kind.clone()) {
            None => Err((format!("the table {table} has no column {name}"), "Correct the name, or add the column.")),
            Some(kind @ (ColumnKind::Text { .. } | ColumnKind::Whole { .. } | ColumnKind::UniqueId)) => {
                Ok(Self { name: name.to_owned(), kind })
            }
            Some(_) => Err((
                format!("{name} of {table} is no text, whole number or unique identifier"),
                "Name a column of another type.",
            )),
        }
    }

    /// A column of text of any length.
    pub fn text(name: &str) -> Self {
        Self { name: name.to_owned(), kind: ColumnKind::Text { max: usize::MAX } }
    }

    /// Whether one value has one spelling only, as numbers and identifiers do.
    pub fn is_exact(&self) -> bool {
        !matches!(self.kind, ColumnKind::Text { .. })
    }

    /// The characters that a value may have.
    pub fn longest(&self) -> Option<usize> {
        match self.kind {
            ColumnKind::Text { max } => Some(max),
            _ => None,
        }
    }

    /// A value as the column holds it; `None` where nothing is stated.
    ///
    /// # Errors
    /// Why the column cannot hold it: no row has it.
    pub fn value(&self, stated: &Value) -> Result<Option<Value>, Unconvertible> {
        convert::exact(stated, &self.kind)
    }

    /// The form in which rows are asked for that have a value, and in which what they hold is compared.
    ///
    /// # Errors
    /// As [`KeyColumn::value`].
    pub fn sought(&self, stated: &Value) -> Result<Option<String>, Unconvertible> {
        Ok(self.value(stated)?.and_then(|value| folded(&value, false)))
    }

    /// The condition that a row has a value, in OData.
    ///
    /// # Errors
    /// As [`KeyColumn::value`].
    pub fn condition(&self, stated: &Value) -> Result<Option<String>, Unconvertible> {
        let literal = |value: Value| match &value {
            Value::String(text) if self.is_exact() => text.clone(),
            Value::String(text) => query::text(text),
            other => other.to_string(),
        };
        Ok(self.value(stated)?.map(|value| format!("{} eq {}", self.name, literal(value))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_column_can_hold_is_asked_for() {
        let column = |kind| KeyColumn { name: "new_key".into(), kind };
        let text = || column(ColumnKind::Text { max: 5 });
        let whole = || column(ColumnKind::Whole { min: 0, max: 100 });
        let id = || column(ColumnKind::UniqueId);
        let guid = "6f2f66a5-3a44-4f0e-9d6b-35c1a0be77d2";
        for (column, stated, sought, condition) in [
            (text(), json!(" O'Ne "), Ok(Some("o'ne")), Some("new_key eq 'O''Ne'".to_owned())),
            (text(), json!("longer"), Err(Unconvertible::TooLong { max: 5 }), None),
            (text(), json!(" "), Ok(None), None),
            (whole(), json!("012"), Ok(Some("12")), Some("new_key eq 12".to_owned())),
            (whole(), json!(12), Ok(Some("12")), Some("new_key eq 12".to_owned())),
            (whole(), json!("abc"), Err(Unconvertible::NotWhole), None),
            (whole(), json!("101"), Err(Unconvertible::OutOfBounds), None),
            (id(), json!(guid.to_uppercase()), Ok(Some(guid)), Some(format!("new_key eq {guid}"))),
            (id(), json!("6f2f66a5"), Err(Unconvertible::NotId), None),
        ] {
            assert_eq!(column.sought(&stated), sought.map(|text| text.map(str::to_owned)), "{stated}");
            assert_eq!(column.condition(&stated).ok().flatten(), condition, "{stated}");
        }
    }
}
