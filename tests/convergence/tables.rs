//! The definitions of the CRM's tables, as far as settings name them.

use inevent_d365::{
    dataverse::definition::{LookupDefinition, TableDefinition},
    sync::rows::{Form, Names},
};

/// The column by which campaigns are named.
pub const CODE: &str = "codename";
/// The column by which rows beside the person are found.
pub const KEY: &str = "new_key";
pub const STAMP: &str = "new_ineventprofilestamp";
pub const ACTIVITIES: [&str; 3] = ["new_eventattendance", "new_webinarattendance", "appointment"];

/// `None` where there is no such table.
pub fn definition(name: &str) -> Option<TableDefinition> {
    let activity = |form: Form| form.columns(<&Names>::default()).map(str::to_owned).collect::<Vec<String>>();
    let own = |columns: &[&str]| columns.iter().map(|column| (*column).to_owned()).collect();
    let columns = match name {
        "new_eventattendance" | "new_webinarattendance" => activity(Form::Stamped),
        "appointment" => activity(Form::Plain),
        "campaign" => own(&[CODE]),
        "account" => own(&[STAMP]),
        "new_interest" => own(&[KEY, STAMP]),
        "new_badge" => own(&[KEY]),
        "contact" | "lead" | "new_employer" => own(&[]),
        _ => return None,
    };
    let is_activity = ACTIVITIES.contains(&name);
    let lookups: &[(&str, &str)] = match name {
        _ if is_activity => &[
            ("regardingobjectid", "contact"),
            ("regardingobjectid", "lead"),
            ("new_accountid", "account"),
            ("new_campaignid", "campaign"),
            ("new_originid", "campaign"),
        ],
        "contact" => &[
            ("parentcustomerid", "account"),
            ("parentcustomerid", "contact"),
            ("new_employerid", "new_employer"),
            ("new_sourceid", "campaign"),
        ],
        "lead" => &[("parentaccountid", "account"), ("new_employerid", "new_employer"), ("new_sourceid", "campaign")],
        "new_interest" | "new_badge" => &[
            ("new_contactid", "contact"),
            ("new_leadid", "lead"),
            ("new_attendanceid", "new_eventattendance"),
            ("new_attendanceid", "new_webinarattendance"),
            ("new_sourceid", "campaign"),
        ],
        "account" => &[("new_sourceid", "campaign")],
        _ => &[],
    };
    let lookup = |(column, table): &(&str, &str)| LookupDefinition {
        column: (*column).to_owned(),
        table: (*table).to_owned(),
        navigation: format!("{column}_{table}_{name}"),
    };
    Some(TableDefinition {
        set: format!("{name}s"),
        key: key(name),
        is_activity,
        columns: columns.into_iter().collect(),
        lookups: lookups.iter().map(lookup).collect(),
    })
}

/// The column with a row's id.
pub fn key(table: &str) -> String {
    if ACTIVITIES.contains(&table) { "activityid".to_owned() } else { format!("{table}id") }
}

/// The lookup column of a table that a bind sets.
pub fn bound(table: &str, navigation: &str) -> String {
    let lookups = definition(table).into_iter().flat_map(|table| table.lookups);
    let lookup = lookups.into_iter().find(|lookup| lookup.navigation == navigation);
    lookup.map_or_else(|| navigation.to_owned(), |lookup| lookup.column)
}
