//! Dataverse search: rows of several tables by the words in their texts. `/api/search/v1.0/…` answers as it did at first,
//! `/api/search/v2.0/…` and the messages `searchquery`, `searchsuggest`, `searchautocomplete` as it does now: JSON in a
//! string.

mod text;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::caller;
use super::dispatch::Service;
use super::json::write_value;
use super::payload::object;
use super::prefer::Prefer;
use super::{Body, Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Storage, System, Table};
use crate::query::{Condition, Query, bind_filter};
use crate::records::Session;
use crate::value::Value;
use text::Terms;

/// Where it is offered, below the address of the organisation.
pub(crate) const PATH: &str = "/api/search/";
/// How many results come, unless the caller says otherwise, and how many may at most.
const QUERY: (usize, usize) = (50, 100);
const SUGGEST: (usize, usize) = (5, 100);
const MAX_TEXT: usize = 100;
/// Rows of one table that are looked at, at most.
const MAX_ROWS: usize = 5000;

/// Answers `POST /api/search/v1.0/query` and the like.
pub(crate) fn serve(service: &Service<'_>, request: &Request) -> (Response, usize) {
    request.body.read_ahead();
    let data = service.organization.data();
    let result = caller::session(service, &data, request).and_then(|session| {
        let path = request.target.split('?').next().unwrap_or_default();
        let (version, operation) = path.split_once('/').unwrap_or((path, ""));
        match (version, request.method.as_str()) {
            ("v1.0", "POST") => Ok(Response::json(200, first(&session, operation, &request.body)?.to_string())),
            ("v2.0", "POST") => {
                let inner = second(&session, operation, &request.body)?;
                Ok(Response::json(200, json!({ "response": inner.to_string() }).to_string()))
            }
            _ => Err(ApiError::no_resource(&format!("{PATH}{path}"))),
        }
    });
    (result.unwrap_or_else(|error| Response::error(&error, &Prefer::of(request))), 1)
}

/// The messages of the Web API that search, by the operation each performs.
pub(super) const MESSAGES: [(&str, &str); 3] =
    [("searchquery", "query"), ("searchsuggest", "suggest"), ("searchautocomplete", "autocomplete")];

/// Answers one of the messages.
pub(super) fn message(service: &Service<'_>, session: &Session<'_>, name: &str, body: &Body) -> ApiResult<Response> {
    let operation = MESSAGES.iter().find(|(message, _)| *message == name).map_or("", |(_, operation)| operation);
    let inner = second(session, operation, body)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.{name}Response", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "response": inner.to_string() }).to_string()))
}

/// A search, whichever version asked for it.
struct Search {
    terms: Terms,
    scopes: Vec<Scope>,
    top: usize,
    skip: usize,
    order: Vec<(String, bool)>,
    count: bool,
}

/// What is looked for in one table.
struct Scope {
    table: Arc<Table>,
    /// Columns that are searched.
    searched: Vec<usize>,
    /// Columns that are shown.
    shown: Vec<usize>,
    filter: Option<Condition>,
}

/// A row that was found.
struct Hit {
    table: Arc<Table>,
    row: Vec<Value>,
    shown: Vec<usize>,
    searched: Vec<usize>,
    score: f64,
}

/// The members of a body that may be JSON in a string.
fn nested(body: &Map<String, Json>, name: &str) -> Json {
    match body.get(name) {
        Some(Json::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        other => other.cloned().unwrap_or_default(),
    }
}

impl Search {
    fn read(session: &Session<'_>, body: &Map<String, Json>, (standard, most): (usize, usize)) -> ApiResult<Self> {
        let text = body.get("search").and_then(Json::as_str).unwrap_or_default();
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(ApiError::invalid_argument("The search term must have between 1 and 100 characters."));
        }
        let options = nested(body, "options");
        let mode = body.get("searchmode").or_else(|| body.get("searchMode")).or_else(|| options.get("searchmode"));
        let listed = options.as_array().is_some_and(|options| options.iter().any(|option| option == "searchmodelall"));
        let all = listed || mode.is_some_and(|mode| mode == "all");
        let number = |name: &str| body.get(name).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
        let order = match nested(body, if body.contains_key("orderby") { "orderby" } else { "orderBy" }) {
            Json::Array(items) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            Json::String(text) => text.split(',').map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let order = order.iter().map(|clause: &String| {
            let mut words = clause.split_whitespace();
            (words.next().unwrap_or_default().to_owned(), words.next() == Some("desc"))
        });
        let count = body
            .get("count")
            .or_else(|| body.get("returntotalrecordcount"))
            .or_else(|| body.get("returnTotalRecordCount"));
        Ok(Self {
            terms: Terms::parse(text, all),
            scopes: scopes(session, body)?,
            top: number("top").unwrap_or(standard).min(most),
            skip: number("skip").unwrap_or(0),
            order: order.collect(),
            count: count.and_then(Json::as_bool).unwrap_or(false),
        })
    }

    /// Every row that fits, the best first.
    fn run(&self, session: &Session<'_>) -> ApiResult<Vec<Hit>> {
        let mut hits = Vec::new();
        for scope in &self.scopes {
            let words = self.terms.0.iter().filter_map(|term| term.words.first());
            let patterns: Vec<String> = words.map(|word| format!("%{word}%")).collect();
            let like = |column: usize| {
                patterns.iter().map(move |pattern| Condition::Like { column, pattern: pattern.clone() })
            };
            let mut query = Query { limit: Some(MAX_ROWS), ..Query::all(Arc::clone(&scope.table)) };
            query.restrict(Condition::Any(scope.searched.iter().flat_map(|column| like(*column)).collect()));
            if let Some(filter) = &scope.filter {
                query.restrict(filter.clone());
            }
            // A table that the caller may not read has nothing to be found.
            let Ok(rows) = session.select(&query) else { continue };
            for row in rows {
                let texts: Vec<&str> = scope.searched.iter().filter_map(|column| row[*column].text()).collect();
                let score = self.terms.score(&texts);
                if score > 0.0 {
                    let (table, shown, searched) =
                        (Arc::clone(&scope.table), scope.shown.clone(), scope.searched.clone());
                    hits.push(Hit { table, row, shown, searched, score });
                }
            }
        }
        hits.sort_by(|one, other| other.score.total_cmp(&one.score));
        for (name, descending) in self.order.iter().rev().filter(|(name, _)| name != "@search.score") {
            let key = |hit: &Hit| hit.table.column(name).map(|column| sort_key(&hit.row[column]));
            hits.sort_by(|one, other| {
                let order = key(one).cmp(&key(other));
                if *descending { order.reverse() } else { order }
            });
        }
        Ok(hits)
    }

    fn page(&self, hits: Vec<Hit>) -> Vec<Hit> {
        hits.into_iter().skip(self.skip).take(self.top).collect()
    }
}

/// Numbers and times by value, texts without regard to case.
fn sort_key(value: &Value) -> (i64, String) {
    match value {
        Value::Int(int) => (*int, String::new()),
        Value::Real(real) => {
            #[expect(clippy::cast_possible_truncation, reason = "only for sorting")]
            let thousandths = (real * 1000.0) as i64;
            (thousandths, String::new())
        }
        Value::Text(text) => (0, crate::value::fold(text)),
        Value::Id(id) | Value::Row(_, id) => (0, id.to_string()),
        Value::Null => (i64::MIN, String::new()),
    }
}

/// The tables that are searched: those that the body names, or all whose rows people work with.
fn scopes(session: &Session<'_>, body: &Map<String, Json>) -> ApiResult<Vec<Scope>> {
    let schema = &session.data.schema;
    let whole = body.get("filter").and_then(Json::as_str);
    let none = HashMap::new();
    let mut scopes = Vec::new();
    let entities = nested(body, "entities");
    let named: Vec<Json> = match entities.as_array().filter(|entities| !entities.is_empty()) {
        Some(entities) => entities.clone(),
        None => {
            let searchable = |table: &&Arc<Table>| {
                table.storage == Storage::Own
                    && table.addressable
                    && !table.intersect
                    && (table.has_activities || table.activity || table.custom)
            };
            schema.tables.iter().filter(searchable).map(|table| table.logical.as_str().into()).collect()
        }
    };
    for entity in &named {
        let name = entity.as_str().or_else(|| entity["name"].as_str()).unwrap_or_default();
        let table = schema
            .table(name)
            .ok_or_else(|| ApiError::invalid_argument(format!("The entity '{name}' is not enabled for search.")))?;
        let columns = |member: &str| -> ApiResult<Option<Vec<usize>>> {
            let Some(list) = entity[member].as_array().filter(|list| !list.is_empty()) else { return Ok(None) };
            let names = list.iter().filter_map(Json::as_str);
            names
                .map(|name| table.column(name).ok_or_else(|| ApiError::no_such_property(table, name)))
                .collect::<ApiResult<_>>()
                .map(Some)
        };
        let is_text = |column: &Column| matches!(column.kind, ColumnType::Text { .. });
        let texts = || (0..table.columns.len()).filter(|column| is_text(&table.columns[*column])).collect();
        // `account:revenue gt 1000` is about one table, a filter without a name about all of them.
        let filter = entity["filter"].as_str().or_else(|| match whole?.split_once(':') {
            Some((about, filter)) if schema.table(about.trim()).is_some() => {
                (about.trim() == table.logical).then_some(filter)
            }
            _ => whole,
        });
        let filter = filter.filter(|filter| !filter.trim().is_empty());
        scopes.push(Scope {
            searched: columns("searchColumns")?.or(columns("searchcolumns")?).unwrap_or_else(texts),
            shown: columns("selectColumns")?.or(columns("selectcolumns")?).unwrap_or_default(),
            filter: filter.map(|filter| bind_filter(session, table, filter, &none)).transpose()?,
            table: Arc::clone(table),
        });
    }
    Ok(scopes)
}

fn shown(column: &Column, value: &Value) -> Json {
    let mut text = String::new();
    write_value(&mut text, column, value);
    serde_json::from_str(&text).unwrap_or_default()
}

impl Hit {
    fn id(&self) -> Json {
        self.row[self.table.id].id().map(|id| id.to_string()).into()
    }

    /// The columns of the row that an answer shows.
    fn attributes(&self, session: &Session<'_>) -> ApiResult<Map<String, Json>> {
        let table = &self.table;
        let mut attributes = Map::new();
        if let Some(owner) = table.system(System::Owner)
            && let Value::Row(kind, id) = &self.row[owner]
        {
            attributes.insert("ownerid".to_owned(), id.to_string().into());
            let name = session.data.store.name_of(&session.data.schema, kind, *id)?;
            attributes.insert("owneridname".to_owned(), name.into());
            attributes.insert("@search.ownerid.logicalname".to_owned(), (**kind).into());
        }
        attributes.insert("@search.objecttypecode".to_owned(), table.type_code.into());
        let stamps = [table.system(System::CreatedOn), table.system(System::ModifiedOn)];
        for column in self.shown.iter().copied().chain([table.name]).chain(stamps.into_iter().flatten()) {
            let definition = &table.columns[column];
            attributes.insert(definition.logical.clone(), shown(definition, &self.row[column]));
        }
        Ok(attributes)
    }

    fn highlights(&self, terms: &Terms) -> Map<String, Json> {
        let marked = self.searched.iter().filter_map(|column| {
            let marked = terms.highlighted(self.row[*column].text()?)?;
            Some((self.table.columns[*column].logical.clone(), json!([marked])))
        });
        marked.collect()
    }

    /// The best text, with what was found marked in it.
    fn suggestion(&self, terms: &Terms) -> String {
        let highlights = self.highlights(terms);
        let name = &self.table.columns[self.table.name].logical;
        let best = highlights.get(name).or_else(|| highlights.values().next());
        best.and_then(|marked| marked[0].as_str()).unwrap_or_default().to_owned()
    }
}

/// A body with its operation, as both versions understand it.
fn asked(session: &Session<'_>, operation: &str, body: &Body) -> ApiResult<(Search, Vec<Hit>)> {
    let body = object("search", body)?;
    let limits = match operation {
        "query" => QUERY,
        "suggest" | "autocomplete" => SUGGEST,
        _ => return Err(ApiError::no_segment(operation)),
    };
    let mut search = Search::read(session, body, limits)?;
    if operation != "query" {
        search.terms = search.terms.unfinished();
    }
    let hits = search.run(session)?;
    Ok((search, hits))
}

/// The search with its last word completed.
fn completed(search: &Search, hits: &[Hit]) -> Option<String> {
    let texts = hits.iter().flat_map(|hit| hit.searched.iter().filter_map(|column| hit.row[*column].text()));
    let word = texts.filter_map(|text| search.terms.completed(text)).next()?;
    let mut words: Vec<&str> = search.terms.0.iter().flat_map(|term| &term.words).map(String::as_str).collect();
    words.pop();
    words.push(&word);
    Some(format!("{{crmhit}}{}{{/crmhit}}", words.join(" ")))
}

/// The answer of version 1.
fn first(session: &Session<'_>, operation: &str, body: &Body) -> ApiResult<Json> {
    let (search, hits) = asked(session, operation, body)?;
    let total = if search.count { json!(hits.len()) } else { json!(-1) };
    if operation == "autocomplete" {
        return Ok(json!({ "value": completed(&search, &hits), "querycontext": null }));
    }
    let mut value = Vec::new();
    for hit in search.page(hits) {
        let mut row = Map::new();
        row.insert("@search.objectid".to_owned(), hit.id());
        row.insert("@search.entityname".to_owned(), hit.table.logical.as_str().into());
        if operation == "query" {
            row.insert("@search.score".to_owned(), hit.score.into());
            row.insert("@search.highlights".to_owned(), hit.highlights(&search.terms).into());
            row.extend(hit.attributes(session)?);
            value.push(Json::Object(row));
        } else {
            row.extend(hit.attributes(session)?);
            value.push(json!({ "text": hit.suggestion(&search.terms), "document": row }));
        }
    }
    Ok(match operation {
        "query" => json!({ "value": value, "facets": {}, "totalrecordcount": total, "querycontext": null }),
        _ => json!({ "value": value, "querycontext": null }),
    })
}

/// The answer of version 2, before it becomes a string.
fn second(session: &Session<'_>, operation: &str, body: &Body) -> ApiResult<Json> {
    let (search, hits) = asked(session, operation, body)?;
    let total = if search.count { json!(hits.len()) } else { json!(-1) };
    if operation == "autocomplete" {
        return Ok(json!({ "Error": null, "Value": completed(&search, &hits), "QueryContext": null }));
    }
    let mut value = Vec::new();
    for hit in search.page(hits) {
        let attributes = hit.attributes(session)?;
        value.push(if operation == "query" {
            json!({
                "Id": hit.id(), "EntityName": hit.table.logical, "ObjectTypeCode": hit.table.type_code,
                "Attributes": attributes, "Highlights": hit.highlights(&search.terms), "Score": hit.score,
            })
        } else {
            let mut document = attributes;
            document.insert("@search.objectid".to_owned(), hit.id());
            document.insert("@search.entityname".to_owned(), hit.table.logical.as_str().into());
            json!({ "Text": hit.suggestion(&search.terms), "Document": document })
        });
    }
    Ok(match operation {
        "query" => json!({ "Error": null, "Value": value, "Facets": {}, "QueryContext": null, "Count": total }),
        _ => json!({ "Error": null, "Value": value, "QueryContext": null }),
    })
}
