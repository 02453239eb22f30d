//! What InEvent knows of an event, held against the rows in the CRM: by what stands in both, whatever the connector says of itself.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::desk::Desk;
use crate::{
    dataverse::query,
    sync::rows::{ActivityTable, Names},
};

/// The options of the two choices, as they stand in the CRM.
const REGISTERED: i64 = 727_000_000;
const ATTENDED: i64 = 727_000_000;
const NO_SHOW: i64 = 727_000_001;

/// How far the event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody is called a no-show yet, and points were not looked at.
    Open,
    Over,
}

/// How rows and InEvent differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    /// People on InEvent's list of the event.
    pub(super) people: u64,
    /// Rows that follow from InEvent's lists: of event and sessions.
    pub(super) rows: u64,
    /// How many of these are missing or say something else, and how many rows say of others that they are registered.
    pub(super) different: u64,
}

/// Person and session; no session: the event itself.
type Place = (String, Option<String>);

/// What a row says of somebody who is registered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said {
    attendance: Option<i64>,
    score: Option<f64>,
}

impl Comparison {
    /// # Errors
    /// When InEvent or the CRM does not answer.
    pub(super) async fn of(desk: &Desk, event: &str, stage: Stage) -> Result<Self> {
        let known = desk.organizer().told(&format!("events/{event}")).await?;
        let points = desk.organizer().call("gamification.leaderboard", &[("eventID", event)], &[]).await?;
        let ActivityTable { table, names, .. } = desk.table();
        let columns = [
            names.participant_id,
            names.session_id,
            names.registration_status,
            names.attendance_status,
            names.engagement_score,
        ];
        let filter = format!("{} eq {}", names.event_id, query::text(event));
        let rows = desk.client().read(vec![query::select(table.set, &columns, &filter)]).await?;
        let rows: Vec<Value> = rows.into_iter().flatten().map(Value::Object).collect();
        Ok(compare(&known, &points, &registered(&rows, names), stage))
    }
}

fn compare(known: &Value, points: &[Value], found: &BTreeMap<Place, Said>, stage: Stage) -> Comparison {
    let expected = expected(known, points, stage);
    let differs = |(place, said): &(&Place, &Said)| match (found.get(*place), stage) {
        (None, _) => true,
        (Some(row), Stage::Over) => row != *said,
        (Some(row), Stage::Open) => said.attendance.is_some() && row.attendance != said.attendance,
    };
    let different = expected.iter().filter(differs).count();
    let surplus = found.keys().filter(|place| !expected.contains_key(*place)).count();
    Comparison {
        people: expected.keys().filter(|(_, session)| session.is_none()).count() as u64,
        rows: expected.len() as u64,
        different: (different + surplus) as u64,
    }
}

/// The rows that follow from InEvent's lists, its check-in log and its points.
fn expected(known: &Value, points: &[Value], stage: Stage) -> BTreeMap<Place, Said> {
    let text = |row: &Value, field: &str| row[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let listed = |rows: &Value, session: Option<&String>| -> Vec<Place> {
        let people = rows.as_array().into_iter().flatten();
        people.filter_map(|row| Some((text(row, "personID")?, session.cloned()))).collect()
    };
    let approved: Value =
        known["people"].as_array().into_iter().flatten().filter(|row| row["status"] == "approved").cloned().collect();
    let mut places = listed(&approved, None);
    for activity in known["activities"].as_array().into_iter().flatten() {
        places.extend(listed(&activity["people"], text(&activity["activity"], "activityID").as_ref()));
    }
    let entries = known["checklog"].as_array().into_iter().flatten().filter(|entry| entry["type"] == "checkIn");
    let seen: BTreeSet<Place> =
        entries.filter_map(|entry| Some((text(entry, "personID")?, text(entry, "activityID")))).collect();
    let scores: BTreeMap<Place, f64> = points
        .iter()
        .filter_map(|row| Some(((text(row, "personID")?, None), text(row, "points")?.parse().ok()?)))
        .collect();
    let absent = (stage == Stage::Over).then_some(NO_SHOW);
    let said = |place: &Place| Said {
        attendance: if seen.contains(place) { Some(ATTENDED) } else { absent },
        score: scores.get(place).copied(),
    };
    places.into_iter().map(|place| (place.clone(), said(&place))).collect()
}

/// What the rows say of those who are registered.
fn registered(rows: &[Value], names: &Names) -> BTreeMap<Place, Said> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let registered = rows.iter().filter(|row| row[names.registration_status] == REGISTERED);
    let said = |row: &Value| Said {
        attendance: row[names.attendance_status].as_i64(),
        score: row[names.engagement_score].as_f64(),
    };
    registered
        .filter_map(|row| Some(((text(&row[names.participant_id])?, text(&row[names.session_id])), said(row))))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_says_something_else_or_should_not_be_there_is_counted() {
        let known = json!({
            "people": [
                { "personID": "1", "status": "approved" },
                { "personID": "2", "status": "approved" },
                { "personID": "3", "status": "rejected" },
            ],
            "activities": [{ "activity": { "activityID": "7" }, "people": [{ "personID": "1" }] }],
            "checklog": [
                { "personID": "1", "activityID": "", "type": "checkIn" },
                { "personID": "1", "activityID": "7", "type": "checkOut" },
            ],
        });
        let points = [json!({ "personID": "1", "points": "25" })];
        let row =
            |person: &str, session: Option<&str>, registration: i64, attendance: Option<i64>, score: Option<f64>| {
                json!({
                    "new_participantid": person, "new_sessionid": session, "new_registrationstatus": registration,
                    "new_attendancestatus": attendance, "new_engagementscore": score,
                })
            };
        let cancelled = REGISTERED + 1;
        let right = [
            row("1", None, REGISTERED, Some(ATTENDED), Some(25.0)),
            row("1", Some("7"), REGISTERED, Some(NO_SHOW), None),
            row("2", None, REGISTERED, Some(NO_SHOW), None),
            row("3", None, cancelled, None, None),
        ];
        let different = |rows: &[Value], stage| {
            let compared = compare(&known, &points, &registered(rows, <&Names>::default()), stage);
            assert_eq!((compared.people, compared.rows), (2, 3));
            compared.different
        };
        assert_eq!(different(&right, Stage::Over), 0);
        for (place, wrong, over, open) in [
            (0, row("1", None, REGISTERED, Some(ATTENDED), Some(24.0)), 1, 0),
            (0, row("1", None, REGISTERED, Some(NO_SHOW), Some(25.0)), 1, 1),
            (1, row("1", Some("7"), REGISTERED, None, None), 1, 0),
            (1, row("1", Some("8"), REGISTERED, Some(NO_SHOW), None), 2, 2),
            (2, row("2", None, cancelled, Some(NO_SHOW), None), 1, 1),
            (3, row("3", None, REGISTERED, None, None), 1, 1),
        ] {
            let mut rows = right.clone();
            rows[place] = wrong;
            assert_eq!((different(&rows, Stage::Over), different(&rows, Stage::Open)), (over, open), "{rows:?}");
        }
    }
}
