//! The paging cookie of FetchXML: the sort values of the first and last row of a page. Unlike a skip token it is meant to
//! be decoded by clients, put into an attribute and sent back.

use uuid::Uuid;

use super::xml::parse_fetch;
use crate::metadata::{Column, ColumnType};
use crate::query::{Order, Query};
use crate::value::{Value, format_time, parse_time};

/// Whether a query's rows can be continued after one of them. Otherwise pages are counted off from the beginning.
pub(super) fn possible(query: &Query) -> bool {
    !query.distinct
        && query.joins.iter().all(|join| join.from == join.table.id)
        && query.full_order().iter().all(|order| order.field.source.is_none())
}

/// The value of `@Microsoft.Dynamics.CRM.fetchxmlpagingcookie` after a page.
pub(crate) fn next_cookie(query: &Query, page: usize, first: &[Value], last: &[Value]) -> Option<String> {
    possible(query).then_some(())?;
    let mut inner = format!("<cookie page=\"{page}\">");
    for ((order, first), last) in query.full_order().iter().zip(first).zip(last) {
        let column = query.column_of(&order.field);
        inner.push_str(&format!(
            "<{}{}{} />",
            column.logical,
            value("last", column, last),
            value("first", column, first)
        ));
    }
    inner.push_str("</cookie>");
    let encoded = encode(&encode(&inner));
    Some(format!("<cookie pagenumber=\"{}\" pagingcookie=\"{encoded}\" istracking=\"False\" />", page + 1))
}

fn value(name: &str, column: &Column, value: &Value) -> String {
    let text = match (value, &column.kind) {
        (Value::Null, _) => return format!(" {name}null=\"1\""),
        (Value::Int(time), ColumnType::DateTime) => format_time(*time),
        (Value::Int(int), _) => int.to_string(),
        (Value::Real(real), _) => real.to_string(),
        (Value::Text(text), _) => quick_xml::escape::escape(text.as_str()).into_owned(),
        (Value::Id(id) | Value::Row(_, id), _) => format!("{{{}}}", id.to_string().to_uppercase()),
    };
    format!(" {name}=\"{text}\"")
}

/// The sort values of the last row before the page, from a cookie that came back; `None` if it is not one of ours.
pub(super) fn last_row(cookie: &str, query: &Query) -> Option<Vec<Value>> {
    let mut text = cookie.to_owned();
    // Clients decode it twice; some forget to.
    for _ in 0..2 {
        if text.starts_with('%') {
            text = crate::webapi::decode(&text, false);
        }
    }
    let root = parse_fetch(&text).ok()?;
    let order = query.full_order();
    if root.children.len() != order.len() {
        return None;
    }
    let values = root.children.iter().zip(&order).map(|(element, order)| {
        let column = query.column_of(&order.field);
        (element.name == column.logical).then_some(())?;
        if element.attribute("lastnull").is_some() {
            return Some(Value::Null);
        }
        let text = element.attribute("last")?;
        if order.is_text() {
            return Some(Order::text(text));
        }
        match column.kind {
            ColumnType::Id | ColumnType::Lookup(_) => {
                Uuid::try_parse(text.trim_matches(['{', '}'])).ok().map(Value::Id)
            }
            ColumnType::DateTime => parse_time(text).map(Value::Int),
            ColumnType::Decimal { .. } => text.parse().ok().map(Value::Real),
            ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName | ColumnType::DateOnly => {
                Some(Value::Text(text.to_owned()))
            }
            _ => text.parse().ok().map(Value::Int),
        }
    });
    values.collect()
}

/// Percent-encoding with lower-case digits, as the platform writes it.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    encoded
}
