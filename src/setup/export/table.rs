//! Tables in `customizations.xml`.

use super::{
    super::{
        definition::{ActivityTable, ExtendedTable, VERSION, View},
        layout,
        xml::Element,
    },
    columns, labels, with_xsi,
};

/// What a table of activities says of itself, in the order of exports: (name, value).
const OF_ACTIVITIES: &[(&str, &str)] = &[
    ("IsDuplicateCheckSupported", "1"),
    ("IsBusinessProcessEnabled", "0"),
    ("IsRequiredOffline", "0"),
    ("IsInteractionCentricEnabled", "0"),
    ("IsCollaboration", "0"),
    ("AutoRouteToOwnerQueue", "0"),
    ("IsConnectionsEnabled", "1"),
    ("EntityColor", ""),
    ("IsDocumentManagementEnabled", "0"),
    ("AutoCreateAccessTeams", "0"),
    ("IsOneNoteIntegrationEnabled", "0"),
    ("IsKnowledgeManagementEnabled", "0"),
    ("IsSLAEnabled", "0"),
    ("IsDocumentRecommendationsEnabled", "0"),
    ("IsBPFEntity", "0"),
    ("OwnershipTypeMask", "UserOwned"),
    ("IsAuditEnabled", "1"),
    ("IsRetrieveAuditEnabled", "0"),
    ("IsRetrieveMultipleAuditEnabled", "0"),
    ("IsActivity", "1"),
    ("ActivityTypeMask", "CommunicationActivity"),
    ("IsActivityParty", "0"),
    ("IsReplicated", "1"),
    ("IsReplicationUserFiltered", "1"),
    ("IsMailMergeEnabled", "0"),
    ("IsVisibleInMobile", "0"),
    ("IsVisibleInMobileClient", "0"),
    ("IsReadOnlyInMobileClient", "0"),
    ("IsOfflineInMobileClient", "0"),
    ("DaysSinceRecordLastModified", "0"),
    ("MobileOfflineFilters", ""),
    ("IsMapiGridEnabled", "1"),
    ("IsReadingPaneEnabled", "1"),
    ("IsQuickCreateEnabled", "0"),
    ("SyncToExternalSearchIndex", "0"),
    ("IntroducedVersion", VERSION),
    ("IsCustomizable", "1"),
    ("IsRenameable", "1"),
    ("IsMappable", "1"),
    ("CanModifyAuditSettings", "1"),
    ("CanModifyMobileVisibility", "1"),
    ("CanModifyMobileClientVisibility", "1"),
    ("CanModifyMobileClientReadOnly", "1"),
    ("CanModifyMobileClientOffline", "1"),
    ("CanModifyConnectionSettings", "1"),
    ("CanModifyDuplicateDetectionSettings", "1"),
    ("CanModifyMailMergeSettings", "1"),
    ("CanModifyQueueSettings", "1"),
    ("CanCreateAttributes", "1"),
    ("CanCreateForms", "1"),
    ("CanCreateCharts", "1"),
    ("CanCreateViews", "1"),
    ("CanModifyAdditionalSettings", "1"),
    ("CanEnableSyncToExternalSearchIndex", "1"),
    ("IconVectorName", ""),
    ("EnforceStateTransitions", "0"),
    ("CanChangeHierarchicalRelationship", "1"),
    ("EntityHelpUrlEnabled", "0"),
    ("EntityHelpUrl", ""),
    ("ChangeTrackingEnabled", "1"),
    ("CanChangeTrackingBeEnabled", "1"),
    ("IsEnabledForExternalChannels", "0"),
    ("IsSolutionAware", "0"),
    ("HasRelatedNotes", "True"),
    ("HasRelatedFeedback", "True"),
];

/// An activity table, with the forms and views that stand in the same file.
pub fn activity(
    table: &ActivityTable,
    forms: impl IntoIterator<Item = Element>,
    views: impl IntoIterator<Item = Element>,
) -> Element {
    let attributes = Element::new("attributes")
        .holding(columns::inherited(&table.name))
        .holding(table.columns.iter().map(|column| columns::own(&table.name, column)));
    let name = |column: &String| Element::text("AttributeName", column);
    let key = Element::new("EntityKey").holding([
        Element::text("Name", &table.key.name),
        Element::text("LogicalName", &table.key.name),
        Element::text("IntroducedVersion", VERSION),
        Element::flag("IsCustomizable", true),
        Element::new("EntityKeyAttributes").holding(table.key.columns.iter().map(name)),
        labels("displaynames", "displayname", table.key.label),
    ]);
    let entity = Element::new("entity")
        .with("Name", &table.name)
        .holding([
            labels("LocalizedNames", "LocalizedName", &table.label),
            labels("LocalizedCollectionNames", "LocalizedCollectionName", &table.plural),
            labels("Descriptions", "Description", &table.description),
            attributes,
            Element::new("EntityKeys").holding([key]),
            Element::text("EntitySetName", format!("{}s", table.name)),
        ])
        .holding(OF_ACTIVITIES.iter().map(|(name, value)| Element::text(name, *value)));
    with_xsi("Entity").holding([
        named(&table.label, &table.name),
        Element::new("EntityInfo").holding([entity]),
        Element::new("FormXml").holding(forms),
        Element::new("SavedQueries").holding(views),
        Element::new("RibbonDiffXml").holding(ribbon()),
    ])
}

/// A table of the environment, with nothing but the columns that it gets.
pub fn extended(table: &ExtendedTable) -> Element {
    let attributes = table.columns.iter().map(|column| columns::own(table.name, column));
    let entity = Element::new("entity").with("Name", table.schema).with("unmodified", "1");
    with_xsi("Entity").holding([
        named(table.schema, table.schema),
        Element::new("EntityInfo").holding([entity.holding([Element::new("attributes").holding(attributes)])]),
        Element::new("FormXml"),
        Element::new("SavedQueries"),
        Element::new("RibbonDiffXml").holding(ribbon()),
    ])
}

fn named(label: &str, schema: &str) -> Element {
    Element::text("Name", schema).with("LocalizedName", label).with("OriginalName", label)
}

/// `systemform`
pub fn form(table: &ActivityTable) -> Element {
    Element::new("systemform").holding([
        Element::text("formid", format!("{{{}}}", table.form.id)),
        Element::text("IntroducedVersion", VERSION),
        Element::text("FormPresentation", "1"),
        Element::text("FormActivationState", "1"),
        layout::form(&table.form),
        Element::flag("IsCustomizable", true),
        Element::flag("CanBeDeleted", true),
        labels("LocalizedNames", "LocalizedName", &table.form.name),
    ])
}

/// `savedquery`
pub fn view(table: &ActivityTable, view: &View) -> Element {
    Element::new("savedquery").holding([
        Element::flag("IsCustomizable", true),
        Element::flag("CanBeDeleted", true),
        Element::flag("isquickfindquery", false),
        Element::flag("isprivate", false),
        Element::flag("isdefault", false),
        Element::text("savedqueryid", format!("{{{}}}", view.id)),
        Element::new("layoutxml").holding([layout::grid(view)]),
        Element::text("querytype", "0"),
        Element::new("fetchxml").holding([layout::fetch(table, view)]),
        Element::text("IntroducedVersion", VERSION),
        labels("LocalizedNames", "LocalizedName", &view.name),
    ])
}

/// What stands in a ribbon that nobody changed.
pub fn ribbon() -> Vec<Element> {
    let templates = Element::new("RibbonTemplates").with("Id", "Mscrm.Templates");
    let rules = ["TabDisplayRules", "DisplayRules", "EnableRules"].map(Element::new);
    vec![
        Element::new("CustomActions"),
        Element::new("Templates").holding([templates]),
        Element::new("CommandDefinitions"),
        Element::new("RuleDefinitions").holding(rules),
        Element::new("LocLabels"),
    ]
}
