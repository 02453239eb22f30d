//! Settings documents that histories are delivered under, with every mapping mode, and a place that keeps one.

use std::time::Duration;

use async_trait::async_trait;
use inevent_d365::{
    dataverse::metadata::{Choice, Column, ColumnKind, TableColumns},
    settings::kept::{ETag, Kept, PlaceError, SettingsPlace},
};

use crate::tables;

/// The values of `fill_if_empty` and `on_create` are first-come; everything else must not depend on the order.
pub const DOCUMENTS: [&str; 8] = [
    r#"{ "defaults": { "matching": { "correct_addresses": false } } }"#,
    r#"{ "defaults": { "unmatched": "create_lead", MATCHING, "subject": "{name} ({status})", "mappings": MAPPINGS },
         "events": { "e1": { "mappings": [{ "source": { "field": "participant.job_title" }, "column": "jobtitle" }] } } }"#,
    r#"{ "defaults": { "unmatched": "create_contact", MATCHING, "mappings": MAPPINGS } }"#,
    r#"{ "defaults": { "unmatched": "ignore", MATCHING, "mappings": MAPPINGS }, "events": { "e1": { "sync": false } } }"#,
    r#"{ "defaults": { MATCHING, "partial": { "below_minutes": 1, "below_percent_of_sessions": 60 },
         "fallback_owner": { "team": "00000000-0000-0000-0000-0000000003e7" } } }"#,
    r#"{ "defaults": { MATCHING, "leave_open": true, "follow_owner": true, "partial": { "below_percent_of_sessions": 100 } } }"#,
    r#"{ "defaults": { MATCHING, "level": "registrations" },
         "events": { "e1": { "level": "attendance", "score": "score * 2" } } }"#,
    r#"{ "defaults": { MATCHING, "activity_table": "new_webinarattendance", "lookups": [
             { "column": "new_accountid", "table": "account" },
             { "column": "new_campaignid", "table": "campaign", "id": "00000000-0000-0000-0000-00000000001e" } ] },
         "events": { "e1": { "activity_table": "new_eventattendance" } } }"#,
];

/// Rows in a table of the platform's own: those of one participant's sessions are not found by each other.
pub const PLAIN: &str =
    r#"{ "defaults": { MATCHING, "activity_table": "appointment" }, "events": { "e1": { "leave_open": true } } }"#;

/// Which lead gets an address that its only participant has now, instead of a fresh one, is first-come.
const MATCHING: &str = r#""matching": { "correct_addresses": false }"#;

/// Of the job titles A, B and C the last is no grade and is left out; whose names are no rank (B and B, A and blank) is refused.
const MAPPINGS: &str = r#"[
    { "source": { "field": "participant.job_title" }, "column": "jobtitle" },
    { "source": { "field": "participant.first_name" }, "column": "firstname", "mode": "fill_if_empty" },
    { "source": { "field": "participant.last_name" }, "column": "lastname", "mode": "on_create" },
    { "source": { "expression": "event.id ~ '/' ~ participant.last_name" }, "column": "new_seen" },
    { "source": { "field": "participant.job_title" }, "column": "new_grade", "values": { "A": 1, "B": "Second" } },
    { "source": { "expression": "participant.first_name ~ participant.last_name" }, "column": "new_rank",
      "values": { "AA": 1, "AB": 2, "BA": 2 }, "required": true }
]"#;

/// Columns whose value, though not whether there is one, depends on who came first.
pub const FILLED: [&str; 1] = ["firstname"];
pub const CREATED: [&str; 1] = ["lastname"];

/// What the mapped columns are.
pub fn columns() -> TableColumns {
    let column = |kind| Column { kind, creatable: true, updatable: true };
    let text = || column(ColumnKind::Text { max: 50 });
    let options =
        vec![Choice { value: 1, labels: vec!["First".into()] }, Choice { value: 2, labels: vec!["Second".into()] }];
    let grade = || column(ColumnKind::Choice(options.clone()));
    let short = || column(ColumnKind::Text { max: 5 });
    let (yes, no) = ("Sure".to_owned(), "Never".to_owned());
    let columns = [
        ("jobtitle", text()),
        ("firstname", text()),
        ("lastname", text()),
        ("companyname", text()),
        ("new_ineventparticipantid", text()),
        (tables::CODE, text()),
        (tables::KEY, text()),
        ("new_badge", text()),
        ("new_firm", text()),
        ("new_seen", text()),
        ("new_note", short()),
        ("new_code", short()),
        ("new_remark", short()),
        ("new_grade", grade()),
        ("new_rank", grade()),
        ("new_class", grade()),
        ("new_topics", column(ColumnKind::MultiChoice(options.clone()))),
        ("new_vip", column(ColumnKind::YesNo { yes, no })),
        ("new_number", column(ColumnKind::Whole { min: -10, max: 1_000 })),
        ("new_amount", column(ColumnKind::Decimal { min: -10.0, max: 1_000.0, precision: 2 })),
        ("new_day", column(ColumnKind::DateOnly)),
        ("new_sourceid", column(ColumnKind::Lookup)),
        ("new_originid", column(ColumnKind::Lookup)),
    ];
    columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()
}

#[derive(Debug)]
pub struct Fixed(pub &'static str);

#[async_trait]
impl SettingsPlace for Fixed {
    async fn read(&self) -> Result<Option<Kept>, PlaceError> {
        Ok(Some(Kept {
            text: self.0.replace("MAPPINGS", MAPPINGS).replace("MATCHING", MATCHING),
            etag: ETag("1".into()),
        }))
    }

    async fn write(&self, _: &str, _: Option<&ETag>) -> Result<ETag, PlaceError> {
        Err(PlaceError::Changed)
    }

    async fn history(&self) -> Result<Vec<String>, PlaceError> {
        Ok(Vec::new())
    }

    async fn replaced(&self, _: &str) -> Result<Option<String>, PlaceError> {
        Ok(None)
    }

    fn fresh_for(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}
