//! The settings, made ready for planning: expressions compiled, each mapped column with what its table's definition says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    activity::{ActivityRules, Surroundings},
    lists::CompiledRule,
    mapping::Mapped,
    matching::{ADDRESS_COLUMN, Matcher},
    rows::{ActivityTable, PersonTable},
    source::{Reader, Said},
};
use crate::{
    dataverse::metadata::{Column, ColumnKind, TableColumns},
    model::{Address, ParticipantEvent},
    settings::document::{
        Document, EventSettings, Expression, ExpressionError, Key, ListRule, Mapping, Matching, Mode, Pace, Problem,
        Source, Target, Template, TooLong, Unmatched, Writing,
    },
};

/// What was read of the tables' definitions. A table that is not there was not needed.
pub type Definitions = BTreeMap<PersonTable, TableColumns>;

/// The rules for every event.
#[derive(Debug)]
pub struct Rules {
    pub pace: Pace,
    defaults: EventRules,
    events: BTreeMap<String, EventRules>,
}

/// The rules for one event.
#[derive(Debug)]
pub struct EventRules {
    pub sync: bool,
    pub matcher: Matcher,
    pub unmatched: Unmatched,
    pub minimal_create: bool,
    only_if: Option<Reader>,
    pub lead_topic: Template,
    pub subject: Template,
    pub writing: Writing,
    pub batch_minutes: u16,
    pub backlog_threshold: u64,
    pub list_rules: Vec<CompiledRule>,
    /// In lower case, without leading dots.
    excluded_domains: Vec<String>,
    mappings: Vec<Mapped>,
    pub activity: ActivityRules,
}

/// Text columns whose lengths need not be asked for: the platform's own, and those of the connector's solution.
const KNOWN: &[(&str, usize)] = &[
    ("firstname", 50),
    ("lastname", 50),
    ("jobtitle", 100),
    ("telephone1", 50),
    ("address1_country", 80),
    ("new_ineventparticipantid", 100),
    ("new_budget", 200),
    ("companyname", 100),
];

fn known(table: PersonTable, column: &str) -> Option<Column> {
    // A contact's company is a lookup.
    let known =
        KNOWN.iter().find(|(name, _)| *name == column && (table == PersonTable::Lead || column != "companyname"));
    known.map(|(_, max)| Column { kind: ColumnKind::Text { max: *max }, creatable: true, updatable: true })
}

/// The tables whose definitions must be read before the document can be used.
pub fn needs(document: &Document) -> BTreeSet<PersonTable> {
    let mut needs = BTreeSet::new();
    for settings in all(document) {
        for mapping in &settings.mappings {
            let tables = mapping.tables.iter().map(|table| PersonTable::from(*table));
            needs.extend(tables.filter(|table| known(*table, &mapping.column).is_none()));
        }
        let keys = key_columns(&settings.matching).into_iter().filter(|key| !is_known_key(key.table, key.column));
        needs.extend(keys.map(|key| key.table));
    }
    needs
}

/// A column that a key of the settings names.
struct KeyColumn<'a> {
    /// Where it stands in the settings.
    place: String,
    table: PersonTable,
    column: &'a str,
}

fn key_columns(matching: &Matching) -> Vec<KeyColumn<'_>> {
    let mut columns = Vec::new();
    for (index, key) in matching.keys.iter().enumerate() {
        let Key::Columns(parts) = key else { continue };
        for (part_index, part) in parts.iter().enumerate() {
            for (field, target) in [("contact", Target::Contact), ("lead", Target::Lead)] {
                let place = format!("keys[{index}].columns[{part_index}].{field}");
                columns.extend(part.column(target).map(|column| KeyColumn { place, table: target.into(), column }));
            }
        }
    }
    columns
}

fn is_known_key(table: PersonTable, column: &str) -> bool {
    column == ADDRESS_COLUMN || known(table, column).is_some()
}

/// What is wrong with a key's column, and how it is mended.
fn unfit_key(key: &KeyColumn<'_>, definitions: &Definitions) -> Option<(String, &'static str)> {
    let (name, table) = (key.column, key.table.table().name);
    let columns = definitions.get(&key.table).filter(|_| !is_known_key(key.table, key.column))?;
    match columns.get(key.column).map(|column| &column.kind) {
        None => Some((format!("the table {table} has no column {name}"), "Correct the name, or add the column.")),
        Some(ColumnKind::Text { .. } | ColumnKind::Whole { .. } | ColumnKind::UniqueId) => None,
        Some(_) => Some((
            format!("{name} of {table} is no text, whole number or unique identifier"),
            "Find people by a column of another type.",
        )),
    }
}

/// The tables that the document maps to.
pub fn tables(document: &Document) -> BTreeSet<PersonTable> {
    let mappings = all(document).into_iter().flat_map(|settings| settings.mappings);
    mappings.flat_map(|mapping| mapping.tables).map(PersonTable::from).collect()
}

/// Every set of settings that a document holds.
pub fn all(document: &Document) -> Vec<EventSettings> {
    let own = document.events.keys().map(|event| document.effective(event));
    std::iter::once(document.defaults.clone()).chain(own).collect()
}

impl Default for Rules {
    fn default() -> Self {
        let document = Document::default();
        let mut problems = Vec::new();
        let defaults = EventRules::new("", &document.defaults, &Definitions::new(), &mut problems);
        Self { pace: document.pace, defaults, events: BTreeMap::new() }
    }
}

impl Rules {
    /// # Errors
    /// Everything that the tables' definitions do not allow.
    pub fn new(document: &Document, definitions: &Definitions) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let defaults = EventRules::new("defaults", &document.defaults, definitions, &mut problems);
        let mut events = BTreeMap::new();
        for (event, own) in &document.events {
            let mut found = Vec::new();
            let rules =
                EventRules::new(&format!("events.{event}"), &document.effective(event), definitions, &mut found);
            events.insert(event.clone(), rules);
            // What is inherited was said already.
            let is_own =
                |problem: &Problem| own.keys().any(|key| problem.path.starts_with(&format!("events.{event}.{key}")));
            problems.extend(found.into_iter().filter(is_own));
        }
        if problems.is_empty() { Ok(Self { pace: document.pace, defaults, events }) } else { Err(problems) }
    }

    /// The same with the rules for activities.
    ///
    /// # Errors
    /// Everything that the environment does not have.
    pub fn with_activities(mut self, document: &Document, around: &Surroundings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        self.defaults.activity = ActivityRules::new("defaults", &document.defaults, around, &mut problems);
        for (event, rules) in &mut self.events {
            let (place, settings) = (format!("events.{event}"), document.effective(event));
            let mut found = Vec::new();
            rules.activity = ActivityRules::new(&place, &settings, around, &mut found);
            // What is inherited was said already.
            let own = document.events.get(event);
            let is_own = |field: &str| own.is_some_and(|own| own.contains_key(field));
            problems.extend(found.into_iter().filter(|_| is_own("activity_table") || is_own("lookups")));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The tables that any event's attendance is written to.
    pub fn activity_tables(&self) -> BTreeSet<ActivityTable> {
        self.events.values().chain([&self.defaults]).map(|rules| rules.activity.table).collect()
    }

    pub fn of(&self, event: &ParticipantEvent) -> &EventRules {
        self.of_event(&event.event.id)
    }

    pub fn of_event(&self, id: &str) -> &EventRules {
        self.events.get(id).unwrap_or(&self.defaults)
    }
}

impl EventRules {
    fn new(place: &str, settings: &EventSettings, definitions: &Definitions, problems: &mut Vec<Problem>) -> Self {
        let mut mappings = Vec::new();
        for (index, mapping) in settings.mappings.iter().enumerate() {
            let place = format!("{place}.mappings[{index}]");
            for table in &mapping.tables {
                match mapped(mapping, (*table).into(), definitions) {
                    Ok(mapped) => mappings.push(mapped),
                    Err((field, problem, remedy)) => {
                        problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
                    }
                }
            }
        }
        for key in key_columns(&settings.matching) {
            if let Some((problem, remedy)) = unfit_key(&key, definitions) {
                problems.push(Problem::new(format!("{place}.matching.{}", key.place), problem, remedy));
            }
        }
        // What was read has been checked: an expression that stands here can be compiled.
        let only_if = settings.only_if.clone().and_then(|text| Reader::new(&Source::Expression(text)).ok());
        let bare = |domain: &String| domain.trim().trim_start_matches('.').to_lowercase();
        Self {
            sync: settings.sync,
            matcher: Matcher::new(&settings.matching),
            unmatched: settings.unmatched,
            minimal_create: settings.minimal_create,
            only_if,
            lead_topic: settings.lead_topic.clone(),
            subject: settings.subject.clone(),
            writing: settings.writing,
            batch_minutes: settings.batch_minutes,
            backlog_threshold: settings.backlog_threshold,
            list_rules: settings.list_rules.iter().filter_map(compiled).collect(),
            excluded_domains: settings.excluded_domains.iter().map(bare).collect(),
            mappings,
            activity: ActivityRules::default(),
        }
    }

    /// The columns mapped for a table.
    pub fn mapped(&self, table: PersonTable) -> impl Iterator<Item = &Mapped> {
        self.mappings.iter().filter(move |mapped| mapped.table == table)
    }

    /// Whether what is said is to be written.
    ///
    /// # Errors
    /// When the condition fails over these values.
    pub fn admits(&self, said: &Said<'_>) -> Result<bool, ExpressionError> {
        let Some(only_if) = &self.only_if else { return Ok(true) };
        Ok(only_if.value(said)? == Some(Value::Bool(true)))
    }

    /// Whether participants with this address are left out.
    pub fn excludes(&self, address: &Address) -> bool {
        let (_, domain) = address.as_str().rsplit_once('@').unwrap_or_default();
        self.excluded_domains.iter().any(|excluded| {
            domain.strip_suffix(excluded.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// A document is checked when it is read, so its conditions compile.
fn compiled(rule: &ListRule) -> Option<CompiledRule> {
    let ListRule { name, when, contact_list, lead_list, remove } = rule.clone();
    Some(CompiledRule { name, when: Expression::condition(&when).ok()?, contact_list, lead_list, remove })
}

type Wrong = (&'static str, String, String);

fn mapped(mapping: &Mapping, table: PersonTable, definitions: &Definitions) -> Result<Mapped, Wrong> {
    let column = match definitions.get(&table) {
        Some(columns) => columns.get(&mapping.column).cloned(),
        None => known(table, &mapping.column),
    };
    let (name, table_name) = (&mapping.column, table.table().name);
    let Some(column) = column else {
        let remedy = "Correct the name, add the column, or name in `tables` only the table that has it.";
        return Err(("column", format!("the table {table_name} has no column {name}"), remedy.to_owned()));
    };
    if let ColumnKind::Other(kind) = &column.kind {
        let problem = format!("{name} of {table_name} is of the type {kind}, which the connector does not write");
        return Err(("column", problem, "Map to a column of another type.".to_owned()));
    }
    if !column.creatable || !column.updatable && mapping.mode != Mode::OnCreate {
        let problem = format!("{name} of {table_name} cannot be written");
        let remedy =
            if column.creatable { "Map it on_create, or to another column." } else { "Map to another column." };
        return Err(("column", problem, remedy.to_owned()));
    }
    Mapped::new(mapping, table, column.kind)
        .map_err(|problem| ("source.expression", problem, "Correct the expression.".to_owned()))
}

/// What would work and still loses something: text that is longer than its column, options that the column does not have.
pub fn doubts(document: &Document, definitions: &Definitions) -> Vec<Problem> {
    let mut doubts = Vec::new();
    let mut places = vec![("defaults".to_owned(), document.defaults.clone())];
    let own = document.events.iter().filter(|(_, own)| own.contains_key("mappings"));
    places.extend(own.map(|(event, _)| (format!("events.{event}"), document.effective(event))));
    for (place, settings) in places {
        for (index, mapping) in settings.mappings.iter().enumerate() {
            for table in mapping.tables.iter().map(|table| PersonTable::from(*table)) {
                let column = definitions.get(&table).and_then(|columns| columns.get(&mapping.column));
                if let Some(column) = column {
                    doubt(&format!("{place}.mappings[{index}]"), mapping, column, &mut doubts);
                }
            }
        }
    }
    doubts
}

fn doubt(place: &str, mapping: &Mapping, column: &Column, doubts: &mut Vec<Problem>) {
    match (&column.kind, &mapping.source) {
        (ColumnKind::Text { max } | ColumnKind::Memo { max }, Source::Field(field))
            if mapping.too_long == TooLong::Cut && field.longest().is_some_and(|longest| longest > *max) =>
        {
            let problem = format!("{} holds {max} characters, fewer than the source may have", mapping.column);
            doubts.push(Problem::new(
                format!("{place}.column"),
                problem,
                "Lengthen the column, or set too_long to refuse.",
            ));
        }
        (ColumnKind::Choice(options) | ColumnKind::MultiChoice(options), _) => {
            let named = mapping.values.iter().map(|(from, to)| (format!("values.{from}"), to));
            for (field, choice) in named.chain(mapping.otherwise.iter().map(|to| ("otherwise".to_owned(), to))) {
                if super::convert::option(choice, options).is_none() {
                    let problem = format!("{} has no such option", mapping.column);
                    doubts.push(Problem::new(
                        format!("{place}.{field}"),
                        problem,
                        "Name an option by its value or label.",
                    ));
                }
            }
        }
        _ => {}
    }
}
