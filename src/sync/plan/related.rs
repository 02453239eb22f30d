//! What rows beside the person and their attendance need.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::{
    ColumnProblem, Context, Plan,
    people::{People, Person},
    statements::Statement,
    values::{self, Stated},
    view::View,
};
use crate::{
    dataverse::Columns,
    model::{ids, stamp::Ledger},
    sync::{
        crm::{Action, Write},
        matching::folded,
        related::{Lookup, PerPerson, RelatedRules, Way},
        rows::{self, ForeignRow, Table},
    },
};

/// A row: one that is there, or one to be created for a key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    There(Table, Uuid),
    New(Table, String),
}

/// What is said of a row, and of whom.
struct About<'a> {
    rules: &'a RelatedRules,
    statement: &'a Statement<'a>,
    person: Option<&'a Person>,
    /// The key's value, as its column takes it.
    key: Option<Value>,
}

/// Plans the related rows of everybody in the batch.
pub fn plan<'a>(
    statements: &'a [Statement<'a>],
    people: &'a People,
    view: &'a View<'a>,
    context: &Context,
    plan: &mut Plan,
) {
    let mut rows: BTreeMap<Which, Vec<About<'_>>> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| !people.silent(statement.index)) {
        for rules in statement.rules.related.values() {
            let person = people.of(statement.index);
            match which(rules, statement, person, view) {
                Ok(Some((which, key))) => rows.entry(which).or_default().push(About { rules, statement, person, key }),
                Ok(None) => {}
                Err(problem) => plan.left_out.push(problem),
            }
        }
    }
    let mut writes = Vec::new();
    for (which, mut about) in rows {
        about.sort_by_key(|about| (about.statement.time(), about.statement.index));
        writes.extend(write(which, &about, view, context, plan));
    }
    plan.confirm |= writes.iter().any(|write| write.action == Action::Create);
    plan.writes.extend(writes);
}

/// The key of a row that a statement states; `None` where the row has none, or none is stated.
///
/// # Errors
/// When the key's column cannot hold it: there is no such row.
pub fn key(rules: &RelatedRules, statement: &Statement<'_>) -> Result<Option<Value>, ColumnProblem> {
    let Way::Keyed { column, reader, .. } = &rules.way else { return Ok(None) };
    let Ok(Some(stated)) = reader.value(&statement.said) else { return Ok(None) };
    column.value(&stated).map_err(|why| {
        let (table, column, why) = (rules.table.name, column.name.clone(), why.to_string());
        ColumnProblem { event: statement.index, table, column, why }
    })
}

/// The row that a statement is about, and its key where it has one.
fn which(
    rules: &RelatedRules,
    statement: &Statement<'_>,
    person: Option<&Person>,
    view: &View<'_>,
) -> Result<Option<(Which, Option<Value>)>, ColumnProblem> {
    let (column, lookups) = match &rules.way {
        Way::Reached(lookups) => return Ok(reached(rules, lookups, person, view).map(|which| (which, None))),
        Way::Keyed { column, person, .. } => (column, person),
    };
    // A row that only contacts have, or only leads.
    let has = |person: &Person| lookups.of(person.person.table).is_some();
    if lookups.bound() && !person.is_some_and(has) {
        return Ok(None);
    }
    let Some(key) = key(rules, statement)? else { return Ok(None) };
    let Some(sought) = folded(&key, false) else { return Ok(None) };
    let found = view.foreign(rules.table, &column.name, &sought);
    let which = match found.into_iter().min_by_key(|row| row.id) {
        Some(row) => Which::There(rules.table, row.id),
        None => Which::New(rules.table, sought),
    };
    Ok(Some((which, Some(key))))
}

fn reached(
    rules: &RelatedRules,
    lookups: &PerPerson<Lookup>,
    person: Option<&Person>,
    view: &View<'_>,
) -> Option<Which> {
    let person = person.filter(|person| !person.new)?.person;
    let lookup = lookups.of(person.table)?;
    let columns = &view.person(person)?.columns;
    // A customer may be an account or a contact.
    let leads = rows::lookup_table(columns, &lookup.read).is_none_or(|table| table == rules.table.name);
    let id = rows::guid(columns, &lookup.read).filter(|_| leads)?;
    let row = view.foreign(rules.table, rules.table.key, &id.to_string()).into_iter().next()?;
    Some(Which::There(rules.table, row.id))
}

fn write(which: Which, about: &[About<'_>], view: &View<'_>, context: &Context, plan: &mut Plan) -> Option<Write> {
    let last = about.last()?;
    let rules = last.rules;
    let row = match &which {
        Which::There(table, id) => view.foreign(*table, table.key, &id.to_string()).into_iter().next(),
        Which::New(..) => None,
    };
    let stamp = context.rules.names.profile_stamp;
    let stamped = |row: &ForeignRow| Ledger::parse(rows::text(&row.columns, stamp).unwrap_or_default());
    let known = row.map(stamped).unwrap_or_default();
    let mut ledger = known.clone();
    // An event that lacks what is required was refused before.
    let stated =
        about.iter().filter_map(|about| values::stated(about.statement, about.rules.mapped.iter(), view, plan).ok());
    let stated: Vec<Stated<'_>> = stated.collect();
    let mut columns = values::changes(row.map(|row| &row.columns), &mut ledger, &stated);
    bind(row, about, context, &mut columns);
    if let Some(row) = row {
        values::drop_unchanged(&mut columns, &row.columns, &stated);
    }
    if rules.stamped && ledger != known {
        columns.insert(stamp.to_owned(), ledger.to_string().into());
    }
    let (id, action) = match (&which, row) {
        (Which::There(_, id), Some(row)) => (*id, Action::Update { etag: row.etag.clone() }),
        (Which::New(table, key), None) => {
            let id = ids::related(&context.tenant, table.name, key);
            columns.insert(table.key.to_owned(), id.to_string().into());
            if let (Way::Keyed { column, .. }, Some(value)) = (&rules.way, &last.key) {
                columns.insert(column.name.clone(), value.clone());
            }
            (id, Action::Create)
        }
        _ => return None,
    };
    let after = about
        .iter()
        .rev()
        .find_map(|about| about.person.filter(|person| person.awaited).map(|person| person.person.id));
    let events: BTreeSet<usize> = about.iter().map(|about| about.statement.index).collect();
    (!columns.is_empty()).then_some(Write { table: rules.table, id, action, columns, after, events, detect: None })
}

/// Binds a row where it is bound to nobody: each lookup to whom or what the latest statement names that has something for it.
fn bind(row: Option<&ForeignRow>, about: &[About<'_>], context: &Context, columns: &mut Columns) {
    let mut bound = BTreeSet::new();
    let mut bind = |lookup: &Lookup, path: String| {
        let free = row.is_none_or(|row| row.columns.get(&lookup.read).is_none_or(Value::is_null));
        if free && bound.insert(lookup.read.clone()) {
            columns.insert(lookup.bind.clone(), path.into());
        }
    };
    for About { rules, statement, person: of, .. } in about.iter().rev() {
        let Way::Keyed { person, activity, .. } = &rules.way else { continue };
        let of = of.map(|of| of.person);
        if let Some((of, lookup)) = of.and_then(|of| Some((of, person.of(of.table)?))) {
            bind(lookup, of.table.table().path(of.id));
        }
        if let Some(lookup) = activity {
            let table = statement.rules.activity.table;
            bind(lookup, table.table.path(table.row_id(&context.tenant, &statement.row())));
        }
    }
}
