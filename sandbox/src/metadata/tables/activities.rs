//! Activity tables: what they share, and what each adds.

use crate::metadata::{ColumnType, Requirement, System, Table, TableBuilder, table};

/// The columns every activity table inherits. Each lookup can be bound under the name it has on
/// `activitypointer`, and under that name with the activity's own logical name as suffix.
pub(crate) fn inherited(builder: TableBuilder, logical: &str, subject: usize, description: usize) -> TableBuilder {
    let own = logical != "activitypointer";
    let (owner, currency) = (format!("ownerid_{logical}"), format!("transactioncurrencyid_{logical}"));
    let owner: &[&str] = if own { &["ownerid", &owner] } else { &["ownerid"] };
    let currency: &[&str] = if own { &[&currency, "transactioncurrencyid"] } else { &["transactioncurrencyid"] };
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
        .choice("Community", &[(0, "Other"), (1, "Facebook"), (2, "Twitter")])
        .memo("ActivityAdditionalParams", 8192)
        .column("SeriesId", ColumnType::Id)
        .read_only()
        .datetime("LastOnHoldTime")
        .whole("OnHoldTime")
        .read_only()
        .staged()
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
        .currency(currency)
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
        .text("UnresolvedPartyName", 200)
        .text("ExchangeEntryId", 1024)
        .texts(200, &["ExternalId", "ExternalIdType"])
        .double("Effort", 2, 1_000_000_000.0)
        .whole("AddressUsedEmailColumnNumber")
        .read_only()
        .flag("DoNotEmail", false)
        .read_only()
        .flag("DoNotFax", false)
        .read_only()
        .flag("DoNotPhone", false)
        .read_only()
        .flag("DoNotPostalMail", false)
        .read_only()
        .flag("IsPartyDeleted", false)
        .read_only()
        .datetime("ScheduledStart")
        .read_only()
        .datetime("ScheduledEnd")
        .read_only()
        .column("VersionNumber", ColumnType::BigInt)
        .system(System::Version)
        .read_only()
        .build("activitypartyid")
}

/// States of activities that can't be scheduled, each with the status that the platform gives with it.
pub(super) const UNSCHEDULED_STATES: &[(i64, &str, i64)] = &[(0, "Open", 1), (1, "Completed", 2), (2, "Canceled", 3)];
pub(super) const UNSCHEDULED_STATUSES: &[(i64, &str, i64)] = &[(1, "Open", 0), (2, "Completed", 1), (3, "Canceled", 2)];

pub(super) fn task() -> Table {
    let builder = table("Task", "tasks", "Task", "ActivityId").type_code(4212);
    inherited(builder, "task", 200, 2000)
        .with_states(
            &[(0, "Open", 2), (1, "Completed", 5), (2, "Canceled", 6)],
            &[
                (2, "Not Started", 0),
                (3, "In Progress", 0),
                (4, "Waiting on someone else", 0),
                (5, "Completed", 1),
                (6, "Canceled", 2),
                (7, "Deferred", 0),
            ],
        )
        .texts(250, &["Category", "Subcategory"])
        .whole("PercentComplete")
        .within(0, 100)
        .column("CrmTaskAssignedUniqueId", ColumnType::Id)
        .column("SubscriptionId", ColumnType::Id)
        .build("subject")
}

pub(super) fn appointment() -> Table {
    let builder = table("Appointment", "appointments", "Appointment", "ActivityId").type_code(4201);
    inherited(builder, "appointment", 200, 1_048_576)
        .with_states(
            &[(0, "Open", 1), (1, "Completed", 3), (2, "Canceled", 4), (3, "Scheduled", 5)],
            &[
                (1, "Free", 0),
                (2, "Tentative", 0),
                (3, "Completed", 1),
                (4, "Canceled", 2),
                (5, "Busy", 3),
                (6, "Out of Office", 3),
            ],
        )
        .text("Location", 200)
        .texts(250, &["Category", "Subcategory"])
        .text("GlobalObjectId", 300)
        .choice("AttachmentErrors", &[(0, "None"), (1, "Not all attachments could be saved")])
        .default(0)
        .flag("IsAllDayEvent", false)
        .flag("IsDraft", false)
        .flag("IsOnlineMeeting", false)
        .choice("OnlineMeetingType", &[(1, "Teams Meeting")])
        .texts(1000, &["OnlineMeetingChatId", "OnlineMeetingId", "OnlineMeetingJoinUrl"])
        .whole("OutlookOwnerApptId")
        .column("SubscriptionId", ColumnType::Id)
        .text("ModifiedFieldsMask", 500)
        .datetime("OriginalStartDate")
        .read_only()
        .whole("IsUnsafe")
        .read_only()
        .whole("AttachmentCount")
        .read_only()
        .memo("SafeDescription", 1_048_576)
        .read_only()
        .build("subject")
}

pub(super) fn phonecall() -> Table {
    let builder = table("PhoneCall", "phonecalls", "Phone Call", "ActivityId").type_code(4210);
    inherited(builder, "phonecall", 200, 2000)
        .with_states(
            &[(0, "Open", 1), (1, "Completed", 2), (2, "Canceled", 3)],
            &[(1, "Open", 0), (2, "Made", 1), (3, "Canceled", 2), (4, "Received", 1)],
        )
        .text("PhoneNumber", 200)
        .flag_of("DirectionCode", true, "Incoming", "Outgoing")
        .texts(250, &["Category", "Subcategory"])
        .column("SubscriptionId", ColumnType::Id)
        .build("subject")
}

pub(super) fn email() -> Table {
    let builder = table("Email", "emails", "Email", "ActivityId").type_code(4202);
    inherited(builder, "email", 800, 1_073_741_823)
        .with_states(
            &[(0, "Open", 1), (1, "Completed", 2), (2, "Canceled", 5)],
            &[
                (1, "Draft", 0),
                (2, "Completed", 1),
                (3, "Sent", 1),
                (4, "Received", 1),
                (5, "Canceled", 2),
                (6, "Pending Send", 1),
                (7, "Sending", 1),
                (8, "Failed", 0),
            ],
        )
        .flag_of("DirectionCode", true, "Incoming", "Outgoing")
        .texts(250, &["Sender", "SubmittedBy", "Category", "Subcategory"])
        .text("ToRecipients", 500)
        .texts(320, &["MessageId", "InReplyTo"])
        .text("TrackingToken", 50)
        .text("MimeType", 256)
        .text("ConversationIndex", 2048)
        .column("ConversationTrackingId", ColumnType::Id)
        .read_only()
        .whole("BaseConversationIndexHash")
        .read_only()
        .column("EmailTrackingId", ColumnType::Id)
        .read_only()
        .lookup_as("ParentActivityId", &[("parentactivityid", &["email"])])
        .relation("email", "email_email_parentactivityid")
        .lookup_as("CorrelatedActivityId", &[("correlatedactivityid_email", &["email"])])
        .relation("email", "email_email_CorrelatedActivityId")
        .read_only()
        .lookup_as(
            "EmailSender",
            &[
                ("emailsender_account", &["account"]),
                ("emailsender_contact", &["contact"]),
                ("emailsender_lead", &["lead"]),
                ("emailsender_systemuser", &["systemuser"]),
            ],
        )
        .read_only()
        .choice(
            "CorrelationMethod",
            &[
                (0, "None"),
                (1, "Skipped"),
                (2, "XHeader"),
                (3, "InReplyTo"),
                (4, "TrackingToken"),
                (5, "ConversationIndex"),
                (6, "SmartMatching"),
                (7, "CustomCorrelation"),
            ],
        )
        .read_only()
        .whole("DeliveryAttempts")
        .within(0, 1_000_000_000)
        .whole("AttachmentCount")
        .read_only()
        .whole("AttachmentOpenCount")
        .within(0, 2_147_483_647)
        .whole("LinksClickedCount")
        .within(0, 2_147_483_647)
        .whole("OpenCount")
        .within(0, 2_147_483_647)
        .whole("ReplyCount")
        .within(0, 2_147_483_647)
        .datetime("LastOpenedTime")
        .datetime("DelayedEmailSendTime")
        .datetime("PostponeEmailProcessingUntil")
        .datetime("EmailReminderExpiryTime")
        .text("EmailReminderText", 1250)
        .choice(
            "EmailReminderStatus",
            &[(0, "NotSet"), (1, "ReminderSet"), (2, "ReminderExpired"), (3, "ReminderInvalid")],
        )
        .read_only()
        .choice(
            "EmailReminderType",
            &[(0, "If I do not receive a reply by"), (1, "If the email is not opened by"), (2, "Remind me anyways at")],
        )
        .choice("Notifications", &[(0, "None"), (1, "Some attachments could not be saved"), (2, "Truncated body")])
        .read_only()
        .flag("Compressed", false)
        .read_only()
        .flag("FollowEmailUserPreference", false)
        .flag("IsEmailFollowed", false)
        .read_only()
        .flag("IsEmailReminderSet", false)
        .read_only()
        .whole("IsUnsafe")
        .read_only()
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
