//! The event tables of Customer Insights - Journeys.
//!
//! Columns, choices and navigation properties are those of Microsoft's Web API entity type reference for the solution
//! (2017), with the later columns that its typings for scripts name.

use crate::metadata::{Requirement, Table, TableBuilder, table};

type Options = [(i64, &'static str)];

const PROGRESS: &Options = &[
    (100_000_001, "Not started"),
    (100_000_002, "In progress"),
    (100_000_003, "Completed"),
    (100_000_004, "Not applicable"),
];
const NO_YES: &Options = &[(100_000_001, "No"), (100_000_002, "Yes")];
const YES_NO: &Options = &[(100_000_001, "Yes"), (100_000_002, "No")];
const FORMATS: &Options = &[(100_000_001, "On Site"), (100_000_002, "Webinar"), (100_000_003, "Hybrid")];
const PUBLISHING: &Options = &[
    (100_000_000, "Draft"),
    (100_000_001, "Ready to publish"),
    (100_000_002, "In progress"),
    (100_000_003, "Published"),
];
const AUDIENCES: &Options = &[
    (100_000_000, "General"),
    (100_000_001, "Introductory"),
    (100_000_002, "Intermediate"),
    (100_000_003, "Advanced"),
];
const SESSION_TYPES: &Options =
    &[(100_000_000, "Lab"), (100_000_001, "Keynote"), (100_000_002, "General"), (100_000_003, "Interactive")];
const INDUSTRIES: &Options = &[
    (100_000_000, "Architecture and Engineering"),
    (100_000_001, "Financial Services"),
    (100_000_002, "Manufacturing"),
    (100_000_003, "Media, Entertainment"),
    (100_000_004, "Professional Services"),
    (100_000_005, "Public Sector"),
    (100_000_006, "Retail"),
    (100_000_007, "Wholesale and Distribution"),
    (100_000_008, "Other"),
];
const LANGUAGES: &Options = &[
    (100_000_000, "English"),
    (100_000_001, "French"),
    (100_000_002, "German"),
    (100_000_003, "Spanish"),
    (100_000_004, "Italian"),
    (100_000_005, "Russian"),
    (100_000_006, "Dutch"),
    (100_000_007, "Turkish"),
    (100_000_008, "Portuguese"),
    (100_000_009, "Chinese (Simplified)"),
    (100_000_013, "Chinese (Traditional)"),
    (100_000_010, "Japanese"),
    (100_000_011, "Korean"),
    (100_000_012, "Hebrew"),
];

/// A custom table of that solution: its name column, state and owner.
fn event_table(
    (schema, set): (&str, &str),
    (label, name): (&str, &str),
    code: i64,
    columns: impl FnOnce(TableBuilder) -> TableBuilder,
) -> Table {
    let builder = table(schema, set, label, &format!("{schema}Id"))
        .type_code(code)
        .text("msevtmgt_Name", 100)
        .named(name)
        .required(Requirement::Application);
    columns(builder).active_inactive().owned(&["ownerid"]).stamped().build("msevtmgt_name")
}

/// Several columns with the same choice.
fn choices(builder: TableBuilder, options: &Options, schemas: &[&str]) -> TableBuilder {
    schemas.iter().fold(builder, |builder, schema| builder.choice(schema, options))
}

pub(super) fn event() -> Table {
    event_table(("msevtmgt_Event", "msevtmgt_events"), ("Event", "Event Name"), 10_501, |builder| {
        let builder = builder
            .has_activities()
            .memo("msevtmgt_Description", 4000)
            .datetime("msevtmgt_EventStartDate")
            .datetime("msevtmgt_EventEndDate")
            .datetime("msevtmgt_EarlyBirdCutoffDate")
            .whole("msevtmgt_EventTimeZone")
            .texts(
                200,
                &[
                    "msevtmgt_EventTimeZoneName",
                    "msevtmgt_EventURL",
                    "msevtmgt_PresentationManagerURL",
                    "msevtmgt_WebinarURL",
                ],
            )
            .texts(100, &["msevtmgt_ReadableEventId", "msevtmgt_ExpectedOutcome", "msevtmgt_WebinarID"])
            .choice("msevtmgt_EventFormat", FORMATS)
            .choice(
                "msevtmgt_EventType",
                &[
                    (100_000_001, "Executive Briefing"),
                    (100_000_002, "Conference"),
                    (100_000_003, "Demonstration"),
                    (100_000_004, "Training"),
                    (100_000_005, "Webcast"),
                ],
            )
            .choice(
                "msevtmgt_PrimaryGoal",
                &[
                    (100_000_001, "Marketing"),
                    (100_000_002, "Sales"),
                    (100_000_003, "Education"),
                    (100_000_004, "Morale"),
                ],
            )
            .choice("msevtmgt_PublishStatus", PUBLISHING)
            .choice("msevtmgt_Language", LANGUAGES)
            .choice("msevtmgt_ManageRegistrationCount", YES_NO)
            .choice(
                "msevtmgt_IdentifySponsors",
                &[(100_000_001, "Not applicable"), (100_000_002, "Incomplete"), (100_000_003, "Complete")],
            )
            .whole("msevtmgt_MaximumEventCapacity")
            .whole("msevtmgt_MaxNumberofRegistrations")
            .whole("msevtmgt_RegistrationCount")
            .whole("msevtmgt_RegistrationsTarget")
            .whole("msevtmgt_CheckInCount")
            .whole("msevtmgt_WaitlistStartingPoint")
            .whole("msevtmgt_CountdowninDays")
            .read_only()
            .money("msevtmgt_BudgetAllocated")
            .money("msevtmgt_EventVenueCost")
            .money("msevtmgt_MiscellaneousCosts")
            .money("msevtmgt_RevenuefromSponsorship")
            .money("msevtmgt_TargetRevenue")
            .money("msevtmgt_TotalCostofEventsActivities")
            .money("msevtmgt_TotalCostofExternalMembers")
            .money("msevtmgt_TotalRegistrationFee")
            .money("msevtmgt_TotalRevenuefromtheEvent");
        let builder = choices(
            builder,
            NO_YES,
            &["msevtmgt_CateringRequired", "msevtmgt_GuestLogistics", "msevtmgt_WaitlistThisEvent"],
        );
        choices(
            builder,
            PROGRESS,
            &[
                "msevtmgt_BookedFlightReservations",
                "msevtmgt_BookRooms",
                "msevtmgt_ConfirmedHotelChoices",
                "msevtmgt_CreateMarketingCollateral",
                "msevtmgt_DefinePackagesandPricing",
                "msevtmgt_DefineSessions",
                "msevtmgt_DefineTeam",
                "msevtmgt_DevelopMarketingPlan",
                "msevtmgt_EventDebriefing",
                "msevtmgt_FollowuponLeads",
                "msevtmgt_IdentifySpeakers",
                "msevtmgt_MakePaymentsDue",
                "msevtmgt_NotifyAuthoritiesofEvent",
                "msevtmgt_PlanRegistration",
                "msevtmgt_RequestSponsorship",
                "msevtmgt_ScheduleAirportPickups",
                "msevtmgt_ScheduleSessions",
                "msevtmgt_SelectSpeakers",
                "msevtmgt_SelectVendors",
                "msevtmgt_SendEventInvitation",
                "msevtmgt_SendMarketingMaterial",
                "msevtmgt_SendPreEventReminders",
                "msevtmgt_SendSurveys",
                "msevtmgt_SendThankYouEmails",
                "msevtmgt_TeamDebriefing",
            ],
        )
    })
}

pub(super) fn session() -> Table {
    event_table(("msevtmgt_Session", "msevtmgt_sessions"), ("Session", "Session Title"), 10_502, |builder| {
        let builder = builder
            .has_activities()
            .custom_lookup("msevtmgt_Event", "msevtmgt_event", "msevtmgt_event_msevtmgt_session_Event")
            .memo("msevtmgt_DetailedDescription", 4000)
            .memo("msevtmgt_SessionObjectives", 4000)
            .memo("msevtmgt_SessionPrerequisites", 4000)
            .memo("msevtmgt_SessionSummary", 4000)
            .datetime("msevtmgt_StartTime")
            .datetime("msevtmgt_EndTime")
            .whole("msevtmgt_DurationMins")
            .read_only()
            .whole("msevtmgt_CheckInCount")
            .whole("msevtmgt_RegistrationCount")
            .whole("msevtmgt_SessionMaxCapacity")
            .texts(
                200,
                &[
                    "msevtmgt_ExternalURL",
                    "msevtmgt_Keywords",
                    "msevtmgt_PresentationManagerURL",
                    "msevtmgt_WebinarURL",
                ],
            )
            .texts(100, &["msevtmgt_SessionCode", "msevtmgt_WebinarID"])
            .choice("msevtmgt_AudienceType", AUDIENCES)
            .choice("msevtmgt_Industry", INDUSTRIES)
            .choice("msevtmgt_Language", LANGUAGES)
            .choice("msevtmgt_PublishStatus", PUBLISHING)
            .choice("msevtmgt_SessionFormat", FORMATS)
            .choice("msevtmgt_SessionType", SESSION_TYPES);
        choices(
            builder,
            YES_NO,
            &[
                "msevtmgt_AVSupport",
                "msevtmgt_ByInvitationOnly",
                "msevtmgt_CamerasPermitted",
                "msevtmgt_FlipChart",
                "msevtmgt_InternetConnection",
                "msevtmgt_NDA",
                "msevtmgt_RecordingsPermitted",
                "msevtmgt_VideoConferencing",
                "msevtmgt_Whiteboard",
            ],
        )
    })
}

pub(super) fn registration() -> Table {
    event_table(
        ("msevtmgt_EventRegistration", "msevtmgt_eventregistrations"),
        ("Event Registration", "Registration ID"),
        10_503,
        |builder| {
            builder
                .has_activities()
                .custom_lookup("msevtmgt_EventId", "msevtmgt_event", "msevtmgt_Event_EventRegistration")
                .custom_lookup("msevtmgt_ContactId", "contact", "msevtmgt_contact_msevtmgt_eventregistration_Contact")
                .choice(
                    "msevtmgt_Area",
                    &[
                        (100_000_000, "Administration"),
                        (100_000_001, "Customer Service"),
                        (100_000_002, "Executive/Management"),
                        (100_000_003, "Logistics"),
                        (100_000_004, "Finance"),
                        (100_000_005, "HR"),
                        (100_000_006, "IT"),
                        (100_000_007, "Legal"),
                        (100_000_008, "Marketing"),
                        (100_000_009, "Sales"),
                    ],
                )
                .choice(
                    "msevtmgt_CompanySize",
                    &[
                        (100_000_000, "50 or less"),
                        (100_000_001, "51 to 100"),
                        (100_000_002, "101 to 250"),
                        (100_000_003, "251 to 500"),
                        (100_000_004, "501 to 1000"),
                        (100_000_005, "1001 to 2500"),
                        (100_000_006, "2501 to 5000"),
                        (100_000_007, "5001 to 10000"),
                        (100_000_008, "10001 or more"),
                    ],
                )
                .choice("msevtmgt_Industry", INDUSTRIES)
                .choice(
                    "msevtmgt_PrimaryRole",
                    &[(100_000_000, "Attendee"), (100_000_001, "Journalist"), (100_000_002, "Other")],
                )
                .choice(
                    "msevtmgt_YearsinIndustry",
                    &[
                        (100_000_000, "Under 1 year"),
                        (100_000_001, "1 to 5 year"),
                        (100_000_002, "5 to 10 years"),
                        (100_000_003, "Over 10 years"),
                    ],
                )
                .choice("msevtmgt_SyncedWithProvider", NO_YES)
                .whole("msevtmgt_TimesCheckedIn")
                .memo("msevtmgt_Memo", 2000)
                .flag("msevtmgt_IsCanceled", false)
                .texts(
                    100,
                    &[
                        "msevtmgt_RegistrationStatus",
                        "msevtmgt_WebinarRegistrationID",
                        "msevtmgt_QRCode",
                        "msevtmgt_CorrelationId",
                    ],
                )
        },
    )
}

pub(super) fn checkin() -> Table {
    event_table(("msevtmgt_CheckIn", "msevtmgt_checkins"), ("Check-in", "Name"), 10_504, |builder| {
        builder
            .custom_lookup("msevtmgt_Contact", "contact", "msevtmgt_contact_msevtmgt_checkin_Contact")
            .custom_lookup("msevtmgt_Event", "msevtmgt_event", "msevtmgt_event_msevtmgt_checkin_Event")
            .custom_lookup(
                "msevtmgt_RegistrationId",
                "msevtmgt_eventregistration",
                "msevtmgt_eventregistration_msevtmgt_checkin_RegistrationId",
            )
            .custom_lookup(
                "msevtmgt_SessionAttended",
                "msevtmgt_session",
                "msevtmgt_session_msevtmgt_checkin_SessionAttended",
            )
            .custom_lookup(
                "msevtmgt_SessionRegistration",
                "msevtmgt_sessionregistration",
                "msevtmgt_SessionRegistration_msevtmgt_CheckIn_SessionRegistration",
            )
            .choice("msevtmgt_AudienceType", AUDIENCES)
            .choice("msevtmgt_CheckInType", &[(100_000_000, "Session Check-in"), (100_000_001, "Event Check-in")])
            .choice("msevtmgt_SessionType", SESSION_TYPES)
            .datetime("msevtmgt_Checkintime")
            .datetime("msevtmgt_CheckOutTime")
            .whole("msevtmgt_NumberOfQuestionsAsked")
            .whole("msevtmgt_ViewingDurationInMins")
            .text("msevtmgt_SessionCode", 100)
    })
}

pub(super) fn session_registration() -> Table {
    event_table(
        ("msevtmgt_SessionRegistration", "msevtmgt_sessionregistrations"),
        ("Session Registration", "Registration ID"),
        10_505,
        |builder| {
            builder
                .custom_lookup(
                    "msevtmgt_contactid",
                    "contact",
                    "msevtmgt_contact_msevtmgt_sessionregistration_contactid",
                )
                .custom_lookup("msevtmgt_Event", "msevtmgt_event", "msevtmgt_event_msevtmgt_sessionregistration_Event")
                .custom_lookup(
                    "msevtmgt_RegistrationID",
                    "msevtmgt_eventregistration",
                    "msevtmgt_eventregistration_msevtmgt_sessionregistration_RegistrationID",
                )
                .custom_lookup(
                    "msevtmgt_SessionId",
                    "msevtmgt_session",
                    "msevtmgt_session_msevtmgt_sessionregistration",
                )
                .choice("msevtmgt_SyncedWithProvider", NO_YES)
                .whole("msevtmgt_TimesCheckedIn")
                .flag("msevtmgt_IsCanceled", false)
        },
    )
}
