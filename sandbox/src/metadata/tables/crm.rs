//! Accounts, contacts and leads.

use crate::metadata::{Requirement, System, Table, table};

/// Columns of one postal address (`address1_…`).
fn address(builder: crate::metadata::TableBuilder, number: u8) -> crate::metadata::TableBuilder {
    let names = ["Line1", "Line2", "Line3", "City"].map(|part| format!("Address{number}_{part}"));
    let builder = names.iter().fold(builder, |builder, name| builder.text(name, 250));
    builder
        .text(&format!("Address{number}_StateOrProvince"), 50)
        .text(&format!("Address{number}_PostalCode"), 20)
        .text(&format!("Address{number}_Country"), 80)
        .memo(&format!("Address{number}_Composite"), 1000)
        .read_only()
}

/// Ways in which people may or may not be contacted.
fn preferences(builder: crate::metadata::TableBuilder) -> crate::metadata::TableBuilder {
    ["DoNotEmail", "DoNotPhone", "DoNotBulkEmail", "DoNotPostalMail", "DoNotFax"]
        .iter()
        .fold(builder, |builder, name| builder.flag_of(name, false, "Allow", "Do Not Allow"))
}

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
        .texts(50, &["Telephone1", "Telephone2", "Fax"])
        .text("WebSiteURL", 200)
        .whole("NumberOfEmployees")
        .money("Revenue")
        .memo("Description", 2000)
        .choice("IndustryCode", &[(1, "Accounting"), (7, "Consulting"), (12, "Education"), (33, "Services")])
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
    preferences(address(address(builder, 1), 2))
        .flag("CreditOnHold", false)
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
        .texts(100, &["JobTitle", "Department", "Company"])
        .text("WebSiteUrl", 200)
        .text("ExternalUserIdentifier", 50)
        .text("EmployeeId", 50)
        .memo("Description", 2000)
        .date("BirthDate")
        .date("Anniversary")
        .money("AnnualIncome")
        .choice("GenderCode", &[(1, "Male"), (2, "Female")])
        .choice("FamilyStatusCode", &[(1, "Single"), (2, "Married"), (3, "Divorced"), (4, "Widowed")])
        .choice("PreferredContactMethodCode", &[(1, "Any"), (2, "Email"), (3, "Phone"), (4, "Fax"), (5, "Mail")])
        .default(1)
        .choice("Address2_AddressTypeCode", &[(1, "Default Value")])
        .default(1)
        .lookup_each("ParentCustomerId", &["account", "contact"])
        .relation("account", "contact_customer_accounts")
        .relation("contact", "contact_customer_contacts")
        .lookup("AccountId", &["account"])
        .read_only()
        .lookup("OriginatingLeadId", &["lead"])
        .relation("lead", "contact_originating_lead")
        .lookup("MasterId", &["contact"])
        .relation("contact", "contact_master_contact")
        .read_only()
        .flag("Merged", false)
        .read_only();
    preferences(address(address(builder, 1), 2))
        .flag("CreditOnHold", false)
        .flag("ParticipatesInWorkflow", false)
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
        .text("MobilePhone", 20)
        .text("WebSiteUrl", 200)
        .memo("Description", 2000)
        .money("BudgetAmount")
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
        .choice("IndustryCode", &[(1, "Accounting"), (7, "Consulting"), (12, "Education"), (33, "Services")])
        .choice("PriorityCode", &[(1, "Default Value")])
        .default(1)
        .datetime("EstimatedCloseDate")
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
        .lookup("MasterId", &["lead"])
        .relation("lead", "lead_master_lead")
        .read_only()
        .flag("Merged", false)
        .read_only()
        .flag("DecisionMaker", false);
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
