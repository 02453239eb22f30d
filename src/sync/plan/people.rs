//! What the people's own rows need: new ones, and columns whose value changed in the source.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ColumnProblem, Context, Plan, Refused,
    identity::{self, Identities, Target, left_cell},
    statements::{self, Statement},
    values::{self, Stated},
    view::View,
};
use crate::{
    dataverse::Columns,
    model::{
        Address, SourceTime, ids,
        stamp::{Fingerprint, Ledger, Offer},
    },
    sync::{
        convert::cut,
        crm::{Action, Write},
        matching::{ADDRESS_COLUMN, Who},
        rows::{Owner, PersonRef, PersonRow, PersonTable},
    },
};

/// The name under which a person's stamps remember the address that the connector gave them.
pub const ADDRESS_CELL: &str = ADDRESS_COLUMN;
/// The name under which they remember that everything but keys and name is left to the CRM.
const MINIMAL: &str = "minimal";
/// What a minimal row has beside its keys.
const NAMES: &[&str] = &["firstname", "lastname"];

/// Somebody whom keys of the batch mean.
#[derive(Debug, Clone)]
pub struct Person {
    pub person: PersonRef,
    pub owner: Option<Owner>,
    /// The person does not exist yet, or not under this key: a write must succeed first.
    pub awaited: bool,
    /// The person does not exist yet.
    pub new: bool,
}

/// The people of a batch.
#[derive(Default)]
pub struct People {
    /// By the statement's place in the batch.
    by_statement: BTreeMap<usize, Person>,
    /// Events of which nothing is written: refused, or about somebody whom the settings leave out.
    silent: BTreeSet<usize>,
}

impl People {
    /// Whom a statement is about.
    pub fn of(&self, event: usize) -> Option<&Person> {
        self.by_statement.get(&event)
    }

    /// Whether nothing is written of this event.
    pub fn silent(&self, event: usize) -> bool {
        self.silent.contains(&event)
    }
}

/// Whom a statement is about because a duplicate detection rule named them.
fn adopted(statement: &Statement<'_>, targets: &BTreeMap<usize, Target>, view: &View<'_>) -> Option<PersonRef> {
    let Target::Person(person) = targets.get(&statement.index)? else { return None };
    let duplicates = view.rows.duplicates.get(statement.who()?)?;
    let named = duplicates.people.iter().filter_map(|duplicate| view.follow(*duplicate));
    named.map(|row| row.person).find(|named| named == person)
}

/// Finds everybody and plans what their rows need.
pub fn plan<'a>(
    statements: &'a [Statement<'a>],
    view: &'a View<'a>,
    settled: &BTreeSet<usize>,
    context: &Context,
    plan: &mut Plan,
) -> People {
    let mut people = People::default();
    let mut admitted = Vec::with_capacity(statements.len());
    let present = statements::present(statements, view.rows);
    for statement in statements {
        match statement.rules.admits(&statement.said) {
            // A departure that was read of somebody who never was there.
            Ok(true) if !present.contains(&statement.row()) => _ = people.silent.insert(statement.index),
            Ok(true) => match values::missing(statement, view) {
                None => admitted.push(statement),
                Some(refused) => people.refuse(plan, refused),
            },
            Ok(false) => people.exclude(plan, statement.index),
            Err(error) => people.refuse(plan, Refused::new(statement.index, format!("only_if: {error}"))),
        }
    }
    let known = statements::known(&admitted, view.rows);
    let Identities { targets, makers, corrected, left, ignored, unknown, waiting, alike, refused, ambiguous } =
        identity::identify(&admitted, &known, view, &context.tenant, settled);
    people.silent.extend(ignored.iter().chain(&unknown));
    plan.ignored = ignored;
    people.silent.extend(&waiting);
    plan.waiting = waiting;
    plan.alike = alike;
    refused.into_iter().for_each(|refused| people.refuse(plan, refused));
    plan.ambiguous = ambiguous;
    plan.adopted = admitted.iter().filter_map(|statement| adopted(statement, &targets, view)).collect();
    let mut by_target: BTreeMap<&Target, Vec<&Statement<'_>>> = BTreeMap::new();
    for statement in &admitted {
        if let Some(target) = targets.get(&statement.index) {
            by_target.entry(target).or_default().push(statement);
        }
    }
    let keyed: BTreeSet<usize> =
        statements.iter().filter(|statement| !statement.keys.is_empty()).map(|statement| statement.index).collect();
    let mut created = BTreeMap::new();
    for (target, mut about) in by_target {
        let all: BTreeSet<usize> = about.iter().map(|statement| statement.index).collect();
        about.sort_by_key(|statement| (statement.time(), statement.event.read, statement.index));
        match target {
            Target::Person(person) => {
                let Some(row) = view.person(*person) else { continue };
                let stated = people.stated(person.table, about, view, plan);
                let left = left.get(person).map(Vec::as_slice).unwrap_or_default();
                plan.confirm |= corrected.contains_key(person);
                if let Some(write) = update(row, stated, (corrected.get(person), left), view, plan) {
                    plan.claim(Some(row), &write, left.iter().map(|(key, _)| *key), statements, context);
                    plan.writes.push(write);
                }
            }
            Target::New(table, who) => {
                let stated = people.stated(*table, about, view, plan);
                let maker = makers.get(target);
                let Some(maker) = stated.iter().map(|stated| stated.of).find(|of| Some(&of.index) == maker) else {
                    // Without whom they are about nobody, of whom nothing is required.
                    plan.refused.retain(|refused| Some(&refused.event) == maker || !all.contains(&refused.event));
                    continue;
                };
                // A duplicate rule may refuse the new one, and nothing is required of what is about nobody then.
                let (keyless, refused): (Vec<_>, Vec<_>) = std::mem::take(&mut plan.refused)
                    .into_iter()
                    .partition(|refused| all.contains(&refused.event) && !keyed.contains(&refused.event));
                plan.refused = refused;
                plan.waiting.extend(keyless.into_iter().map(|refused| refused.event));
                let person = view.free(|generation| person(*table, &context.tenant, who, generation));
                let write = create(person, (who, maker), stated, view);
                plan.claim(None, &write, [who.fingerprint()], statements, context);
                plan.writes.push(write);
                created.insert(target.clone(), person);
            }
        }
    }
    // What is said without a key may be about nobody without what is said with one.
    if plan.refused.iter().any(|refused| keyed.contains(&refused.event)) {
        plan.refused.retain(|refused| keyed.contains(&refused.event));
    }
    let person = |target: &Target| match target {
        Target::Person(person) => view.person(*person).map(|row| Person {
            person: *person,
            owner: row.owner.clone(),
            awaited: corrected.contains_key(person),
            new: false,
        }),
        Target::New(..) => created.get(target).map(|person| Person {
            person: *person,
            owner: Some(Owner::user(context.me)),
            awaited: true,
            new: true,
        }),
    };
    people.by_statement = targets.iter().filter_map(|(index, target)| Some((*index, person(target)?))).collect();
    people
}

impl People {
    pub fn refuse(&mut self, plan: &mut Plan, refused: Refused) {
        if self.silent.insert(refused.event) {
            plan.refused.push(refused);
        }
    }

    /// Writes nothing of an event, whoever is meant.
    fn exclude(&mut self, plan: &mut Plan, event: usize) {
        self.silent.insert(event);
        plan.excluded.insert(event);
    }

    /// What the events state of a table's columns. An event that lacks what is required is refused.
    fn stated<'a>(
        &mut self,
        table: PersonTable,
        of: Vec<&'a Statement<'a>>,
        view: &View<'_>,
        plan: &mut Plan,
    ) -> Vec<Stated<'a>> {
        let stated = |statement: &'a Statement<'a>| {
            let mapped = statement.rules.mapped(table.table());
            match values::stated(statement, mapped, view, plan) {
                Ok(stated) => Some(stated),
                Err(refused) => {
                    self.refuse(plan, refused);
                    None
                }
            }
        };
        of.into_iter().filter_map(stated).collect()
    }
}

/// The person whom the connector creates for a key, in this generation.
pub fn person(table: PersonTable, tenant: &str, who: &Who, generation: u32) -> PersonRef {
    let id = match table {
        PersonTable::Contact => ids::contact(tenant, who.as_str(), generation),
        PersonTable::Lead => ids::lead(tenant, who.as_str(), generation),
    };
    PersonRef { table, id }
}

/// Leaves only keys and names of what is stated.
fn minimal(stated: &mut [Stated<'_>], table: PersonTable) {
    for stated in stated {
        let keys = stated.of.rules.matcher.columns(table);
        stated.values.retain(|(mapped, _)| NAMES.contains(&&*mapped.column) || keys.contains(&*mapped.column));
    }
}

fn update(
    row: &PersonRow,
    mut stated: Vec<Stated<'_>>,
    (corrected, left): (Option<&Who>, &[(Fingerprint, SourceTime)]),
    view: &View<'_>,
    plan: &mut Plan,
) -> Option<Write> {
    if row.ledger.get(MINIMAL).is_some() {
        minimal(&mut stated, row.person.table);
    }
    let (mut columns, mut ledger) = changes(row, &stated, (corrected, left));
    let of = stated.iter().rev().map(|stated| stated.of).find(|of| of.rules.matcher.detect_duplicates);
    let keys = of.map(|of| of.rules.matcher.columns(row.person.table)).unwrap_or_default();
    if let Some(fewer) = fewer(&columns, &keys, view.rows.refused.get(&row.person)) {
        stated.iter_mut().for_each(|stated| stated.values.retain(|(mapped, _)| fewer.contains(&mapped.column)));
        (columns, ledger) = changes(row, &stated, (corrected, left));
        plan.confirm = true;
    }
    let detect = of.and_then(|of| matched_column(row.person, &mut columns, (of, corrected), view, plan));
    if ledger != row.ledger {
        columns.insert(view.names.profile_stamp.to_owned(), ledger.to_string().into());
    }
    let action = Action::Update { etag: row.etag.clone() };
    (!columns.is_empty()).then(|| write(row.person, action, columns, &stated, detect))
}

/// What to write first of columns of which a rule refused some together: an address, since rows wait for it; else those of keys, since
/// about others it is not to be asked, and then one of these, since it may have meant another one.
fn fewer(
    columns: &Columns,
    keys: &BTreeSet<&str>,
    refused: Option<&BTreeSet<BTreeSet<String>>>,
) -> Option<BTreeSet<String>> {
    let refused = refused?;
    let again = |some: &BTreeSet<String>| refused.iter().any(|together| together.is_subset(some));
    let just = |column: &str| BTreeSet::from([column.to_owned()]);
    let all: BTreeSet<String> = columns.keys().cloned().collect();
    if all.contains(ADDRESS_COLUMN) {
        return (all.len() > 1 && again(&all)).then(|| just(ADDRESS_COLUMN));
    }
    let rest: BTreeSet<String> = all.into_iter().filter(|column| !refused.contains(&just(column))).collect();
    if !again(&rest) {
        return None;
    }
    let of_keys: BTreeSet<String> = rest.iter().filter(|column| keys.contains(column.as_str())).cloned().collect();
    if !again(&of_keys) {
        return Some(of_keys);
    }
    of_keys.first().map(|column| just(column))
}

/// The columns that change, and the stamps that remember it.
fn changes(
    row: &PersonRow,
    stated: &[Stated<'_>],
    (corrected, left): (Option<&Who>, &[(Fingerprint, SourceTime)]),
) -> (Columns, Ledger) {
    let mut ledger = row.ledger.clone();
    left.iter().for_each(|(key, time)| _ = ledger.offer(&left_cell(*key), *time, ""));
    let mut columns = values::changes(Some(&row.columns), &mut ledger, stated);
    if let Some(Who::Address(address)) = corrected {
        let said = stated.iter().filter(|stated| stated.of.who() == corrected).map(|stated| stated.of.time()).max();
        if said.is_some_and(|time| ledger.offer(ADDRESS_CELL, time, address.as_str()) == Offer::Changed) {
            columns.insert(ADDRESS_COLUMN.to_owned(), address.as_str().into());
        }
    }
    values::drop_unchanged(&mut columns, &row.columns, stated);
    (columns, ledger)
}

/// For whom duplicates are looked for when a column changes that people are found by. A column that a rule has refused is left out; an
/// address whose duplicates are known is written all the same.
fn matched_column(
    person: PersonRef,
    columns: &mut Columns,
    (of, corrected): (&Statement<'_>, Option<&Who>),
    view: &View<'_>,
    plan: &mut Plan,
) -> Option<Who> {
    let keys = of.rules.matcher.columns(person.table);
    let refused = view.rows.refused.get(&person);
    let is_refused = |column: &str| {
        column != ADDRESS_COLUMN && refused.is_some_and(|all| all.contains(&BTreeSet::from([column.to_owned()])))
    };
    let changed = columns.keys().filter(|column| keys.contains(column.as_str())).cloned();
    let (left_out, changed): (Vec<String>, Vec<String>) = changed.partition(|column| is_refused(column));
    for column in left_out {
        columns.remove(&column);
        let why = "a duplicate detection rule takes the row for a duplicate with this value".to_owned();
        plan.left_out.push(ColumnProblem { event: of.index, table: person.table.table().name, column, why });
    }
    // Of whoever states a part of a key only nothing better is known.
    let who = || of.who().cloned().unwrap_or_else(|| Who::participant(&of.of.event, &of.of.participant));
    let asked = |who: &Who| view.rows.duplicates.contains_key(who) && columns.contains_key(ADDRESS_COLUMN);
    (!changed.is_empty()).then(|| corrected.cloned().unwrap_or_else(who)).filter(|who| !asked(who))
}

fn create(
    person: PersonRef,
    (who, maker): (&Who, &Statement<'_>),
    mut stated: Vec<Stated<'_>>,
    view: &View<'_>,
) -> Write {
    let mut ledger = Ledger::default();
    if maker.rules.minimal_create {
        minimal(&mut stated, person.table);
        ledger.offer(MINIMAL, maker.time(), "");
    }
    let mut columns = values::changes(None, &mut ledger, &stated);
    columns.insert(person.table.table().key.to_owned(), person.id.to_string().into());
    let address = maker.address();
    if let Some(address) = &address {
        columns.insert(ADDRESS_COLUMN.to_owned(), address.as_str().into());
    }
    if !columns.contains_key("lastname") {
        let nameless = maker.of.participant.as_str();
        let fallback = cut(address.as_ref().map_or(nameless, Address::local_part), 50);
        columns.insert("lastname".to_owned(), fallback.into());
    }
    if person.table == PersonTable::Lead {
        let event = &maker.event.event;
        let name = event.name.as_deref().filter(|name| !name.trim().is_empty());
        let topic = maker.rules.lead_topic.fill("", name.unwrap_or(&event.id));
        // A topic that is mapped is not made up.
        columns.entry("subject").or_insert_with(|| cut(&topic, 300).into());
    }
    if ledger != Ledger::default() {
        columns.insert(view.names.profile_stamp.to_owned(), ledger.to_string().into());
    }
    // Where a rule named only people who are passed over, it is not asked again.
    let asked = maker.rules.matcher.detect_duplicates;
    let detect = (asked && !view.rows.duplicates.contains_key(who)).then(|| who.clone());
    write(person, Action::Create, columns, &stated, detect)
}

fn write(person: PersonRef, action: Action, columns: Columns, stated: &[Stated<'_>], detect: Option<Who>) -> Write {
    let events: BTreeSet<usize> = stated.iter().map(|stated| stated.of.index).collect();
    Write { table: person.table.table(), id: person.id, action, columns, after: None, events, detect }
}
