//! Views and forms in the platform's own XML (FetchXML, layoutxml, formxml).

use super::{
    definition::{ActivityTable, Control, Form, LANGUAGE, View, id_of},
    xml::Element,
};

/// The column that names a row for people.
const NAME: &str = "subject";
/// The column with a row's id, in every activity table.
const ID: &str = "activityid";

/// What a view finds.
pub fn fetch(table: &ActivityTable, view: &View) -> Element {
    let attribute = |name: &str| Element::new("attribute").with("name", name);
    let mut entity = Element::new("entity").with("name", &table.name).holding([attribute(ID)]);
    entity = entity.holding(view.columns.iter().map(|(name, _)| attribute(name)));
    entity = entity.holding([Element::new("order").with("attribute", "createdon").with("descending", "true")]);
    if let Some((column, value)) = &view.only {
        let condition =
            Element::new("condition").with("attribute", column).with("operator", "eq").with("value", value.to_string());
        entity = entity.holding([Element::new("filter").with("type", "and").holding([condition])]);
    }
    Element::new("fetch").with("version", "1.0").with("mapping", "logical").holding([entity])
}

/// What a view shows.
pub fn grid(view: &View) -> Element {
    let cell = |(name, width): &(String, u32)| Element::new("cell").with("name", name).with("width", width.to_string());
    let row = Element::new("row").with("name", "result").with("id", ID).holding(view.columns.iter().map(cell));
    let grid = Element::new("grid").with("name", "resultset").with("jump", NAME).with("select", "1");
    grid.with("icon", "1").with("preview", "1").holding([row])
}

/// The main form.
pub fn form(form: &Form) -> Element {
    let id = |name: &str| format!("{{{}}}", id_of("form", &format!("{}:{name}", form.id)));
    let labels = |text: &str| {
        let label = Element::new("label").with("description", text).with("languagecode", LANGUAGE.to_string());
        Element::new("labels").holding([label])
    };
    let section = |(name, columns): &(&'static str, Vec<(String, String, Control)>)| {
        let row = |(column, label, control): &(String, String, Control)| {
            let control = Element::new("control").with("id", column).with("classid", class(*control));
            let control = control.with("datafieldname", column);
            let cell = Element::new("cell").with("id", id(column)).holding([labels(label), control]);
            Element::new("row").holding([cell])
        };
        let rows = Element::new("rows").holding(columns.iter().map(row));
        let section = Element::new("section").with("showlabel", "true").with("showbar", "false");
        let section = section.with("IsUserDefined", "0").with("id", id(name)).with("name", name.to_lowercase());
        section.holding([labels(name), rows])
    };
    let sections = Element::new("sections").holding(form.sections.iter().map(section));
    let column = Element::new("column").with("width", "100%").holding([sections]);
    let tab = Element::new("tab").with("verticallayout", "true").with("id", id("tab")).with("IsUserDefined", "1");
    let tab = tab.with("name", "general").holding([labels("General"), Element::new("columns").holding([column])]);
    let everyone = Element::new("DisplayConditions").with("Order", "0").with("FallbackForm", "true");
    Element::new("form")
        .with("headerdensity", "HighWithControls")
        .holding([Element::new("tabs").holding([tab]), everyone.holding([Element::new("Everyone")])])
}

/// The platform's id of a control.
fn class(control: Control) -> &'static str {
    match control {
        Control::Text => "{4273EDBD-AC1D-40D3-9FB2-095C621B552D}",
        Control::Lookup => "{270BD3DB-D9AF-4782-9025-509E298DEC0A}",
        Control::Choice => "{3EF39988-22BB-4F0B-BBBE-64B5A3748AEE}",
        Control::DateTime => "{5B773807-9FB2-42DB-97C3-7A91EFF8ADFF}",
        Control::Decimal => "{C3EFE0C3-0EC6-42BE-8349-CBD9079DFD8E}",
    }
}
