//! Attendance rows over the wire: settled and changed late, in other tables, with lookups, owners and times of their own.

use serde_json::{Value, json};

use crate::{
    crm::{self, Row, text},
    desk::Desk,
};

const EVENT: &str = "4711";
/// A contact of the seed with an account, that account, and the owner of both.
const ANA: &str = "ana.silva@contoso.example";
const CONTOSO: &str = "ac000000-0000-4000-8000-000000000001";
const MARTA: &str = "50000000-0000-4000-8000-000000000001";
const JONAS: &str = "50000000-0000-4000-8000-000000000002";

/// What happened to a participant at this second of the day; `name` is participant id.
fn said(kind: &str, name: &str, email: &str, second: u8) -> Value {
    json!({
        "id": format!("{kind}-{name}-{second}"), "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": kind,
        "event": { "id": EVENT, "name": "Partner Day", "begin": "2026-05-01T09:00:00Z", "end": "2026-05-01T18:00:00Z" },
        "participant": { "id": name, "email": email, "last_name": "Doe" },
    })
}

fn closed() -> Value {
    json!({ "id": "closed", "time": "2026-05-01T18:00:00Z", "kind": "event_closed", "event": { "id": EVENT } })
}

impl Desk {
    async fn row(&self, table: &str, participant: &str) -> Row {
        let found = crm::table(&self.world, table).await;
        let of = |row: &&Row| {
            let plain = || {
                text(row, "description").is_some_and(|text| text.contains(&format!("\nParticipant: {participant}\n")))
            };
            text(row, "new_participantid") == Some(participant) || plain()
        };
        found.iter().find(of).unwrap_or_else(|| panic!("no row of {participant} in {table}")).clone()
    }

    async fn attendance(&self, participant: &str) -> Row {
        self.row("new_eventattendance", participant).await
    }

    /// Sends all of it once more: nothing is written.
    async fn again(&self, events: &[Value]) {
        let before = crm::versions(&self.world).await;
        for event in events {
            self.send(event.clone()).await;
        }
        assert_eq!(crm::versions(&self.world).await, before);
    }
}

fn state(row: &Row) -> (i64, i64) {
    (row["statecode"].as_i64().unwrap(), row["statuscode"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn settled_rows_are_closed_and_opened_again_for_what_comes_late() {
    for (read_only, create_state) in [(false, "ignore"), (true, "honour"), (true, "refuse")] {
        let desk = Desk::start().await;
        desk.world.switch(json!({ "closed_activities_are_read_only": read_only, "create_state": create_state })).await;
        let told = [
            said("registered", "there", "there@fabrikam.example", 1),
            said("checked_in", "there", "there@fabrikam.example", 2),
            said("registered", "absent", "absent@fabrikam.example", 1),
            said("cancelled", "gone", "gone@fabrikam.example", 1),
        ];
        for event in &told {
            desk.send(event.clone()).await;
        }
        assert_eq!(state(&desk.attendance("there").await), (0, 1));
        assert_eq!(state(&desk.attendance("gone").await), (2, 3));
        desk.send(closed()).await;
        let absent = desk.attendance("absent").await;
        assert_eq!((state(&absent), text(&absent, "subject")), ((1, 2), Some("No show: Partner Day")));
        assert_eq!(state(&desk.attendance("there").await), (1, 2));

        // Late: a check-in, a check-out, a registration after all, a row that is made when all is over.
        let late = [
            said("checked_in", "absent", "absent@fabrikam.example", 7),
            said("checked_out", "there", "there@fabrikam.example", 8),
            said("registered", "gone", "gone@fabrikam.example", 9),
            said("checked_in", "late", "late@fabrikam.example", 9),
        ];
        for event in &late {
            desk.send(event.clone()).await;
        }
        let absent = desk.attendance("absent").await;
        assert_eq!((state(&absent), text(&absent, "subject")), ((1, 2), Some("Attended: Partner Day")));
        let there = desk.attendance("there").await;
        assert_eq!((state(&there), text(&there, "actualend")), ((1, 2), Some("2026-05-01T09:00:08Z")));
        assert_eq!(text(&there, "actualstart"), Some("2026-05-01T09:00:02Z"));
        let gone = desk.attendance("gone").await;
        assert_eq!((state(&gone), text(&gone, "subject")), ((1, 2), Some("No show: Partner Day")));
        let made = desk.attendance("late").await;
        assert_eq!((state(&made), text(&made, "createdon")), ((1, 2), Some("2026-05-01T09:00:09Z")));
        // What somebody opened again stays open.
        desk.world
            .patch(
                "new_eventattendances",
                text(&absent, "activityid").unwrap(),
                json!({ "statecode": 0, "statuscode": 1 }),
            )
            .await;
        desk.again(&[&told[..], &[closed()], &late].concat()).await;
        assert_eq!(state(&desk.attendance("absent").await), (0, 1));
        assert_eq!(desk.world.given_up().await, (0, 0));
        desk.host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_and_the_owner_come_from_the_person_and_the_settings() {
    let desk = Desk::start().await;
    desk.world.add_lookup("new_eventattendance", "new_accountid", "account").await;
    desk.world.add_lookup("new_eventattendance", "new_marketingevent", "msevtmgt_event").await;
    let event = desk.world.create("msevtmgt_events", json!({ "msevtmgt_name": "Partner Day" })).await;
    let lookups = json!([
        { "column": "new_accountid", "table": "account" },
        { "column": "new_marketingevent", "table": "msevtmgt_event", "key": { "msevtmgt_name": "Partner Day" } },
    ]);
    desk.set_defaults(json!({ "lookups": lookups, "follow_owner": true }));
    let told = [said("registered", "ana", ANA, 1), said("checked_in", "ana", ANA, 2)];
    desk.send(told[0].clone()).await;
    desk.send(told[1].clone()).await;
    let row = desk.attendance("ana").await;
    assert_eq!(text(&row, "_new_accountid_value"), Some(CONTOSO));
    assert_eq!(text(&row, "_new_marketingevent_value"), Some(event.as_str()));
    assert_eq!(text(&row, "_ownerid_value"), Some(MARTA));
    desk.again(&told).await;

    // Another address of a lead: no account any more. And back.
    desk.send(said("updated", "ana", "new@fabrikam.example", 3)).await;
    assert_eq!(text(&desk.attendance("ana").await, "_new_accountid_value"), None);
    desk.send(said("updated", "ana", ANA, 4)).await;
    assert_eq!(text(&desk.attendance("ana").await, "_new_accountid_value"), Some(CONTOSO));

    // The contact changes hands, without its activities.
    let contact = text(&row, "_regardingobjectid_value").unwrap().to_owned();
    let id = text(&row, "activityid").unwrap().to_owned();
    desk.world.patch("contacts", &contact, json!({ "ownerid@odata.bind": format!("/systemusers({JONAS})") })).await;
    desk.world
        .patch("new_eventattendances", &id, json!({ "ownerid@odata.bind": format!("/systemusers({MARTA})") }))
        .await;
    desk.send(said("checked_in", "ana", ANA, 5)).await;
    assert_eq!(desk.world.given_up().await, (0, 0));
    assert_eq!(text(&desk.attendance("ana").await, "_ownerid_value"), Some(JONAS));

    desk.set_defaults(
        json!({ "lookups": [{ "column": "new_campaignid", "table": "campaign", "key": { "codename": "X" } }] }),
    );
    desk.world.send(&desk.host, &said("registered", "held", "held@fabrikam.example", 1)).await;
    let held = async || desk.world.health(&desk.host).await.1["held"]["name"] == "settings";
    desk.world.until(&desk.host, "held", held).await;
    desk.set_defaults(json!({}));
    desk.world.drained(&desk.host).await;
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_own_a_row_is_replaced_and_nothing_is_parked() {
    for fallback in [None, Some(MARTA)] {
        let desk = Desk::start().await;
        // A user without any role may read nothing, so owns nothing.
        let unit = json!("/businessunits(b0000000-0000-4000-8000-000000000001)");
        let left = desk.world.create("systemusers", json!({ "firstname": "Left", "lastname": "Us", "internalemailaddress": "left@sandbox.example", "domainname": "left@sandbox.example", "businessunitid@odata.bind": unit })).await;
        let bind = json!(format!("/systemusers({left})"));
        desk.world.switch(json!({ "owners_need_read": false })).await;
        for name in ["one", "two"] {
            let contact = json!({ "lastname": name, "emailaddress1": format!("{name}@fabrikam.example"), "ownerid@odata.bind": bind });
            desk.world.create("contacts", contact).await;
        }
        desk.world.switch(json!({ "owners_need_read": true })).await;
        desk.set_defaults(json!({ "fallback_owner": fallback.map(|user| json!({ "user": user })) }));
        let told = [
            said("registered", "one", "one@fabrikam.example", 1),
            said("registered", "two", "two@fabrikam.example", 1),
            said("registered", "ana", ANA, 1),
        ];
        desk.send(Value::from(told.to_vec())).await;
        assert_eq!(desk.world.given_up().await, (0, 0));
        let expected = fallback.unwrap_or("0a000000-0000-4000-8000-000000000001");
        for (name, owner) in [("one", expected), ("two", expected), ("ana", MARTA)] {
            assert_eq!(text(&desk.attendance(name).await, "_ownerid_value"), Some(owner), "{name}");
        }
        desk.again(&told).await;
        desk.host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_writes_what_it_says_and_scores_come_from_where_they_are() {
    let desk = Desk::start().await;
    let mut session = said("session_enrolled", "ana", ANA, 3);
    session["session"] = json!({ "id": "s1", "name": "Opening" });
    let mut scored = said("scored", "ana", ANA, 4);
    scored["score"] = json!(50);
    let told = [said("registered", "ana", ANA, 1), said("checked_in", "ana", ANA, 2), session, scored];
    let set = |level: &str| json!({ "level": level, "score": "score * 2" });
    let rows = async || {
        let rows = crm::table(&desk.world, "new_eventattendance").await;
        let own = rows.iter().find(|row| text(row, "new_sessionid").is_none()).unwrap();
        (rows.len(), text(own, "subject").unwrap().to_owned(), own["new_engagementscore"].as_f64())
    };
    for (level, expected) in [
        ("registrations", (1, "Registered for: Partner Day".to_owned(), None)),
        ("attendance", (1, "Attended: Partner Day".to_owned(), Some(100.0))),
        ("sessions", (2, "Attended: Partner Day".to_owned(), Some(100.0))),
    ] {
        desk.set_defaults(set(level));
        desk.send(Value::from(told.to_vec())).await;
        assert_eq!(rows().await, expected, "{level}");
    }
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_activity_tables_by_their_definitions() {
    let desk = Desk::start().await;
    desk.world.make_attendance_table("new_WebinarAttendance").await;
    desk.set(json!({ "defaults": { "activity_table": "new_webinarattendance" },
        "events": { "2": { "activity_table": "phonecall" }, "3": { "activity_table": "appointment" } } }));
    let told = [said("registered", "ana", ANA, 1), said("checked_in", "ana", ANA, 2), closed()];
    for event in &told {
        desk.send(event.clone()).await;
    }
    let webinar = desk.row("new_webinarattendance", "ana").await;
    assert_eq!((state(&webinar), text(&webinar, "subject")), ((1, 2), Some("Attended: Partner Day")));
    assert_settled(&webinar);
    for (event, table, set, open, completed) in
        [("2", "phonecall", "phonecalls", (0, 1), (1, 2)), ("3", "appointment", "appointments", (0, 1), (1, 3))]
    {
        let of = |mut told: Value| {
            told["event"]["id"] = json!(event);
            told
        };
        let told = [
            of(said("registered", "ana", ANA, 1)),
            of(said("checked_in", "ana", ANA, 5)),
            of(said("checked_in", "ana", ANA, 3)),
        ];
        desk.send(told[0].clone()).await;
        assert_eq!(state(&desk.row(table, "ana").await), open, "{table}");
        for event in &told[1..] {
            desk.send(event.clone()).await;
        }
        let row = desk.row(table, "ana").await;
        assert_eq!((state(&row), text(&row, "actualstart")), (completed, Some("2026-05-01T09:00:03Z")), "{table}");
        assert_settled(&row);
        // What people write above the mark stays, and the row goes on: it is opened, written and completed again.
        let id = text(&row, "activityid").unwrap();
        let note = format!("Ring back!\n{}", text(&row, "description").unwrap());
        desk.world.patch(set, id, json!({ "description": note })).await;
        desk.again(&told).await;
        desk.send(of(said("checked_out", "ana", ANA, 9))).await;
        let row = desk.row(table, "ana").await;
        assert_eq!((state(&row), text(&row, "actualend")), (completed, Some("2026-05-01T09:00:09Z")), "{table}");
        assert!(text(&row, "description").unwrap().starts_with("Ring back!\n---"), "{table}");
        // Nobody was there after all: it is open once more.
        desk.send(of(said("check_in_taken_back", "ana", ANA, 10))).await;
        assert_eq!(state(&desk.row(table, "ana").await), open, "{table}");
    }
    assert!(crm::table(&desk.world, "new_eventattendance").await.is_empty());
    assert_eq!(desk.world.given_up().await, (0, 0));

    desk.set_defaults(json!({ "activity_table": "new_nothing" }));
    desk.world.send(&desk.host, &said("registered", "held", ANA, 1)).await;
    let told = async || desk.world.health(&desk.host).await.1["held"]["remedy"].as_str().unwrap_or_default().to_owned();
    desk.world.until(&desk.host, "held", async || told().await.contains("no table new_nothing")).await;
    desk.set_defaults(json!({}));
    desk.world.drained(&desk.host).await;
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

/// The row is planned for the event's time, and belongs to whom it regards.
fn assert_settled(row: &Row) {
    assert_eq!(text(row, "scheduledend"), Some("2026-05-01T18:00:00Z"));
    assert_eq!(text(row, "_ownerid_value"), Some(MARTA));
    assert!(text(row, "_regardingobjectid_value").is_some());
}
