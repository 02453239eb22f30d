//! Opportunities, what they were closed with, campaigns and currencies.

use super::activities::{UNSCHEDULED_STATES, UNSCHEDULED_STATUSES, inherited};
use super::customers::UNDECIDED;
use crate::metadata::{ColumnType, Requirement, Table, TableBuilder, table};

/// The highest amount in most columns of sales and marketing.
pub(super) const TRILLION: i64 = 1_000_000_000_000;

/// Steps of the sales process that are done or not.
const STEPS: [&str; 14] = [
    "CompleteFinalProposal",
    "CompleteInternalReview",
    "DecisionMaker",
    "DevelopProposal",
    "FileDebrief",
    "IdentifyCompetitors",
    "IdentifyCustomerContacts",
    "IdentifyPursuitTeam",
    "PresentFinalProposal",
    "PresentProposal",
    "SendThankYouNote",
    "ConfirmInterest",
    "EvaluateFit",
    "PursuitDecision",
];

const PRICING_ERRORS: &[(i64, &str)] = &[
    (0, "None"),
    (1, "Detail Error"),
    (2, "Missing Price Level"),
    (3, "Inactive Price Level"),
    (4, "Missing Quantity"),
    (5, "Missing Unit Price"),
    (6, "Missing Product"),
    (7, "Invalid Product"),
    (8, "Missing Pricing Code"),
    (9, "Invalid Pricing Code"),
    (10, "Missing UOM"),
    (11, "Product Not In Price Level"),
    (12, "Missing Price Level Amount"),
    (13, "Missing Price Level Percentage"),
    (14, "Missing Price"),
    (15, "Missing Current Cost"),
    (16, "Missing Standard Cost"),
    (17, "Invalid Price Level Amount"),
    (18, "Invalid Price Level Percentage"),
    (19, "Invalid Price"),
    (20, "Invalid Current Cost"),
    (21, "Invalid Standard Cost"),
    (22, "Invalid Rounding Policy"),
    (23, "Invalid Rounding Option"),
    (24, "Invalid Rounding Amount"),
    (25, "Price Calculation Error"),
    (26, "Invalid Discount Type"),
    (27, "Discount Type Invalid State"),
    (28, "Invalid Discount"),
    (29, "Invalid Quantity"),
    (30, "Invalid Pricing Precision"),
    (31, "Missing Product Default UOM"),
    (32, "Missing Product UOM Schedule"),
    (33, "Inactive Discount Type"),
    (34, "Invalid Price Level Currency"),
    (35, "Price Attribute Out Of Range"),
    (36, "Base Currency Attribute Overflow"),
    (37, "Base Currency Attribute Underflow"),
];

pub(super) fn opportunity() -> Table {
    let builder = table("Opportunity", "opportunities", "Opportunity", "OpportunityId")
        .type_code(3)
        .has_activities()
        .text("Name", 300)
        .named("Topic")
        .required(Requirement::Application)
        .lookup_each("CustomerId", &["account", "contact"])
        .relation("account", "opportunity_customer_accounts")
        .relation("contact", "opportunity_customer_contacts")
        .parental()
        .lookup("AccountId", &["account"])
        .read_only()
        .lookup("ContactId", &["contact"])
        .read_only()
        .lookup("ParentAccountId", &["account"])
        .relation("account", "opportunity_parent_account")
        .lookup("ParentContactId", &["contact"])
        .relation("contact", "opportunity_parent_contact")
        .lookup("OriginatingLeadId", &["lead"])
        .relation("lead", "opportunity_originating_lead")
        .lookup("CampaignId", &["campaign"])
        .relation("campaign", "campaign_opportunities")
        .text("EmailAddress", 100)
        .text("StepName", 200)
        .column("StepId", ColumnType::Id);
    terms(STEPS.iter().fold(builder, |builder, step| builder.flag_of(step, false, "mark complete", "completed")))
        .staged()
        .state(
            &[(0, "Open", 1), (1, "Won", 3), (2, "Lost", 4)],
            &[(1, "In Progress", 0), (2, "On Hold", 0), (3, "Won", 1), (4, "Canceled", 2), (5, "Out-Sold", 2)],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

/// What is known of a deal: needs, dates, chances, amounts.
fn terms(builder: TableBuilder) -> TableBuilder {
    let memos = [
        "Description",
        "CustomerNeed",
        "CustomerPainPoints",
        "ProposedSolution",
        "CurrentSituation",
        "QualificationComments",
        "QuoteComments",
    ];
    let builder = memos.iter().fold(builder, |builder, name| builder.memo(name, 2000));
    let builder = ["BudgetAmount", "DiscountAmount", "FreightAmount"]
        .iter()
        .fold(builder, |builder, name| builder.money(name).within(0, TRILLION));
    let totals = [
        "TotalAmount",
        "TotalAmountLessFreight",
        "TotalDiscountAmount",
        "TotalLineItemAmount",
        "TotalLineItemDiscountAmount",
        "TotalTax",
    ];
    let builder = totals.iter().fold(builder, |builder, name| builder.money(name).update_only());
    builder
        .money("EstimatedValue")
        .money("ActualValue")
        .decimal("DiscountPercentage", 2, 0.0, 100.0)
        .whole("CloseProbability")
        .within(0, 100)
        .date("EstimatedCloseDate")
        .date("ActualCloseDate")
        .date("FinalDecisionDate")
        .datetime("ScheduleFollowup_Prospect")
        .datetime("ScheduleFollowup_Qualify")
        .datetime("ScheduleProposalMeeting")
        .datetime("LastOnHoldTime")
        .whole("OnHoldTime")
        .read_only()
        .flag_of("CaptureProposalFeedback", false, "Yes", "No")
        .flag_of("ResolveFeedback", false, "Yes", "No")
        .flag_of("IsRevenueSystemCalculated", false, "User Provided", "System Calculated")
        .flag("ParticipatesInWorkflow", false)
        .flag("IsPrivate", false)
        .read_only()
        .choice("BudgetStatus", &[(0, "No Committed Budget"), (1, "May Buy"), (2, "Can Buy"), (3, "Will Buy")])
        .choice("InitialCommunication", &[(0, "Contacted"), (1, "Not Contacted")])
        .choice("Need", &[(0, "Must have"), (1, "Should have"), (2, "Good to have"), (3, "No need")])
        .choice("OpportunityRatingCode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
        .default(2)
        .choice("PricingErrorCode", PRICING_ERRORS)
        .default(0)
        .choice("PriorityCode", UNDECIDED)
        .default(1)
        .choice("PurchaseProcess", &[(0, "Individual"), (1, "Committee"), (2, "Unknown")])
        .choice(
            "PurchaseTimeframe",
            &[(0, "Immediate"), (1, "This Quarter"), (2, "Next Quarter"), (3, "This Year"), (4, "Unknown")],
        )
        .choice("SalesStage", &[(0, "Qualify"), (1, "Develop"), (2, "Propose"), (3, "Close")])
        .choice("SalesStageCode", UNDECIDED)
        .choice(
            "TimeLine",
            &[(0, "Immediate"), (1, "This Quarter"), (2, "Next Quarter"), (3, "This Year"), (4, "Not known")],
        )
}

/// The activity that says how an opportunity ended.
pub(super) fn opportunityclose() -> Table {
    let builder = table("OpportunityClose", "opportunitycloses", "Opportunity Close", "ActivityId").type_code(4208);
    inherited(builder, "opportunityclose", 200, 2000)
        .with_states(UNSCHEDULED_STATES, UNSCHEDULED_STATUSES)
        .lookup("OpportunityId", &["opportunity"])
        .relation("opportunity", "Opportunity_OpportunityClose")
        .parental()
        .money("ActualRevenue")
        .texts(250, &["Category", "Subcategory"])
        .build("subject")
}

pub(super) fn campaign() -> Table {
    table("Campaign", "campaigns", "Campaign", "CampaignId")
        .type_code(4400)
        .has_activities()
        .text("Name", 128)
        .required(Requirement::System)
        .text("CodeName", 32)
        .named("Campaign Code")
        .create_only()
        .memo("Description", 2000)
        .memo("Objective", 2000)
        .named("Offer")
        .text("EmailAddress", 100)
        .text("Message", 256)
        .text("PromotionCodeName", 128)
        .choice(
            "TypeCode",
            &[(1, "Advertisement"), (2, "Direct Marketing"), (3, "Event"), (4, "Co-branding"), (5, "Other")],
        )
        .datetime("ProposedStart")
        .datetime("ProposedEnd")
        .datetime("ActualStart")
        .datetime("ActualEnd")
        .whole("ExpectedResponse")
        .within(0, 100)
        .money("BudgetedCost")
        .within(0, TRILLION)
        .money("OtherCost")
        .within(0, TRILLION)
        .money("ExpectedRevenue")
        .within(0, TRILLION)
        .money("TotalActualCost")
        .read_only()
        .money("TotalCampaignActivityActualCost")
        .read_only()
        .flag("IsTemplate", false)
        .create_only()
        .staged()
        .state(
            &[(0, "Active", 0), (1, "Inactive", 6)],
            &[
                (0, "Proposed", 0),
                (1, "Ready To Launch", 0),
                (2, "Launched", 0),
                (3, "Completed", 0),
                (4, "Canceled", 0),
                (5, "Suspended", 0),
                (6, "Inactive", 1),
            ],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

pub(super) fn transactioncurrency() -> Table {
    table("TransactionCurrency", "transactioncurrencies", "Currency", "TransactionCurrencyId")
        .type_code(9105)
        .text("CurrencyName", 100)
        .required(Requirement::System)
        .text("CurrencySymbol", 13)
        .required(Requirement::System)
        .text("ISOCurrencyCode", 5)
        .required(Requirement::System)
        .create_only()
        .whole("CurrencyPrecision")
        .within(0, 10)
        .default(2)
        .choice("CurrencyType", &[(0, "System"), (1, "Custom")])
        .default(0)
        .decimal("ExchangeRate", 12, 0.000_000_000_1, 100_000_000_000.0)
        .scaled(12)
        .required(Requirement::System)
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .column("UniqueDscId", ColumnType::Id)
        .read_only()
        .active_inactive_zero()
        .stamped()
        .build("currencyname")
}
