//! Column definitions ("attributes" on the wire).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Cascade, Relation};

/// One option of a choice column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Choice {
    pub(crate) value: i64,
    pub(crate) label: String,
}

/// One value of `statecode`, with the `statuscode` a row gets when only the state is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StateOption {
    pub(crate) value: i64,
    pub(crate) label: String,
    pub(crate) default_status: i64,
}

/// One value of `statuscode`, and the state it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StatusOption {
    pub(crate) value: i64,
    pub(crate) label: String,
    pub(crate) state: i64,
}

/// A single-valued navigation property: the name under which a lookup is bound and expanded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Navigation {
    pub(crate) name: String,
    /// Logical names of the tables it may point to.
    pub(crate) targets: Vec<String>,
}

/// What a lookup column points to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lookup {
    pub(crate) targets: Vec<String>,
    pub(crate) navigations: Vec<Navigation>,
    /// One for each target.
    pub(crate) relations: Vec<Relation>,
}

impl Lookup {
    /// Whether the target's table has to be kept beside its id.
    pub(crate) fn polymorphic(&self) -> bool {
        self.targets.len() > 1
    }

    /// The relationship to one of the targets.
    pub(crate) fn relation(&self, target: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.target == target)
    }
}

/// What a number with a fraction is called on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Number {
    Decimal,
    Double,
    Money,
}

/// What a column holds and within which bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ColumnType {
    /// A unique identifier that is no lookup.
    Id,
    /// One line of text, `max` UTF-16 code units long.
    Text {
        max: usize,
    },
    /// Several lines of text.
    Memo {
        max: usize,
    },
    /// A whole number.
    Whole {
        min: i64,
        max: i64,
    },
    /// A 64-bit number the platform counts with.
    BigInt,
    /// A number with `precision` digits after the point, returned with `scale` digits.
    Decimal {
        precision: usize,
        scale: usize,
        min: f64,
        max: f64,
        number: Number,
    },
    /// Yes or no, with the labels of both.
    Flag {
        yes: String,
        no: String,
    },
    Choice(Vec<Choice>),
    /// Several options at once, kept as `1,3`.
    Choices(Vec<Choice>),
    State(Vec<StateOption>),
    Status(Vec<StatusOption>),
    /// A point in time, kept to the second.
    DateTime,
    /// A calendar date without time.
    DateOnly,
    Lookup(Lookup),
    /// The logical name of a table.
    TableName,
}

impl ColumnType {
    /// The OData primitive type, as error messages and `$metadata` call it.
    pub(crate) fn edm(&self) -> &'static str {
        match self {
            Self::Id | Self::Lookup(_) => "Edm.Guid",
            Self::Text { .. } | Self::Memo { .. } | Self::TableName => "Edm.String",
            Self::Whole { .. } | Self::Choice(_) | Self::State(_) | Self::Status(_) => "Edm.Int32",
            Self::Choices(_) => "Edm.String",
            Self::BigInt => "Edm.Int64",
            Self::Decimal { number: Number::Double, .. } => "Edm.Double",
            Self::Decimal { .. } => "Edm.Decimal",
            Self::Flag { .. } => "Edm.Boolean",
            Self::DateTime => "Edm.DateTimeOffset",
            Self::DateOnly => "Edm.Date",
        }
    }

    /// The label of a choice, state, status or yes/no value.
    pub(crate) fn label(&self, value: i64) -> Option<&str> {
        match self {
            Self::Choice(options) | Self::Choices(options) => {
                options.iter().find(|o| o.value == value).map(|o| o.label.as_str())
            }
            Self::State(options) => options.iter().find(|o| o.value == value).map(|o| o.label.as_str()),
            Self::Status(options) => options.iter().find(|o| o.value == value).map(|o| o.label.as_str()),
            Self::Flag { yes, no } => Some(if value == 0 { no } else { yes }),
            _ => None,
        }
    }
}

/// How strongly a value is asked for. Only [`Requirement::System`] is enforced by the Web API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Requirement {
    None,
    /// A rule of forms, not of the API.
    Application,
    System,
}

/// A value the platform fills in by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum System {
    CreatedOn,
    CreatedBy,
    ModifiedOn,
    ModifiedBy,
    Version,
    Owner,
    OwningUser,
    OwningTeam,
    OwningUnit,
    State,
    Status,
    /// The logical name of the activity table the row is kept in.
    ActivityType,
    /// First and last name joined.
    FullName,
    /// The currency of a row's amounts of money.
    Currency,
    /// The rate between that currency and the organisation's own.
    ExchangeRate,
    /// An amount in the organisation's own currency; the column is named after the amount's (`revenue_base`).
    BaseAmount,
    /// A file in base64.
    Document,
    /// How many bytes that file has.
    DocumentSize,
    /// Whether there is such a file.
    HasDocument,
}

impl System {
    pub(super) const COUNT: usize = Self::HasDocument as usize + 1;
}

/// A column definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) logical: String,
    pub(crate) schema: String,
    pub(crate) label: String,
    pub(crate) kind: ColumnType,
    pub(crate) required: Requirement,
    pub(crate) creatable: bool,
    pub(crate) updatable: bool,
    pub(crate) custom: bool,
    pub(crate) system: Option<System>,
    /// Value of a new row that does not say otherwise; choices, numbers and flags only.
    pub(crate) default: Option<i64>,
    /// Whether the store keeps an SQL index on it.
    pub(crate) indexed: bool,
    /// Name of the global choice that the options come from.
    pub(crate) global: Option<String>,
    /// Properties of the definition that change nothing here; they are kept to be given back.
    pub(crate) told: Map<String, Json>,
    /// The column shows the id of a file, which may have so many kilobytes.
    #[serde(default)]
    pub(crate) file: Option<u64>,
}

impl Column {
    /// The column that comes with a column for files and shows their names.
    pub(crate) fn file_name(&self) -> Option<Self> {
        self.file?;
        let schema = format!("{}_Name", self.schema);
        let mut told = Map::new();
        told.insert("AttributeOf".to_owned(), self.logical.clone().into());
        Some(Self {
            logical: schema.to_lowercase(),
            schema,
            label: String::new(),
            kind: ColumnType::Text { max: 200 },
            told,
            file: None,
            ..self.clone()
        })
    }

    pub(crate) fn lookup(&self) -> Option<&Lookup> {
        match &self.kind {
            ColumnType::Lookup(lookup) => Some(lookup),
            _ => None,
        }
    }

    /// Whether rows get access with the row that this lookup points to.
    pub(crate) fn reparents(&self) -> bool {
        let parental = |relation: &Relation| relation.cascades.reparent != Cascade::None;
        self.lookup().is_some_and(|lookup| lookup.relations.iter().any(parental))
    }

    /// The name under which the Web API reads the column.
    pub(crate) fn property(&self) -> String {
        match self.kind {
            ColumnType::Lookup(_) => format!("_{}_value", self.logical),
            _ => self.logical.clone(),
        }
    }
}
