//! What the tables' definitions say of the columns that a settings document names.

use std::collections::BTreeSet;

use super::all;
use crate::{
    dataverse::metadata::{Column, ColumnKind},
    settings::document::{
        Document, EventSettings, Key, LookupBy, MappedRow, Mapping, Matching, Mode, Problem, Source, Target, TooLong,
    },
    sync::{
        key_column::{KeyColumn, Unfit},
        mapping::{LookupRule, Mapped},
        matching::ADDRESS_COLUMN,
        rows::{Form, Names, PersonTable, Table},
        surroundings::Surroundings,
    },
};

/// A field of a setting, what is wrong with it, and how it is mended.
pub type Wrong = (&'static str, String, String);

/// Text columns of the platform whose lengths need not be asked for.
const KNOWN: &[(&str, usize)] = &[
    ("firstname", 50),
    ("lastname", 50),
    ("jobtitle", 100),
    ("telephone1", 50),
    ("address1_country", 80),
    ("companyname", 100),
];

/// A column whose length is known without asking: one of the platform, or one of the connector's solution.
fn known(names: &Names, table: PersonTable, column: &str) -> Option<Column> {
    let own = [(names.external_id, 100), (names.budget, 200)];
    // A contact's company is a lookup.
    let fits = |name: &str| name == column && (table == PersonTable::Lead || column != "companyname");
    let known = KNOWN.iter().chain(&own).find(|(name, _)| fits(name));
    known.map(|(_, max)| Column { kind: ColumnKind::Text { max: *max }, creatable: true, updatable: true })
}

/// The logical name of the table that a mapped row is in; `None` for a related row that is not described.
pub fn table_of(row: &MappedRow, settings: &EventSettings) -> Option<String> {
    match row {
        MappedRow::Person(target) => Some(PersonTable::from(*target).table().name.to_owned()),
        MappedRow::Activity => Some(settings.activity_table.clone()),
        MappedRow::Related(name) => Some(settings.related_row(name)?.table),
    }
}

fn is_known(names: &Names, table: &str, column: &str) -> bool {
    PersonTable::of(table).is_some_and(|table| known(names, table, column).is_some())
}

/// The tables and columns that are mapped to.
fn mapped_columns(document: &Document) -> Vec<(String, Mapping)> {
    let of = |settings: EventSettings| {
        let mappings = settings.mappings.clone().into_iter();
        mappings.flat_map(move |mapping| {
            let tables: Vec<String> = mapping.tables.iter().filter_map(|row| table_of(row, &settings)).collect();
            tables.into_iter().map(move |table| (table, mapping.clone()))
        })
    };
    all(document).into_iter().flat_map(of).collect()
}

/// The tables whose columns must be read before the document can be used.
pub fn needs(document: &Document) -> BTreeSet<String> {
    let names = Names::of(&document.prefix);
    let mapped = mapped_columns(document).into_iter();
    let mapped = mapped.filter(|(table, mapping)| !is_known(names, table, &mapping.column) || mapping.lookup.is_some());
    let mut tables: BTreeSet<String> = mapped.map(|(table, _)| table).collect();
    for settings in all(document) {
        let matched = matched(&settings.matching).into_iter();
        let matched = matched.filter(|key| !is_known_key(names, key.table, key.column));
        tables.extend(matched.map(|key| key.table.table().name.to_owned()));
        tables.extend(settings.mappings.iter().filter_map(|mapping| Some(mapping.lookup.as_ref()?.table.clone())));
        let keyed = settings.related_rows().into_values().filter(|related| related.key.is_some());
        tables.extend(keyed.map(|related| related.table));
    }
    tables
}

/// The tables that the document maps to.
pub fn tables(document: &Document) -> BTreeSet<String> {
    mapped_columns(document).into_iter().map(|(table, _)| table).chain(needs(document)).collect()
}

/// Whether lookups of this table are mapped to.
pub fn has_lookups(document: &Document, table: &str) -> bool {
    mapped_columns(document).iter().any(|(mapped, mapping)| mapped == table && mapping.lookup.is_some())
}

/// A column that people are found by, and where the settings name it.
pub struct Matched<'a> {
    /// Where it stands in the settings.
    pub place: String,
    table: PersonTable,
    column: &'a str,
    source: &'a Source,
}

pub fn matched(matching: &Matching) -> Vec<Matched<'_>> {
    let mut columns = Vec::new();
    for (index, key) in matching.keys.iter().enumerate() {
        let Key::Columns(parts) = key else { continue };
        for (part_index, part) in parts.iter().enumerate() {
            for (field, target) in [("contact", Target::Contact), ("lead", Target::Lead)] {
                let place = format!("keys[{index}].columns[{part_index}].{field}");
                let (table, source) = (target.into(), &part.source);
                columns.extend(part.column(target).map(|column| Matched { place, table, column, source }));
            }
        }
    }
    columns
}

fn is_known_key(names: &Names, table: PersonTable, column: &str) -> bool {
    column == ADDRESS_COLUMN || known(names, table, column).is_some()
}

impl Matched<'_> {
    /// # Errors
    /// When people are not found by it.
    pub fn key(&self, around: &Surroundings) -> Result<KeyColumn, Unfit> {
        KeyColumn::of(self.table.table().name, self.column, around)
    }
}

/// A mapping of one row's column, ready to be used. `stamped` says whether the row remembers when the source said what.
pub fn mapped(
    mapping: &Mapping,
    row: &MappedRow,
    (table, stamped): (Table, bool),
    around: &Surroundings,
) -> Result<Mapped, Wrong> {
    let column = match (around.columns(table.name), PersonTable::of(table.name)) {
        (Some(columns), _) => columns.get(&mapping.column).cloned(),
        (None, Some(person)) => known(around.names, person, &mapping.column),
        (None, None) => None,
    };
    let (name, table_name) = (&mapping.column, table.name);
    let Some(column) = column else {
        let remedy = "Correct the name, add the column, or name in `tables` only the table that has it.";
        return Err(("column", format!("the table {table_name} has no column {name}"), remedy.to_owned()));
    };
    if *row == MappedRow::Activity && !stamped {
        let problem = format!("{table_name} has no room for the stamps of mapped columns");
        return Err((
            "tables",
            problem,
            "Map to columns of contact or lead, or choose another activity_table.".to_owned(),
        ));
    }
    if *row == MappedRow::Activity && is_own(around.names, name) {
        let problem = format!("the connector writes {name} of {table_name} itself");
        return Err(("column", problem, "Map to a column of your own.".to_owned()));
    }
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
    if !stamped && mapping.mode == Mode::Overwrite {
        let problem = format!(
            "{table_name} has no column {}, so overwriting could undo what people correct in {name}",
            around.names.profile_stamp
        );
        let remedy = "Map it fill_if_empty or on_create, or add that column to the table: text, 4,000 characters.";
        return Err(("mode", problem, remedy.to_owned()));
    }
    let lookup = match (&column.kind, &mapping.lookup) {
        (ColumnKind::Lookup, Some(by)) => Some(lookup(table, name, by, around)?),
        (ColumnKind::Lookup, None) => {
            let remedy = r#"Say what names its row, such as "lookup": { "table": "campaign", "column": "codename" }."#;
            return Err(("lookup", format!("{name} of {table_name} is a lookup"), remedy.to_owned()));
        }
        (_, Some(_)) => {
            let problem = format!("{name} of {table_name} is no lookup");
            return Err(("lookup", problem, "Leave it out.".to_owned()));
        }
        (_, None) => None,
    };
    Mapped::new(mapping, table, column.kind, lookup)
        .map_err(|problem| ("source.expression", problem, "Correct the expression.".to_owned()))
}

/// Whether the connector writes this column of attendance rows.
fn is_own(names: &Names, column: &str) -> bool {
    Form::Stamped.columns(names).any(|own| own == column)
        || ["statuscode", "regardingobjectid", "ownerid", "overriddencreatedon"].contains(&column)
}

fn lookup(table: Table, column: &str, by: &LookupBy, around: &Surroundings) -> Result<LookupRule, Wrong> {
    let navigation = around.definition(table.name).and_then(|definition| definition.navigation(column, &by.table));
    let Some(navigation) = navigation else {
        let problem = format!("{column} of {} does not point to {}", table.name, by.table);
        return Err(("lookup.table", problem, "Name a table that the column points to.".to_owned()));
    };
    let Some(target) = around.definition(&by.table) else {
        let problem = format!("the environment has no table {}", by.table);
        return Err(("lookup.table", problem, "Correct the name.".to_owned()));
    };
    let unfit = |(problem, remedy): Unfit| ("lookup.column", problem, remedy.to_owned());
    Ok(LookupRule {
        read: format!("_{column}_value"),
        bind: format!("{navigation}@odata.bind"),
        target: Table::defined(&by.table, target),
        by: KeyColumn::of(&by.table, &by.column, around).map_err(unfit)?,
    })
}

/// What would work and still loses something: text that is longer than its column, options that the column does not have.
pub fn doubts(document: &Document, around: &Surroundings) -> Vec<Problem> {
    let mut doubts = Vec::new();
    let own =
        document.events.iter().map(|(event, own)| (format!("events.{event}"), document.effective(event), Some(own)));
    for (place, settings, own) in std::iter::once(("defaults".to_owned(), document.defaults.clone(), None)).chain(own) {
        // What is inherited was said already.
        let says = |setting: &str| own.is_none_or(|own| own.contains_key(setting));
        for (index, mapping) in settings.mappings.iter().enumerate().filter(|_| says("mappings")) {
            for table in mapping.tables.iter().filter_map(|row| table_of(row, &settings)) {
                let column = around.columns(&table).and_then(|columns| columns.get(&mapping.column));
                if let Some(column) = column {
                    doubt(&format!("{place}.mappings[{index}]"), mapping, column, &mut doubts);
                }
            }
        }
        let matched = matched(&settings.matching).into_iter().filter(|_| says("matching"));
        let matched =
            matched.map(|matched| (format!("matching.{}", matched.place), matched.key(around), matched.source.clone()));
        let related = settings.related.iter().filter(|_| says("related"));
        let related = related.filter_map(|(name, related)| {
            let key = related.key.clone()?;
            let column = KeyColumn::of(&related.table, &key.column, around);
            Some((format!("related.{name}.key.column"), column, key.source))
        });
        for (field, column, source) in matched.chain(related) {
            let Some((column, max)) = column.ok().and_then(|column| Some((column.name.clone(), column.longest()?)))
            else {
                continue;
            };
            if longest(&source).is_some_and(|longest| longest > max) {
                let problem = format!("{column} holds {max} characters, fewer than the source may have");
                let remedy = "Lengthen the column, or find rows by something shorter: what is longer is no key.";
                doubts.push(Problem::new(format!("{place}.{field}"), problem, remedy));
            }
        }
    }
    doubts
}

/// The most characters of a source, where that is bounded.
fn longest(source: &Source) -> Option<usize> {
    match source {
        Source::Field(field) => field.longest(),
        Source::Answer(_) | Source::Expression(_) => None,
    }
}

fn doubt(place: &str, mapping: &Mapping, column: &Column, doubts: &mut Vec<Problem>) {
    match &column.kind {
        ColumnKind::Text { max } | ColumnKind::Memo { max }
            if mapping.too_long == TooLong::Cut && longest(&mapping.source).is_some_and(|longest| longest > *max) =>
        {
            let problem = format!("{} holds {max} characters, fewer than the source may have", mapping.column);
            doubts.push(Problem::new(
                format!("{place}.column"),
                problem,
                "Lengthen the column, or set too_long to refuse.",
            ));
        }
        ColumnKind::Choice(options) | ColumnKind::MultiChoice(options) => {
            let named = mapping.values.iter().map(|(from, to)| (format!("values.{from}"), to));
            for (field, choice) in named.chain(mapping.otherwise.iter().map(|to| ("otherwise".to_owned(), to))) {
                if crate::sync::convert::option(choice, options).is_none() {
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
