//! The rules by which an event's attendance becomes rows of an activity table: the settings, over the definitions of their tables.

use uuid::Uuid;

use super::{
    key_column::KeyColumn,
    rows::{ActivityTable, Form, Owner, Table},
    surroundings::Surroundings,
};
use crate::{
    model::{Kind, ParticipantEvent, attendance::Threshold, validate},
    settings::document::{EventSettings, Expression, Level, Lookup, Principal, Problem},
};

/// The rules for the rows of one event.
#[derive(Debug, Default)]
pub struct ActivityRules {
    pub level: Level,
    pub table: ActivityTable,
    pub threshold: Threshold,
    pub leave_open: bool,
    pub follow_owner: bool,
    pub fallback_owner: Option<Owner>,
    pub score: Option<Expression>,
    /// What fixed lookups are bound by, and to which path.
    pub lookups: Vec<(String, String)>,
    /// The lookup to the account of the contact.
    pub account: Option<AccountLookup>,
}

/// A lookup column of the activity table that leads to accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLookup {
    /// What binds it.
    pub bind: String,
    /// As it is read.
    pub column: String,
}

impl Level {
    /// Whether anything is written of this event.
    pub fn takes(self, event: &ParticipantEvent) -> bool {
        match self {
            Self::Sessions => true,
            Self::Attendance => event.session.is_none(),
            Self::Registrations => {
                let registration = matches!(event.kind, Kind::Registered | Kind::Cancelled | Kind::Updated);
                event.session.is_none() && (registration || event.kind == Kind::EventClosed)
            }
        }
    }
}

impl ActivityRules {
    /// The rules of some settings. What is wrong is told with its place, and left out.
    pub fn new(place: &str, settings: &EventSettings, around: &Surroundings, problems: &mut Vec<Problem>) -> Self {
        let mut wrong = |field: &str, problem: String, remedy: &str| {
            problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
        };
        let table = table(&settings.activity_table, around).unwrap_or_else(|(problem, remedy)| {
            wrong("activity_table", problem, remedy);
            ActivityTable::ours(around.names)
        });
        let partial = settings.partial.unwrap_or_default();
        let mut rules = Self {
            level: settings.level,
            table,
            threshold: Threshold {
                minutes: partial.below_minutes.map(u64::from),
                percent: partial.below_percent_of_sessions,
            },
            leave_open: settings.leave_open,
            follow_owner: settings.follow_owner,
            fallback_owner: settings.fallback_owner.as_ref().and_then(owner),
            // What is read has been compiled before.
            score: settings.score.as_deref().and_then(|text| Expression::compile(text).ok()),
            ..Self::default()
        };
        for (index, lookup) in settings.lookups.iter().enumerate() {
            match bind(lookup, &settings.activity_table, around) {
                Ok((bind, None)) => {
                    rules.account = Some(AccountLookup { bind, column: format!("_{}_value", lookup.column) });
                }
                Ok((bind, Some(path))) => rules.lookups.push((bind, path)),
                Err((field, problem, remedy)) => wrong(&format!("lookups[{index}]{field}"), problem, remedy),
            }
        }
        rules
    }
}

impl ActivityRules {
    /// The score that an event states, in points. What is no number, or beyond what the CRM's decimal column holds, states nothing.
    pub fn score(&self, event: &ParticipantEvent) -> Option<f64> {
        let Some(expression) = &self.score else { return event.score };
        let value = expression.value(&serde_json::to_value(event).ok()?).ok()??;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (number.is_finite() && number.abs() <= validate::MAX_SCORE).then_some(number)
    }
}

fn table(name: &str, around: &Surroundings) -> Result<ActivityTable, (String, &'static str)> {
    let Some(known) = around.known(name) else { return Ok(ActivityTable::ours(around.names)) };
    let Some(definition) = known else {
        let problem = format!("the environment has no table {name}");
        return Err((problem, "Correct the name, or import the solution that holds the table."));
    };
    if !definition.is_activity {
        return Err((format!("{name} is not a table of activities"), "Name an activity table."));
    }
    let needed = Form::of(name).columns(around.names);
    let missing: Vec<&str> = needed.filter(|column| !definition.columns.contains(*column)).collect();
    if !missing.is_empty() {
        let problem = format!("{name} lacks the columns {}", missing.join(", "));
        return Err((problem, "Add them as `setup dataverse --table` does, or name another table."));
    }
    ActivityTable::new(name, definition, around.names)
        .ok_or_else(|| (format!("rows of {name} cannot regard contacts and leads"), "Name a table whose rows can."))
}

type Wrong = (String, String, &'static str);

/// What binds a lookup and the path that it is bound to; no path where it is the account of the contact.
fn bind(lookup: &Lookup, activity: &str, around: &Surroundings) -> Result<(String, Option<String>), Wrong> {
    let (column, table) = (&lookup.column, &lookup.table);
    let navigation = around.definition(activity).and_then(|definition| definition.navigation(column, table));
    let Some(navigation) = navigation else {
        let problem = format!("{activity} has no lookup {column} to {table}");
        return Err((".column".into(), problem, "Correct column and table, or add the lookup column."));
    };
    let bind = format!("{navigation}@odata.bind");
    if lookup.is_own_account() {
        return Ok((bind, None));
    }
    let Some(target) = around.definition(table) else {
        return Err((".table".into(), format!("the environment has no table {table}"), "Correct the name."));
    };
    for (column, value) in &lookup.key {
        let place = || format!(".key.{column}");
        let key = KeyColumn::of(table, column, around).map_err(|(problem, remedy)| (place(), problem, remedy))?;
        let fits = key.value(&value.as_str().into()).map_err(|why| (place(), why.to_string(), "Correct the value."))?;
        fits.ok_or_else(|| (place(), "the value is blank".to_owned(), "Write the value that only this row has."))?;
    }
    match around.rows(lookup) {
        [id] => Ok((bind, Some(format!("/{}({id})", target.set)))),
        [] => {
            let problem = format!("{table} has no such row, or the application user may not read it");
            Err((
                String::new(),
                problem,
                "Correct id or key, or give the connector's role the right to read the table.",
            ))
        }
        _ => Err((
            ".key".into(),
            format!("several rows of {table} have this key"),
            "Name columns that only one row has.",
        )),
    }
}

fn owner(principal: &Principal) -> Option<Owner> {
    match principal {
        Principal::User(id) => Uuid::parse_str(id).ok().map(Owner::user),
        Principal::Team(id) => Uuid::parse_str(id).ok().map(Owner::team),
    }
}

/// A contact's company: an account or another contact.
pub const ACCOUNT_OF_CONTACT: &str = "_parentcustomerid_value";

/// The table of accounts.
pub const ACCOUNT: Table = Table { name: "account", set: "accounts", key: "accountid" };

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        dataverse::definition::{LookupDefinition, TableDefinition},
        settings::{Prefix, document},
        sync::rows::Names,
    };

    fn definition(set: &str, is_activity: bool, columns: &[&str], lookups: &[(&str, &str, &str)]) -> TableDefinition {
        let lookup = |(column, table, navigation): &(&str, &str, &str)| LookupDefinition {
            column: (*column).into(),
            table: (*table).into(),
            navigation: (*navigation).into(),
        };
        TableDefinition {
            set: set.into(),
            key: "activityid".into(),
            is_activity,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            lookups: lookups.iter().map(lookup).collect(),
        }
    }

    fn around() -> Surroundings {
        let columns: Vec<&str> = Form::Stamped.columns(<&Names>::default()).collect();
        let webinar = definition(
            "new_webinarattendanceset",
            true,
            &columns,
            &[
                ("regardingobjectid", "contact", "regardingobjectid_contact"),
                ("regardingobjectid", "contact", "regardingobjectid_contact_new_webinarattendance"),
                ("regardingobjectid", "lead", "regardingobjectid_lead_new_webinarattendance"),
                ("new_accountid", "account", "new_AccountId_new_webinarattendance"),
                ("new_campaignid", "campaign", "new_CampaignId_new_webinarattendance"),
            ],
        );
        let tables = BTreeMap::from([
            ("new_webinarattendance".to_owned(), Some(webinar)),
            ("campaign".to_owned(), Some(definition("campaigns", false, &["codename", "name"], &[]))),
            ("new_bare".to_owned(), Some(definition("new_bares", true, &columns[1..], &[]))),
            ("new_nothing".to_owned(), None),
        ]);
        let key =
            |code: &str| ("campaign".to_owned(), None, BTreeMap::from([("codename".to_owned(), code.to_owned())]));
        let rows = BTreeMap::from([
            (key("ONE"), vec![Uuid::from_u128(1)]),
            (key("TWO"), vec![Uuid::from_u128(1), Uuid::from_u128(2)]),
        ]);
        Surroundings::of(tables, rows)
    }

    fn compiled(text: &str) -> (ActivityRules, Vec<String>) {
        let document = document::read(&format!(r#"{{ "defaults": {text} }}"#), &Prefix::default()).unwrap();
        let mut problems = Vec::new();
        let rules = ActivityRules::new("defaults", &document.defaults, &around(), &mut problems);
        (rules, problems.iter().map(|problem| format!("{}: {}", problem.path, problem.problem)).collect())
    }

    #[test]
    fn names_come_from_definitions() {
        let (rules, problems) = compiled(
            r#"{ "activity_table": "new_webinarattendance", "lookups": [
                { "column": "new_accountid", "table": "account" },
                { "column": "new_campaignid", "table": "campaign", "key": { "codename": "ONE" } }
            ] }"#,
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(rules.table.table.set, "new_webinarattendanceset");
        let regarding = rules.table.regarding(crate::sync::rows::PersonTable::Contact);
        assert_eq!(regarding, "regardingobjectid_contact_new_webinarattendance@odata.bind");
        assert_eq!(rules.account.unwrap().bind, "new_AccountId_new_webinarattendance@odata.bind");
        let campaign = format!("/campaigns({})", Uuid::from_u128(1));
        assert_eq!(rules.lookups, [("new_CampaignId_new_webinarattendance@odata.bind".to_owned(), campaign)]);
    }

    #[test]
    fn what_the_environment_does_not_have_is_named_with_its_place() {
        let table = |name: &str| compiled(&format!(r#"{{ "activity_table": "{name}" }}"#)).1;
        assert_eq!(table("new_nothing"), ["defaults.activity_table: the environment has no table new_nothing"]);
        assert_eq!(table("campaign"), ["defaults.activity_table: campaign is not a table of activities"]);
        assert_eq!(table("new_bare"), ["defaults.activity_table: new_bare lacks the columns activityid"]);
        let (_, problems) = compiled(
            r#"{ "activity_table": "new_webinarattendance", "lookups": [
                { "column": "new_x", "table": "campaign", "key": { "codename": "ONE" } },
                { "column": "new_campaignid", "table": "campaign", "key": { "codename": "TWO" } }
            ] }"#,
        );
        assert_eq!(
            problems,
            [
                "defaults.lookups[0].column: new_webinarattendance has no lookup new_x to campaign",
                "defaults.lookups[1].key: several rows of campaign have this key",
            ]
        );
        let (_, problems) = compiled(
            r#"{ "activity_table": "new_webinarattendance", "lookups": [
                { "column": "new_campaignid", "table": "campaign", "key": { "codename": "NONE" } } ] }"#,
        );
        assert!(problems[0].starts_with("defaults.lookups[0]: campaign has no such row"), "{problems:?}");
    }

    #[test]
    fn levels_take_what_their_name_says() {
        let event = |kind, session: bool| ParticipantEvent {
            id: "1".into(),
            time: crate::model::SourceTime::from_digits("0000000000000000001").unwrap(),
            kind,
            read: false,
            event: occasion(),
            session: session.then(occasion),
            participant: None,
            answers: Default::default(),
            status: None,
            score: None,
        };
        use Level::*;
        for (kind, session, takes) in [
            (Kind::Registered, false, [Registrations, Attendance, Sessions].as_slice()),
            (Kind::Cancelled, false, &[Registrations, Attendance, Sessions]),
            (Kind::Updated, false, &[Registrations, Attendance, Sessions]),
            (Kind::EventClosed, false, &[Registrations, Attendance, Sessions]),
            (Kind::CheckedIn, false, &[Attendance, Sessions]),
            (Kind::Scored, false, &[Attendance, Sessions]),
            (Kind::CheckedIn, true, &[Sessions]),
            (Kind::Updated, true, &[Sessions]),
            (Kind::SessionEnrolled, true, &[Sessions]),
            (Kind::SessionClosed, true, &[Sessions]),
        ] {
            for level in [Registrations, Attendance, Sessions] {
                assert_eq!(level.takes(&event(kind, session)), takes.contains(&level), "{kind:?} {session} {level:?}");
            }
        }
    }

    fn occasion() -> crate::model::Occasion {
        crate::model::Occasion { id: "e".into(), name: None, begin: None, end: None, tracks: Default::default() }
    }
}
