//! The event tables of Customer Insights - Journeys, with the columns that integrations use.

use crate::metadata::{Requirement, Table, TableBuilder, table};

/// A custom table of that solution: its name column, state and owner.
fn event_table(
    schema: &str,
    set: &str,
    label: &str,
    code: i64,
    columns: impl FnOnce(TableBuilder) -> TableBuilder,
) -> Table {
    let builder = table(schema, set, label, &format!("{schema}Id"))
        .type_code(code)
        .text("msevtmgt_Name", 100)
        .named("Name")
        .required(Requirement::Application);
    columns(builder).active_inactive().owned(&["ownerid"]).stamped().build("msevtmgt_name")
}

pub(super) fn event() -> Table {
    event_table("msevtmgt_Event", "msevtmgt_events", "Event", 10_501, |builder| {
        builder
            .has_activities()
            .memo("msevtmgt_Description", 4000)
            .datetime("msevtmgt_EventStartDate")
            .datetime("msevtmgt_EventEndDate")
            .whole("msevtmgt_EventTimeZone")
            .choice(
                "msevtmgt_EventType",
                &[
                    (100_000_000, "Executive Briefing"),
                    (100_000_001, "Conference"),
                    (100_000_002, "Demonstration"),
                    (100_000_003, "Training"),
                    (100_000_004, "Webcast"),
                ],
            )
            .choice(
                "msevtmgt_PublishStatus",
                &[
                    (100_000_000, "Draft"),
                    (100_000_001, "Ready to go live"),
                    (100_000_002, "In progress"),
                    (100_000_003, "Live"),
                    (100_000_004, "Cancelled"),
                ],
            )
            .whole("msevtmgt_MaximumEventCapacity")
            .whole("msevtmgt_RegistrationCount")
            .whole("msevtmgt_CheckInCount")
            .text("msevtmgt_PublicEventUrl", 200)
            .text("msevtmgt_ReadableEventId", 100)
            .text("msevtmgt_EventCode", 100)
    })
}

pub(super) fn session() -> Table {
    event_table("msevtmgt_Session", "msevtmgt_sessions", "Session", 10_502, |builder| {
        builder
            .custom_lookup("msevtmgt_EventId", "msevtmgt_event", "msevtmgt_event_session_EventId")
            .memo("msevtmgt_SessionSummary", 4000)
            .datetime("msevtmgt_StartTime")
            .datetime("msevtmgt_EndTime")
            .whole("msevtmgt_SessionCapacity")
            .text("msevtmgt_ReadableSessionId", 100)
    })
}

pub(super) fn registration() -> Table {
    event_table("msevtmgt_EventRegistration", "msevtmgt_eventregistrations", "Event Registration", 10_503, |builder| {
        builder
            .custom_lookup("msevtmgt_EventId", "msevtmgt_event", "msevtmgt_event_eventregistration_EventId")
            .custom_lookup("msevtmgt_ContactId", "contact", "msevtmgt_contact_eventregistration_ContactId")
            .custom_lookup("msevtmgt_LeadId", "lead", "msevtmgt_lead_eventregistration_LeadId")
            .flag("msevtmgt_IsCanceled", false)
            .flag("msevtmgt_IsPrimary", true)
            .datetime("msevtmgt_RegistrationDate")
            .text("msevtmgt_RegistrationResponse", 100)
            .text("msevtmgt_ExternalRegistrationId", 100)
    })
}

pub(super) fn checkin() -> Table {
    event_table("msevtmgt_CheckIn", "msevtmgt_checkins", "Check-in", 10_504, |builder| {
        builder
            .custom_lookup(
                "msevtmgt_RegistrationId",
                "msevtmgt_eventregistration",
                "msevtmgt_eventregistration_checkin",
            )
            .custom_lookup("msevtmgt_EventId", "msevtmgt_event", "msevtmgt_event_checkin_EventId")
            .custom_lookup(
                "msevtmgt_SessionRegistration",
                "msevtmgt_sessionregistration",
                "msevtmgt_sessionregistration_checkin",
            )
            .custom_lookup("msevtmgt_Attendee", "contact", "msevtmgt_contact_checkin_Attendee")
            .datetime("msevtmgt_CheckInTime")
    })
}

pub(super) fn session_registration() -> Table {
    event_table(
        "msevtmgt_SessionRegistration",
        "msevtmgt_sessionregistrations",
        "Session Registration",
        10_505,
        |builder| {
            builder
                .custom_lookup(
                    "msevtmgt_SessionId",
                    "msevtmgt_session",
                    "msevtmgt_session_sessionregistration_SessionId",
                )
                .custom_lookup(
                    "msevtmgt_RegistrationId",
                    "msevtmgt_eventregistration",
                    "msevtmgt_eventregistration_sessionregistration",
                )
                .custom_lookup("msevtmgt_ContactId", "contact", "msevtmgt_contact_sessionregistration_ContactId")
        },
    )
}
