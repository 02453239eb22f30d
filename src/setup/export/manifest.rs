//! `solution.xml`: whose solution it is and what belongs to it; and the security role.

use super::{
    super::{
        definition::{LANGUAGE, OPTION_PREFIX, Solution, VERSION},
        role::Role,
        xml::Element,
    },
    labels, with_xsi,
};

/// `Managed` of a folder, which packs either way.
pub const EITHER: &str = "2";
/// `Managed` of a zip whose components can be changed where it was imported.
pub const UNMANAGED: &str = "0";

/// Component types (Microsoft: "solutioncomponent table/entity reference").
const TABLE: &str = "1";
const ROLE: &str = "20";
/// With everything that belongs to it; and only what stands in the file.
const WHOLE: &str = "0";
const SHELL: &str = "2";

pub fn manifest(solution: &Solution, managed: &'static str) -> Element {
    let publisher = &solution.publisher;
    let nil = |name: &'static str| Element::new(name).with("xsi:nil", "true");
    let address = |number: &str| {
        Element::new("Address").holding([
            Element::text("AddressNumber", number),
            Element::text("AddressTypeCode", "1"),
            Element::text("ShippingMethodCode", "1"),
        ])
    };
    let publisher = Element::new("Publisher").holding([
        Element::text("UniqueName", &publisher.unique_name),
        labels("LocalizedNames", "LocalizedName", publisher.label),
        Element::new("Descriptions"),
        nil("EMailAddress"),
        nil("SupportingWebsiteUrl"),
        Element::text("CustomizationPrefix", solution.prefix.as_str()),
        Element::text("CustomizationOptionValuePrefix", OPTION_PREFIX.to_string()),
        Element::new("Addresses").holding([address("1"), address("2")]),
    ]);
    let table = |name: &str, behavior: &str| {
        Element::new("RootComponent").with("type", TABLE).with("schemaName", name).with("behavior", behavior)
    };
    let role = Element::new("RootComponent").with("type", ROLE).with("id", format!("{{{}}}", solution.role.id));
    let roots = Element::new("RootComponents")
        .holding(solution.activities.iter().map(|activity| table(&activity.name, WHOLE)))
        .holding(solution.extended.iter().map(|extended| table(extended.name, SHELL)))
        .holding([role.with("behavior", WHOLE)]);
    let manifest = Element::new("SolutionManifest").holding([
        Element::text("UniqueName", solution.unique_name),
        labels("LocalizedNames", "LocalizedName", solution.label),
        labels("Descriptions", "Description", solution.description),
        Element::text("Version", VERSION),
        Element::text("Managed", managed),
        publisher,
        roots,
        Element::new("MissingDependencies"),
    ]);
    with_xsi("ImportExportXml")
        .with("version", "9.2.24084.185")
        .with("SolutionPackageVersion", "9.2")
        .with("languagecode", LANGUAGE.to_string())
        .with("generatedBy", "CrmLive")
        .holding([manifest])
}

pub fn role(role: &Role) -> Element {
    let privilege = |privilege: &super::super::role::Privilege| {
        Element::new("RolePrivilege").with("name", privilege.name).with("level", privilege.depth.name())
    };
    with_xsi("Role").with("id", format!("{{{}}}", role.id)).with("name", role.name).with("isinherited", "1").holding([
        Element::flag("IsCustomizable", true),
        Element::flag("IsAutoAssigned", false),
        Element::new("RolePrivileges").holding(role.privileges.iter().map(privilege)),
    ])
}
