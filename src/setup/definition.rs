//! What the connector needs in a Dataverse environment, said once: `setup dataverse` makes it, `--export` writes it as a solution file,
//! and `check` looks whether it is there.

use uuid::Uuid;

use super::role::{Reach, Role};
use crate::settings::Prefix;

/// The language that labels are in (a Windows locale id).
pub const LANGUAGE: u16 = 1033;
/// Goes into the values of choices: 72700 × 10,000, then the option. `sync/rows/attendance.rs` writes these values.
pub const OPTION_PREFIX: u32 = 72_700;
/// The version that the solution says of itself.
pub const VERSION: &str = "1.0.0.0";

/// The whole of it.
#[derive(Debug, Clone)]
pub struct Solution {
    /// What the names of tables and columns begin with.
    pub prefix: Prefix,
    pub publisher: Publisher,
    pub unique_name: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    /// Activity tables with the connector's columns.
    pub activities: Vec<ActivityTable>,
    /// Tables of the environment that get columns.
    pub extended: Vec<ExtendedTable>,
    pub role: Role,
}

#[derive(Debug, Clone)]
pub struct Publisher {
    pub unique_name: String,
    pub label: &'static str,
}

/// A table whose rows stand on the timeline of the contact or lead that they regard.
#[derive(Debug, Clone)]
pub struct ActivityTable {
    /// Logical name, which is the schema name too: the casing of navigation properties then leaves no doubt.
    pub name: String,
    pub label: String,
    pub plural: String,
    pub description: String,
    pub columns: Vec<Column>,
    pub key: Key,
    pub views: Vec<View>,
    pub form: Form,
}

/// `contact` or `lead`, and what they lack.
#[derive(Debug, Clone)]
pub struct ExtendedTable {
    pub name: &'static str,
    /// Its schema name, as solution files write it.
    pub schema: &'static str,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone)]
pub struct Column {
    /// Logical name.
    pub name: String,
    pub label: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    /// A sample: a column of this name is right whatever its type.
    pub any_kind: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// One line of so many characters.
    Text(u32),
    /// Several lines, so many characters in all.
    Memo(u32),
    /// Options by their place behind the option prefix, with their labels.
    Choice(&'static [(u32, &'static str)]),
    DateTime,
    /// Digits after the point, and the bound above and below zero.
    Decimal {
        precision: u32,
        most: f64,
    },
}

/// An alternate key.
#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    pub label: &'static str,
    pub columns: Vec<String>,
}

/// A public view.
#[derive(Debug, Clone)]
pub struct View {
    pub id: Uuid,
    pub name: String,
    /// Equal to these values; empty: every row.
    pub only: Option<(String, u32)>,
    pub columns: Vec<(String, u32)>,
}

/// The main form: sections with the columns in them, by label.
#[derive(Debug, Clone)]
pub struct Form {
    pub id: Uuid,
    pub name: String,
    pub sections: Vec<(&'static str, Vec<Shown>)>,
}

/// A column on a form: its name, its label, and how it is shown.
pub type Shown = (String, String, Control);

/// How a form shows a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Text,
    Lookup,
    Choice,
    DateTime,
    Decimal,
}

const REGISTRATION: &[(u32, &str)] = &[(0, "Registered"), (1, "Cancelled")];
const ATTENDANCE: &[(u32, &str)] = &[(0, "Attended"), (1, "No show"), (2, "Partial")];
/// What the Web API allows of a decimal column.
const MOST: f64 = 100_000_000_000.0;
/// Stamps hold fixed-width times and fingerprints, one group for each mapped column.
const STAMP: Kind = Kind::Memo(4_000);

/// The columns of an attendance row, without prefix.
const OF_ACTIVITIES: &[(&str, &str, &str, Kind)] = &[
    ("eventid", "Event id", "InEvent's id of the event.", Kind::Text(100)),
    ("eventname", "Event name", "", Kind::Text(300)),
    ("sessionid", "Session id", "InEvent's id of the session; empty in the event's own row.", Kind::Text(100)),
    ("sessionname", "Session name", "", Kind::Text(300)),
    ("sessiontracks", "Session tracks", "The tracks of the session, with semicolons between them.", Kind::Text(1_000)),
    ("participantid", "Participant id", "InEvent's id of the participant.", Kind::Text(100)),
    ("registrationstatus", "Registration status", "", Kind::Choice(REGISTRATION)),
    ("attendancestatus", "Attendance status", "Empty until it is known.", Kind::Choice(ATTENDANCE)),
    ("checkintime", "Check-in time", "The earliest check-in.", Kind::DateTime),
    ("checkouttime", "Check-out time", "The latest check-out.", Kind::DateTime),
    ("engagementscore", "Engagement score", "", Kind::Decimal { precision: 2, most: MOST }),
    ("registrationstamp", "Registration stamp", KEPT, STAMP),
    ("attendancestamp", "Attendance stamp", KEPT, STAMP),
    ("scorestamp", "Score stamp", KEPT, STAMP),
    ("detailsstamp", "Details stamp", KEPT, STAMP),
];

/// The columns of contact and lead, without prefix. The last is a sample.
const OF_PEOPLE: &[(&str, &str, &str, Kind)] = &[
    ("ineventparticipantid", "InEvent participant id", "InEvent's external id of the person.", Kind::Text(100)),
    ("ineventprofilestamp", "InEvent profile stamp", KEPT, STAMP),
    (SAMPLE, "Budget", "Answer to the registration form's question \"Budget\".", Kind::Text(200)),
];
const SAMPLE: &str = "budget";

const KEPT: &str = "When InEvent said what; kept by the connector. Do not change.";

/// Options of the whole.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub prefix: Prefix,
    pub reach: Reach,
    /// Activity tables beside the first, by logical name, with a label where one was given.
    pub tables: Vec<(String, Option<String>)>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { prefix: Prefix::default(), reach: Reach::Organisation, tables: Vec::new() }
    }
}

/// Why there is no such solution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unnameable {
    #[error("the table {0:?} must be named in lower-case letters and digits, beginning with {1}_")]
    Table(String, Prefix),
}

impl Solution {
    /// # Errors
    /// When a name is none that Dataverse takes.
    pub fn new(wanted: &Wanted) -> Result<Self, Unnameable> {
        let prefix = &wanted.prefix;
        let own = prefix.activity_table();
        let mut activities = vec![ActivityTable::new(prefix, &own, Some("Event Attendance"))];
        for (name, label) in wanted.tables.iter().filter(|(name, _)| *name != own) {
            let stem = name.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
            if stem.is_empty()
                || name.len() > 41
                || !stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            {
                return Err(Unnameable::Table(name.clone(), prefix.clone()));
            }
            if !activities.iter().any(|table| table.name == *name) {
                activities.push(ActivityTable::new(prefix, name, label.as_deref()));
            }
        }
        let extended = [("contact", "Contact"), ("lead", "Lead")].map(|(name, schema)| ExtendedTable {
            name,
            schema,
            columns: columns(prefix, OF_PEOPLE),
        });
        let unique_name = if *prefix == Prefix::default() { "inevent".to_owned() } else { format!("inevent_{prefix}") };
        Ok(Self {
            prefix: prefix.clone(),
            publisher: Publisher { unique_name, label: "InEvent" },
            unique_name: "InEventAttendance",
            label: "InEvent attendance",
            description: "Tables, columns and security role of the connector between InEvent and Dynamics 365.",
            activities,
            extended: extended.into(),
            role: Role::new(wanted.reach),
        })
    }
}

impl ActivityTable {
    /// The connector's columns under another name; without a label it is made of the name.
    pub fn new(prefix: &Prefix, name: &str, label: Option<&str>) -> Self {
        let label = label.map_or_else(|| spoken(prefix, name), str::to_owned);
        let column = |stem: &str| prefix.name(stem);
        Self {
            name: name.to_owned(),
            plural: format!("{label}s"),
            description: "Registrations, check-ins and sessions of InEvent's participants.".to_owned(),
            columns: columns(prefix, OF_ACTIVITIES),
            // Rows have ids of their own; the key's index is what makes finding them by participant fast.
            key: Key {
                name: column("attendancekey"),
                label: "Attendance key",
                columns: ["eventid", "participantid", "sessionid"].map(column).into(),
            },
            views: views(prefix, name, &label),
            form: form(prefix, name, &label),
            label,
        }
    }
}

fn columns(prefix: &Prefix, of: &[(&str, &'static str, &'static str, Kind)]) -> Vec<Column> {
    let column = |(stem, label, description, kind): &(&str, &'static str, &'static str, Kind)| Column {
        name: prefix.name(stem),
        label,
        description,
        kind: *kind,
        any_kind: *stem == SAMPLE,
    };
    of.iter().map(column).collect()
}

/// `new_webinarattendance` is spoken *Webinar Attendance*.
fn spoken(prefix: &Prefix, name: &str) -> String {
    let stem = name.strip_prefix(prefix.as_str()).unwrap_or(name).trim_start_matches('_');
    let words: Vec<&str> = match stem.strip_suffix("attendance").filter(|first| !first.is_empty()) {
        Some(first) => vec![first, "attendance"],
        None => vec![stem],
    };
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    words.into_iter().map(capital).collect::<Vec<_>>().join(" ")
}

/// An id that is the same in every environment, however the solution gets there.
pub fn id_of(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("inevent-d365:{kind}:{name}").as_bytes())
}

fn views(prefix: &Prefix, table: &str, label: &str) -> Vec<View> {
    let column = |stem: &str| prefix.name(stem);
    let shown = || {
        vec![
            ("subject".to_owned(), 300),
            ("regardingobjectid".to_owned(), 200),
            (column("registrationstatus"), 130),
            (column("attendancestatus"), 130),
            (column("checkintime"), 150),
            (column("checkouttime"), 150),
            (column("engagementscore"), 100),
        ]
    };
    let view = |name: &str, only: Option<(&str, u32)>| View {
        id: id_of("view", &format!("{table}:{name}")),
        name: format!("{label}: {name}"),
        only: only.map(|(stem, option)| (column(stem), option_value(option))),
        columns: shown(),
    };
    vec![
        view("all", None),
        view("attended", Some(("attendancestatus", 0))),
        view("no show", Some(("attendancestatus", 1))),
        view("cancelled", Some(("registrationstatus", 1))),
    ]
}

fn form(prefix: &Prefix, table: &str, label: &str) -> Form {
    let own = |stems: &[&str]| {
        let found = OF_ACTIVITIES.iter().filter(|(stem, ..)| stems.contains(stem));
        found
            .map(|(stem, label, _, kind)| {
                let control = match kind {
                    Kind::Text(_) | Kind::Memo(_) => Control::Text,
                    Kind::Choice(_) => Control::Choice,
                    Kind::DateTime => Control::DateTime,
                    Kind::Decimal { .. } => Control::Decimal,
                };
                (prefix.name(stem), (*label).to_owned(), control)
            })
            .collect::<Vec<_>>()
    };
    let platform = |columns: &[(&str, &str, Control)]| {
        let owned =
            |(name, label, control): &(&str, &str, Control)| ((*name).to_owned(), (*label).to_owned(), *control);
        columns.iter().map(owned).collect::<Vec<_>>()
    };
    Form {
        id: id_of("form", table),
        name: format!("{label} of InEvent"),
        sections: vec![
            (
                "Person",
                platform(&[
                    ("subject", "Subject", Control::Text),
                    ("regardingobjectid", "Regarding", Control::Lookup),
                    ("ownerid", "Owner", Control::Lookup),
                ]),
            ),
            (
                "Attendance",
                own(&["registrationstatus", "attendancestatus", "checkintime", "checkouttime", "engagementscore"]),
            ),
            ("Event", own(&["eventname", "eventid", "sessionname", "sessiontracks", "sessionid", "participantid"])),
            (
                "Times",
                platform(&[("scheduledstart", "Start", Control::DateTime), ("scheduledend", "End", Control::DateTime)]),
            ),
        ],
    }
}

/// The value of an option by its place.
pub fn option_value(place: u32) -> u32 {
    OPTION_PREFIX * 10_000 + place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::rows::Names;

    #[test]
    fn what_is_made_are_the_columns_that_the_connector_writes() {
        let solution = Solution::new(&Wanted { prefix: "contoso".parse().unwrap(), ..Wanted::default() }).unwrap();
        let [table] = &solution.activities[..] else { panic!("{solution:?}") };
        let names = Names::of(&solution.prefix);
        assert_eq!(table.name, names.table);
        assert_eq!(names.of_rows().to_vec(), table.columns.iter().map(|column| &column.name).collect::<Vec<_>>());
        let of_people = [names.external_id, names.profile_stamp, names.budget];
        for person in &solution.extended {
            assert_eq!(of_people.to_vec(), person.columns.iter().map(|column| &column.name).collect::<Vec<_>>());
        }
    }

    #[test]
    fn further_tables_are_the_same_under_another_name() {
        let tables =
            vec![("new_webinarattendance".to_owned(), None), ("new_visit".to_owned(), Some("Visit".to_owned()))];
        let solution = Solution::new(&Wanted { tables, ..Wanted::default() }).unwrap();
        let names: Vec<_> =
            solution.activities.iter().map(|table| (table.name.as_str(), table.label.as_str())).collect();
        assert_eq!(
            names,
            [
                ("new_eventattendance", "Event Attendance"),
                ("new_webinarattendance", "Webinar Attendance"),
                ("new_visit", "Visit")
            ]
        );
        let ids: std::collections::BTreeSet<_> = solution.activities.iter().map(|table| table.form.id).collect();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn names_that_dataverse_refuses_are_refused() {
        for table in ["webinar", "new_", "new_Webinar", "old_webinar", "new_web-inar"] {
            let wanted = Wanted { tables: vec![(table.to_owned(), None)], ..Wanted::default() };
            assert!(Solution::new(&wanted).is_err(), "{table}");
        }
        let other = Solution::new(&Wanted { prefix: "contoso".parse().unwrap(), ..Wanted::default() }).unwrap();
        assert_eq!(other.activities[0].name, "contoso_eventattendance");
        assert!(other.activities[0].columns.iter().all(|column| column.name.starts_with("contoso_")));
    }
}
