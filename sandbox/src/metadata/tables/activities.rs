//! Activity tables: what they share, and what each adds.

use crate::metadata::{ColumnType, Requirement, System, Table, TableBuilder, table};

/// The columns every activity table inherits. Each lookup can be bound under the name it has on
/// `activitypointer`, and under that name with the activity's own logical name as suffix.
pub(crate) fn inherited(builder: TableBuilder, logical: &str, subject: usize, description: usize) -> TableBuilder {
    let own = logical != "activitypointer";
    let owner = format!("ownerid_{logical}");
    let owner: &[&str] = if own { &["ownerid", &owner] } else { &["ownerid"] };
    builder
        .activity()
        .text("Subject", subject)
        .required(Requirement::Application)
        .column("ActivityTypeCode", ColumnType::TableName)
        .system(System::ActivityType)
        .read_only()
        .memo("Description", description)
        .lookup_as("RegardingObjectId", &[])
        .named("Regarding")
        .indexed()
        .parental()
        .datetime("ScheduledStart")
        .datetime("ScheduledEnd")
        .datetime("ActualStart")
        .datetime("ActualEnd")
        .whole("ScheduledDurationMinutes")
        .whole("ActualDurationMinutes")
        .datetime("SortDate")
        .choice("PriorityCode", &[(0, "Low"), (1, "Normal"), (2, "High")])
        .default(1)
        .flag("IsBilled", false)
        .flag("IsWorkflowCreated", false)
        .flag("IsRegularActivity", true)
        .read_only()
        .flag("LeftVoiceMail", false)
        .flag("IsMapiPrivate", false)
        .choice("DeliveryPriorityCode", &[(0, "Low"), (1, "Normal"), (2, "High")])
        .default(1)
        .datetime("SentOn")
        .read_only()
        .datetime("DeliveryLastAttemptedOn")
        .read_only()
        .datetime("PostponeActivityProcessingUntil")
        .read_only()
        .text("ExchangeItemId", 200)
        .read_only()
        .text("ExchangeWebLink", 1250)
        .read_only()
        .choice(
            "InstanceTypeCode",
            &[
                (0, "Not Recurring"),
                (1, "Recurring Master"),
                (2, "Recurring Instance"),
                (3, "Recurring Exception"),
                (4, "Recurring Future Exception"),
            ],
        )
        .default(0)
        .read_only()
        .state(
            &[(0, "Open", 1), (1, "Completed", 2), (2, "Canceled", 3), (3, "Scheduled", 4)],
            &[(1, "Open", 0), (2, "Completed", 1), (3, "Canceled", 2), (4, "Scheduled", 3)],
        )
        .owned(owner)
        .stamped()
}

pub(super) fn activitypointer() -> Table {
    let builder =
        table("ActivityPointer", "activitypointers", "Activity", "ActivityId").type_code(4200).shows_activities();
    inherited(builder, "activitypointer", 400, 2000).build("subject")
}

pub(super) fn activityparty() -> Table {
    table("ActivityParty", "activityparties", "Activity Party", "ActivityPartyId")
        .type_code(135)
        .listing_only()
        .lookup_as("ActivityId", &[])
        .indexed()
        .lookup_each("PartyId", &["account", "contact", "lead", "systemuser"])
        .relation("account", "account_activity_parties")
        .relation("contact", "contact_activity_parties")
        .relation("lead", "lead_activity_parties")
        .relation("systemuser", "system_user_activity_parties")
        .indexed()
        .choice(
            "ParticipationTypeMask",
            &[
                (1, "Sender"),
                (2, "To Recipient"),
                (3, "CC Recipient"),
                (4, "BCC Recipient"),
                (5, "Required attendee"),
                (6, "Optional attendee"),
                (7, "Organizer"),
                (8, "Regarding"),
                (9, "Owner"),
                (10, "Resource"),
                (11, "Customer"),
                (12, "Partner"),
            ],
        )
        .text("AddressUsed", 320)
        .column("VersionNumber", ColumnType::BigInt)
        .system(System::Version)
        .read_only()
        .build("activitypartyid")
}

pub(super) fn task() -> Table {
    let builder = table("Task", "tasks", "Task", "ActivityId").type_code(4212);
    inherited(builder, "task", 200, 2000)
        .text("Category", 250)
        .text("Subcategory", 250)
        .whole("PercentComplete")
        .build("subject")
}

pub(super) fn appointment() -> Table {
    let builder = table("Appointment", "appointments", "Appointment", "ActivityId").type_code(4201);
    inherited(builder, "appointment", 200, 1_048_576)
        .text("Location", 200)
        .text("Category", 250)
        .text("Subcategory", 250)
        .text("GlobalObjectId", 300)
        .flag("IsAllDayEvent", false)
        .flag("IsOnlineMeeting", false)
        .build("subject")
}

pub(super) fn phonecall() -> Table {
    let builder = table("PhoneCall", "phonecalls", "Phone Call", "ActivityId").type_code(4210);
    inherited(builder, "phonecall", 200, 2000)
        .text("PhoneNumber", 200)
        .flag_of("DirectionCode", true, "Incoming", "Outgoing")
        .text("Category", 250)
        .text("Subcategory", 250)
        .build("subject")
}

pub(super) fn email() -> Table {
    let builder = table("Email", "emails", "Email", "ActivityId").type_code(4202);
    inherited(builder, "email", 800, 1_073_741_823)
        .flag_of("DirectionCode", true, "Incoming", "Outgoing")
        .memo("Sender", 250)
        .memo("ToRecipients", 500)
        .text("MessageId", 320)
        .text("TrackingToken", 50)
        .text("MimeType", 256)
        .flag("ReadReceiptRequested", false)
        .flag("DeliveryReceiptRequested", false)
        .build("subject")
}

pub(super) fn event_attendance() -> Table {
    let builder =
        table("new_eventattendance", "new_eventattendances", "Event Attendance", "ActivityId").type_code(10_412);
    inherited(builder, "new_eventattendance", 400, 2000)
        .text("new_eventid", 100)
        .named("Event id")
        .indexed()
        .text("new_eventname", 300)
        .named("Event name")
        .text("new_sessionid", 100)
        .named("Session id")
        .text("new_sessionname", 300)
        .named("Session name")
        .text("new_sessiontracks", 1_000)
        .named("Session tracks")
        .text("new_participantid", 100)
        .named("Participant id")
        .indexed()
        .choice("new_registrationstatus", &[(727_000_000, "Registered"), (727_000_001, "Cancelled")])
        .named("Registration status")
        .choice(
            "new_attendancestatus",
            &[(727_000_000, "Attended"), (727_000_001, "No show"), (727_000_002, "Partial")],
        )
        .named("Attendance status")
        .datetime("new_checkintime")
        .named("Check-in time")
        .datetime("new_checkouttime")
        .named("Check-out time")
        .decimal("new_engagementscore", 2, -100_000_000_000.0, 100_000_000_000.0)
        .named("Engagement score")
        .memo("new_registrationstamp", 4000)
        .memo("new_attendancestamp", 4000)
        .memo("new_scorestamp", 4000)
        .memo("new_detailsstamp", 4000)
        .build("subject")
}
