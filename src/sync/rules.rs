//! The settings, made ready for planning: expressions compiled, each mapped column with what its table's definition says of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{lists::CompiledRule, mapping::Mapped, rows::PersonTable};
use crate::{
    dataverse::metadata::{Column, ColumnKind, TableColumns},
    model::{Address, ParticipantEvent},
    settings::document::{
        Document, EventSettings, Expression, ListRule, Mapping, Mode, Pace, Problem, Source, Template, TooLong,
        Unmatched, Writing,
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
    pub unmatched: Unmatched,
    pub lead_topic: Template,
    pub subject: Template,
    pub writing: Writing,
    pub batch_minutes: u16,
    pub backlog_threshold: u64,
    /// In lower case, without leading dots.
    excluded_domains: Vec<String>,
    mappings: Vec<Mapped>,
    pub list_rules: Vec<CompiledRule>,
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
    }
    needs
}

/// The tables that the document maps to.
pub fn tables(document: &Document) -> BTreeSet<PersonTable> {
    let mappings = all(document).into_iter().flat_map(|settings| settings.mappings);
    mappings.flat_map(|mapping| mapping.tables).map(PersonTable::from).collect()
}

fn all(document: &Document) -> Vec<EventSettings> {
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
            problems.extend(found.into_iter().filter(|_| own.contains_key("mappings")));
        }
        if problems.is_empty() { Ok(Self { pace: document.pace, defaults, events }) } else { Err(problems) }
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
        let bare = |domain: &String| domain.trim().trim_start_matches('.').to_lowercase();
        Self {
            sync: settings.sync,
            unmatched: settings.unmatched,
            lead_topic: settings.lead_topic.clone(),
            subject: settings.subject.clone(),
            writing: settings.writing,
            batch_minutes: settings.batch_minutes,
            backlog_threshold: settings.backlog_threshold,
            excluded_domains: settings.excluded_domains.iter().map(bare).collect(),
            mappings,
            list_rules: settings.list_rules.iter().filter_map(compiled).collect(),
        }
    }

    /// The columns mapped for a table.
    pub fn mapped(&self, table: PersonTable) -> impl Iterator<Item = &Mapped> {
        self.mappings.iter().filter(move |mapped| mapped.table == table)
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
