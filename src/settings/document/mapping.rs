//! Which value goes to which column.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Prefix;

/// One column and where its value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub source: Source,
    /// The rows that have the column: `contact` and `lead` (the person), `activity` (the attendance row), `account` (the company of the
    /// contact or lead), or the name of a row among `related`.
    #[serde(default = "both")]
    #[schemars(length(min = 1))]
    pub tables: Vec<MappedRow>,
    /// The logical name of the column, such as `jobtitle`.
    #[schemars(length(min = 1, max = 100))]
    pub column: String,
    #[serde(default)]
    pub mode: Mode,
    /// What becomes of text that the column cannot hold.
    #[serde(default)]
    pub too_long: TooLong,
    /// An event whose value cannot be made or converted is refused and parked with the reason. Otherwise it is written without that
    /// column. A value that is not stated is no error.
    #[serde(default)]
    pub required: bool,
    /// For choice and yes/no columns: the option (by value or label) for each source value, compared without case. What does not
    /// stand here is tried as value and label itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Choice>,
    /// For choice and yes/no columns: the option for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Choice>,
    /// For lookup columns, which need it: the rows that the value names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupBy>,
    /// For date columns: the IANA time zone (such as `America/Sao_Paulo`) of times that name none, and in which a time becomes a date.
    /// Without it UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How a value names the row that a lookup column points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupBy {
    /// The logical name of the table that the column points to.
    #[schemars(length(min = 1, max = 100))]
    pub table: String,
    /// The column of that table that holds the value, an alternate key or any text, whole number or unique identifier. Just one row may
    /// have it.
    #[schemars(length(min = 1, max = 100))]
    pub column: String,
}

/// A row that a column belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum MappedRow {
    Person(Target),
    Activity,
    /// `account`, or a name among the related rows.
    Related(String),
}

impl From<String> for MappedRow {
    fn from(name: String) -> Self {
        match name.as_str() {
            "contact" => Self::Person(Target::Contact),
            "lead" => Self::Person(Target::Lead),
            "activity" => Self::Activity,
            _ => Self::Related(name),
        }
    }
}

impl From<MappedRow> for String {
    fn from(row: MappedRow) -> Self {
        match row {
            MappedRow::Person(Target::Contact) => "contact".to_owned(),
            MappedRow::Person(Target::Lead) => "lead".to_owned(),
            MappedRow::Activity => "activity".to_owned(),
            MappedRow::Related(name) => name,
        }
    }
}

impl JsonSchema for MappedRow {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MappedRow".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "description": "contact, lead, activity, account, or the name of a row among `related`."
        })
    }
}

/// An option of a choice column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an option's value (a whole number), its label, true or false")]
pub enum Choice {
    YesNo(bool),
    Value(i64),
    Label(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A field of the participant, the event or the session.
    Field(Field),
    /// The answer to a question, named as the event names it: its key or label, compared without case.
    Answer(String),
    /// A minijinja expression over `participant`, `event`, `session`, `answers`, `kind`, `time`, `score` and `status`, such as
    /// `participant.country | upper`. An expression that needs what an event does not state states nothing either.
    Expression(String),
}

/// A field by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Field {
    #[serde(rename = "participant.id")]
    ParticipantId,
    #[serde(rename = "participant.email")]
    Email,
    #[serde(rename = "participant.first_name")]
    FirstName,
    #[serde(rename = "participant.last_name")]
    LastName,
    #[serde(rename = "participant.company")]
    Company,
    #[serde(rename = "participant.job_title")]
    JobTitle,
    #[serde(rename = "participant.phone")]
    Phone,
    #[serde(rename = "participant.country")]
    Country,
    #[serde(rename = "participant.external_id")]
    ExternalId,
    #[serde(rename = "event.id")]
    EventId,
    #[serde(rename = "event.name")]
    EventName,
    #[serde(rename = "event.begin")]
    EventBegin,
    #[serde(rename = "event.end")]
    EventEnd,
    #[serde(rename = "session.id")]
    SessionId,
    #[serde(rename = "session.name")]
    SessionName,
    #[serde(rename = "session.begin")]
    SessionBegin,
    #[serde(rename = "session.end")]
    SessionEnd,
}

impl Field {
    /// The most characters that an event may state of it, where that is bounded.
    pub fn longest(self) -> Option<usize> {
        match self {
            Self::ParticipantId | Self::Email | Self::EventId | Self::SessionId => Some(100),
            Self::EventName | Self::SessionName => Some(300),
            _ => None,
        }
    }
}

/// A table of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Contact,
    Lead,
}

/// When a column is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Whenever the source's value changes. Never with a blank.
    #[default]
    Overwrite,
    /// When the source's value changes and the column is empty.
    FillIfEmpty,
    /// Only into a row that the connector creates.
    OnCreate,
}

/// What becomes of text that is longer than its column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// It is cut.
    #[default]
    Cut,
    /// It cannot be converted.
    Refuse,
}

fn both() -> Vec<MappedRow> {
    [Target::Contact, Target::Lead].map(MappedRow::Person).into()
}

/// What is mapped without any settings.
pub(super) fn built_in(prefix: &Prefix) -> Vec<Mapping> {
    let mapping = |source, column: &str, tables| Mapping {
        source,
        tables,
        column: column.to_owned(),
        mode: Mode::default(),
        too_long: TooLong::default(),
        required: false,
        values: BTreeMap::new(),
        otherwise: None,
        lookup: None,
        time_zone: None,
    };
    vec![
        mapping(Source::Field(Field::FirstName), "firstname", both()),
        mapping(Source::Field(Field::LastName), "lastname", both()),
        mapping(Source::Field(Field::JobTitle), "jobtitle", both()),
        mapping(Source::Field(Field::Phone), "telephone1", both()),
        mapping(Source::Field(Field::Country), "address1_country", both()),
        mapping(Source::Field(Field::ExternalId), &prefix.external_id(), both()),
        mapping(Source::Answer("Budget".to_owned()), &prefix.budget(), both()),
        mapping(Source::Field(Field::Company), "companyname", vec![MappedRow::Person(Target::Lead)]),
    ]
}
