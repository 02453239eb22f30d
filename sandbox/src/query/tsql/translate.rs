//! From a `SELECT` to FetchXML.

use super::parse::{Name, Output, Select, Shown, Side, Test, invalid, select};
use crate::errors::ApiResult;
use crate::query::Fetched;
use crate::query::fetch::{Element, bind_fetch};
use crate::records::Session;

/// The most rows that a statement returns at once.
const MAX_ROWS: usize = 5000;

/// Parses and binds a statement; `size` is the page size where it names none, `skip` the rows of the pages before.
pub(crate) fn bind_sql(session: &Session<'_>, source: &str, size: Option<usize>, skip: usize) -> ApiResult<Fetched> {
    let select = select(source)?;
    let statement = Statement { session, select: &select };
    let mut fetched = bind_fetch(session, &statement.to_fetch()?, size)?;
    let limit = select.fetch.or(select.top);
    if limit.is_some_and(|limit| limit > MAX_ROWS) {
        return Err(invalid("The number of rows has to be between 0 and 5000."));
    }
    (fetched.size, fetched.top) = (limit.unwrap_or(fetched.size), limit.is_some());
    let offset = select.offset.saturating_add(skip);
    let one_more = Some(fetched.size.saturating_add(1));
    (fetched.query.offset, fetched.query.limit) = (offset, one_more);
    if let Some(aggregation) = &mut fetched.aggregation {
        (aggregation.offset, aggregation.limit) = (offset, one_more);
        (fetched.query.offset, fetched.query.limit) = (0, None);
    }
    Ok(fetched)
}

struct Statement<'a> {
    session: &'a Session<'a>,
    select: &'a Select,
}

impl Statement<'_> {
    fn to_fetch(&self) -> ApiResult<Element> {
        let select = self.select;
        let grouped = !select.groups.is_empty();
        let aggregate = grouped || select.outputs.iter().any(|output| !matches!(output.what, Shown::Column(_)));
        let root = Element::new("entity").with("name", select.tables[0].table.as_str());
        let mut root = root.holding(self.attributes(0, aggregate)?).holding(self.links(0, aggregate)?);
        if let Some(filter) = &select.filter {
            root = root.holding([Element::new("filter").holding([self.test(filter)?])]);
        }
        for (name, descending) in &select.order {
            let order = Element::new("order").with("descending", descending.to_string());
            let output = select.outputs.iter().position(|output| output.is_called(name));
            root = root.holding([match output {
                Some(at) if aggregate => order.with("alias", self.alias(at)?),
                None if aggregate => return Err(invalid("ORDER BY has to name a column of the answer.")),
                _ => {
                    let name = match output.map(|at| &select.outputs[at].what) {
                        Some(Shown::Column(name)) => name,
                        _ => name,
                    };
                    self.about(order, name)?
                }
            }]);
        }
        let mut fetch = Element::new("fetch");
        if aggregate {
            fetch = fetch.with("aggregate", "true");
        } else if select.distinct {
            fetch = fetch.with("distinct", "true");
        }
        // By number, as SQL Server sorts choices.
        Ok(fetch.with("useraworderby", "true").holding([root]))
    }

    /// The number of the table that a name belongs to.
    fn table_of(&self, name: &Name) -> ApiResult<usize> {
        let tables = &self.select.tables;
        if let Some(alias) = &name.table {
            let found = tables.iter().position(|joined| joined.alias == *alias);
            return found.ok_or_else(|| {
                invalid(&format!("The multi-part identifier '{alias}.{}' could not be bound.", name.written))
            });
        }
        let has = |table: &str| {
            self.session.data.schema.table(table).is_some_and(|table| table.column(&name.column).is_some())
        };
        let mut found = (0..tables.len()).filter(|number| has(&tables[*number].table));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(invalid(&format!("Ambiguous column name '{}'.", name.written))),
            // A column that no table has is refused with the table's own words.
            (found, _) => Ok(found.unwrap_or(0)),
        }
    }

    /// Says which column of which table an element is about.
    fn about(&self, element: Element, name: &Name) -> ApiResult<Element> {
        let number = self.table_of(name)?;
        let element = element.with("attribute", name.column.as_str());
        Ok(if number == 0 { element } else { element.with("entityname", self.select.tables[number].alias.as_str()) })
    }

    /// The name that an output has in the answer, if it is not the column's own.
    fn alias(&self, at: usize) -> ApiResult<String> {
        let output = &self.select.outputs[at];
        if let Some(alias) = &output.alias {
            return Ok(alias.clone());
        }
        Ok(match &output.what {
            Shown::Rows => "count".to_owned(),
            Shown::Aggregate(function, name, _) => format!("{function}_{}", name.column),
            Shown::Column(name) => name.column.clone(),
        })
    }

    /// What a table shows.
    fn attributes(&self, number: usize, aggregate: bool) -> ApiResult<Vec<Element>> {
        let select = self.select;
        let mut found = Vec::new();
        for (at, output) in select.outputs.iter().enumerate() {
            let name = match &output.what {
                Shown::Rows if number == 0 => {
                    let table = self.session.data.schema.table(&select.tables[0].table);
                    let key = table.map_or("", |table| table.columns[table.id].logical.as_str());
                    let rows = Element::new("attribute").with("name", key).with("aggregate", "count");
                    found.push(rows.with("alias", self.alias(at)?));
                    continue;
                }
                Shown::Rows => continue,
                Shown::Column(name) | Shown::Aggregate(_, name, _) => name,
            };
            if self.table_of(name)? != number {
                continue;
            }
            let mut attribute = Element::new("attribute").with("name", name.column.as_str());
            match &output.what {
                Shown::Aggregate(function, _, distinct) => {
                    let function = if function == "count" { "countcolumn" } else { function };
                    attribute = attribute.with("aggregate", function).with("distinct", distinct.to_string());
                }
                Shown::Column(_) if aggregate => {
                    if !self.select.groups.iter().any(|group| group.column == name.column) {
                        return Err(invalid(&format!(
                            "Column '{}' is invalid in the select list because it is not contained in either an \
                             aggregate function or the GROUP BY clause.",
                            name.written
                        )));
                    }
                    attribute = attribute.with("groupby", "true");
                }
                _ => {}
            }
            if aggregate || number > 0 || output.alias.is_some() {
                attribute = attribute.with("alias", self.alias(at)?);
            }
            found.push(attribute);
        }
        Ok(if found.is_empty() && !aggregate { vec![Element::new("no-attrs")] } else { found })
    }

    /// The tables that are joined to a table, with what is joined to them.
    fn links(&self, parent: usize, aggregate: bool) -> ApiResult<Vec<Element>> {
        let mut links = Vec::new();
        for (number, joined) in self.select.tables.iter().enumerate().skip(1) {
            let Some((left, right)) = &joined.on else { continue };
            let (one, other) = (self.table_of(left)?, self.table_of(right)?);
            let (from, to, at) = match (one == number, other == number) {
                (true, false) => (left, right, other),
                (false, true) => (right, left, one),
                _ => return Err(invalid("A join has to compare a column of its own table with one of another.")),
            };
            if at > number {
                return Err(invalid("A join can't name a table that follows it."));
            }
            if at == parent {
                let link = Element::new("link-entity")
                    .with("name", joined.table.as_str())
                    .with("from", from.column.as_str())
                    .with("to", to.column.as_str())
                    .with("alias", joined.alias.as_str())
                    .with("link-type", if joined.outer { "outer" } else { "inner" });
                let link = link.holding(self.attributes(number, aggregate)?);
                links.push(link.holding(self.links(number, aggregate)?));
            }
        }
        Ok(links)
    }

    fn test(&self, test: &Test) -> ApiResult<Element> {
        let all = |terms: &[Test], kind: &str| {
            let terms: Vec<Element> = terms.iter().map(|term| self.test(term)).collect::<ApiResult<_>>()?;
            Ok(Element::new("filter").with("type", kind).holding(terms))
        };
        let condition =
            |operator: &str, name: &Name| self.about(Element::new("condition").with("operator", operator), name);
        // In SQL a comparison with null is never true, in FetchXML its opposite is.
        let and_there_is = |condition_of: Element, name: &Name| {
            let there = condition("not-null", name)?;
            Ok(Element::new("filter").holding([condition_of, there]))
        };
        let values =
            |values: &[String]| values.iter().map(|value| Element::of_text("value", value)).collect::<Vec<_>>();
        match test {
            Test::All(terms) => all(terms, "and"),
            Test::Any(terms) => all(terms, "or"),
            Test::Null(name, negated) => condition(if *negated { "not-null" } else { "null" }, name),
            Test::Compare(name, operator, Side::Value(value)) => {
                let compared = condition(operator, name)?.with("value", value.as_str());
                if *operator == "ne" { and_there_is(compared, name) } else { Ok(compared) }
            }
            Test::Compare(name, operator, Side::Column(other)) => {
                let (mine, its) = (self.table_of(name)?, self.table_of(other)?);
                // What is compared with has an alias, unless it stands in the same table.
                let (operator, name, other, mine, its) = if its == 0 && mine != 0 {
                    (flipped(operator), other, name, its, mine)
                } else {
                    (*operator, name, other, mine, its)
                };
                let alias = &self.select.tables[its].alias;
                let of = if mine == its { other.column.clone() } else { format!("{alias}.{}", other.column) };
                Ok(condition(operator, name)?.with("valueof", of))
            }
            Test::Like(name, pattern, false) => Ok(condition("like", name)?.with("value", pattern.as_str())),
            Test::Like(name, pattern, true) => {
                and_there_is(condition("not-like", name)?.with("value", pattern.as_str()), name)
            }
            Test::In(name, list, false) => Ok(condition("in", name)?.holding(values(list))),
            Test::In(name, list, true) => and_there_is(condition("not-in", name)?.holding(values(list)), name),
            Test::Between(name, bounds, false) => Ok(condition("between", name)?.holding(values(bounds))),
            Test::Between(name, bounds, true) => {
                and_there_is(condition("not-between", name)?.holding(values(bounds)), name)
            }
        }
    }
}

/// The comparison with its sides exchanged.
fn flipped(operator: &str) -> &str {
    match operator {
        "lt" => "gt",
        "gt" => "lt",
        "le" => "ge",
        "ge" => "le",
        same => same,
    }
}

impl Output {
    /// Whether a name in ORDER BY means this output.
    fn is_called(&self, name: &Name) -> bool {
        let alias =
            self.alias.as_ref().is_some_and(|alias| name.table.is_none() && alias.to_lowercase() == name.column);
        alias
            || matches!(&self.what, Shown::Column(shown) if shown.column == name.column && (name.table.is_none() || shown.table == name.table))
    }
}
