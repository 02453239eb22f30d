//! The settings, made ready for planning: expressions compiled, each mapped column with what its table's definition says of it.

mod columns;

use std::collections::{BTreeMap, BTreeSet};

pub use columns::{Wrong, doubts, has_lookups, needs, table_of, tables};
use serde_json::Value;

use super::{
    activity::ActivityRules,
    lists::CompiledRule,
    mapping::Mapped,
    matching::Matcher,
    related::RelatedRules,
    rows::{ActivityTable, Form, Names, PersonTable, Table},
    source::{Reader, Said},
    surroundings::Surroundings,
};
use crate::{
    model::{Address, ParticipantEvent},
    settings::document::{
        Document, EventSettings, Expression, ExpressionError, ListRule, MappedRow, OwnPace, Pace, Problem, Source,
        Template, Unmatched, Writing,
    },
};

/// The rules for every event.
#[derive(Debug)]
pub struct Rules {
    pub pace: Pace,
    pub names: &'static Names,
    defaults: EventRules,
    events: BTreeMap<String, EventRules>,
    /// Events whose people are found by other keys than by default: one of each kind.
    of_other_keys: Vec<String>,
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
    pub pace: Option<OwnPace>,
    pub list_rules: Vec<CompiledRule>,
    /// In lower case, without leading dots.
    excluded_domains: Vec<String>,
    mappings: Vec<Mapped>,
    /// Rows beside them, by name.
    pub related: BTreeMap<String, RelatedRules>,
    pub activity: ActivityRules,
}

/// Every set of settings that a document holds.
pub fn all(document: &Document) -> Vec<EventSettings> {
    let own = document.events.keys().map(|event| document.effective(event));
    std::iter::once(document.defaults.clone()).chain(own).collect()
}

impl Default for Rules {
    fn default() -> Self {
        let (document, around) = (Document::default(), Surroundings::default());
        let defaults = EventRules::new("", &document.defaults, &around, &mut Vec::new());
        Self { pace: document.pace, names: around.names, defaults, events: BTreeMap::new(), of_other_keys: Vec::new() }
    }
}

impl Rules {
    /// # Errors
    /// Everything that the tables' definitions do not allow.
    pub fn new(document: &Document, around: &Surroundings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let defaults = EventRules::new("defaults", &document.defaults, around, &mut problems);
        let mut events = BTreeMap::new();
        let (mut keys, mut of_other_keys) = (vec![document.defaults.matching.keys.clone()], Vec::new());
        for (event, own) in &document.events {
            let (mut found, effective) = (Vec::new(), document.effective(event));
            let rules = EventRules::new(&format!("events.{event}"), &effective, around, &mut found);
            if !keys.contains(&effective.matching.keys) {
                keys.push(effective.matching.keys);
                of_other_keys.push(event.clone());
            }
            events.insert(event.clone(), rules);
            // What is inherited was said already.
            let is_own =
                |problem: &Problem| own.keys().any(|key| problem.path.starts_with(&format!("events.{event}.{key}")));
            problems.extend(found.into_iter().filter(is_own));
        }
        if problems.is_empty() {
            Ok(Self { pace: document.pace, names: around.names, defaults, events, of_other_keys })
        } else {
            Err(problems)
        }
    }

    /// The tables that any event's attendance is written to.
    pub fn activity_tables(&self) -> BTreeSet<ActivityTable> {
        self.events.values().chain([&self.defaults]).map(|rules| rules.activity.table).collect()
    }

    /// What people are found by, for whatever event: one of each kind.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        let others = self.of_other_keys.iter().map(|event| self.of_event(event));
        others.chain([&self.defaults]).map(|rules| &rules.matcher)
    }

    pub fn of(&self, event: &ParticipantEvent) -> &EventRules {
        self.of_event(&event.event.id)
    }

    pub fn of_event(&self, id: &str) -> &EventRules {
        self.events.get(id).unwrap_or(&self.defaults)
    }

    /// The pace of an event's own; `None` where it is written like all others.
    pub fn own_pace(&self, event: &str) -> Option<OwnPace> {
        self.of_event(event).pace.filter(|own| own.over(&self.pace) != self.pace)
    }

    /// The most events of a batch: of one event that has a pace of its own, or of all others.
    pub fn batch_size(&self, own: Option<&str>) -> usize {
        let pace = own.and_then(|event| self.own_pace(event)).map_or(self.pace, |own| own.over(&self.pace));
        usize::from(pace.batch_size).max(1)
    }
}

impl EventRules {
    fn new(place: &str, settings: &EventSettings, around: &Surroundings, problems: &mut Vec<Problem>) -> Self {
        let activity = ActivityRules::new(place, settings, around, problems);
        let mut wrong = |place: String, (field, problem, remedy): Wrong| {
            problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
        };
        let mut related = BTreeMap::new();
        for (name, row) in settings.related_rows() {
            match RelatedRules::new(&row, &settings.activity_table, around) {
                Ok(rules) => _ = related.insert(name, rules),
                Err(why) => wrong(format!("{place}.related.{name}"), why),
            }
        }
        let mut mappings = Vec::new();
        for (index, mapping) in settings.mappings.iter().enumerate() {
            let place = format!("{place}.mappings[{index}]");
            for row in &mapping.tables {
                let into = match row {
                    MappedRow::Person(target) => Some((PersonTable::from(*target).table(), true, &mut mappings)),
                    MappedRow::Activity => {
                        Some((activity.table.table, activity.table.form == Form::Stamped, &mut mappings))
                    }
                    // What is wrong with the row was said above.
                    MappedRow::Related(name) => {
                        related.get_mut(name).map(|rules| (rules.table, rules.stamped, &mut rules.mapped))
                    }
                };
                let Some((table, stamped, into)) = into else { continue };
                match columns::mapped(mapping, row, (table, stamped), around) {
                    Ok(mapped) => into.push(mapped),
                    Err(why) => wrong(place.clone(), why),
                }
            }
        }
        for matched in columns::matched(&settings.matching) {
            if let Err((problem, remedy)) = matched.key(around) {
                problems.push(Problem::new(format!("{place}.matching.{}", matched.place), problem, remedy));
            }
        }
        // What was read has been checked: an expression that stands here can be compiled.
        let only_if = settings.only_if.clone().and_then(|text| Reader::new(&Source::Expression(text)).ok());
        Self {
            sync: settings.sync,
            matcher: Matcher::new(&settings.matching, around),
            unmatched: settings.unmatched,
            minimal_create: settings.minimal_create,
            only_if,
            lead_topic: settings.lead_topic.clone(),
            subject: settings.subject.clone(),
            writing: settings.writing,
            batch_minutes: settings.batch_minutes,
            backlog_threshold: settings.backlog_threshold,
            pace: settings.pace,
            list_rules: settings.list_rules.iter().filter_map(compiled).collect(),
            excluded_domains: settings.bare_excluded_domains(),
            mappings,
            related,
            activity,
        }
    }

    /// The columns mapped for people or for attendance rows.
    pub fn mapped(&self, table: Table) -> impl Iterator<Item = &Mapped> {
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
        self.excluded_domains.iter().any(|excluded| address.is_in(excluded))
    }
}

/// A document is checked when it is read, so its conditions compile.
fn compiled(rule: &ListRule) -> Option<CompiledRule> {
    let ListRule { name, when, contact_list, lead_list, remove } = rule.clone();
    Some(CompiledRule { name, when: Expression::condition(&when).ok()?, contact_list, lead_list, remove })
}
