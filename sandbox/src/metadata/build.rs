//! A small vocabulary in which table definitions read like a list of columns.

use rustc_hash::FxHashMap;
use serde_json::Map;

use super::column::{
    Choice, Column, ColumnType, Lookup, Navigation, Number, Requirement, StateOption, StatusOption, System,
};
use super::{Cascades, Ownership, Storage, Table};

/// Begins a table. The logical name is the schema name in lower case; the primary key is named by `id`.
pub(crate) fn table(schema: &str, set: &str, label: &str, id: &str) -> TableBuilder {
    let builder = TableBuilder {
        table: Table {
            logical: schema.to_lowercase(),
            schema: schema.to_owned(),
            set: set.to_owned(),
            label: label.to_owned(),
            type_code: 10_000,
            ownership: Ownership::Organization,
            storage: Storage::Own,
            activity: false,
            has_activities: false,
            intersect: false,
            custom: schema.contains('_'),
            id: 0,
            name: 0,
            columns: Vec::new(),
            keys: Vec::new(),
            addressable: true,
            change_tracking: true,
            told: Map::new(),
            by_name: FxHashMap::default(),
            by_navigation: FxHashMap::default(),
            by_role: [None; System::COUNT],
            composites: Vec::new(),
            defaults: Vec::new(),
            mandatory: Vec::new(),
            bases: Vec::new(),
        },
    };
    builder.column(id, ColumnType::Id).required(Requirement::System).create_only()
}

/// Gives a table that got its first amount of money what amounts bring along.
pub(crate) fn with_currency(table: Table) -> Table {
    let mut table = TableBuilder { table }.with_currency().table;
    table.complete_relations();
    table.reindex();
    table
}

/// A table definition under construction; modifiers apply to the column added last.
pub(crate) struct TableBuilder {
    table: Table,
}

impl TableBuilder {
    pub(crate) fn column(mut self, schema: &str, kind: ColumnType) -> Self {
        self.table.columns.push(Column {
            logical: schema.to_lowercase(),
            schema: schema.to_owned(),
            label: spaced(schema),
            kind,
            required: Requirement::None,
            creatable: true,
            updatable: true,
            custom: schema.contains('_') && !schema.starts_with("Address"),
            system: None,
            default: None,
            indexed: false,
            global: None,
            told: Map::new(),
            file: None,
        });
        self
    }

    /// Adds a column that is defined already.
    pub(crate) fn push(mut self, column: Column) -> Self {
        let name = column.file_name();
        self.table.columns.extend([Some(column), name].into_iter().flatten());
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Column)) -> Self {
        if let Some(column) = self.table.columns.last_mut() {
            change(column);
        }
        self
    }

    pub(crate) fn type_code(mut self, code: i64) -> Self {
        self.table.type_code = code;
        self
    }

    pub(crate) fn listing_only(mut self) -> Self {
        self.table.addressable = false;
        self
    }

    pub(crate) fn written_by_the_platform(mut self) -> Self {
        self.table.storage = Storage::Platform;
        self.table.change_tracking = false;
        self
    }

    pub(crate) fn shows_activities(mut self) -> Self {
        self.table.storage = Storage::Activities;
        self
    }

    pub(crate) fn text(self, schema: &str, max: usize) -> Self {
        self.column(schema, ColumnType::Text { max })
    }

    /// Several text columns of one length.
    pub(crate) fn texts(self, max: usize, schemas: &[&str]) -> Self {
        schemas.iter().fold(self, |builder, schema| builder.text(schema, max))
    }

    pub(crate) fn memo(self, schema: &str, max: usize) -> Self {
        self.column(schema, ColumnType::Memo { max })
    }

    pub(crate) fn whole(self, schema: &str) -> Self {
        self.column(schema, ColumnType::Whole { min: i64::from(i32::MIN), max: i64::from(i32::MAX) })
    }

    pub(crate) fn decimal(self, schema: &str, precision: usize, min: f64, max: f64) -> Self {
        self.column(schema, ColumnType::Decimal { precision, scale: 10, min, max, number: Number::Decimal })
    }

    /// A number with few digits after the point, as far below as above zero.
    pub(crate) fn double(self, schema: &str, digits: usize, most: f64) -> Self {
        let number = Number::Double;
        self.column(schema, ColumnType::Decimal { precision: digits, scale: digits, min: -most, max: most, number })
    }

    /// An amount of money; the platform returns it with four digits more than currencies have.
    pub(crate) fn money(self, schema: &str) -> Self {
        let (min, max) = (-922_337_203_685_477.0, 922_337_203_685_477.0);
        self.column(schema, ColumnType::Decimal { precision: 4, scale: 10, min, max, number: Number::Money })
    }

    pub(crate) fn flag(self, schema: &str, default: bool) -> Self {
        self.column(schema, ColumnType::Flag { yes: "Yes".to_owned(), no: "No".to_owned() }).default(i64::from(default))
    }

    /// A yes/no column with labels of its own.
    pub(crate) fn flag_of(self, schema: &str, default: bool, no: &str, yes: &str) -> Self {
        self.column(schema, ColumnType::Flag { yes: yes.to_owned(), no: no.to_owned() }).default(i64::from(default))
    }

    pub(crate) fn choice(self, schema: &str, options: &[(i64, &str)]) -> Self {
        let options =
            options.iter().map(|(value, label)| Choice { value: *value, label: (*label).to_owned() }).collect();
        self.column(schema, ColumnType::Choice(options))
    }

    pub(crate) fn datetime(self, schema: &str) -> Self {
        self.column(schema, ColumnType::DateTime)
    }

    pub(crate) fn date(self, schema: &str) -> Self {
        self.column(schema, ColumnType::DateOnly)
    }

    /// A lookup with one navigation property of the given name for all its targets.
    pub(crate) fn lookup(self, schema: &str, targets: &[&str]) -> Self {
        let navigation = schema.to_lowercase();
        self.lookup_as(schema, &[(navigation.as_str(), targets)])
    }

    /// A polymorphic lookup: a navigation property for each target, suffixed with the target's name.
    pub(crate) fn lookup_each(self, schema: &str, targets: &[&str]) -> Self {
        let names: Vec<String> = targets.iter().map(|t| format!("{}_{t}", schema.to_lowercase())).collect();
        let pairs: Vec<(&str, &[&str])> =
            names.iter().zip(targets.iter()).map(|(n, t)| (n.as_str(), std::slice::from_ref(t))).collect();
        self.lookup_as(schema, &pairs)
    }

    /// A lookup whose navigation properties are spelled out, the preferred one of each target first.
    pub(crate) fn lookup_as(self, schema: &str, navigations: &[(&str, &[&str])]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let mut targets: Vec<String> = Vec::new();
        for target in navigations.iter().flat_map(|(_, targets)| targets.iter()) {
            if !targets.iter().any(|t| t == target) {
                targets.push((*target).to_owned());
            }
        }
        let navigations = navigations
            .iter()
            .map(|(name, targets)| Navigation { name: (*name).to_owned(), targets: owned(targets) })
            .collect();
        self.column(schema, ColumnType::Lookup(Lookup { targets, navigations, relations: Vec::new() }))
    }

    pub(crate) fn state(self, states: &[(i64, &str, i64)], statuses: &[(i64, &str, i64)]) -> Self {
        let states = states
            .iter()
            .map(|(value, label, status)| StateOption {
                value: *value,
                label: (*label).to_owned(),
                default_status: *status,
            })
            .collect();
        let statuses = statuses
            .iter()
            .map(|(value, label, state)| StatusOption { value: *value, label: (*label).to_owned(), state: *state })
            .collect();
        self.column("StateCode", ColumnType::State(states))
            .system(System::State)
            .required(Requirement::System)
            .column("StatusCode", ColumnType::Status(statuses))
            .system(System::Status)
    }

    /// Another state machine than the one that the table has by now.
    pub(crate) fn with_states(mut self, states: &[(i64, &str, i64)], statuses: &[(i64, &str, i64)]) -> Self {
        self.table.columns.retain(|column| !matches!(column.system, Some(System::State | System::Status)));
        self.state(states, statuses)
    }

    /// The state machine most tables have.
    pub(crate) fn active_inactive(self) -> Self {
        self.state(&[(0, "Active", 1), (1, "Inactive", 2)], &[(1, "Active", 0), (2, "Inactive", 1)])
    }

    /// The state machine of marketing lists, whose statuses have the numbers of their states.
    pub(crate) fn active_inactive_zero(self) -> Self {
        self.state(&[(0, "Active", 0), (1, "Inactive", 1)], &[(0, "Active", 0), (1, "Inactive", 1)])
    }

    pub(crate) fn required(self, requirement: Requirement) -> Self {
        self.last(|column| column.required = requirement)
    }

    /// Only by updates.
    pub(crate) fn update_only(self) -> Self {
        self.last(|column| column.creatable = false)
    }

    /// The bounds of a number.
    pub(crate) fn within(self, least: i32, most: i64) -> Self {
        self.last(|column| match &mut column.kind {
            ColumnType::Whole { min, max } => (*min, *max) = (i64::from(least), most),
            #[expect(clippy::cast_precision_loss, reason = "bounds are small or round numbers")]
            ColumnType::Decimal { min, max, .. } => (*min, *max) = (f64::from(least), most as f64),
            _ => {}
        })
    }

    pub(crate) fn default(self, value: i64) -> Self {
        self.last(|column| column.default = Some(value))
    }

    pub(crate) fn indexed(self) -> Self {
        self.last(|column| column.indexed = true)
    }

    pub(crate) fn named(self, label: &str) -> Self {
        self.last(|column| column.label = label.to_owned())
    }

    /// Rows go away with the row this lookup points to.
    pub(crate) fn parental(self) -> Self {
        self.cascading(Cascades::PARENTAL)
    }

    /// What befalls rows with the row this lookup points to.
    pub(crate) fn cascading(mut self, cascades: Cascades) -> Self {
        self.complete_relations();
        self.last(|column| {
            if let ColumnType::Lookup(lookup) = &mut column.kind {
                lookup.relations.iter_mut().for_each(|relation| relation.cascades = cascades);
            }
        })
    }

    /// The schema name of the relationship to one target, which is also its collection.
    pub(crate) fn relation(mut self, target: &str, schema: &str) -> Self {
        self.complete_relations();
        self.last(|column| {
            if let ColumnType::Lookup(lookup) = &mut column.kind {
                for relation in lookup.relations.iter_mut().filter(|relation| relation.target == target) {
                    (relation.schema, relation.collection) = (schema.to_owned(), schema.to_owned());
                }
            }
        })
    }

    fn complete_relations(&mut self) {
        self.table.complete_relations();
    }

    pub(crate) fn create_only(self) -> Self {
        self.last(|column| column.updatable = false)
    }

    pub(crate) fn read_only(self) -> Self {
        self.last(|column| (column.creatable, column.updatable) = (false, false))
    }

    pub(crate) fn system(self, role: System) -> Self {
        self.last(|column| column.system = Some(role))
    }

    /// Who made and changed a row when, and its version.
    pub(crate) fn stamped(self) -> Self {
        self.datetime("CreatedOn")
            .system(System::CreatedOn)
            .read_only()
            .lookup("CreatedBy", &["systemuser"])
            .system(System::CreatedBy)
            .read_only()
            .datetime("ModifiedOn")
            .system(System::ModifiedOn)
            .read_only()
            .lookup("ModifiedBy", &["systemuser"])
            .system(System::ModifiedBy)
            .read_only()
            .lookup("CreatedOnBehalfBy", &["systemuser"])
            .read_only()
            .lookup("ModifiedOnBehalfBy", &["systemuser"])
            .read_only()
            .column("VersionNumber", ColumnType::BigInt)
            .system(System::Version)
            .read_only()
            .datetime("OverriddenCreatedOn")
            .create_only()
            .whole("ImportSequenceNumber")
            .create_only()
            .whole("TimeZoneRuleVersionNumber")
            .whole("UTCConversionTimeZoneCode")
    }

    /// The currency of a table that has no amounts of its own yet, and its rate.
    pub(crate) fn currency(self, navigations: &[&str]) -> Self {
        let targets: &[&str] = &["transactioncurrency"];
        let pairs: Vec<(&str, &[&str])> = navigations.iter().map(|name| (*name, targets)).collect();
        self.lookup_as("TransactionCurrencyId", &pairs)
            .decimal("ExchangeRate", 12, 0.000_000_000_1, 100_000_000_000.0)
            .scaled(12)
            .read_only()
    }

    /// Where a row is in the business process that it runs through.
    pub(crate) fn staged(self) -> Self {
        self.column("ProcessId", ColumnType::Id).column("StageId", ColumnType::Id).text("TraversedPath", 1250)
    }

    /// The owner of a row, and what follows from it. `navigations` are the names of the owner's property.
    pub(crate) fn owned(mut self, navigations: &[&str]) -> Self {
        self.table.ownership = Ownership::User;
        let pairs: Vec<(&str, &[&str])> =
            navigations.iter().map(|name| (*name, &["systemuser", "team"] as &[&str])).collect();
        self.lookup_as("OwnerId", &pairs)
            .system(System::Owner)
            .required(Requirement::System)
            .lookup("OwningUser", &["systemuser"])
            .system(System::OwningUser)
            .read_only()
            .lookup("OwningTeam", &["team"])
            .system(System::OwningTeam)
            .read_only()
            .lookup("OwningBusinessUnit", &["businessunit"])
            .system(System::OwningUnit)
            .read_only()
    }

    /// A lookup of a customised table; its navigation property is its schema name.
    pub(crate) fn custom_lookup(self, schema: &str, target: &str, relation: &str) -> Self {
        self.lookup_as(schema, &[(schema, &[target])]).relation(target, relation)
    }

    /// The two columns of an intersect table.
    pub(crate) fn link(mut self, left: &str, right: &str) -> Self {
        self.table.intersect = true;
        self.table.change_tracking = false;
        self.column(left, ColumnType::Id)
            .indexed()
            .column(right, ColumnType::Id)
            .indexed()
            .column("VersionNumber", ColumnType::BigInt)
            .system(System::Version)
            .read_only()
    }

    /// How many digits a decimal is returned with.
    pub(crate) fn scaled(self, digits: usize) -> Self {
        self.last(|column| {
            if let ColumnType::Decimal { scale, .. } = &mut column.kind {
                *scale = digits;
            }
        })
    }

    /// Amounts of money bring a currency, its rate, and the amounts in the organisation's own currency.
    fn with_currency(mut self) -> Self {
        let amounts: Vec<String> = self
            .table
            .columns
            .iter()
            .filter(|column| matches!(column.kind, ColumnType::Decimal { number: Number::Money, .. }))
            .filter(|column| column.system != Some(System::BaseAmount))
            .map(|column| format!("{}_Base", column.schema))
            .filter(|name| !self.table.columns.iter().any(|column| column.schema == *name))
            .collect();
        if !amounts.is_empty() {
            // Some tables have a currency before they have amounts.
            for (name, role) in [("transactioncurrencyid", System::Currency), ("exchangerate", System::ExchangeRate)] {
                if let Some(column) = self.table.columns.iter_mut().find(|column| column.logical == name) {
                    column.system = Some(role);
                }
            }
        }
        if !amounts.is_empty() && !self.table.columns.iter().any(|column| column.logical == "transactioncurrencyid") {
            self = self
                .lookup("TransactionCurrencyId", &["transactioncurrency"])
                .system(System::Currency)
                .decimal("ExchangeRate", 12, 0.000_000_000_1, 100_000_000_000.0)
                .scaled(12)
                .system(System::ExchangeRate)
                .read_only();
        }
        amounts.iter().fold(self, |builder, name| builder.money(name).system(System::BaseAmount).read_only())
    }

    /// Activities can be about rows of this table.
    pub(crate) fn has_activities(mut self) -> Self {
        self.table.has_activities = true;
        self
    }

    pub(crate) fn activity(mut self) -> Self {
        self.table.activity = true;
        self
    }

    /// Ends the definition; `name` is the logical name of the column that names a row for people.
    pub(crate) fn build(mut self, name: &str) -> Table {
        self = self.with_currency();
        self.complete_relations();
        self.table.reindex();
        self.table.name = self.table.column(name).unwrap_or(self.table.id);
        self.table
    }
}

/// `FirstName` becomes `First Name`; what follows a publisher's prefix stands by itself.
fn spaced(schema: &str) -> String {
    let bare = schema.split_once('_').filter(|(prefix, _)| prefix.len() <= 8).map_or(schema, |(_, rest)| rest);
    let mut label = String::with_capacity(bare.len() + 4);
    let mut previous_lower = false;
    for character in bare.chars() {
        if character.is_uppercase() && previous_lower {
            label.push(' ');
        }
        previous_lower = character.is_lowercase() || character.is_ascii_digit();
        if label.is_empty() {
            label.extend(character.to_uppercase());
        } else {
            label.push(character);
        }
    }
    label
}
