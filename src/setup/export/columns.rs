//! Columns in `customizations.xml`.

use super::{
    super::{
        definition::{Column, Kind, VERSION, option_value},
        payload::SUBJECT,
        xml::Element,
    },
    labels,
};

/// Where people meet a column.
const SHOWN: &str = "ValidForAdvancedFind|ValidForForm|ValidForGrid";

/// What all columns say, before what their type adds.
struct Common<'a> {
    /// Schema name.
    name: &'a str,
    kind: &'static str,
    required: &'static str,
    mask: &'static str,
    ime: &'static str,
    custom: bool,
    label: &'a str,
    description: &'a str,
}

impl Common<'_> {
    fn element(&self, tail: Vec<Element>) -> Element {
        let version = if self.custom { VERSION } else { "5.0.0.0" };
        let flag = |(name, set): (&'static str, bool)| Element::flag(name, set);
        Element::new("attribute")
            .with("PhysicalName", self.name)
            .holding([
                Element::text("Type", self.kind),
                Element::text("Name", self.name.to_lowercase()),
                Element::text("LogicalName", self.name.to_lowercase()),
                Element::text("RequiredLevel", self.required),
                Element::text("DisplayMask", self.mask),
                Element::text("ImeMode", self.ime),
            ])
            .holding(
                [
                    ("ValidForUpdateApi", true),
                    ("ValidForReadApi", true),
                    ("ValidForCreateApi", true),
                    ("IsCustomField", self.custom),
                    ("IsAuditEnabled", true),
                    ("IsSecured", false),
                ]
                .map(flag),
            )
            .holding([Element::text("IntroducedVersion", version)])
            .holding(
                [
                    ("IsCustomizable", true),
                    ("IsRenameable", true),
                    ("CanModifySearchSettings", true),
                    ("CanModifyRequirementLevelSettings", true),
                    ("CanModifyAdditionalSettings", true),
                    ("SourceType", false),
                    ("IsGlobalFilterEnabled", false),
                    ("IsSortableEnabled", false),
                    ("CanModifyGlobalFilterSettings", true),
                    ("CanModifyIsSortableSettings", true),
                    ("IsDataSourceSecret", false),
                ]
                .map(flag),
            )
            .holding([Element::new("AutoNumberFormat")])
            .holding(
                [("IsSearchable", false), ("IsFilterable", false), ("IsRetrievable", false), ("IsLocalizable", false)]
                    .map(flag),
            )
            .holding(tail)
            .holding([
                labels("displaynames", "displayname", self.label),
                labels("Descriptions", "Description", self.description),
            ])
    }
}

/// A column of the connector's.
pub fn own(table: &str, column: &Column) -> Element {
    let number = |name: &'static str, value: u32| Element::text(name, value.to_string());
    let (kind, ime, tail) = match column.kind {
        Kind::Text(max) => (
            "nvarchar",
            "auto",
            vec![Element::text("Format", "text"), number("MaxLength", max), number("Length", 2 * max)],
        ),
        Kind::Memo(max) => ("ntext", "auto", vec![Element::text("Format", "textarea"), number("MaxLength", max)]),
        Kind::DateTime => (
            "datetime",
            "inactive",
            vec![
                Element::text("Format", "datetime"),
                Element::flag("CanChangeDateTimeBehavior", true),
                // The user's own time zone.
                Element::text("Behavior", "1"),
            ],
        ),
        Kind::Decimal { precision, most } => (
            "decimal",
            "disabled",
            vec![
                Element::text("MinValue", format!("{}", -most)),
                Element::text("MaxValue", format!("{most}")),
                number("Accuracy", precision),
            ],
        ),
        Kind::Choice(options) => {
            let option = |(place, label): &(u32, &'static str)| {
                let option = Element::new("option").with("value", option_value(*place).to_string());
                option.with("ExternalValue", "").with("IsHidden", "0").holding([labels("labels", "label", label)])
            };
            let set = option_set(&format!("{table}_{}", column.name), "picklist", column.label)
                .holding([Element::new("options").holding(options.iter().map(option))]);
            ("picklist", "auto", vec![Element::text("AppDefaultValue", "-1"), set])
        }
    };
    let (label, description) = (column.label, column.description);
    Common { name: &column.name, kind, required: "none", mask: SHOWN, ime, custom: true, label, description }
        .element(tail)
}

/// The columns of activities without which none is one. Exports name all that a table inherits, some sixty.
pub fn inherited(table: &str) -> Vec<Element> {
    let platform = |name, kind, required, mask, label, tail| {
        let ime = "auto";
        Common { name, kind, required, mask, ime, custom: false, label, description: "" }.element(tail)
    };
    let lookup = || vec![Element::text("LookupStyle", "single"), Element::new("LookupTypes")];
    vec![
        platform(
            "ActivityId",
            "primarykey",
            "systemrequired",
            "ValidForAdvancedFind|RequiredForGrid",
            "Activity",
            vec![],
        ),
        platform(
            "Subject",
            "nvarchar",
            "required",
            "PrimaryName|ValidForAdvancedFind|ValidForForm|ValidForGrid|RequiredForForm|RequiredForGrid",
            "Subject",
            vec![
                Element::text("Format", "text"),
                Element::text("MaxLength", SUBJECT.to_string()),
                Element::text("Length", (2 * SUBJECT).to_string()),
            ],
        ),
        platform("RegardingObjectId", "lookup", "none", SHOWN, "Regarding", lookup()),
        platform("OwnerId", "owner", "systemrequired", SHOWN, "Owner", lookup()),
        platform("StateCode", "state", "systemrequired", SHOWN, "Activity Status", vec![states(table)]),
        platform("StatusCode", "status", "none", SHOWN, "Status Reason", vec![statuses(table)]),
    ]
}

/// The states of every activity, each with the status reason it begins with.
const STATES: [(&str, &str); 4] = [("Open", "1"), ("Completed", "2"), ("Canceled", "3"), ("Scheduled", "4")];

fn states(table: &str) -> Element {
    let state = |(value, (label, status)): (usize, (&'static str, &str))| {
        let state = Element::new("state").with("value", value.to_string()).with("IsHidden", "0");
        state.with("defaultstatus", status).with("invariantname", label).holding([labels("labels", "label", label)])
    };
    let states = Element::new("states").holding(STATES.into_iter().enumerate().map(state));
    option_set(&format!("{table}_statecode"), "state", "Activity Status").holding([states])
}

fn statuses(table: &str) -> Element {
    let status = |(state, (label, value)): (usize, (&'static str, &str))| {
        let status = Element::new("status").with("value", value).with("IsHidden", "0");
        status.with("state", state.to_string()).holding([labels("labels", "label", label)])
    };
    let statuses = Element::new("statuses").holding(STATES.into_iter().enumerate().map(status));
    option_set(&format!("{table}_statuscode"), "status", "Status Reason").holding([statuses])
}

fn option_set(name: &str, kind: &str, label: &str) -> Element {
    Element::new("optionset").with("Name", name).holding([
        Element::text("OptionSetType", kind),
        Element::text("IntroducedVersion", VERSION),
        Element::flag("IsCustomizable", true),
        Element::new("ExternalTypeName"),
        labels("displaynames", "displayname", label),
        labels("Descriptions", "Description", ""),
    ])
}
