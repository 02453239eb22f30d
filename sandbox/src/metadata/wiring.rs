//! What the platform connects by itself: activities with everything they can be about, parties with every activity, files
//! with every table that has columns for them, notes with every table that has some.

use super::{Cascades, ColumnType, Navigation, Relation, Storage, Table, relations};

/// Lets every activity be about every table that has activities, parties belong to every activity, files and notes to
/// every table that has some. Says which tables changed; doing it again changes nothing.
pub(crate) fn wire(tables: &mut [Table]) -> Vec<String> {
    let subjects: Vec<String> = tables.iter().filter(|t| t.has_activities).map(|t| t.logical.clone()).collect();
    let activities: Vec<String> = tables.iter().filter(|t| t.activity).map(|t| t.logical.clone()).collect();
    let filing: Vec<String> = tables
        .iter()
        .filter(|table| table.columns.iter().any(|column| column.file.is_some()))
        .map(|table| table.logical.clone())
        .collect();
    let noted: Vec<(String, String)> = tables
        .iter()
        .filter(|table| table.has_notes() && table.storage == Storage::Own)
        .map(|table| {
            let many = if table.custom { "Annotations" } else { "Annotation" };
            (table.logical.clone(), format!("{}_{many}", table.schema))
        })
        .collect();
    let mut changed = Vec::new();
    for table in tables.iter_mut() {
        let before = table.columns.iter().filter_map(|c| c.lookup()).map(|l| l.relations.len()).sum::<usize>();
        if table.activity {
            for subject in &subjects {
                about(table, subject);
            }
        }
        if table.logical == "activityparty" {
            for activity in &activities {
                party_of(table, activity);
            }
        }
        if table.logical == "fileattachment" {
            for owner in &filing {
                attach(table, owner, format!("{owner}_FileAttachments"));
            }
        }
        if table.logical == "annotation" {
            for (owner, schema) in &noted {
                attach(table, owner, schema.clone());
            }
        }
        let after = table.columns.iter().filter_map(|c| c.lookup()).map(|l| l.relations.len()).sum::<usize>();
        if before != after {
            table.reindex();
            changed.push(table.logical.clone());
        }
    }
    changed
}

/// Adds a target to an activity's `regardingobjectid`.
fn about(activity: &mut Table, subject: &str) {
    let Some(column) = activity.column("regardingobjectid") else { return };
    let schema = relations::collection_name(&activity.logical, &activity.set, "regardingobjectid", subject);
    let mut names = vec![format!("regardingobjectid_{subject}")];
    if activity.logical != "activitypointer" {
        // Bound under its own name first, and under the one it has on activitypointer.
        names.insert(0, format!("regardingobjectid_{subject}_{}", activity.logical));
    }
    let custom = activity.custom;
    join(&mut activity.columns[column].kind, subject, names, schema, Cascades::PARENTAL, custom);
}

/// Adds an activity to the targets of `activityparty.activityid`.
fn party_of(party: &mut Table, activity: &str) {
    let Some(column) = party.column("activityid") else { return };
    let schema = format!("{activity}_activity_parties");
    let names = vec![format!("activityid_{activity}")];
    join(&mut party.columns[column].kind, activity, names, schema, Cascades::PARENTAL, false);
}

/// Adds a table to those whose rows have files, or notes.
fn attach(file: &mut Table, owner: &str, schema: String) {
    let Some(column) = file.column("objectid") else { return };
    let names = vec![format!("objectid_{owner}")];
    join(&mut file.columns[column].kind, owner, names, schema, Cascades::PARENTAL, false);
}

fn join(kind: &mut ColumnType, target: &str, names: Vec<String>, schema: String, cascades: Cascades, custom: bool) {
    let ColumnType::Lookup(lookup) = kind else { return };
    if lookup.relation(target).is_some() {
        return;
    }
    lookup.targets.push(target.to_owned());
    lookup.navigations.extend(names.into_iter().map(|name| Navigation { name, targets: vec![target.to_owned()] }));
    lookup.relations.push(Relation { target: target.to_owned(), collection: schema.clone(), schema, cascades, custom });
}
