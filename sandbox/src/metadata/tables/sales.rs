//! Opportunities, campaigns and currencies.

use crate::metadata::{Requirement, Table, table};

pub(super) fn opportunity() -> Table {
    table("Opportunity", "opportunities", "Opportunity", "OpportunityId")
        .type_code(3)
        .has_activities()
        .text("Name", 300)
        .named("Topic")
        .required(Requirement::Application)
        .memo("Description", 2000)
        .memo("CustomerNeed", 2000)
        .memo("ProposedSolution", 2000)
        .memo("CurrentSituation", 2000)
        .text("EmailAddress", 100)
        .money("EstimatedValue")
        .money("ActualValue")
        .money("BudgetAmount")
        .date("EstimatedCloseDate")
        .date("ActualCloseDate")
        .whole("CloseProbability")
        .choice("OpportunityRatingCode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
        .default(2)
        .choice("SalesStage", &[(0, "Qualify"), (1, "Develop"), (2, "Propose"), (3, "Close")])
        .choice("PriorityCode", &[(1, "Default Value")])
        .default(1)
        .text("StepName", 200)
        .lookup_each("CustomerId", &["account", "contact"])
        .relation("account", "opportunity_customer_accounts")
        .relation("contact", "opportunity_customer_contacts")
        .lookup("ParentAccountId", &["account"])
        .relation("account", "opportunity_parent_account")
        .lookup("ParentContactId", &["contact"])
        .relation("contact", "opportunity_parent_contact")
        .lookup("OriginatingLeadId", &["lead"])
        .relation("lead", "opportunity_originating_lead")
        .lookup("CampaignId", &["campaign"])
        .relation("campaign", "campaign_opportunities")
        .flag("ParticipatesInWorkflow", false)
        .state(
            &[(0, "Open", 1), (1, "Won", 3), (2, "Lost", 4)],
            &[(1, "In Progress", 0), (2, "On Hold", 0), (3, "Won", 1), (4, "Canceled", 2), (5, "Out-Sold", 2)],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

pub(super) fn campaign() -> Table {
    table("Campaign", "campaigns", "Campaign", "CampaignId")
        .type_code(4400)
        .has_activities()
        .text("Name", 128)
        .required(Requirement::System)
        .text("CodeName", 32)
        .memo("Description", 2000)
        .memo("Objective", 2000)
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
        .money("BudgetedCost")
        .money("OtherCost")
        .money("ExpectedRevenue")
        .flag("IsTemplate", false)
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
        .default(2)
        .decimal("ExchangeRate", 12, 0.000_000_000_1, 100_000_000_000.0)
        .scaled(12)
        .required(Requirement::System)
        .active_inactive_zero()
        .stamped()
        .build("currencyname")
}
