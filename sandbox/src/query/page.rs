//! The paging cookie in `$skiptoken`. Clients must not look into it; it names the last row of the page before by its
//! sort values, so that rows that come and go in between neither repeat nor hide others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use super::{Order, Query};
use crate::metadata::ColumnType;
use crate::value::Value;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cookie {
    /// Number of the page it leads to; the first page has none.
    pub(crate) page: u32,
    /// The sort values of the last row before it.
    pub(crate) last: Vec<Value>,
}

impl Cookie {
    /// The text of the token, not yet percent-encoded.
    pub(crate) fn to_token(&self) -> String {
        let values: Vec<serde_json::Value> = self
            .last
            .iter()
            .map(|value| match value {
                Value::Null => serde_json::Value::Null,
                Value::Int(int) => json!(int),
                Value::Real(real) => json!(real),
                Value::Text(text) => json!(text),
                Value::Id(id) | Value::Row(_, id) => json!(id),
            })
            .collect();
        let inner = URL_SAFE_NO_PAD.encode(serde_json::Value::Array(values).to_string());
        format!("<cookie pagenumber=\"{}\" pagingcookie=\"{inner}\" istracking=\"False\" />", self.page)
    }

    /// The page, and the number of rows before it, out of a token that counts pages off.
    pub(crate) fn counted(token: &str) -> Option<(u32, usize)> {
        let (page, values) = Self::parts(token)?;
        let [before] = values.as_slice() else { return None };
        Some((page, before.as_u64().and_then(|before| usize::try_from(before).ok())?))
    }

    /// The number of the page and the values in a token.
    fn parts(token: &str) -> Option<(u32, Vec<serde_json::Value>)> {
        let attribute = |name: &str| {
            let (_, rest) = token.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let inner = URL_SAFE_NO_PAD.decode(attribute("pagingcookie")?).ok()?;
        Some((attribute("pagenumber")?.parse().ok()?, serde_json::from_slice(&inner).ok()?))
    }

    /// Reads a token back for a query; `None` if it is not one of ours.
    pub(crate) fn parse(token: &str, query: &Query) -> Option<Self> {
        let order = query.full_order();
        let (page, values) = Self::parts(token)?;
        if values.len() != order.len() {
            return None;
        }
        let last = values
            .iter()
            .zip(&order)
            .map(|(value, order)| match (value, &query.column_of(&order.field).kind) {
                (serde_json::Value::Null, _) => Some(Value::Null),
                (serde_json::Value::String(text), _) if order.is_text() => Some(Order::text(text)),
                (serde_json::Value::String(text), ColumnType::Id | ColumnType::Lookup(_)) => {
                    Uuid::try_parse(text).ok().map(Value::Id)
                }
                (serde_json::Value::String(text), _) => Some(Value::Text(text.clone())),
                (serde_json::Value::Number(number), ColumnType::Decimal { .. }) => number.as_f64().map(Value::Real),
                (serde_json::Value::Number(number), _) => number.as_i64().map(Value::Int),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { page, last })
    }
}
