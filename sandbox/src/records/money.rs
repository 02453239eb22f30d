//! Amounts of money: every row with amounts has a currency, and the amounts in the organisation's own.

use std::sync::Arc;

use super::{Assignments, Session};
use crate::catalogue::BASE_CURRENCY;
use crate::errors::ApiResult;
use crate::metadata::{System, Table};
use crate::value::Value;

impl Session<'_> {
    /// What follows from the amounts and the currency of a row.
    pub(super) fn converted(&self, table: &Table, row: &[Value]) -> ApiResult<Assignments> {
        let Some(currency) = table.system(System::Currency) else { return Ok(Vec::new()) };
        if row[currency].is_null() && table.bases.iter().all(|(_, amount)| row[*amount].is_null()) {
            return Ok(Vec::new());
        }
        let mut changes = Assignments::new();
        let chosen = row[currency].id().unwrap_or(BASE_CURRENCY);
        let rate = match self.data.schema.table("transactioncurrency") {
            Some(currencies) => match (self.find(currencies, chosen)?, currencies.column("exchangerate")) {
                (Some(found), Some(column)) => number(&found[column]).unwrap_or(1.0),
                _ => 1.0,
            },
            None => 1.0,
        };
        changes.push((currency, Value::Row(Arc::from("transactioncurrency"), chosen)));
        if let Some(column) = table.system(System::ExchangeRate) {
            changes.push((column, Value::Real(rate)));
        }
        for (base, amount) in &table.bases {
            changes.push((*base, number(&row[*amount]).map_or(Value::Null, |amount| Value::Real(amount / rate))));
        }
        Ok(changes)
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Real(real) => Some(*real),
        #[expect(clippy::cast_precision_loss, reason = "amounts are stored as such")]
        Value::Int(int) => Some(*int as f64),
        _ => None,
    }
}
