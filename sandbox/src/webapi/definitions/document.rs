//! `$metadata`: the service as a CSDL document (EDMX 4.0).

use std::fmt::Write as _;

use crate::metadata::{ColumnType, Schema, Table};
use crate::webapi::Response;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\
<edmx:Reference Uri=\"http://vocabularies.odata.org/OData.Community.Keys.V1.xml\">\
<edmx:Include Namespace=\"OData.Community.Keys.V1\" Alias=\"Keys\" /></edmx:Reference>\
<edmx:DataServices><Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" \
xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">";

/// Types, actions and functions that do not follow from tables.
const FIXED: &str = include_str!("fixed.xml");

pub(super) fn respond(schema: &Schema, pairs: &[(String, String)]) -> Response {
    let annotated = pairs.iter().any(|(name, value)| name == "annotations" && value == "true");
    Response::empty(200).with("Content-Type", "application/xml").with_body(text(schema, annotated).into_bytes())
}

fn text(schema: &Schema, annotated: bool) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<EntityType Name=\"crmbaseentity\" Abstract=\"true\" />");
    for table in &schema.tables {
        entity_type(&mut out, schema, table);
    }
    let (types, container) = FIXED.split_once("<!-- container -->").unwrap_or((FIXED, ""));
    out.push_str(types.trim());
    for table in schema.tables.iter().filter(|table| table.addressable) {
        bulk_actions(&mut out, table);
    }
    out.push_str("<EntityContainer Name=\"System\">");
    for table in &schema.tables {
        entity_set(&mut out, schema, table, annotated);
    }
    out.push_str(container.trim());
    out.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
    out
}

fn entity_type(out: &mut String, schema: &Schema, table: &Table) {
    let key = &table.columns[table.id].logical;
    let name = &table.logical;
    let _ = write!(
        out,
        "<EntityType Name=\"{name}\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"{key}\" /></Key>"
    );
    for column in &table.columns {
        let unicode = matches!(column.kind, ColumnType::Text { .. } | ColumnType::Memo { .. });
        let facets = match &column.kind {
            ColumnType::Decimal { number: crate::metadata::Number::Double, .. } => "",
            ColumnType::Decimal { .. } => " Scale=\"Variable\"",
            _ if unicode => " Unicode=\"true\"",
            _ => "",
        };
        let _ = write!(out, "<Property Name=\"{}\" Type=\"{}\"{facets} />", column.property(), column.kind.edm());
    }
    for column in &table.columns {
        let Some(lookup) = column.lookup() else { continue };
        for navigation in &lookup.navigations {
            let [target, others @ ..] = navigation.targets.as_slice() else { continue };
            // An owner is a user or a team: their common base.
            let kind = if others.is_empty() { target.as_str() } else { "crmbaseentity" };
            let relation = lookup.relation(target).map(|relation| relation.collection.as_str());
            let partner =
                relation.filter(|_| others.is_empty()).map_or_else(String::new, |p| format!(" Partner=\"{p}\""));
            let referenced = schema.table(target).map(|target| target.columns[target.id].logical.as_str());
            let _ = write!(
                out,
                "<NavigationProperty Name=\"{}\" Type=\"mscrm.{kind}\" Nullable=\"true\"{partner}>",
                navigation.name
            );
            if let Some(referenced) = referenced.filter(|_| others.is_empty()) {
                let _ = write!(
                    out,
                    "<ReferentialConstraint Property=\"{}\" ReferencedProperty=\"{referenced}\" />",
                    column.property()
                );
            }
            out.push_str("</NavigationProperty>");
        }
    }
    for (name, target) in collections(schema, table) {
        let _ = write!(out, "<NavigationProperty Name=\"{name}\" Type=\"Collection(mscrm.{target})\" />");
    }
    out.push_str("</EntityType>");
}

/// The collection-valued navigation properties of a table, with the tables they lead to.
fn collections<'s>(schema: &'s Schema, table: &Table) -> Vec<(&'s str, &'s str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for other in &schema.tables {
        for lookup in other.columns.iter().filter_map(|column| column.lookup()) {
            for relation in lookup.relations.iter().filter(|relation| relation.target == table.logical) {
                found.push((relation.collection.as_str(), other.logical.as_str()));
            }
        }
    }
    for association in &schema.associations {
        let [one, two] = &association.sides;
        for (near, far) in [(one, two), (two, one)] {
            if near.table == table.logical {
                found.push((near.navigation.as_str(), far.table.as_str()));
            }
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|(name, _)| *name);
    found
}

fn bulk_actions(out: &mut String, table: &Table) {
    let name = &table.logical;
    for (action, returns) in [
        ("CreateMultiple", "<ReturnType Type=\"mscrm.CreateMultipleResponse\" Nullable=\"false\" />"),
        ("UpdateMultiple", ""),
        ("UpsertMultiple", ""),
    ] {
        let _ = write!(
            out,
            "<Action Name=\"{action}\" IsBound=\"true\"><Parameter Name=\"entityset\" \
             Type=\"Collection(mscrm.{name})\" Nullable=\"false\" /><Parameter Name=\"Targets\" \
             Type=\"Collection(mscrm.{name})\" Nullable=\"false\" />{returns}</Action>"
        );
    }
}

fn entity_set(out: &mut String, schema: &Schema, table: &Table, annotated: bool) {
    let _ = write!(out, "<EntitySet Name=\"{}\" EntityType=\"Microsoft.Dynamics.CRM.{}\">", table.set, table.logical);
    for lookup in table.columns.iter().filter_map(|column| column.lookup()) {
        for navigation in lookup.navigations.iter().filter(|navigation| navigation.targets.len() == 1) {
            if let Some(target) = schema.table(&navigation.targets[0]) {
                let _ =
                    write!(out, "<NavigationPropertyBinding Path=\"{}\" Target=\"{}\" />", navigation.name, target.set);
            }
        }
    }
    for (name, target) in collections(schema, table) {
        if let Some(target) = schema.table(target) {
            let _ = write!(out, "<NavigationPropertyBinding Path=\"{name}\" Target=\"{}\" />", target.set);
        }
    }
    if annotated && table.change_tracking {
        out.push_str(
            "<Annotation Term=\"Org.OData.Capabilities.V1.ChangeTracking\"><Record><PropertyValue \
             Property=\"Supported\" Bool=\"true\" /></Record></Annotation>",
        );
    }
    for key in table.keys.iter().filter(|key| key.active()) {
        let columns: Vec<String> = key
            .columns
            .iter()
            .map(|column| {
                let property = table.columns[*column].property();
                format!("<Record><PropertyValue Property=\"Name\" PropertyPath=\"{property}\" /></Record>")
            })
            .collect();
        let _ = write!(
            out,
            "<Annotation Term=\"OData.Community.Keys.V1.AlternateKeys\"><Collection><Record><PropertyValue \
             Property=\"Key\"><Collection>{}</Collection></PropertyValue></Record></Collection></Annotation>",
            columns.concat()
        );
    }
    out.push_str("</EntitySet>");
}
