//! The columns of a table, as its definition says (Microsoft: "Query table definitions using the Web API").

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Client, Error, Part, query};

/// The columns of a table, by logical name.
pub type TableColumns = BTreeMap<String, Column>;

/// A column that can be written, or why it cannot be.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub kind: ColumnKind,
    /// Whether a value may be given when a row is created.
    pub creatable: bool,
    /// Whether a value may be given later.
    pub updatable: bool,
}

/// What a column holds, and within which bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// One line, so many UTF-16 code units long.
    Text {
        max: usize,
    },
    /// Several lines, so many UTF-16 code units long.
    Memo {
        max: usize,
    },
    Choice(Vec<Choice>),
    MultiChoice(Vec<Choice>),
    /// With the labels of both.
    YesNo {
        yes: String,
        no: String,
    },
    Whole {
        min: i64,
        max: i64,
    },
    /// Decimal, floating point and money: so many digits after the point are kept.
    Decimal {
        min: f64,
        max: f64,
        precision: u32,
    },
    DateOnly,
    /// `independent`: kept as written, whatever the reader's time zone.
    DateTime {
        independent: bool,
    },
    UniqueId,
    /// It points to a row.
    Lookup,
    /// A type that the connector does not write, by the platform's name for it.
    Other(String),
}

/// An option of a choice column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: i64,
    /// In every language that the environment has.
    pub labels: Vec<String>,
}

/// The casts whose properties bounds are read from, and what they are asked for.
const CASTS: &[(&str, &str)] = &[
    ("StringAttributeMetadata", "MaxLength"),
    ("MemoAttributeMetadata", "MaxLength"),
    ("IntegerAttributeMetadata", "MinValue,MaxValue"),
    ("DecimalAttributeMetadata", "MinValue,MaxValue,Precision"),
    ("DoubleAttributeMetadata", "MinValue,MaxValue,Precision"),
    ("MoneyAttributeMetadata", "MinValue,MaxValue,Precision"),
    ("DateTimeAttributeMetadata", "Format,DateTimeBehavior"),
];

/// The casts with options.
const OPTIONS: &[&str] =
    &["PicklistAttributeMetadata", "MultiSelectPicklistAttributeMetadata", "BooleanAttributeMetadata"];

const COMMON: &str = "LogicalName,AttributeType,AttributeTypeName,IsValidForCreate,IsValidForUpdate";

/// Reads a table's columns in one `$batch`.
///
/// # Errors
/// When the call failed, or the application user may not read definitions; 404 when there is no such table.
pub async fn columns(client: &Client, table: &str) -> Result<TableColumns, Error> {
    let attributes = format!("EntityDefinitions(LogicalName={})/Attributes", query::text(table));
    let cast = |cast: &str| format!("{attributes}/Microsoft.Dynamics.CRM.{cast}");
    let mut paths = vec![format!("{attributes}?$select={COMMON}")];
    paths.extend(CASTS.iter().map(|(name, more)| format!("{}?$select={COMMON},{more}", cast(name))));
    paths.extend(
        OPTIONS.iter().map(|name| format!("{}?$select={COMMON}&$expand=OptionSet,GlobalOptionSet", cast(name))),
    );
    let parts: Vec<Part> = paths.into_iter().map(Part::get).collect();
    let mut columns = TableColumns::new();
    // The casts come after the whole list and say more.
    for answer in client.batch(&parts).await? {
        let answer: Attributes =
            serde_json::from_value(answer?).map_err(|_| Error::Protocol("a table definition holds no columns"))?;
        columns.extend(answer.value.into_iter().map(|attribute| (attribute.name.clone(), attribute.column())));
    }
    Ok(columns)
}

#[derive(Deserialize)]
struct Attributes {
    value: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    #[serde(rename = "LogicalName")]
    name: String,
    attribute_type: Option<String>,
    /// Says `MultiSelectPicklistType` where the plain type says only `Virtual`.
    attribute_type_name: Option<Named>,
    #[serde(default)]
    is_valid_for_create: bool,
    #[serde(default)]
    is_valid_for_update: bool,
    max_length: Option<usize>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    precision: Option<u32>,
    date_time_behavior: Option<Named>,
    option_set: Option<OptionSet>,
    /// Where several columns share their options.
    global_option_set: Option<OptionSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSet {
    #[serde(default)]
    options: Vec<Opt>,
    true_option: Option<Opt>,
    false_option: Option<Opt>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Opt {
    value: i64,
    #[serde(default)]
    label: Value,
}

impl Opt {
    fn labels(&self) -> Vec<String> {
        let labels = self.label["LocalizedLabels"].as_array().into_iter().flatten();
        labels.filter_map(|label| label["Label"].as_str().map(str::to_owned)).collect()
    }
}

impl Attribute {
    fn column(self) -> Column {
        let named = self.attribute_type_name.as_ref().map(|name| name.value.as_str()).unwrap_or_default();
        let plain = self.attribute_type.as_deref().unwrap_or_default();
        let bound = |value: Option<f64>, default: i64| value.map_or(default, |value| value as i64);
        let options = || {
            let own = self.option_set.as_ref().filter(|set| !set.options.is_empty());
            let set = own.or(self.global_option_set.as_ref());
            set.into_iter()
                .flat_map(|set| &set.options)
                .map(|option| Choice { value: option.value, labels: option.labels() })
                .collect()
        };
        let label = |option: Option<&Opt>| option.and_then(|o| o.labels().into_iter().next()).unwrap_or_default();
        let kind = match (plain, named.strip_suffix("Type").unwrap_or(named)) {
            (_, "MultiSelectPicklist") => ColumnKind::MultiChoice(options()),
            ("String", _) => ColumnKind::Text { max: self.max_length.unwrap_or(100) },
            ("Memo", _) => ColumnKind::Memo { max: self.max_length.unwrap_or(2_000) },
            ("Picklist", _) => ColumnKind::Choice(options()),
            ("Boolean", _) => ColumnKind::YesNo {
                yes: label(self.option_set.as_ref().and_then(|set| set.true_option.as_ref())),
                no: label(self.option_set.as_ref().and_then(|set| set.false_option.as_ref())),
            },
            ("Integer", _) => ColumnKind::Whole {
                min: bound(self.min_value, i64::from(i32::MIN)),
                max: bound(self.max_value, i64::from(i32::MAX)),
            },
            ("BigInt", _) => ColumnKind::Whole { min: i64::MIN, max: i64::MAX },
            ("Decimal" | "Double" | "Money", _) => ColumnKind::Decimal {
                min: self.min_value.unwrap_or(-100_000_000_000.0),
                max: self.max_value.unwrap_or(100_000_000_000.0),
                precision: self.precision.unwrap_or(2),
            },
            ("DateTime", _) => match self.date_time_behavior.as_ref().map(|behaviour| behaviour.value.as_str()) {
                Some("DateOnly") => ColumnKind::DateOnly,
                behaviour => ColumnKind::DateTime { independent: behaviour == Some("TimeZoneIndependent") },
            },
            ("Uniqueidentifier", _) => ColumnKind::UniqueId,
            ("Lookup" | "Customer" | "Owner", _) => ColumnKind::Lookup,
            (plain, _) => ColumnKind::Other(plain.to_owned()),
        };
        Column { kind, creatable: self.is_valid_for_create, updatable: self.is_valid_for_update }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(more: Value) -> ColumnKind {
        let mut attribute = json!({ "LogicalName": "new_x", "IsValidForCreate": true, "IsValidForUpdate": true });
        attribute.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Attribute>(attribute).unwrap().column().kind
    }

    #[test]
    fn what_definitions_say_of_columns() {
        let label = |text: &str| json!({ "LocalizedLabels": [{ "Label": text, "LanguageCode": 1033 }] });
        let shared = json!({ "Options": [{ "Value": 7, "Label": label("Seven") }] });
        let seven = vec![Choice { value: 7, labels: vec!["Seven".into()] }];
        for (attribute, expected) in [
            (json!({ "AttributeType": "String", "MaxLength": 5 }), ColumnKind::Text { max: 5 }),
            (
                json!({ "AttributeType": "Picklist", "OptionSet": null, "GlobalOptionSet": shared }),
                ColumnKind::Choice(seven.clone()),
            ),
            (
                json!({ "AttributeType": "Virtual", "AttributeTypeName": { "Value": "MultiSelectPicklistType" },
                    "OptionSet": shared }),
                ColumnKind::MultiChoice(seven),
            ),
            (
                json!({ "AttributeType": "Money", "MinValue": -1.5, "MaxValue": 9.0, "Precision": 4 }),
                ColumnKind::Decimal { min: -1.5, max: 9.0, precision: 4 },
            ),
            (
                json!({ "AttributeType": "DateTime", "DateTimeBehavior": { "Value": "TimeZoneIndependent" } }),
                ColumnKind::DateTime { independent: true },
            ),
            (json!({ "AttributeType": "Customer" }), ColumnKind::Lookup),
            (json!({ "AttributeType": "PartyList" }), ColumnKind::Other("PartyList".into())),
        ] {
            assert_eq!(kind(attribute.clone()), expected, "{attribute}");
        }
    }
}
