//! Accounts, contacts and leads.

use super::customers::{ADDRESS_TYPES, CONTACT_METHODS, INDUSTRIES, UNDECIDED, address, preferences, shipping, terms};
use crate::metadata::{Requirement, System, Table, table};

pub(super) fn account() -> Table {
    let builder = table("Account", "accounts", "Account", "AccountId")
        .type_code(1)
        .has_activities()
        .text("Name", 160)
        .named("Account Name")
        .required(Requirement::Application)
        .indexed()
        .text("AccountNumber", 20)
        .indexed()
        .text("EMailAddress1", 100)
        .texts(100, &["EMailAddress2", "EMailAddress3"])
        .texts(50, &["Telephone1", "Telephone2", "Telephone3", "Fax"])
        .texts(200, &["WebSiteURL", "FtpSiteURL", "PrimarySatoriId"])
        .text("YomiName", 160)
        .text("PrimaryTwitterId", 128)
        .texts(20, &["SIC", "StockExchange"])
        .text("TickerSymbol", 10)
        .whole("NumberOfEmployees")
        .whole("SharesOutstanding")
        .whole("OpenDeals")
        .read_only()
        .money("Revenue")
        .money("MarketCap")
        .money("OpenRevenue")
        .read_only()
        .memo("Description", 2000)
        .choice("IndustryCode", INDUSTRIES)
        .choice("AccountCategoryCode", &[(1, "Preferred Customer"), (2, "Standard")])
        .choice("AccountClassificationCode", UNDECIDED)
        .choice("AccountRatingCode", UNDECIDED)
        .choice("BusinessTypeCode", UNDECIDED)
        .choice("CustomerSizeCode", UNDECIDED)
        .choice(
            "CustomerTypeCode",
            &[
                (1, "Competitor"),
                (2, "Consultant"),
                (3, "Customer"),
                (4, "Investor"),
                (5, "Partner"),
                (6, "Influencer"),
                (7, "Press"),
                (8, "Prospect"),
                (9, "Reseller"),
                (10, "Supplier"),
                (11, "Vendor"),
                (12, "Other"),
            ],
        )
        .choice("OwnershipCode", &[(1, "Public"), (2, "Private"), (3, "Subsidiary"), (4, "Other")])
        .choice("PreferredContactMethodCode", CONTACT_METHODS)
        .choice("Address1_AddressTypeCode", ADDRESS_TYPES)
        .choice("Address2_AddressTypeCode", UNDECIDED)
        .lookup("ParentAccountId", &["account"])
        .relation("account", "account_parent_account")
        .lookup("PrimaryContactId", &["contact"])
        .relation("contact", "account_primary_contact")
        .lookup("OriginatingLeadId", &["lead"])
        .relation("lead", "account_originating_lead")
        .lookup("MasterId", &["account"])
        .relation("account", "account_master_account")
        .read_only()
        .flag("Merged", false)
        .read_only();
    let addressed = shipping(shipping(address(address(builder, 1), 2), 1), 2);
    terms(preferences(addressed))
        .flag("CreditOnHold", false)
        .flag_of("DoNotBulkPostalMail", false, "No", "Yes")
        .flag_of("DoNotSendMM", false, "Send", "Do Not Send")
        .flag_of("FollowEmail", true, "Do Not Allow", "Allow")
        .flag("MarketingOnly", false)
        .flag("ParticipatesInWorkflow", false)
        .datetime("LastUsedInCampaign")
        .active_inactive()
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

pub(super) fn contact() -> Table {
    let builder = table("Contact", "contacts", "Contact", "ContactId")
        .type_code(2)
        .has_activities()
        .texts(50, &["FirstName", "MiddleName", "LastName"])
        .text("FullName", 160)
        .system(System::FullName)
        .read_only()
        .text("YomiFullName", 450)
        .read_only()
        .text("Salutation", 100)
        .text("Suffix", 10)
        .text("NickName", 100)
        .text("EMailAddress1", 100)
        .named("Email")
        .indexed()
        .text("EMailAddress2", 100)
        .indexed()
        .text("EMailAddress3", 100)
        .indexed()
        .texts(50, &["Telephone1", "Telephone2", "Telephone3", "MobilePhone", "Fax"])
        .texts(50, &["AssistantPhone", "Business2", "Callback", "GovernmentId", "Home2", "ManagerPhone", "Pager"])
        .texts(100, &["JobTitle", "Department", "Company", "AssistantName", "ManagerName", "SpousesName"])
        .texts(150, &["YomiFirstName", "YomiMiddleName", "YomiLastName"])
        .text("ChildrensNames", 255)
        .texts(200, &["WebSiteUrl", "FtpSiteUrl"])
        .whole("NumberOfChildren")
        .text("ExternalUserIdentifier", 50)
        .text("EmployeeId", 50)
        .memo("Description", 2000)
        .date("BirthDate")
        .date("Anniversary")
        .money("AnnualIncome")
        .choice("GenderCode", &[(1, "Male"), (2, "Female")])
        .choice("FamilyStatusCode", &[(1, "Single"), (2, "Married"), (3, "Divorced"), (4, "Widowed")])
        .choice("PreferredContactMethodCode", CONTACT_METHODS)
        .default(1)
        .choice("AccountRoleCode", &[(1, "Decision Maker"), (2, "Employee"), (3, "Influencer")])
        .choice("CustomerSizeCode", UNDECIDED)
        .choice("CustomerTypeCode", UNDECIDED)
        .choice("EducationCode", UNDECIDED)
        .choice("HasChildrenCode", UNDECIDED)
        .choice("LeadSourceCode", UNDECIDED)
        .choice("Address1_AddressTypeCode", ADDRESS_TYPES)
        .choice("Address2_AddressTypeCode", UNDECIDED)
        .default(1)
        .choice("Address3_AddressTypeCode", UNDECIDED)
        .lookup_each("ParentCustomerId", &["account", "contact"])
        .relation("account", "contact_customer_accounts")
        .relation("contact", "contact_customer_contacts")
        .parental()
        .lookup("AccountId", &["account"])
        .read_only()
        .lookup("OriginatingLeadId", &["lead"])
        .relation("lead", "contact_originating_lead")
        .lookup("MasterId", &["contact"])
        .relation("contact", "contact_master_contact")
        .read_only()
        .flag("Merged", false)
        .read_only();
    let addressed = (1..=3).fold(builder, |builder, number| shipping(address(builder, number), number));
    terms(preferences(addressed))
        .flag("CreditOnHold", false)
        .flag("ParticipatesInWorkflow", false)
        .flag_of("DoNotBulkPostalMail", false, "No", "Yes")
        .flag_of("DoNotSendMM", false, "Send", "Do Not Send")
        .flag_of("FollowEmail", true, "Do Not Allow", "Allow")
        .flag("MarketingOnly", false)
        .flag("IsBackofficeCustomer", false)
        .datetime("LastUsedInCampaign")
        .text("new_ineventparticipantid", 100)
        .named("InEvent participant id")
        .indexed()
        .text("new_budget", 200)
        .named("Budget")
        .memo("new_ineventprofilestamp", 4000)
        .named("InEvent profile stamp")
        .active_inactive()
        .owned(&["ownerid"])
        .stamped()
        .build("fullname")
}

pub(super) fn lead() -> Table {
    let builder = table("Lead", "leads", "Lead", "LeadId")
        .type_code(4)
        .has_activities()
        .text("Subject", 300)
        .named("Topic")
        .required(Requirement::Application)
        .texts(50, &["FirstName", "MiddleName", "LastName"])
        .text("FullName", 160)
        .system(System::FullName)
        .read_only()
        .text("YomiFullName", 450)
        .read_only()
        .text("Salutation", 100)
        .text("CompanyName", 100)
        .text("JobTitle", 100)
        .text("EMailAddress1", 100)
        .named("Email")
        .indexed()
        .text("EMailAddress2", 100)
        .indexed()
        .text("EMailAddress3", 100)
        .indexed()
        .texts(50, &["Telephone1", "Telephone2", "Telephone3", "Fax"])
        .texts(20, &["MobilePhone", "Pager", "SIC"])
        .texts(150, &["YomiFirstName", "YomiMiddleName", "YomiLastName"])
        .texts(100, &["YomiCompanyName"])
        .text("WebSiteUrl", 200)
        .memo("Description", 2000)
        .memo("QualificationComments", 2000)
        .money("BudgetAmount")
        .money("EstimatedAmount")
        .double("EstimatedValue", 2, 1_000_000_000_000.0)
        .money("Revenue")
        .whole("NumberOfEmployees")
        .choice("LeadQualityCode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
        .default(2)
        .choice(
            "LeadSourceCode",
            &[
                (1, "Advertisement"),
                (2, "Employee Referral"),
                (3, "External Referral"),
                (4, "Partner"),
                (5, "Public Relations"),
                (6, "Seminar"),
                (7, "Trade Show"),
                (8, "Web"),
                (9, "Word of Mouth"),
                (10, "Other"),
            ],
        )
        .choice("IndustryCode", INDUSTRIES)
        .choice("PriorityCode", UNDECIDED)
        .default(1)
        .choice("BudgetStatus", &[(0, "No Committed Budget"), (1, "May Buy"), (2, "Can Buy"), (3, "Will Buy")])
        .choice("InitialCommunication", &[(0, "Contacted"), (1, "Not Contacted")])
        .choice("Need", &[(0, "Must have"), (1, "Should have"), (2, "Good to have"), (3, "No need")])
        .choice("PurchaseProcess", &[(0, "Individual"), (1, "Committee"), (2, "Unknown")])
        .choice(
            "PurchaseTimeFrame",
            &[(0, "Immediate"), (1, "This Quarter"), (2, "Next Quarter"), (3, "This Year"), (4, "Unknown")],
        )
        .choice("SalesStage", &[(0, "Qualify")])
        .choice("SalesStageCode", UNDECIDED)
        .choice("PreferredContactMethodCode", CONTACT_METHODS)
        .choice("Address1_AddressTypeCode", UNDECIDED)
        .choice("Address1_ShippingMethodCode", UNDECIDED)
        .choice("Address2_AddressTypeCode", UNDECIDED)
        .choice("Address2_ShippingMethodCode", UNDECIDED)
        .datetime("EstimatedCloseDate")
        .datetime("ScheduleFollowUp_Prospect")
        .datetime("ScheduleFollowUp_Qualify")
        .lookup("ParentAccountId", &["account"])
        .relation("account", "lead_parent_account")
        .lookup("ParentContactId", &["contact"])
        .relation("contact", "lead_parent_contact")
        .lookup("QualifyingOpportunityId", &["opportunity"])
        .relation("opportunity", "lead_qualifying_opportunity")
        .read_only()
        .lookup("CampaignId", &["campaign"])
        .relation("campaign", "campaign_leads")
        .lookup_each("CustomerId", &["account", "contact"])
        .relation("account", "lead_customer_accounts")
        .relation("contact", "lead_customer_contacts")
        .parental()
        .lookup("MasterId", &["lead"])
        .relation("lead", "lead_master_lead")
        .read_only()
        .flag("Merged", false)
        .read_only()
        .flag("DecisionMaker", false)
        .flag("ConfirmInterest", false)
        .flag("EvaluateFit", false)
        .flag("ParticipatesInWorkflow", false)
        .flag_of("DoNotSendMM", false, "Send", "Do Not Send")
        .flag_of("FollowEmail", true, "Do Not Allow", "Allow");
    preferences(address(address(builder, 1), 2))
        .datetime("LastUsedInCampaign")
        .text("new_ineventparticipantid", 100)
        .named("InEvent participant id")
        .indexed()
        .text("new_budget", 200)
        .named("Budget")
        .memo("new_ineventprofilestamp", 4000)
        .named("InEvent profile stamp")
        .state(
            &[(0, "Open", 1), (1, "Qualified", 3), (2, "Disqualified", 4)],
            &[
                (1, "New", 0),
                (2, "Contacted", 0),
                (3, "Qualified", 1),
                (4, "Lost", 2),
                (5, "Cannot Contact", 2),
                (6, "No Longer Interested", 2),
                (7, "Canceled", 2),
            ],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("fullname")
}
