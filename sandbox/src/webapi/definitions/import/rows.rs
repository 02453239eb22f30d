//! What of a solution file becomes rows: publisher and solution, views, forms, roles.

use std::sync::Arc;

use uuid::Uuid;

use super::{label, malformed, text};
use crate::catalogue::privilege_id;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::{Element, Query};
use crate::records::{Session, normal_id};
use crate::value::Value;
use crate::webapi::messages::roles;

/// Makes publisher and solution unless they are there; returns the solution's unique name.
pub(super) fn solution(session: &Session<'_>, manifest: &Element) -> ApiResult<String> {
    let publisher = manifest.child("Publisher").ok_or_else(|| malformed("Publisher"))?;
    let number = text(publisher, "CustomizationOptionValuePrefix")
        .parse()
        .map_err(|_| malformed("CustomizationOptionValuePrefix"))?;
    let id = named(session, "publisher", text(publisher, "UniqueName"), || {
        vec![
            ("friendlyname", words(&label(publisher, "LocalizedNames"))),
            ("customizationprefix", words(text(publisher, "CustomizationPrefix"))),
            ("customizationoptionvalueprefix", Value::Int(number)),
        ]
    })?;
    let name = text(manifest, "UniqueName");
    named(session, "solution", name, || {
        vec![
            ("friendlyname", words(&label(manifest, "LocalizedNames"))),
            ("description", words(&label(manifest, "Descriptions"))),
            ("version", words(text(manifest, "Version"))),
            ("publisherid", Value::Row(Arc::from("publisher"), id)),
        ]
    })?;
    Ok(name.to_owned())
}

/// The row with this unique name, which is made if there is none.
fn named(
    session: &Session<'_>,
    table: &str,
    name: &str,
    values: impl FnOnce() -> Vec<(&'static str, Value)>,
) -> ApiResult<Uuid> {
    let table = known(session, table)?;
    let column = table.column("uniquename").ok_or_else(ApiError::unexpected)?;
    if let Some(row) = session.equal(table, column, words(name))?.first() {
        return row[table.id].id().ok_or_else(ApiError::unexpected);
    }
    let values = values().into_iter().chain([("uniquename", words(name))]);
    session.create(table, values.filter_map(|(name, value)| Some((table.column(name)?, value))).collect())
}

/// Views and forms of a table.
pub(super) fn layout(session: &Session<'_>, table: &Table, entity: &Element) -> ApiResult<()> {
    let lists = entity.child("SavedQueries").map(Element::children).unwrap_or_default();
    for view in lists.iter().flat_map(Element::children) {
        let number = |name: &str| Value::Int(text(view, name).parse().unwrap_or_default());
        let inner = |name: &str| view.child(name).and_then(|part| part.children().first()).map(line);
        let values = vec![
            ("name", words(&label(view, "LocalizedNames"))),
            ("returnedtypecode", words(&table.logical)),
            ("querytype", number("querytype")),
            ("isdefault", number("isdefault")),
            ("fetchxml", Value::Text(inner("fetchxml").ok_or_else(|| malformed("fetchxml"))?)),
            ("layoutxml", Value::Text(inner("layoutxml").ok_or_else(|| malformed("layoutxml"))?)),
        ];
        put(session, "savedquery", text(view, "savedqueryid"), values)?;
    }
    let lists = entity.child("FormXml").map(Element::children).unwrap_or_default();
    for forms in lists {
        if forms.attribute("type") != Some("main") {
            return Err(ApiError::not_implemented("forms of a solution file other than main ones"));
        }
        for form in forms.children() {
            let xml = form.child("form").map(line).ok_or_else(|| malformed("form"))?;
            let values = vec![
                ("name", words(&label(form, "LocalizedNames"))),
                ("objecttypecode", words(&table.logical)),
                ("type", Value::Int(2)),
                ("formactivationstate", Value::Int(text(form, "FormActivationState").parse().unwrap_or(1))),
                ("formxml", Value::Text(xml)),
            ];
            put(session, "systemform", text(form, "formid"), values)?;
        }
    }
    Ok(())
}

/// A role of the root business unit, with its privileges.
pub(super) fn role(session: &Session<'_>, role: &Element) -> ApiResult<()> {
    let units = known(session, "businessunit")?;
    let parent = units.column("parentbusinessunitid").ok_or_else(ApiError::unexpected)?;
    let all = session.select(&Query::all(Arc::clone(units)))?;
    let root = all.iter().find(|unit| unit[parent].is_null()).and_then(|unit| unit[units.id].id());
    let unit = Value::Row(Arc::from("businessunit"), root.ok_or_else(ApiError::unexpected)?);
    let name = words(role.attribute("name").unwrap_or_default());
    let id =
        put(session, "role", role.attribute("id").unwrap_or_default(), vec![("name", name), ("businessunitid", unit)])?;
    for privilege in role.child("RolePrivileges").map(Element::children).unwrap_or_default() {
        let name = privilege.attribute("name").unwrap_or_default();
        let privileges = known(session, "privilege")?;
        let privilege_id = privilege_id(name);
        if !session.exists(privileges, privilege_id)? {
            return Err(ApiError::does_not_exist(privileges, privilege_id));
        }
        roles::grant(session, id, privilege_id, privilege.attribute("level").unwrap_or_default())?;
    }
    Ok(())
}

/// The row with this id gets these values; it is made if there is none.
fn put(session: &Session<'_>, table: &str, id: &str, values: Vec<(&str, Value)>) -> ApiResult<Uuid> {
    let table = known(session, table)?;
    let id = normal_id(id.trim_matches(['{', '}'])).ok_or_else(|| malformed("a unique identifier"))?;
    let values: Vec<(usize, Value)> =
        values.into_iter().filter_map(|(name, value)| Some((table.column(name)?, value))).collect();
    match session.find(table, id)? {
        Some(row) => {
            session.update(table, id, &row, values)?;
            Ok(id)
        }
        None => session.create(table, values.into_iter().chain([(table.id, Value::Id(id))]).collect()),
    }
}

fn known<'s>(session: &'s Session<'_>, table: &str) -> ApiResult<&'s Arc<Table>> {
    session.data.schema.table(table).ok_or_else(ApiError::unexpected)
}

fn words(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::Text(text.to_owned()) }
}

/// An element on one line, as columns with XML hold it.
fn line(element: &Element) -> String {
    let mut out = format!("<{}", element.name());
    for (name, value) in element.attributes() {
        out.push_str(&format!(" {name}=\"{}\"", quick_xml::escape::escape(value)));
    }
    if element.text().is_empty() && element.children().is_empty() {
        out.push_str(" />");
        return out;
    }
    out.push('>');
    out.push_str(&quick_xml::escape::partial_escape(element.text()));
    element.children().iter().for_each(|child| out.push_str(&line(child)));
    out.push_str(&format!("</{}>", element.name()));
    out
}
