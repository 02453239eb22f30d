//! Users, teams and business units.

use super::customers::UNDECIDED;
use crate::metadata::{ColumnType, Requirement, System, Table, TableBuilder, table};

/// How long the parts of an address may be.
pub(super) struct Lengths {
    pub(super) line: usize,
    pub(super) place: usize,
    pub(super) region: usize,
    pub(super) code: usize,
    pub(super) telephone: usize,
}

const OF_UNIT: Lengths = Lengths { line: 250, place: 80, region: 50, code: 20, telephone: 50 };
const OF_USER: Lengths = Lengths { line: 1024, place: 128, region: 128, code: 40, telephone: 64 };

/// Columns of one postal address (`address1_…`).
pub(super) fn address(builder: TableBuilder, number: u8, lengths: &Lengths) -> TableBuilder {
    let name = |part: &str| format!("Address{number}_{part}");
    let texts = |builder: TableBuilder, max: usize, parts: &[&str]| {
        parts.iter().fold(builder, |builder, part| builder.text(&name(part), max))
    };
    let builder = texts(builder, lengths.line, &["Line1", "Line2", "Line3"]);
    let builder = texts(builder, lengths.place, &["City", "Country"]);
    let builder = texts(builder, lengths.region, &["StateOrProvince", "County"]);
    let builder = texts(builder, lengths.code, &["PostalCode", "PostOfficeBox"]);
    let builder = texts(builder, lengths.telephone, &["Telephone1", "Fax"]);
    let builder = texts(builder, 50, &["Telephone2", "Telephone3"]);
    let builder = texts(builder, 100, &["Name"]);
    texts(builder, 4, &["UPSZone"])
        .column(&name("AddressId"), ColumnType::Id)
        .choice(&name("AddressTypeCode"), UNDECIDED)
        .choice(&name("ShippingMethodCode"), UNDECIDED)
        .whole(&name("UTCOffset"))
        .within(-1500, 1500)
        .double(&name("Latitude"), 5, 90.0)
        .double(&name("Longitude"), 5, 180.0)
}

pub(super) fn businessunit() -> Table {
    let builder = table("BusinessUnit", "businessunits", "Business Unit", "BusinessUnitId")
        .type_code(10)
        .text("Name", 160)
        .required(Requirement::System)
        .texts(100, &["DivisionName", "EMailAddress", "CostCenter", "FileAsName"])
        .texts(200, &["WebSiteUrl", "FtpSiteUrl"])
        .text("StockExchange", 20)
        .text("TickerSymbol", 10)
        .text("DisabledReason", 500)
        .read_only()
        .memo("Description", 2000)
        .memo("Picture", 1_073_741_823)
        .double("CreditLimit", 2, 1_000_000_000.0)
        .whole("InheritanceMask")
        .within(0, 1_000_000_000)
        .whole("UTCOffset")
        .within(-1500, 1500)
        .flag("IsDisabled", false)
        .flag("WorkflowSuspended", false)
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .column("UserGroupId", ColumnType::Id)
        .read_only()
        .lookup("ParentBusinessUnitId", &["businessunit"])
        .relation("businessunit", "business_unit_parent_business_unit");
    address(address(builder, 1, &OF_UNIT), 2, &OF_UNIT).currency(&["transactioncurrencyid"]).stamped().build("name")
}

pub(super) fn systemuser() -> Table {
    let builder = table("SystemUser", "systemusers", "User", "SystemUserId")
        .type_code(8)
        .text("FirstName", 256)
        .text("LastName", 256)
        .text("FullName", 200)
        .system(System::FullName)
        .read_only()
        .text("YomiFullName", 200)
        .read_only()
        .text("DomainName", 1024)
        .text("InternalEMailAddress", 100)
        .text("MiddleName", 50)
        .texts(64, &["YomiFirstName", "YomiLastName", "MobilePhone"])
        .texts(50, &["YomiMiddleName", "NickName", "HomePhone"])
        .text("Salutation", 20)
        .texts(128, &["Title", "YammerUserId"])
        .texts(100, &["JobTitle", "Skills", "EmployeeId", "GovernmentId", "MobileAlertEMail", "PersonalEMailAddress"])
        .texts(200, &["PhotoUrl", "YammerEmailAddress", "DefaultOdbFolderName"])
        .texts(1024, &["WindowsLiveID", "SharePointEmailAddress"])
        .text("ApplicationIdUri", 1024)
        .read_only()
        .text("DisabledReason", 500)
        .read_only()
        .text("UserPuid", 100)
        .read_only()
        .column("ApplicationId", ColumnType::Id)
        .indexed()
        .column("AzureActiveDirectoryObjectId", ColumnType::Id)
        .column("ActiveDirectoryGuid", ColumnType::Id)
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .datetime("AzureDeletedOn")
        .read_only()
        .datetime("LatestUpdateTime")
        .read_only()
        .flag_of("IsDisabled", false, "Enabled", "Disabled")
        .choice(
            "AccessMode",
            &[
                (0, "Read-Write"),
                (1, "Administrative"),
                (2, "Read"),
                (3, "Support User"),
                (4, "Non-interactive"),
                (5, "Delegated Admin"),
            ],
        )
        .default(0)
        .choice("AzureState", &[(0, "Exists"), (1, "Soft deleted"), (2, "Not found or hard deleted")])
        .default(0)
        .choice(
            "CALType",
            &[
                (0, "Professional"),
                (1, "Administrative"),
                (2, "Basic"),
                (3, "Device Professional"),
                (4, "Device Basic"),
                (5, "Essential"),
                (6, "Device Essential"),
                (7, "Enterprise"),
                (8, "Device Enterprise"),
                (9, "Sales"),
                (10, "Service"),
                (11, "Field Service"),
                (12, "Project Service"),
            ],
        )
        .default(0)
        .choice("DeletedState", &[(0, "Not deleted"), (1, "Soft deleted")])
        .read_only()
        .choice("EmailRouterAccessApproval", &[(0, "Empty"), (1, "Approved"), (2, "Pending Approval"), (3, "Rejected")])
        .default(0)
        .choice(
            "IncomingEmailDeliveryMethod",
            &[
                (0, "None"),
                (1, "Microsoft Dynamics 365 for Outlook"),
                (2, "Server-Side Synchronization or Email Router"),
                (3, "Forward Mailbox"),
            ],
        )
        .default(2)
        .choice(
            "OutgoingEmailDeliveryMethod",
            &[
                (0, "None"),
                (1, "Microsoft Dynamics 365 for Outlook"),
                (2, "Server-Side Synchronization or Email Router"),
            ],
        )
        .default(2)
        .choice(
            "InviteStatusCode",
            &[
                (0, "Invitation Not Sent"),
                (1, "Invited"),
                (2, "Invitation Near Expired"),
                (3, "Invitation Expired"),
                (4, "Invitation Accepted"),
                (5, "Invitation Rejected"),
                (6, "Invitation Revoked"),
            ],
        )
        .choice("PreferredAddressCode", &[(1, "Mailing Address"), (2, "Other Address")])
        .default(1)
        .choice("PreferredEmailCode", UNDECIDED)
        .default(1)
        .choice("PreferredPhoneCode", &[(1, "Main Phone"), (2, "Other Phone"), (3, "Home Phone"), (4, "Mobile Phone")])
        .default(1)
        .flag("DefaultFiltersPopulated", false)
        .read_only()
        .flag("DisplayInServiceViews", true)
        .flag("IsActiveDirectoryUser", false)
        .read_only()
        .flag("IsEmailAddressApprovedByO365Admin", false)
        .read_only()
        .flag("IsIntegrationUser", false)
        .flag("IsLicensed", true)
        .flag("IsSyncWithDirectory", false)
        .flag("SetupUser", false)
        .whole("IdentityId")
        .read_only()
        .whole("PassportHi")
        .within(0, 1_000_000_000)
        .whole("PassportLo")
        .within(0, 1_000_000_000)
        .whole("UserLicenseType")
        .lookup("BusinessUnitId", &["businessunit"])
        .relation("businessunit", "business_unit_system_users")
        .required(Requirement::System)
        .lookup("ParentSystemUserId", &["systemuser"])
        .relation("systemuser", "user_parent_user");
    let builder = address(address(builder, 1, &OF_USER), 2, &OF_USER);
    (1..=2)
        .fold(builder, |builder, number| builder.memo(&format!("Address{number}_Composite"), 1000).read_only())
        .currency(&["transactioncurrencyid"])
        .staged()
        .stamped()
        .build("fullname")
}

pub(super) fn team() -> Table {
    table("Team", "teams", "Team", "TeamId")
        .type_code(9)
        .text("Name", 160)
        .required(Requirement::System)
        .memo("Description", 2000)
        .text("EMailAddress", 100)
        .text("YomiName", 160)
        .text("ShareLinkQualifier", 1250)
        .read_only()
        .column("AzureActiveDirectoryObjectId", ColumnType::Id)
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .choice("MembershipType", &[(0, "Members and guests"), (1, "Members"), (2, "Owners"), (3, "Guests")])
        .create_only()
        .choice("TeamType", &[(0, "Owner"), (1, "Access"), (2, "Security Group"), (3, "Office Group")])
        .default(0)
        .create_only()
        .flag("IsDefault", false)
        .read_only()
        .flag("SystemManaged", false)
        .read_only()
        .flag("IsSasTokenSet", false)
        .read_only()
        .currency(&["transactioncurrencyid"])
        .staged()
        .lookup("AdministratorId", &["systemuser"])
        .lookup("BusinessUnitId", &["businessunit"])
        .required(Requirement::System)
        .stamped()
        .build("name")
}

/// Which users are members of which teams.
pub(super) fn teammembership() -> Table {
    table("TeamMembership", "teammemberships", "Team Membership", "TeamMembershipId")
        .type_code(23)
        .listing_only()
        .link("TeamId", "SystemUserId")
        .build("teammembershipid")
}
