//! Answers made of groups and sums instead of rows.

use super::Response;
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text};
use super::read::{Listing, applied as preferences_applied};
use super::render::{FORMATTED, Renderer, grouped};
use crate::errors::{ApiError, ApiResult};
use crate::query::{Aggregation, Apply, OutputKind, Query};
use crate::records::Session;
use crate::value::Value;

/// `GET /accounts?$apply=…`; `sorted` is the query with its `$orderby`.
pub(super) fn applied(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    apply: Apply,
    sorted: Query,
    top: Option<usize>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let mut query = Query::all(sorted.table);
    for condition in listing.restriction.iter().cloned().chain(apply.filter) {
        query.restrict(condition);
    }
    let mut aggregation = apply.aggregation;
    for order in sorted.order {
        let group = aggregation.groups.iter().position(|group| group.field == order.field);
        let group =
            group.ok_or_else(|| ApiError::query("The query node SingleValueOpenPropertyAccess is not supported"))?;
        aggregation.order.push((group, order.descending));
    }
    aggregation.limit = top;
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}", service.root, listing.table.set));
    let mut renderer = Renderer::new(session, &operation.prefer);
    write_name(&mut body, "value");
    write_groups(&mut body, session, &mut renderer, &query, &aggregation, None)?;
    body.push('}');
    Ok(preferences_applied(Response::json(200, body), operation, false, true))
}

/// Computes an aggregation and writes its outputs as a list. What is null is left out.
pub(super) fn write_groups(
    body: &mut String,
    session: &Session<'_>,
    renderer: &mut Renderer<'_>,
    query: &Query,
    aggregation: &Aggregation,
    own_limit: Option<i64>,
) -> ApiResult<usize> {
    let limit = session.switches.aggregate_record_limit;
    let limit = own_limit.map_or(limit, |own| own.min(limit));
    if session.count(query)? > limit {
        let message = "AggregateQueryRecordLimit exceeded. Cannot perform this operation.";
        return Err(ApiError::new(400, "0x8004E023", message));
    }
    let outputs = aggregation.outputs(query);
    let rows = session.aggregate(query, aggregation)?;
    body.push('[');
    for (at, row) in rows.iter().enumerate() {
        body.push_str(if at > 0 { ",{" } else { "{" });
        for (output, value) in outputs.iter().zip(row).filter(|(_, value)| !value.is_null()) {
            match &output.kind {
                OutputKind::Column(table, column) => {
                    renderer.named(body, &output.alias, &table.columns[*column], value)?;
                }
                kind => write_number(body, renderer, &output.alias, kind, value),
            }
        }
        body.push('}');
    }
    body.push(']');
    Ok(rows.len())
}

fn write_number(body: &mut String, renderer: &Renderer<'_>, alias: &str, kind: &OutputKind, value: &Value) {
    let Value::Int(number) = value else { return };
    if renderer.formatted {
        let text = match kind {
            OutputKind::FiscalPeriod => format!("Quarter {} FY{}", number % 10, number / 10),
            OutputKind::FiscalYear => format!("FY{number}"),
            _ => grouped(&number.to_string()),
        };
        write_name(body, &format!("{alias}@{FORMATTED}"));
        write_text(body, &text);
    }
    write_name(body, alias);
    body.push_str(&number.to_string());
}
